"""The picture of a day's throughput: bars of an SVG, each five minutes wide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daemon.http.throughput import SLOT, SLOTS, Slot

WIDTH = 3 * SLOTS
HEIGHT = 120
_BAR = 2.4
_SHORTEST = 2.0  # of a bar that stands for something
_MARKS = 4  # along the axis of time


@dataclass(frozen=True, slots=True)
class Bar:
    """What became of pictures in five minutes: a rectangle for those copied, one above it for errors."""

    x: float
    copied_y: float
    copied_height: float
    errors_y: float
    errors_height: float
    slot: Slot
    began: datetime
    width: float = _BAR

    @property
    def ended(self) -> datetime:
        """When the five minutes are over."""
        return self.began + timedelta(seconds=SLOT)


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars, oldest first, what the highest of them stands for, the times along the axis, and the sums."""

    bars: tuple[Bar, ...]
    peak: int
    marks: tuple[datetime, ...]
    copied: int
    errors: int
    width: int = WIDTH
    height: int = HEIGHT


def chart(day: Sequence[Slot], now: datetime) -> Chart:
    """Given what happened in the last day and the time, return its picture."""
    peak = max((slot.copied + slot.errors for slot in day), default=0)
    newest = int(now.timestamp()) // SLOT
    first = datetime.fromtimestamp((newest - SLOTS + 1) * SLOT, UTC)
    step = timedelta(seconds=SLOT * SLOTS / _MARKS)
    return Chart(
        bars=tuple(_bars(day, peak, newest)),
        peak=peak,
        marks=tuple(first + step * number for number in range(_MARKS)),
        copied=sum(slot.copied for slot in day),
        errors=sum(slot.errors for slot in day),
    )


def _bars(day: Sequence[Slot], peak: int, newest: int) -> Iterator[Bar]:
    for slot in day:
        copied, errors = _height(slot.copied, peak), _height(slot.errors, peak)
        copied = min(copied, HEIGHT - errors)
        yield Bar(
            x=3.0 * (SLOTS - 1 - (newest - slot.began // SLOT)),
            copied_y=round(HEIGHT - copied, 2),
            copied_height=round(copied, 2),
            errors_y=round(HEIGHT - copied - errors, 2),
            errors_height=round(errors, 2),
            slot=slot,
            began=datetime.fromtimestamp(slot.began, UTC),
        )


def _height(number: int, peak: int) -> float:
    return max(HEIGHT * number / peak, _SHORTEST) if number else 0.0
