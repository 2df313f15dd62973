"""How many pictures were copied and failed in the last day, five minutes at a time."""

from dataclasses import dataclass
from datetime import datetime

SLOT = 300  # seconds
SLOTS = 288  # a day


@dataclass(frozen=True, slots=True)
class Slot:
    """Five minutes: when they began, in seconds of the epoch, and what became of pictures in them."""

    began: int
    copied: int
    errors: int


class Throughput:
    """Counts by the time at which things happened; what is older than a day is forgotten."""

    def __init__(self) -> None:
        self._counted: dict[int, tuple[float, float]] = {}

    def add(self, at: datetime, copied: float, errors: float) -> None:
        """Given a time and how many pictures were copied and failed then, count them."""
        if not copied and not errors:
            return
        number = int(at.timestamp()) // SLOT
        before = self._counted.get(number, (0.0, 0.0))
        self._counted[number] = before[0] + copied, before[1] + errors
        self._forget(max(self._counted))

    def spread(self, began: datetime, ended: datetime, copied: int, errors: int) -> None:
        """Given when an import began and ended and what it counted, count that as if it had come evenly."""
        first, last = began.timestamp(), max(ended.timestamp(), began.timestamp())
        numbers = range(max(int(first) // SLOT, int(last) // SLOT - SLOTS), int(last) // SLOT + 1)
        for number in numbers:
            covered = min(last, (number + 1) * SLOT) - max(first, number * SLOT)
            share = covered / (last - first) if last > first else 1.0
            self.add(datetime.fromtimestamp(number * SLOT, ended.tzinfo), copied * share, errors * share)

    def _forget(self, newest: int) -> None:
        if len(self._counted) > SLOTS:
            for number in [number for number in self._counted if number <= newest - SLOTS]:
                del self._counted[number]

    def slots(self, now: datetime) -> tuple[Slot, ...]:
        """Given the time, return the slots of the last day in which anything happened, oldest first."""
        newest = int(now.timestamp()) // SLOT
        return tuple(
            Slot(number * SLOT, round(copied), round(errors))
            for number, (copied, errors) in sorted(self._counted.items())
            if newest - SLOTS < number <= newest and (round(copied) or round(errors))
        )
