"""Those who see what another process has committed, soon after it has."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import psycopg
from support.workshop import Database

_PAUSE = 0.0002  # seconds between two looks at SQLite
_CHANNEL = "onec_images_bench"

#: Has PostgreSQL tell of each statement that changed products, at the moment of its commit.
_TELLING = f"""
CREATE FUNCTION {_CHANNEL}() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN NOTIFY {_CHANNEL}; RETURN NULL; END $$;
CREATE TRIGGER {_CHANNEL} AFTER UPDATE ON products FOR EACH STATEMENT EXECUTE FUNCTION {_CHANNEL}();
"""

Ask = Callable[[str], int]


class Onlooker(Protocol):
    """A connection of its own to a shop's database."""

    def ask(self, statement: str) -> int:
        """Return the one number that a statement gives."""

    def wait(self, within: float) -> None:
        """Return when something has been committed since the last call, or after so many seconds."""

    @property
    def resolution(self) -> str:
        """How soon a commit is seen."""


class SqliteOnlooker:
    """Looks at the number that SQLite keeps of others' commits, which needs no lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version = self._current()
        self._looks = 0
        self._looked = 0.0  # seconds

    def ask(self, statement: str) -> int:
        """Return the one number that a statement gives."""
        [(number,)] = self._connection.execute(statement)
        return int(number)

    def wait(self, within: float) -> None:
        """Return when something has been committed since the last call, or after so many seconds."""
        began = time.monotonic()
        while (current := self._current()) == self._version and time.monotonic() < began + within:
            self._looks += 1
            time.sleep(_PAUSE)
        self._version = current
        self._looked += time.monotonic() - began

    @property
    def resolution(self) -> str:
        """How soon a commit is seen."""
        each = self._looked / max(self._looks, 1)
        return f"SQLite was looked at every {each * 1000:.2f} ms, by PRAGMA data_version"

    def _current(self) -> int:
        [(version,)] = self._connection.execute("PRAGMA data_version")
        return int(version)


class PostgresqlOnlooker:
    """Is told by the server, from a trigger on the products."""

    resolution = "PostgreSQL told of each commit itself, by a trigger and NOTIFY, which the daemon paid for"

    def __init__(self, connection: "psycopg.Connection[tuple[int]]") -> None:
        self._connection = connection
        connection.execute(_TELLING)
        connection.execute(f"LISTEN {_CHANNEL}".encode())

    def ask(self, statement: str) -> int:
        """Return the one number that a statement gives."""
        [(number,)] = self._connection.execute(statement.encode())
        return int(number)

    def wait(self, within: float) -> None:
        """Return when something has been committed since the last call, or after so many seconds."""
        for _ in self._connection.notifies(timeout=within, stop_after=1):
            return


@contextmanager
def onlooker(database: Database) -> Iterator[Onlooker]:
    """Yield who looks on at a database."""
    connection = database.connect()
    try:
        if database.is_sqlite:
            yield SqliteOnlooker(connection)
        else:
            yield PostgresqlOnlooker(connection)
    finally:
        connection.close()


def seen(looking: Onlooker, statement: str, wanted: int, within: float) -> float | None:
    """Return the moment (monotonic) when a statement gave at least this number, None if it did not in time."""
    until = time.monotonic() + within
    while looking.ask(statement) < wanted:
        if (left := until - time.monotonic()) <= 0:
            return None
        looking.wait(min(left, 1.0))
    return time.monotonic()
