"""One connection to the database, with the transactions that an import needs."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from daemon.db import sqlite
from daemon.db.failures import reason_of, told
from daemon.db.types import json_text, json_value
from daemon.errors import ConfigurationError, DatabaseUnavailableError

__all__ = ["Database", "process_name", "reason_of"]

_APPLICATION = "onec-images: "
_APPLICATION_NAME_LENGTH = 63  # bytes, more are cut off by PostgreSQL

#: What psycopg is told unless the URL tells it something else. A dead network is noticed within two minutes.
_CONNECT = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 60,  # seconds
    "keepalives_interval": 15,  # seconds
    "keepalives_count": 4,
    "tcp_user_timeout": 120_000,  # milliseconds
}

_SECRETS = frozenset({"password", "sslpassword"})


class Database:
    """The database of one process, through a single connection.

    There is only one on purpose: on PostgreSQL it also holds the lock against a second importer, so that
    whoever has lost the lock cannot write either. For the same reason a connection that was lost is not made
    again: from then on everything raises DatabaseUnavailableError, and whoever wants to go on opens another
    Database and takes the lock anew.
    """

    def __init__(self, url: str, *, read_only: bool = False, create: bool = True) -> None:
        """Given a database URL, connect. Raises DatabaseUnavailableError, and ConfigurationError for a bad URL.

        An SQLite file that does not exist is made by ``create`` alone, never read-only. Reading only changes
        nothing in the directory of the file.
        """
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lost: str | None = None
        self._reader = sqlite.Reader(Path(self.url.database or "")) if self.is_sqlite and read_only else None
        self._engine = (
            self._sqlite(create=create) if self.is_sqlite else _postgresql(self.url, read_only=read_only)
        )
        self.connection = self._connected()

    @property
    def name(self) -> str:
        """The database's URL without its passwords, for people."""
        shown = {key: "***" if key in _SECRETS else value for key, value in self.url.query.items()}
        return self.url.set(query=shown).render_as_string()

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
        with self.errors(), self._unchanged(), self._begun(reads=True):
            yield self.connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """Yield the connection in a short transaction that is committed at the end.

        One that is not ``durable`` may be lost with the power, never half written; it costs no waiting
        for the disk. (On SQLite in WAL mode none of them waits.) Raises DatabaseUnavailableError.
        """
        with self.errors(), self._begun(reads=False):
            if not durable and not self.is_sqlite:
                self.connection.execute(text("SET LOCAL synchronous_commit = off"))
            yield self.connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the driver raises into one line: DatabaseUnavailableError, or SchemaError if tables changed."""
        try:
            yield
        except DBAPIError as error:
            if error.connection_invalidated:
                self._lost = reason_of(error)
            if (failure := told(error, self.name, self._role)) is None:
                raise
            raise failure from error

    @contextmanager
    def _begun(self, *, reads: bool) -> Iterator[None]:
        if self._lost is not None or self.connection.invalidated:
            raise DatabaseUnavailableError(f"{self.name}: the connection was lost ({self._lost or 'unused'})")
        with self.connection.execution_options(onec_reads=reads).begin():
            yield

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """See that an SQLite file which is read without locks is not written to at the same time."""
        if self._reader and self._reader.is_outdated:
            self.connection.close()
            self.connection = self._connected()
        try:
            yield
        finally:
            if self._reader and self._reader.has_changed:
                message = f"{self.name}: it was written to while it was read; run the command again"
                raise DatabaseUnavailableError(message)

    def _connected(self) -> Connection:
        try:
            with self.errors():
                return self._engine.connect()
        except OSError as error:
            raise DatabaseUnavailableError(f"{self.name}: {error.strerror}") from error
        except ProgrammingError as error:  # nothing was asked yet but what the URL says
            raise ConfigurationError(f"[database] url: {reason_of(error)}") from error

    def _role(self) -> str:
        """Return the role that the server knows us as, as SQL writes it."""
        driver = self.connection.connection.driver_connection
        return self._engine.dialect.identifier_preparer.quote(driver.info.user if driver else "")

    def _sqlite(self, *, create: bool) -> Engine:
        file = Path(self.url.database or "")
        reader = self._reader
        connect = reader.connect if reader else lambda: sqlite.to_write(file, create=create)
        engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        event.listen(engine, "begin", _on_begin)
        return engine


def process_name() -> str:
    """Return what other processes see of this one: host and process id."""
    return _process_name(socket.gethostname())


def _process_name(host: str) -> str:
    return f"host {host}, process {os.getpid()}"


def application_name(host: str) -> str:
    """Given this host's name, return what PostgreSQL calls this process, the host cut so that the rest has room."""
    room = _APPLICATION_NAME_LENGTH - len(_APPLICATION + _process_name(""))
    return _APPLICATION + _process_name(host[:room])


def _postgresql(url: URL, *, read_only: bool) -> Engine:
    options = [
        *([str(url.query["options"])] if "options" in url.query else []),
        "-c timezone=UTC",
        "-c lock_timeout=30s",
        *(["-c default_transaction_read_only=on"] if read_only else []),
    ]
    connect = {name: value for name, value in _CONNECT.items() if name not in url.query} | {
        "application_name": application_name(socket.gethostname()),
        "client_encoding": "utf8",
        "options": " ".join(options),
    }
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args=connect,
        json_serializer=json_text,
        json_deserializer=json_value,
        # whatever the server's default: merging under row locks is written for READ COMMITTED
        isolation_level="READ COMMITTED",
    )


def _on_begin(connection: Connection) -> None:
    # taking the write lock at once: a lock taken after the first read could be refused without waiting
    reads = connection.get_execution_options().get("onec_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
