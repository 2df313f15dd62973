"""One connection to the database, with the transactions that an import needs."""

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from daemon.db import sqlite
from daemon.db.failures import reason_of, told
from daemon.errors import ConfigurationError, DatabaseUnavailableError
from daemon.json_column import json_text, json_value

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

#: What the server is told likewise: the lock of a process that the network has cut off is free two minutes later.
_SERVER = {
    "tcp_keepalives_idle": 60,  # seconds
    "tcp_keepalives_interval": 15,  # seconds
    "tcp_keepalives_count": 4,
    "tcp_user_timeout": 120_000,  # milliseconds
}

_PATIENCE = 30.0  # seconds that a server waits for a lock of others

_SECRETS = frozenset({"password", "sslpassword"})

#: Given a new connection outside of a transaction, makes sure of what must be ours before it is used.
Claim = Callable[[Connection], None]


class Database:
    """The database of one process, through a single connection.

    There is only one on purpose: on PostgreSQL it also holds the lock against a second importer, so that
    whoever has lost the lock cannot write either. For the same reason a connection that was lost is not made
    again by itself: from then on everything raises DatabaseUnavailableError, until ``reconnect`` has made another
    and all that is claimed, the lock above all, has been claimed anew on it.
    """

    def __init__(
        self, url: str, *, read_only: bool = False, create: bool = True, patience: float | None = None
    ) -> None:
        """Given a database URL, connect. Raises DatabaseUnavailableError, and ConfigurationError for a bad URL.

        An SQLite file that does not exist is made by ``create`` alone, never read-only. Reading only changes
        nothing in the directory of the file. ``patience`` is for how many seconds each lock of others is waited for.
        """
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lost: str | None = None
        self._claims: list[Claim] = []
        self._file_seen: tuple[int, int] | None = None
        self._reader = sqlite.Reader(Path(self.url.database or "")) if self.is_sqlite and read_only else None
        self._engine = (
            self._sqlite(create=create, patience=patience or sqlite.PATIENCE)
            if self.is_sqlite
            else _postgresql(self.url, read_only=read_only, patience=patience or _PATIENCE)
        )
        self.connection = self._connected()
        self._file_seen = self._file_now()

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
        _close(self.connection)
        self._engine.dispose()

    # What is lost and made again --------------------------------------------------------------------------

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be done until ``reconnect`` has succeeded."""
        return self._lost is not None or self.connection.invalidated

    def ping(self) -> None:
        """See that the connection is still there. Raises DatabaseUnavailableError."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    @contextmanager
    def claimed(self, claim: Claim) -> Iterator[None]:
        """Given a claim, make it, and during the block make it anew on every new connection before that is used.

        Claims are made in the order in which they were first made. Raises what the claim raises, and
        DatabaseUnavailableError.
        """
        self._see_that_it_is_there()
        with self.errors():
            claim(self.connection)
        self._claims.append(claim)
        try:
            yield
        finally:
            self._claims.remove(claim)

    def reconnect(self) -> None:
        """Close what is left of the connection, make another, and make all claims anew on it.

        An SQLite file that has gone is not made. Raises DatabaseUnavailableError, and what a claim raises, such as
        LockedError; the database then stays unusable until another attempt succeeds.
        """
        self._lost = self._lost or "it was given up"
        _close(self.connection)
        connection = self._connected()
        try:
            with self.errors():
                for claim in self._claims:
                    claim(connection)
        except BaseException:
            _close(connection)
            raise
        self.connection, self._file_seen, self._lost = connection, self._file_now(), None

    def _see_that_it_is_there(self) -> None:
        """Raise DatabaseUnavailableError where the connection was lost, or the SQLite file is not that of its path."""
        if self._lost is None and not self._reader and self._file_now() != self._file_seen:
            self._lost = "the file was removed or replaced"  # what is written now would be gone with it
        if self.is_lost:
            raise DatabaseUnavailableError(f"{self.name}: the connection was lost ({self._lost or 'unused'})")

    def _file_now(self) -> tuple[int, int] | None:
        """Return the device and inode of the SQLite file, None where there is none and on PostgreSQL."""
        try:
            status = os.stat(self.file) if self.file else None
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if status else None

    # Transactions -----------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield the connection in a transaction that only reads, and does not wait for writers.

        Raises DatabaseUnavailableError.
        """
        with self.errors(), self._unchanged(), self._begun(reads=True):
            yield self.connection

    @contextmanager
    def writing(self, *, durable: bool = True, patience: float | None = None) -> Iterator[Connection]:
        """Yield the connection in a short transaction that is committed at the end.

        One that is not ``durable`` may be lost with the power, never half written; it costs no waiting
        for the disk. (On SQLite in WAL mode none of them waits.) With ``patience`` a server waits for each lock of
        others for so many seconds only. Raises DatabaseUnavailableError, where others hold what is needed
        RowsHeldError.
        """
        with self.errors(), self._begun(reads=False):
            if not durable and not self.is_sqlite:
                self.connection.execute(text("SET LOCAL synchronous_commit = off"))
            if patience is not None and not self.is_sqlite:
                self.connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(patience * 1000)}")
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
        self._see_that_it_is_there()
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
        driver = None if self.connection.closed else self.connection.connection.driver_connection
        return self._engine.dialect.identifier_preparer.quote(
            driver.info.user if driver else self.url.username or ""
        )

    def _sqlite(self, *, create: bool, patience: float) -> Engine:
        file = Path(self.url.database or "")
        reader = self._reader

        def connect() -> sqlite3.Connection:
            # one that was there and has gone would come back empty
            return (
                reader.connect()
                if reader
                else sqlite.to_write(file, create=create and not self._lost, patience=patience)
            )

        engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        event.listen(engine, "begin", _on_begin)
        return engine


def _close(connection: Connection) -> None:
    with suppress(SQLAlchemyError):  # a lost connection is closed already
        connection.close()


def process_name() -> str:
    """Return what other processes see of this one: host and process id."""
    return _process_name(socket.gethostname())


def _process_name(host: str) -> str:
    return f"host {host}, process {os.getpid()}"


def application_name(host: str) -> str:
    """Given this host's name, return what PostgreSQL calls this process, the host cut so that the rest has room."""
    room = _APPLICATION_NAME_LENGTH - len(_APPLICATION + _process_name(""))
    return _APPLICATION + _process_name(host[:room])


def _postgresql(url: URL, *, read_only: bool, patience: float) -> Engine:
    options = [
        *(f"-c {name}={value}" for name, value in _SERVER.items()),
        *([str(url.query["options"])] if "options" in url.query else []),
        "-c timezone=UTC",
        f"-c lock_timeout={round(patience * 1000)}",
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
