"""What the service tells of itself while it runs: to systemd, and to whoever asks for its status."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from daemon.agenda import Agenda, Hint
from daemon.db.engine import Database
from daemon.db.sessions import SessionRecord, Sessions
from daemon.errors import DatabaseUnavailableError
from daemon.http.board import MOST_SESSIONS, Board
from daemon.http.snapshot import Facts
from daemon.importer.figures import Figures
from daemon.importer.session import Session
from daemon.notify import Supervisor
from daemon.publication import Publisher
from daemon.service.full_imports import FullImports
from daemon.service.keeper import DATABASE
from daemon.service.notices import Notices
from daemon.service.troubles import Troubles
from daemon.state import Current, State
from daemon.watcher.lookout import Lookout

_DAY = timedelta(days=1)
_STILL = 5.0  # seconds between two tellings that nothing happens
_MOST_AWAITED = 50  # products that are named; how many there are is told in any case

Clock = Callable[[], float]


class Report:
    """The state of a service at work, looked up when it is asked for."""

    def __init__(  # noqa: PLR0913  the parts of a service, each made elsewhere
        self,
        agenda: Agenda,
        running: Sequence[Session],
        troubles: Troubles,
        clock: Clock,
        lookout: Lookout,
        imports: FullImports,
        *,
        backend: str,
    ) -> None:
        """Given where everything is known, and how changes are noticed."""
        self._agenda = agenda
        self._running = running
        self._troubles = troubles
        self._clock = clock
        self._lookout = lookout
        self._imports = imports
        self._backend = backend

    def state(self, since: datetime) -> State:
        """Given since when the process runs, return the state of the service."""
        now = self._clock()
        current = next((_current(session) for session in self._running if session.has_begun), None)
        oldest, reconcile = self._agenda.oldest, self._agenda.reconcile_at
        return State(
            state="importing" if current else "watching" if self._lookout.has_roots else "waiting",
            pid=os.getpid(),
            since=since,
            pending=self._agenda.pending,
            oldest_pending_s=None if oldest is None else round(max(now - oldest, 0.0), 1),
            unmatched=self._agenda.unmatched,
            degraded=bool(self._troubles.reasons),
            why=self._troubles.reasons,
            backend=self._backend,
            current=current,
            next_reconcile=None if reconcile is None else _in(reconcile - now),
            written_at=datetime.now(UTC),
        )

    @property
    def stillness(self) -> tuple[object, ...] | None:
        """What an idle service has to tell as long as it stays the same, None for one that is busy."""
        if self._running or self._agenda.pending:
            return None
        lookout = self._lookout
        return self._agenda.unmatched, self._troubles.reasons, lookout.has_roots, lookout.generation

    def facts(self) -> Facts:
        """Return what the service knows beyond its state."""
        return Facts(
            running=self._running,
            awaited=tuple(map(_path, self._agenda.awaited(_MOST_AWAITED))),
            database=self._troubles.about(DATABASE),
            generation=self._lookout.generation,
            full_import=self._imports.last_completed,
        )


class Bulletin:
    """Tells what the service does, as often as one likes."""

    def __init__(
        self,
        supervisor: Supervisor,
        publisher: Publisher,
        notices: Notices,
        since: datetime,
        board: Board,
        open_site: Callable[[], bool] = lambda: False,
    ) -> None:
        """Given who listens, since when the process runs, and what shows the board to others, if anything does."""
        self._supervisor = supervisor
        self._publisher = publisher
        self._notices = notices
        self._since = since
        self.board = board
        self._open_site = open_site
        self._ping_at = 0.0
        self._told_last: tuple[object, ...] | None = None
        self._told_at = 0.0

    def ping(self) -> None:
        """Tell systemd, as often as it wants to hear it, that the service is alive."""
        interval, now = self._supervisor.ping_interval, time.monotonic()
        if interval is not None and now >= self._ping_at:
            self._ping_at = now + interval
            self._supervisor.ping()

    def starting(self) -> None:
        """Tell that the service is about to begin, or to begin anew."""
        self._publish(_beginning("starting", "", self._since))

    def waiting(self, state: str, why: str) -> None:
        """Given what the service does before it can begin, and why, tell that it has started as far as it can."""
        beginning = _beginning(state, why, self._since)
        self._publish(beginning)
        self.board.waiting(beginning, is_database_up=state == "standby")
        self._supervisor.ready(why)

    def begin(self, sessions: Sessions, database: Database) -> None:
        """Given the records in a database that is ours now, show the board where the configuration says so.

        Raises ConfigurationError where that cannot be done.
        """
        self.board.begin()
        if not self._open_site() or self.board.is_recalled:
            return
        # without the past, if the database goes away at this very moment
        with suppress(DatabaseUnavailableError), database.reading() as connection:
            newest = sessions.newest(connection, MOST_SESSIONS)
            self.board.recall(newest, sessions.since(connection, datetime.now(UTC) - _DAY))

    def ready(self, report: Report) -> None:
        """Given the state of a service that has begun, or begun anew, tell that it has."""
        self._supervisor.ready(sentence(self._told(report)))

    def tell(self, report: Report) -> None:
        """Given the state of a service at work, tell it; that it is as idle as before is told less often."""
        stillness, now = report.stillness, time.monotonic()
        if stillness is None or stillness != self._told_last or now - self._told_at >= _STILL:
            self._told_last, self._told_at = stillness, now
            self._supervisor.status(sentence(self._told(report)))

    def _told(self, report: Report) -> State:
        state = report.state(self._since)
        self._publish(state)
        self.board.show(state, report.facts())
        return state

    def session_ended(self, record: SessionRecord) -> None:
        """Given a session that has ended, tell of it."""
        self._notices.session_ended(record)

    def _publish(self, state: State) -> None:
        self._publisher.publish(state)
        self._notices.state(state)


def sentence(state: State) -> str:
    """Given a state, return it as one line."""
    more = [
        f"{state.pending} products pending" if state.pending else "",
        f"{state.unmatched} products awaited" if state.unmatched else "",
        f"degraded: {'; '.join(state.why)}" if state.degraded else "",
    ]
    return "; ".join(filter(None, [_doing(state), *more]))


def _doing(state: State) -> str:
    current = state.current
    if current is None:
        return "Waiting for an image root" if state.state == "waiting" else f"Watching ({state.backend})"
    share = "" if current.percent is None else f", {current.percent} %"
    left = "" if current.left_s is None else f", {timedelta(seconds=round(current.left_s))} left"
    of_all = "" if current.total is None else f" of {current.total}"
    return f"{current.what} ({current.trigger}): {current.processed}{of_all} products{share}{left}"


def _current(session: Session) -> Current:
    figures, record = session.figures, session.record
    return Current(
        what=_what(record.import_type, record.trigger or ""),
        session_id=record.id,
        import_type=record.import_type,
        trigger=record.trigger or "",
        attempt=figures.attempt,
        processed=figures.processed,
        total=figures.total_products or None,
        copied=figures.copied,
        skipped=figures.skipped_files + figures.skipped_products,
        errors=figures.errors,
        since=record.started_at or datetime.now(UTC),
        left_s=_left(figures),
    )


def _path(hint: Hint) -> str:
    """Return what is known of a picture: its directory, and the beginning of its name."""
    return f"{hint.directory}/{hint.text}…" if hint.directory else f"{hint.text}…"


def _what(import_type: str, trigger: str) -> str:
    """Return what an import does, for people."""
    if import_type == "catalog":
        return "Loading the catalogue"
    return "Importing changed products" if trigger == "watch" else "Importing all pictures"


def _left(figures: Figures) -> float | None:
    """Estimate how many seconds an import still takes, None as long as nothing can be said."""
    if not figures.processed or figures.total_products < figures.processed:
        return None
    took = time.monotonic() - figures.began
    return round(took / figures.processed * (figures.total_products - figures.processed), 1)


def _in(seconds: float) -> datetime:
    """Return the time in so many seconds, whole, so that it stays the same as long as nothing changes."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 0.5)).replace(microsecond=0)


def _beginning(state: str, why: str, since: datetime) -> State:
    return State(
        state=state,
        pid=os.getpid(),
        since=since,
        pending=0,
        oldest_pending_s=None,
        unmatched=0,
        degraded=bool(why) and state != "standby",
        why=(why,) if why else (),
        backend="",
        current=None,
        next_reconcile=None,
        written_at=datetime.now(UTC),
    )
