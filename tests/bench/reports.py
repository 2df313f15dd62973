"""What was measured, for people as tables and for programs as JSON."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, Outcome, Series


@dataclass(frozen=True)
class Report:
    """One measurement with all that is needed to judge it."""

    name: str
    options: Mapping[str, Any]
    facts: Mapping[str, str]
    outcome: Outcome
    warnings: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "name": self.name,
            "options": dict(self.options),
            "machine": dict(self.facts),
            "figures": [figure.as_json() for figure in self.outcome.figures],
            "series": [series.as_json() for series in self.outcome.series],
            "points": self.outcome.points,
            "notes": list(self.outcome.notes),
            "unmeasured": list(self.outcome.unmeasured),
            "warnings": list(self.warnings),
        }

    def as_text(self) -> str:
        """Return it as Markdown, which a terminal shows as well."""
        parts = [self._surroundings(), table(_FIGURE_HEADS, map(_figure_cells, self.outcome.figures))]
        if self.outcome.series:
            parts.append(table(_SERIES_HEADS, map(_series_cells, self.outcome.series)))
        lines = [f"- {note}." for note in self.outcome.notes]
        lines += [f"- Not measured: {what}." for what in self.outcome.unmeasured]
        lines += [f"- **Warning**: {warning}." for warning in self.warnings]
        parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def _surroundings(self) -> str:
        facts = " · ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"`{' '.join(['python tests/bench', self.name, *_typed(self.options)])}`\n\n{facts}."


def write_into(document: Path, report: Report) -> None:
    """Put a report in its place in a document, between the two comments that bear its name.

    Raises ValueError where they are not there.
    """
    text = document.read_text(encoding="utf-8")
    begin, end = f"<!-- {report.name}: begin -->", f"<!-- {report.name}: end -->"
    pattern = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{document} has no place for {report.name}: {begin} … {end}")
    written = pattern.sub(lambda _: f"\n{report.as_text()}\n\n", text, count=1)
    document.write_text(written, encoding="utf-8")


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown whose columns stand below each other."""
    rows = [heads, *lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    shown = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    shown.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(shown)


_FIGURE_HEADS = ("what", "measured", "spread", "n", "target", "reached")
_SERIES_HEADS = ("run", "median, s", "spread, s", "processor, s", "n")
_REACHED = {True: "yes", False: "**no**", None: ""}


def _figure_cells(figure: Figure) -> Sequence[str]:
    return (
        figure.what,
        f"{_number(figure.value)} {figure.unit}".replace(" ×", "×"),
        _spread(figure.values),
        str(len(figure.values) or ""),
        figure.target.shown(figure.unit) if figure.target else "",
        _REACHED[figure.is_reached],
    )


def _series_cells(series: Series) -> Sequence[str]:
    if not series.runs:
        return (series.name, "", "", "", "0")
    return (
        series.name,
        _number(median(series.seconds)),
        _spread(series.seconds),
        _number(median(series.cpu_seconds)),
        str(len(series.runs)),
    )


def _typed(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield options as they are typed."""
    for name, value in options.items():
        typed = name.replace("_", "-")
        yield (
            {True: f"--{typed}", False: f"--no-{typed}"}[value]
            if isinstance(value, bool)
            else f"--{typed} {value}"
        )


def _spread(values: Sequence[float]) -> str:
    return f"{_number(min(values))}-{_number(max(values))}" if len(values) > 1 else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
