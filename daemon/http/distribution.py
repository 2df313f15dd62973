"""How long things took: counted by upper bounds, as Prometheus has histograms."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many took at most how long: seconds, each with the count up to it; all there are; their sum in seconds."""

    buckets: tuple[tuple[float, int], ...]
    count: int
    sum: float


class Distribution:
    """Counts durations."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Given the upper bounds in ascending order, in seconds."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Given a duration, count it."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def histogram(self) -> Histogram:
        """Return what was counted so far."""
        counts = list(accumulate(self._counts))
        return Histogram(tuple(zip(self._bounds, counts, strict=False)), counts[-1], self._sum)
