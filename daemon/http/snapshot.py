"""All that is shown, frozen: the loop of the service makes it, any thread reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.http.distribution import Histogram
from daemon.http.throughput import Slot
from daemon.importer.session import Session
from daemon.state import State

_NOTHING = Histogram((), 0, 0.0)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the service knows beyond its state, at one moment.

    running: the imports under way; read at once and not kept.
    awaited: some pictures whose product is not there.
    database: why the database cannot be used, "" if it can.
    generation: how often everything was watched anew since this service was made.
    full_import: when all products were last imported with success, as far as this service knows.
    """

    running: Sequence[Session]
    awaited: tuple[str, ...]
    database: str
    generation: int
    full_import: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of pictures since the process began."""

    copied: int = 0
    skipped: int = 0
    errors: int = 0
    bytes_copied: int = 0


_NONE = Totals()


@dataclass(frozen=True, slots=True)
class Ending:
    """A session that has ended. Its texts come from a database; they are short, and nothing else is known of them."""

    id: str
    import_type: str
    trigger: str
    status: str
    began: datetime | None
    ended: datetime | None
    processed: int
    total: int
    copied: int
    skipped: int
    errors: int
    error: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be imported, why, and when that was last seen. Its texts come from file names and databases."""

    at: datetime
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is shown.

    told_at: when the loop said so, by the monotonic clock.
    sessions, failures: newest first.
    ended: how many sessions have ended, by import type, trigger and status.
    """

    told_at: float
    moment: datetime
    state: State | None = None
    is_database_up: bool = False
    generations: int = 0
    full_import: datetime | None = None
    totals: Totals = _NONE
    sessions: tuple[Ending, ...] = ()
    ended: tuple[tuple[tuple[str, str, str], int], ...] = ()
    failures: tuple[Failure, ...] = ()
    awaited: tuple[str, ...] = ()
    day: tuple[Slot, ...] = ()
    batches: Histogram = _NOTHING
    batches_failed: int = 0
    delays: Histogram = _NOTHING
