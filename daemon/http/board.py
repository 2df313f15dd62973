"""What the service tells of its work, kept for whoever looks: by one thread, in bounded memory, without waiting."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger
from daemon.http.distribution import Distribution
from daemon.http.snapshot import Ending, Facts, Failure, Snapshot, Totals
from daemon.http.throughput import Throughput
from daemon.importer.figures import Figures
from daemon.importer.session import Session
from daemon.naming import printable
from daemon.state import State

MOST_SESSIONS = 20
MOST_FAILURES = 50
_LONGEST = 300  # characters of any text

#: Seconds that a batch may take, and that a row may be late.
_BATCHES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_DELAYS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

#: What is always an import of all products.
_WHOLE = frozenset({Trigger.STARTUP.value, Trigger.RECONCILE.value})

Now = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Board:
    """Written by the loop of the service alone. ``snapshot`` is replaced as a whole: any thread may read it."""

    def __init__(self, now: Now = _now) -> None:
        """Given what tells the time."""
        self._now = now
        self._began = now()
        self._ended = Totals()
        self._shown = Totals()
        self._sessions: deque[Ending] = deque(maxlen=MOST_SESSIONS)
        self._endings: Counter[tuple[str, str, str]] = Counter()
        self._failures: dict[str, Failure] = {}
        self._known: dict[Session, int] = {}  # sessions under way, with how many of their errors are known
        self._throughput = Throughput()
        self._batches = Distribution(_BATCHES)
        self._batches_failed = 0
        self._delays = Distribution(_DELAYS)
        self._former_generations = 0
        self._generation = 0
        self._full_import: datetime | None = None
        self.is_recalled = False
        self.snapshot = Snapshot(time.monotonic(), self._began)

    # What is told -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take note that a service is made, or made anew: what it counts begins at nothing."""
        self._former_generations += self._generation
        self._generation = 0

    def waiting(self, state: State, *, is_database_up: bool) -> None:
        """Given the state of a service that has not begun yet, and whether its database answers, show it."""
        self._show(state, Facts((), (), "" if is_database_up else "away", 0, None))

    def show(self, state: State, facts: Facts) -> None:
        """Given the state of a service at work and what else it knows, show it."""
        self._show(state, facts)

    def ended(self, session: Session) -> None:
        """Given a session that has ended, count and show it."""
        self._note_failures(session)
        self._known.pop(session, None)
        if not session.has_begun:
            return
        self._ended = _sum(self._ended, [session.figures])
        record = session.record
        self._endings[record.import_type, record.trigger or "", record.status] += 1
        if record.id is not None:
            self._sessions.appendleft(_ending(record))

    def batch_done(self, seconds: float, delays: Iterable[float]) -> None:
        """Given how long a batch took, and how late each of its products was on its row, count them."""
        self._batches.add(seconds)
        for delay in delays:
            self._delays.add(delay)

    def batch_failed(self) -> None:
        """Count a batch that could not be done; its products are due again."""
        self._batches_failed += 1

    def recall(self, newest: Sequence[SessionRecord], day: Iterable[SessionRecord]) -> None:
        """Given the last sessions on record and all of the last day, newest first, show those of former processes."""
        former = [record for record in newest if self._is_former(record)]
        for record in former[: MOST_SESSIONS - len(self._sessions)]:
            self._sessions.append(_ending(record))
        for record in reversed(former):
            self._recall_failures(record)
        for record in day:
            if self._is_former(record):
                self._recall_figures(record)
        self.is_recalled = True

    def _is_former(self, record: SessionRecord) -> bool:
        is_over = record.status in {Status.COMPLETED, Status.FAILED}
        began = record.started_at or record.finished_at
        return is_over and began is not None and began < self._began

    def _recall_failures(self, record: SessionRecord) -> None:
        samples = record.report_details.get("error_samples")
        for sample in samples if isinstance(samples, list) else ():
            if isinstance(sample, dict):
                self._note(record.finished_at or self._began, sample)

    def _recall_figures(self, record: SessionRecord) -> None:
        details, ended = record.report_details, record.finished_at
        if ended is None:
            return
        figures = _count(details, "copied"), _count(details, "errors")
        self._throughput.spread(record.started_at or ended, ended, *figures)
        is_whole = record.import_type == ImportType.IMAGES and record.trigger in _WHOLE
        if is_whole and record.status == Status.COMPLETED:
            self._full_import = max(ended, self._full_import or ended)

    # What is shown ----------------------------------------------------------------------------------------

    def _show(self, state: State, facts: Facts) -> None:
        now = self._now()
        self._generation = facts.generation
        for session in facts.running:
            self._note_failures(session)
        totals = _sum(self._ended, [session.figures for session in facts.running])
        self._throughput.add(now, totals.copied - self._shown.copied, totals.errors - self._shown.errors)
        self._shown = totals
        self._full_import = max(filter(None, [self._full_import, facts.full_import]), default=None)
        self.snapshot = Snapshot(
            told_at=time.monotonic(),
            moment=now,
            state=state,
            is_database_up=not facts.database,
            generations=self._former_generations + facts.generation,
            full_import=self._full_import,
            totals=totals,
            sessions=tuple(self._sessions),
            ended=tuple(sorted(self._endings.items())),
            failures=tuple(reversed(self._failures.values())),
            awaited=tuple(_short(path) for path in facts.awaited),
            day=self._throughput.slots(now),
            batches=self._batches.histogram(),
            batches_failed=self._batches_failed,
            delays=self._delays.histogram(),
        )

    def _note_failures(self, session: Session) -> None:
        samples = session.figures.error_samples
        known = self._known.get(session, 0)
        self._known[session] = len(samples)
        for sample in samples[known:]:
            self._note(self._now(), sample)

    def _note(self, at: datetime, sample: Mapping[str, Any]) -> None:
        """Remember an error; of one path the last, and of all the last few."""
        path = _short(str(sample.get("path", "")))
        self._failures.pop(path, None)
        self._failures[path] = Failure(at, path, _short(str(sample.get("reason", ""))))
        if len(self._failures) > MOST_FAILURES:
            del self._failures[next(iter(self._failures))]


def _sum(totals: Totals, counted: Iterable[Figures]) -> Totals:
    for figures in counted:
        totals = Totals(
            totals.copied + figures.copied,
            totals.skipped + figures.skipped_files,
            totals.errors + figures.errors,
            totals.bytes_copied + figures.bytes_copied,
        )
    return totals


def _ending(record: SessionRecord) -> Ending:
    details = record.report_details
    return Ending(
        id=_short(str(record.id)),
        import_type=_short(record.import_type),
        trigger=_short(record.trigger or ""),
        status=_short(record.status),
        began=record.started_at,
        ended=record.finished_at,
        processed=_count(details, "processed"),
        total=_count(details, "total_products"),
        copied=_count(details, "copied"),
        skipped=_count(details, "skipped"),
        errors=_count(details, "errors"),
        error=_short(record.error_message.partition("\n")[0]),
    )


def _count(details: Mapping[str, Any], name: str) -> int:
    """Return one of the figures; what others have left in a row may be anything."""
    value = details.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _short(text: str) -> str:
    """Return a text from outside with nothing unprintable in it, cut when it is long."""
    return printable(text[:_LONGEST]) + ("…" if len(text) > _LONGEST else "")
