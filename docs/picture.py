"""Draw docs/status.svg: what `onec-images status` says of a service at work, as a terminal shows it.

python docs/picture.py
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from daemon.cli import standing
from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger, advanced, begun, ended
from daemon.state import Current, State

FILE = Path(__file__).with_name("status.svg")

#: No other site is asked for a font.
_WITH_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)

_NOW = datetime(2026, 11, 27, 10, 21, 7, tzinfo=UTC)
_SINCE = datetime(2026, 11, 20, 4, 2, 11, tzinfo=UTC)
_BEGAN = _NOW - timedelta(seconds=75)

_IMPORT = Current("Full import", 318, "images", "trigger", 1, 21_300, 52_000, 164, 57_411, 1, _BEGAN, 108.0)
_STATE = State(
    "importing",
    812,
    _SINCE,
    3,
    6.0,
    2,
    degraded=False,
    why=(),
    backend="inotify",
    current=_IMPORT,
    next_reconcile=_NOW + timedelta(minutes=38),
    written_at=_NOW,
)

#: What the last sessions came to: id, minutes ago, and the figures.
_SESSIONS = (
    (317, 6, 4, 11, 2, 0, 0.1),
    (316, 9, 1, 1, 4, 0, 0.1),
    (315, 22, 52_000, 37, 140_382, 0, 9.4),
)


def lines() -> list[tuple[str, str]]:
    """Return the lines of the picture, each with its style."""
    first, *others = standing.lines(_STATE, _NOW)
    told = standing.sessions_lines([_under_way(), *(_ended(*figures) for figures in _SESSIONS)])
    return [
        ("$ onec-images status", "bold"),
        (first, standing.colour(_STATE)),
        *((line, "") for line in (*others, "", *told)),
    ]


def _under_way() -> SessionRecord:
    figures = {"total_products": _IMPORT.total, "processed": _IMPORT.processed}
    counted = {"copied": _IMPORT.copied, "skipped": _IMPORT.skipped, "errors": _IMPORT.errors}
    record = advanced(begun(ImportType.IMAGES, Trigger.TRIGGER, {}), {**figures, **counted})
    return replace(record, id=_IMPORT.session_id, started_at=_IMPORT.since)


def _ended(number: int, minutes_ago: int, *figures: float) -> SessionRecord:
    names = ("total_products", "copied", "skipped", "errors", "duration_s")
    told = dict(zip(names, figures, strict=True))
    details = {**told, "processed": told["total_products"]}
    record = ended(begun(ImportType.IMAGES, Trigger.WATCH, {}), Status.COMPLETED, details)
    return replace(record, id=number, started_at=_NOW - timedelta(minutes=minutes_ago))


def main() -> None:
    """Draw it."""
    told = lines()
    console = Console(record=True, width=max(len(text) for text, _ in told) + 1, file=StringIO())
    for text, style in told:
        console.print(Text(text, style))
    drawn = console.export_svg(title="onec-images", unique_id="status")
    FILE.write_text(_WITH_FONT.sub("", drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
