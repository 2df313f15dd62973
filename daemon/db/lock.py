"""One importer at a time for an exchange directory and a database."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Connection, Row, bindparam, text

from daemon.db.engine import Database, process_name
from daemon.errors import DatabaseUnavailableError, LockedError, OnecImagesError

_HOLDER = text(
    "SELECT a.application_name, a.pid, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()"
    " AND (l.classid::bigint << 32 | l.objid::bigint) = :key"
).bindparams(bindparam("key", type_=BigInteger))

_TAKE = text("SELECT pg_try_advisory_lock(:key)")

_LEAVE = text("SELECT pg_advisory_unlock(:key)")

_HINT = "if it is the service, use `onec-images trigger`; otherwise wait until it has ended"


@contextmanager
def held(database: Database, exchange: str) -> Iterator[None]:
    """Given a database and the real path of an exchange directory, hold the lock of the pair.

    On PostgreSQL it goes with the connection, if that is lost within the block; a new connection is used only
    when it is held again. Raises LockedError that says who holds it, and DatabaseUnavailableError.
    """
    name = sha256(os.fsencode(exchange)).digest()
    if database.file:
        # one lock for one file, whatever links lead there
        file = Path(f"{os.path.realpath(database.file)}-{name.hex()[:8]}.lock")
        with closing(_FileLock(file)) as lock, database.claimed(lock.take):
            yield
    else:
        # one sign bit less: PostgreSQL shows the two halves of the key unsigned
        advisory = _AdvisoryLock(int.from_bytes(name[:8]) >> 1)
        with database.claimed(advisory.take):
            try:
                yield
            finally:
                advisory.leave(database)


class _FileLock:
    """A lock of a file, which the process keeps whatever becomes of its connections."""

    def __init__(self, file: Path) -> None:
        """Given the file, which need not be there."""
        self._file = file
        self._descriptor: int | None = None

    def take(self, _connection: Connection) -> None:
        """Hold the lock. Raises LockedError and DatabaseUnavailableError."""
        if self._is_held():
            return
        self.close()  # of a file that is no longer the one which others would find
        try:
            self._descriptor = os.open(
                self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
            )
        except OSError as error:
            raise DatabaseUnavailableError(
                f"the lock {self._file} cannot be taken: {error.strerror}"
            ) from error
        try:
            _lock(self._descriptor)
        except LockedError:
            self.close()
            raise
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps([process_name(), _now()]).encode(), 0)

    def _is_held(self) -> bool:
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.lstat(self._file))
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(_refusal(_holder_in(descriptor))) from None


def _holder_in(descriptor: int) -> str:
    try:
        process, since = json.loads(os.pread(descriptor, 1000, 0))
    except (ValueError, TypeError):
        return "unknown"  # it has taken the lock in this very moment
    return f"{process}, since {since}"


class _AdvisoryLock:
    """A lock of PostgreSQL, which a connection keeps until it is closed."""

    #: The server's ends of connections that this process has lost, with the lock in them, by the lock's number.
    _left: ClassVar[dict[int, Row[Any]]] = {}

    def __init__(self, number: int) -> None:
        """Given the lock's number."""
        self._number = number
        self._key = {"key": number}
        self._held_by: Row[Any] | None = self._left.get(number)  # of the connection that held it last

    def take(self, connection: Connection) -> None:
        """Hold the lock on a connection. Raises LockedError, and what the driver raises."""
        with connection.begin():
            is_held = connection.scalar(_TAKE, self._key)
            holder = connection.execute(_HOLDER, self._key).first()
            if not is_held and holder and holder == self._held_by:
                # the network failed, and the server does not know yet that we are gone
                connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": holder.pid})
                connection.execute(text("SELECT pg_advisory_lock(:key)"), self._key)
                is_held, holder = True, connection.execute(_HOLDER, self._key).first()
            if not is_held:
                raise LockedError(_refusal(_backend(*holder) if holder else "unknown"))
            self._held_by = holder

    def leave(self, database: Database) -> None:
        """Let go of the lock now: the server takes its time to notice that a connection was closed."""
        try:
            with database.reading() as connection:
                connection.execute(_LEAVE, self._key)
        except OnecImagesError:
            if self._held_by:
                self._left[self._number] = self._held_by


def _backend(application: str, pid: int, since: datetime | None) -> str:
    who = application.removeprefix("onec-images: ") or f"database process {pid}"
    return f"{who}, since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%S+00:00}" if since else who


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _refusal(holder: str) -> str:
    return f"another process is at work on this exchange directory and database ({holder}); {_HINT}"
