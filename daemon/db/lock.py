"""One importer at a time for an exchange directory and a database."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import BigInteger, bindparam, text

from daemon.db.engine import Database, process_name
from daemon.errors import DatabaseUnavailableError, LockedError

_HOLDER = text(
    "SELECT a.application_name, a.pid, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()"
    " AND (l.classid::bigint << 32 | l.objid::bigint) = :key"
).bindparams(bindparam("key", type_=BigInteger))

_HINT = "if it is the service, use `onec-images trigger`; otherwise wait until it has ended"


@contextmanager
def held(database: Database, exchange: str) -> Iterator[None]:
    """Given a database and the real path of an exchange directory, hold the lock of the pair.

    On PostgreSQL it lives as long as the connection, on SQLite as long as the process. Raises LockedError
    that says who holds it, and DatabaseUnavailableError.
    """
    name = sha256(os.fsencode(exchange)).digest()
    if database.file:
        # one lock for one file, whatever links lead there
        with _file_lock(Path(f"{os.path.realpath(database.file)}-{name.hex()[:8]}.lock")):
            yield
    else:
        # one sign bit less: PostgreSQL shows the two halves of the key unsigned
        with _advisory_lock(database, int.from_bytes(name[:8]) >> 1):
            yield


@contextmanager
def _file_lock(file: Path) -> Iterator[None]:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise DatabaseUnavailableError(f"the lock {file} cannot be taken: {error.strerror}") from error
    try:
        _lock(descriptor)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps([process_name(), _now()]).encode(), 0)
        yield
    finally:
        os.close(descriptor)


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


@contextmanager
def _advisory_lock(database: Database, key: int) -> Iterator[None]:
    with database.writing() as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
            holder = connection.execute(_HOLDER, {"key": key}).first()
            raise LockedError(_refusal(_backend(*holder) if holder else "unknown"))
    yield  # the connection keeps the lock until it is closed


def _backend(application: str, pid: int, since: datetime | None) -> str:
    who = application.removeprefix("onec-images: ") or f"database process {pid}"
    return f"{who}, since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%S+00:00}" if since else who


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _refusal(holder: str) -> str:
    return f"another process is at work on this exchange directory and database ({holder}); {_HINT}"
