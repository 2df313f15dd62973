"""Whether the database can be reached and worked with."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from daemon.config import Settings
from daemon.db import inspection
from daemon.db.engine import Database
from daemon.doctor import reaching, schema
from daemon.doctor.configuration import correcting, initializing, is_within
from daemon.doctor.directories import SEE_KERNEL, is_missing, may, obstacle, quoted, taking_over, user
from daemon.doctor.finding import Finding, Problem, error, guarded, ok, warning
from daemon.errors import OnecImagesError
from daemon.exchange import kind_of
from daemon.mounts import Mount, mount_of

_FILE = "database file"
_DIRECT = "name PostgreSQL itself in [database] url, not the pooler: the port is 5432 as a rule"


def examine(settings: Settings, file: Path) -> Iterator[Finding]:
    """Given the settings and their file, yield what is found; of a database that cannot be read no more than that."""
    database_file = inspection.file_of(settings.database.url)
    if database_file:
        yield from guarded(_FILE, SEE_KERNEL, _file(settings, file, database_file))
        if is_missing(database_file):
            return
    yield from _contents(settings, file)


def _file(settings: Settings, file: Path, database_file: Path) -> Iterator[Finding]:
    if problem := _file_problem(database_file, file):
        yield error(_FILE, *problem)
    elif not is_missing(database_file):
        yield ok(_FILE, f"{database_file} can be read and written")
    elif settings.database.attach:
        yield error(_FILE, f"{database_file} does not exist", correcting("database", file))
    else:
        yield warning(_FILE, f"{database_file} does not exist yet", initializing(file))
    yield from _neighbours(settings, database_file)
    directory = Path(os.path.realpath(database_file)).parent
    if os.path.isdir(directory):
        yield from on_mount(mount_of(directory))


def _file_problem(database_file: Path, file: Path) -> Problem | None:
    """Return what keeps the effective user from the file, and from those that SQLite needs beside it."""
    directory = database_file.parent
    if is_missing(directory):
        return Problem(f"{directory} does not exist", f"install -d -o {user()} {quoted(directory)}")
    if problem := obstacle(directory, "rwx", taking_over("rwx", directory)):
        return problem
    beside = [database_file.with_name(database_file.name + suffix) for suffix in ("", "-wal", "-shm")]
    for path in beside:
        if is_missing(path):
            continue
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Problem(f"{path} is {kind_of(status)}, not a regular file", correcting("database", file))
        if not may(path, "rw"):
            return Problem(f"{user()} may not read and write {path}", taking_over("rw", path))
    return None


def _neighbours(settings: Settings, database_file: Path) -> Iterator[Finding]:
    """Yield an error where the file lies among what others empty, or serve to everyone."""
    remedy = "name a file in a directory of its own in [database] url"
    if is_within(database_file, settings.exchange.dir):
        message = f"{database_file} lies in the exchange directory, which the exchange empties"
        yield error(_FILE, message, remedy)
    elif is_within(database_file, settings.media.dir):
        message = f"{database_file} lies in the media directory, which the shop serves to everyone"
        yield error(_FILE, message, remedy)


def on_mount(mount: Mount | None) -> Iterator[Finding]:
    """Given the mount that an SQLite file lies on, yield an error where it cannot be locked reliably."""
    if mount and mount.is_network:
        yield error(
            _FILE,
            f"{mount.point} is {mount.kind}, where SQLite's locks do not hold: the file would be damaged",
            "move it to a local disk and name that in [database] url, or use PostgreSQL",
        )


def _contents(settings: Settings, file: Path) -> Iterator[Finding]:
    url = settings.database.url
    try:
        with Database(url, read_only=True) as database:
            inspection.probe(database)
            yield ok("database", f"{database.name} answers")
            if not database.is_sqlite:
                yield from guarded("database connections", _DIRECT, _connections(database, url))
            yield from schema.examine(settings, file, database)
    except OnecImagesError as failure:
        yield unreachable(url, str(failure), file)


def unreachable(url: str, reason: str, file: Path) -> Finding:
    """Given a database URL, why the database cannot be read, and the configuration file, return the error."""
    if inspection.refuses_settings(reason):
        return error("database", f"{reason}: this is a pooler such as pgbouncer", _DIRECT)
    if inspection.file_of(url):
        return error("database", reason, f"restore the file from a backup, or {correcting('database', file)}")
    mending = reaching.remedy(reason, inspection.user_of(url) or user()) or "start the server"
    is_statement = mending.endswith(";")
    return error(
        "database", reason, mending if is_statement else f"{mending}, or {correcting('database', file)}"
    )


def _connections(database: Database, url: str) -> Iterator[Finding]:
    with Database(url, read_only=True) as other:
        yield connections(inspection.backend(database), inspection.backend(other))


def connections(backend: int, other: int) -> Finding:
    """Given the servers' ends of two connections open at a time, return whether they are connections indeed."""
    subject = "database connections"
    if not inspection.is_pooled(backend, other):
        return ok(subject, "each is one of its own, no pooler lends them")
    message = "a pooler such as pgbouncer lends them for single transactions: locks would not hold"
    return error(subject, message, _DIRECT)
