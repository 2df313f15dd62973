"""One session while it runs: its row, its heartbeat and its entries in the log."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from daemon.db.engine import Database
from daemon.db.sessions import ImportType, SessionRecord, Sessions, Status, Trigger, advanced, begun, ended
from daemon.errors import DatabaseUnavailableError, LockedError, StoppedError
from daemon.importer.figures import Figures
from daemon.importer.host import Patience, at_once
from daemon.log import logger

_SHORTEST = 0.2  # seconds between two progress writes
_HEARTBEAT = 5.0  # seconds after which even a session without progress says that it lives

#: Told the figures whenever they have moved.
Watch = Callable[[Figures], None]


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is imported and why, and how that is recorded.

    attempt: which one it is, counted from 1.
    task: the row of whoever asked for the import, which is taken over; None for a row of our own.
    goes_on: given the error that ended this attempt, whether another one follows; the task's row then stays under way.
    only_changes: there is a row only if something changes, from the first change on, or if it fails.
    names_products: each product that is changed has an entry in the log; a full import has too many of them.
    """

    import_type: ImportType
    trigger: Trigger
    attempt: int = 1
    task: SessionRecord | None = None
    goes_on: Callable[[BaseException], bool] = lambda _error: False
    only_changes: bool = False
    names_products: bool = False


class Session:
    """A session under way. What is not to be recorded (a dry run) has no row, and is one all the same."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions | None,
        daemon: str,
        *,
        progress_every: int = 50,
        watch: Watch | None = None,
        patiently: Patience = at_once,
    ) -> None:
        """Given where sessions are kept (None: nowhere), whose they are, how often progress is told, and to whom."""
        self._database = database
        self._sessions = sessions
        self._daemon = daemon
        self._progress_every = progress_every
        self._watch = watch or (lambda _figures: None)
        self._patiently = patiently
        self.figures = Figures()
        self._told = 0
        self._told_at = 0.0
        self._log = logger()
        self._occasion = Occasion(ImportType.IMAGES, Trigger.MANUAL)
        self.record: SessionRecord = begun(ImportType.IMAGES, Trigger.MANUAL, {})
        self.has_begun = False
        #: False where the database was lost at the end: ``record`` says how the session ended, its row does not.
        self.is_saved = True
        self._is_recorded = False
        self._is_stopped = False
        self._kept: Mapping[str, Any] = {}  # what else the row's details say

    @contextmanager
    def running(self, occasion: Occasion) -> Iterator["Session"]:
        """Given what is imported and why, begin the session, and end it however the block ends.

        What the block raises is raised again.
        """
        self._occasion = occasion
        self.figures.attempt = occasion.attempt
        self.record = begun(occasion.import_type, occasion.trigger, self._details())
        self._log = logger().bind(trigger=occasion.trigger.value)
        if not occasion.only_changes:
            self._begin()
        self.has_begun = True
        try:
            yield self
        except BaseException as error:
            self._fail(error)
            raise
        self._end(Status.COMPLETED)

    def changed(self) -> None:
        """Tell that something has been changed: a session that waits for that is recorded from now on."""
        if not self._is_recorded:
            self._begin()

    def _begin(self) -> None:
        self._is_recorded = True
        if self.figures.total_products:  # else what there is to do is not known yet
            self._advance(time.monotonic())
        if self._sessions:
            self._patiently(self._add)
        self._log = self._log.bind(session=self.record.id)
        kind = self._occasion.import_type.value
        self._log.info("session_started", message=f"Import of {kind} started", import_type=kind)

    def _add(self) -> None:
        if not self._sessions:
            return
        # durably: where the server dies, a row that was lost would be missed by nobody, or its id be another's by then
        with self._database.writing() as connection:
            task = self._occasion.task
            if task is None:
                self.record = self._sessions.add(connection, self.record)
            else:
                ours = replace(self.record, id=task.id, task_id=task.task_id, status=Status.IN_PROGRESS.value)
                taken = self._sessions.take_over(connection, ours)
                self.record = taken or self._sessions.add(connection, ours)
                self._kept = self.record.report_details

    def progress(self) -> None:
        """Tell how far the session is, if there is enough to tell."""
        self._watch(self.figures)
        now = time.monotonic()
        moved = self.figures.processed - self._told >= self._progress_every
        if moved and now - self._told_at >= _SHORTEST:
            if self._is_recorded:
                self._log.info("session_progress", message=self._so_far(), **_counters(self.figures))
            self._save(now)

    def beat(self) -> None:
        """Keep the session's row alive through work that moves no figures."""
        now = time.monotonic()
        if now - self._told_at >= _HEARTBEAT:
            self._save(now)

    def file_failed(self, path: str, reason: str, **fields: Any) -> None:  # noqa: ANN401  whatever the log can show
        """Given the path of what failed, the reason and what else is known of it, count and log it."""
        self.figures.add_error(path, reason)
        self._log.warning("file_failed", message=f"{path} {reason}", path=path, reason=reason, **fields)

    def row_failed(self, onec_id: str, reason: str) -> None:
        """Given the onec_id of a row that failed and the reason, count and log it."""
        self.figures.add_error(onec_id, reason)
        self._log.warning("row_failed", message=f"{onec_id} {reason}", onec_id=onec_id, reason=reason)

    def warn(self, event: str, message: str, **fields: Any) -> None:  # noqa: ANN401
        """Given an event's name and a sentence, log a warning of this session."""
        self._log.warning(event, message=message, **fields)

    def product_changed(self, onec_id: str) -> None:
        """Given the onec_id of a product whose row was written, log it."""
        say = self._log.info if self._occasion.names_products else self._log.debug
        say("product_changed", message=f"Product {onec_id} changed", onec_id=onec_id)

    def _so_far(self) -> str:
        return _progress(self._occasion.import_type, self.figures)

    def _details(self) -> dict[str, Any]:
        moment = datetime.now(UTC).isoformat()
        return {**self._kept, **self.figures.as_details(), "daemon": self._daemon, "last_updated": moment}

    def _save(self, now: float) -> None:
        self._advance(now)
        self._write(durable=False)

    def _advance(self, now: float) -> None:
        self._told, self._told_at = self.figures.processed, now
        self.record = advanced(self.record, self._details())

    def _write(self, *, durable: bool) -> None:
        if self._sessions and self._is_recorded:
            self._patiently(partial(self._write_once, self._sessions, durable=durable))

    def _write_once(self, sessions: Sessions, *, durable: bool) -> None:
        with self._database.writing(durable=durable) as connection:
            sessions.save(connection, self.record)

    def _fail(self, error: BaseException) -> None:
        self._is_stopped = isinstance(error, StoppedError)
        if isinstance(error, DatabaseUnavailableError | LockedError):
            self._patiently = at_once  # it was waited for already
        if isinstance(error, StoppedError) and not self._is_recorded:
            return  # nothing has happened yet
        try:
            self._end_attempt(error)
        except (DatabaseUnavailableError, LockedError, StoppedError):
            self.is_saved = False

    def _end_attempt(self, error: BaseException) -> None:
        self.changed()  # what could not go on is to be seen
        if self._occasion.task and self._occasion.goes_on(error):
            self._log.warning("attempt_failed", message=_first_line(words(error)), **_counters(self.figures))
            self._save(time.monotonic())
        else:
            self._end(Status.FAILED, words(error))

    def _end(self, status: Status, error: str = "") -> None:
        self._watch(self.figures)
        self.record = ended(self.record, status, self._details(), error)
        if status is Status.FAILED:
            say = self._log.warning if self._is_stopped else self._log.error
            say("session_failed", message=_first_line(error), **_counters(self.figures))
        elif self._is_recorded:
            self._log.info("session_completed", message=self._so_far(), **_counters(self.figures))
        self.is_saved = False
        self._write(durable=True)
        self.is_saved = True


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def words(error: BaseException) -> str:
    """Given an error, return what a failed session says of it: of a stop a sentence, else exception and trace."""
    if isinstance(error, StoppedError):
        return str(error)
    trace = "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {error}\n\n{trace}".replace("\0", "\\0")


def _counters(figures: Figures) -> dict[str, int]:
    details = figures.as_details()
    return {name: details[name] for name in ("total_products", "processed", "copied", "skipped", "errors")}


def _progress(import_type: ImportType, figures: Figures) -> str:
    counters = _counters(figures)
    if import_type is ImportType.CATALOG:
        return f"{counters['processed']} products of the catalogue loaded, {counters['errors']} errors"
    return (
        f"{counters['processed']} of {counters['total_products']} products: {counters['copied']} pictures copied,"
        f" {counters['skipped']} skipped, {counters['errors']} errors"
    )
