"""One connection to the database, with the transactions that an import needs."""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from daemon.errors import DatabaseUnavailableError

_BUSY_TIMEOUT = 120  # seconds that SQLite waits for another writer
_CONNECT_TIMEOUT = 10  # seconds
_APPLICATION_NAME_LENGTH = 63  # bytes, more are cut off by PostgreSQL


class Database:
    """The database of one process, through a single connection.

    There is only one on purpose: on PostgreSQL it also holds the lock against a second importer, so that
    whoever has lost the lock cannot write either.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Given a database URL, connect. Raises DatabaseUnavailableError.

        Read-only, an SQLite file that does not exist is not created, but an error.
        """
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        with self.errors():
            self._engine = (_sqlite if self.is_sqlite else _postgresql)(self.url, read_only=read_only)
            self.connection = self._engine.connect()

    @property
    def name(self) -> str:
        """The database's URL without its password, for people."""
        return self.url.render_as_string()

    @property
    def file(self) -> Path | None:
        """The SQLite file, None on PostgreSQL."""
        return Path(self.url.database or "") if self.is_sqlite else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a transaction under way is rolled back, a lock released."""
        with suppress(SQLAlchemyError):  # a lost connection is closed already
            self.connection.close()
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield the connection in a transaction that only reads, and does not wait for writers.

        Raises DatabaseUnavailableError.
        """
        with self.errors(), self.connection.execution_options(onec_reads=True).begin():
            yield self.connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """Yield the connection in a short transaction that is committed at the end.

        One that is not ``durable`` may be lost with the power, never half written; it costs no waiting
        for the disk. Raises DatabaseUnavailableError.
        """
        with self.errors(), self.connection.execution_options(onec_reads=False).begin():
            if not durable and not self.is_sqlite:
                self.connection.execute(text("SET LOCAL synchronous_commit = off"))
            yield self.connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the driver raises into one line."""
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise DatabaseUnavailableError(f"{self.name}: {reason_of(error)}") from error
        except DBAPIError as error:
            if not error.connection_invalidated and not _is_forbidden(error):
                raise
            raise DatabaseUnavailableError(f"{self.name}: {reason_of(error)}") from error


def reason_of(error: DBAPIError) -> str:
    """Given an error of the driver, return its first line."""
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]


def _is_forbidden(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "42501"


def process_name() -> str:
    """Return what other processes see of this one: host and process id."""
    return f"host {socket.gethostname()}, process {os.getpid()}"


def _postgresql(url: URL, *, read_only: bool) -> Engine:
    options = " ".join(
        [
            "-c timezone=UTC",
            "-c lock_timeout=30s",
            *(["-c default_transaction_read_only=on"] if read_only else []),
        ]
    )
    connect = {
        "connect_timeout": _CONNECT_TIMEOUT,
        "application_name": f"onec-images: {process_name()}"[:_APPLICATION_NAME_LENGTH],
        "options": " ".join(filter(None, [url.query.get("options"), options])),  # type: ignore[list-item]
    }
    # whatever the server's default: merging under row locks is written for READ COMMITTED
    return create_engine(url, poolclass=NullPool, connect_args=connect, isolation_level="READ COMMITTED")


def _sqlite(url: URL, *, read_only: bool) -> Engine:
    query = {"uri": "true", "mode": "ro"} if read_only else {}
    database = f"file:{quote(url.database or '')}" if read_only else url.database
    engine = create_engine(
        url.set(database=database, query=query), poolclass=NullPool, connect_args={"timeout": _BUSY_TIMEOUT}
    )
    event.listen(engine, "connect", _on_connect_read_only if read_only else _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect_read_only(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 emits no BEGIN of its own
    connection.text_factory = _decode
    connection.execute("PRAGMA query_only=ON")


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.text_factory = _decode
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _decode(data: bytes) -> str:
    return data.decode(errors="surrogateescape")  # any bytes may stand in a text column


def _on_begin(connection: Connection) -> None:
    # taking the write lock at once: a lock taken after the first read could be refused without waiting
    reads = connection.get_execution_options().get("onec_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
