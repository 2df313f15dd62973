"""What was measured, beside what must be reached."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import linear_regression, median
from typing import Any

from bench.processes import Run


@dataclass(frozen=True)
class Target:
    """A bound that a figure must keep to, and the one that would be better still."""

    bound: float
    stretch: float | None = None
    is_least: bool = False

    def is_reached(self, value: float) -> bool:
        """Return whether a figure keeps to it."""
        return value >= self.bound if self.is_least else value <= self.bound

    def shown(self, unit: str) -> str:
        """Return it as text."""
        sign = "≥" if self.is_least else "≤"
        more = "" if self.stretch is None else f" (better {self.stretch:g})"
        return f"{sign} {self.bound:g} {unit}{more}".replace(" ×", "×")


@dataclass(frozen=True)
class Figure:
    """One number, from `values` that were measured; a figure without a target is told for comparison."""

    what: str
    value: float
    unit: str
    values: Sequence[float] = ()
    target: Target | None = None

    @property
    def is_reached(self) -> bool | None:
        """Whether the target is reached, None where there is none."""
        return None if self.target is None else self.target.is_reached(self.value)

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        target = self.target
        return {
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "values": list(self.values),
            "target": None if target is None else target.bound,
            "at_least": None if target is None else target.is_least,
            "stretch": None if target is None else target.stretch,
            "reached": self.is_reached,
        }


@dataclass(frozen=True)
class Series:
    """All runs of one contender, in the order in which they were made."""

    name: str
    runs: Sequence[Run]

    @property
    def seconds(self) -> list[float]:
        """How long each took."""
        return [run.seconds for run in self.runs]

    @property
    def cpu_seconds(self) -> list[float]:
        """How much processor time each took."""
        return [run.cpu_seconds for run in self.runs]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"name": self.name, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}


@dataclass(frozen=True)
class Outcome:
    """What a measurement found, and what it could not."""

    figures: Sequence[Figure]
    series: Sequence[Series] = ()
    notes: Sequence[str] = ()
    unmeasured: Sequence[str] = ()
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # of a plot


def ratio(what: str, ours: Series, theirs: Series, target: Target | None = None) -> Figure:
    """Return how many times as long ours took as theirs, pair by pair."""
    pairs = [our / their for our, their in zip(ours.seconds, theirs.seconds, strict=True)]
    return Figure(what, median(pairs), "×", pairs, target)


def speedup(what: str, ours: Series, theirs: Series, target: Target | None = None) -> Figure:
    """Return how many times faster ours was than theirs, pair by pair."""
    pairs = [their / our for our, their in zip(ours.seconds, theirs.seconds, strict=True)]
    return Figure(what, median(pairs), "× faster", pairs, target)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Return the power of x with which y grows, by least squares of the logarithms."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    return linear_regression(xs, ys).slope
