"""One session while it runs: its row, its heartbeat and its entries in the log."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from daemon.db.engine import Database
from daemon.db.sessions import ImportType, SessionRecord, Sessions, Status, Trigger, advanced, begun, ended
from daemon.errors import StoppedError
from daemon.importer.figures import Figures
from daemon.log import logger

_SHORTEST = 0.2  # seconds between two progress writes
_HEARTBEAT = 5.0  # seconds after which even a session without progress says that it lives

#: Told the figures whenever they have moved.
Watch = Callable[[Figures], None]


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
    ) -> None:
        """Given where sessions are kept (None: nowhere), whose they are, how often progress is told, and to whom."""
        self._database = database
        self._sessions = sessions
        self._daemon = daemon
        self._progress_every = progress_every
        self._watch = watch or (lambda _figures: None)
        self.figures = Figures()
        self._told = 0
        self._told_at = 0.0
        self._log = logger()
        self.record: SessionRecord = begun(ImportType.IMAGES, Trigger.MANUAL, {})
        self.has_begun = False

    @contextmanager
    def running(self, import_type: ImportType, trigger: Trigger) -> Iterator["Session"]:
        """Given what is imported and why, begin the session, and end it however the block ends.

        What the block raises is raised again.
        """
        self.record = begun(import_type, trigger, self._details())
        if self._sessions:
            with self._database.writing() as connection:
                self.record = self._sessions.add(connection, self.record)
        self.has_begun = True
        self._log = logger().bind(session=self.record.id, trigger=trigger.value)
        self._log.info("session_started", message=f"Import of {import_type} started")
        try:
            yield self
        except BaseException as error:
            self._end(Status.FAILED, _words(error))
            raise
        self._end(Status.COMPLETED)

    def progress(self) -> None:
        """Tell how far the session is, if there is enough to tell."""
        self._watch(self.figures)
        now = time.monotonic()
        moved = self.figures.processed - self._told >= self._progress_every
        if moved and now - self._told_at >= _SHORTEST:
            self._log.info("session_progress", message=_progress(self.figures), **_counters(self.figures))
            self._save(now)

    def beat(self) -> None:
        """Keep the session's row alive through work that moves no figures."""
        now = time.monotonic()
        if now - self._told_at >= _HEARTBEAT:
            self._save(now)

    def file_failed(self, path: str, reason: str) -> None:
        """Given the path of what failed and the reason, count and log it."""
        self.figures.add_error(path, reason)
        self._log.warning("file_failed", message=f"{path} {reason}", path=path, reason=reason)

    def warn(self, event: str, message: str, **fields: Any) -> None:  # noqa: ANN401  whatever the log can show
        """Given an event's name and a sentence, log a warning of this session."""
        self._log.warning(event, message=message, **fields)

    def debug(self, event: str, message: str, **fields: Any) -> None:  # noqa: ANN401
        """Given an event's name and a sentence, log a detail of this session."""
        self._log.debug(event, message=message, **fields)

    def _details(self) -> dict[str, Any]:
        moment = datetime.now(UTC).isoformat()
        return {**self.figures.as_details(), "daemon": self._daemon, "last_updated": moment}

    def _save(self, now: float) -> None:
        self._told, self._told_at = self.figures.processed, now
        self.record = advanced(self.record, self._details())
        if self._sessions:
            with self._database.writing(durable=False) as connection:
                self._sessions.save(connection, self.record)

    def _end(self, status: Status, error: str = "") -> None:
        self._watch(self.figures)
        self.record = ended(self.record, status, self._details(), error)
        if status is Status.COMPLETED:
            self._log.info("session_completed", message=_progress(self.figures), **_counters(self.figures))
        else:
            self._log.error("session_failed", message=error.partition("\n")[0], **_counters(self.figures))
        if self._sessions:
            with self._database.writing() as connection:
                self._sessions.save(connection, self.record)


def _words(error: BaseException) -> str:
    """Return what a failed session says of the error: a sentence for a stop, else the exception and its trace."""
    if isinstance(error, StoppedError):
        return str(error)
    trace = "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {error}\n\n{trace}".replace("\0", "\\0")


def _counters(figures: Figures) -> dict[str, int]:
    details = figures.as_details()
    return {name: details[name] for name in ("total_products", "processed", "copied", "skipped", "errors")}


def _progress(figures: Figures) -> str:
    counters = _counters(figures)
    return (
        f"{counters['processed']} of {counters['total_products']} products: {counters['copied']} pictures copied,"
        f" {counters['skipped']} skipped, {counters['errors']} errors"
    )
