"""A test's database, spoken to in plain SQL from outside the daemon."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from support.workshop import wait_until

_WAITING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE application_name LIKE 'onec-images%' AND wait_event_type = 'Lock' AND datname = current_database()"
)


def is_sqlite(url: str) -> bool:
    """Whether the database is a file."""
    return make_url(url).get_backend_name() == "sqlite"


def file_of(url: str) -> Path:
    """Return the SQLite file."""
    return Path(str(make_url(url).database))


def with_query(url: str, **parameters: str) -> str:
    """Return the URL with these parameters."""
    return make_url(url).update_query_dict(parameters).render_as_string(hide_password=False)


@contextmanager
def connection(url: str) -> Iterator[Connection]:
    """Connect; each statement is committed by itself, unless BEGIN is one of them."""
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connected:
        yield connected


def execute(url: str, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """Run one statement and return the rows it gives."""
    with connection(url) as connected:
        result = connected.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def script(url: str, *statements: str) -> None:
    """Run statements as they are, colons and percent signs included."""
    with connection(url) as connected:
        for statement in statements:
            connected.exec_driver_sql(statement if is_sqlite(url) else statement.replace("%", "%%"))


def insert(url: str, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows with the same columns."""
    columns = ", ".join(rows[0])
    values = ", ".join(f":{column}" for column in rows[0])
    with connection(url) as connected:
        connected.exec_driver_sql("BEGIN")
        connected.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), rows)  # noqa: S608
        connected.exec_driver_sql("COMMIT")


def columns_of(url: str, table: str) -> list[str]:
    """Return the names of a table's columns."""
    with connection(url) as connected:
        return list(connected.exec_driver_sql(f"SELECT * FROM {table}").keys())  # noqa: S608


def bytes_of(url: str, table: str, where: str = "true", but: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    """Return rows byte for byte, some columns left out; on PostgreSQL, without those, also when each was written."""
    kind = "blob" if is_sqlite(url) else "text"
    shown = [f'CAST("{column}" AS {kind})' for column in columns_of(url, table) if column not in but]
    written = [] if is_sqlite(url) or but else ["xmin::text", "ctid::text"]
    return execute(url, f"SELECT {', '.join([*shown, *written])} FROM {table} WHERE {where} ORDER BY 1")  # noqa: S608


@contextmanager
def transaction(url: str, *statements: str) -> Iterator[Connection]:
    """Begin a transaction with some statements, hold what they lock during the block, and roll it back."""
    with connection(url) as connected:
        connected.exec_driver_sql("BEGIN IMMEDIATE" if connected.dialect.name == "sqlite" else "BEGIN")
        for statement in statements:
            connected.exec_driver_sql(statement)
        try:
            yield connected
        finally:
            connected.exec_driver_sql("ROLLBACK")


def wait_for_waiting(url: str) -> list[int]:
    """Wait until daemons wait for a lock of PostgreSQL, and return the server's ends of them."""
    with connection(url) as connected:
        wait_until(lambda: connected.scalars(text(_WAITING)).all())
        return list(connected.scalars(text(_WAITING)))


def end_waiting(url: str) -> None:
    """Wait until a daemon waits for a lock of PostgreSQL, and end its connection."""
    for pid in wait_for_waiting(url):
        execute(url, "SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
