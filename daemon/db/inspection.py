"""What a database allows the daemon and how well it serves it, and the SQL that would mend what is amiss."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Enum,
    Select,
    Table,
    and_,
    func,
    inspect,
    literal,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from daemon.db.engine import Database, reason_of
from daemon.errors import DatabaseUnavailableError

_IS_CLOSED = text("SELECT NOT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = :schema")
_SEQUENCE = text(
    "SELECT pg_get_serial_sequence(:table, :column) FROM pg_attribute"
    " WHERE attrelid = to_regclass(:table) AND attname = :column AND attidentity = ''"
)

_LEADS = text(
    "SELECT count(*) > 0 FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid"
    " JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]"
    " WHERE i.relname = :index AND a.attname = :column"
)

_WITH_PORT = re.compile(r"([^:]+):\d*")  # an address of IPv6 has more than one colon

_EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN (FORMAT JSON) "}


@dataclass(frozen=True, slots=True)
class Right:
    """A privilege on a table, or on the columns of some fields of it."""

    privilege: str
    fields: tuple[str, ...] = ()


def file_of(url: str) -> Path | None:
    """Given a database URL, return the SQLite file, None on PostgreSQL. Nothing is opened."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def hosts_of(url: str) -> tuple[str, ...]:
    """Given a database URL, return the hosts that are reached by the network: none for a file or a socket."""
    parsed = make_url(url)
    query = parsed.normalized_query
    named = query.get("hostaddr") or [parsed.host or "", *query.get("host", ())]
    hosts = [_without_port(host) for several in named for host in several.split(",")]
    return tuple(dict.fromkeys(host for host in hosts if host and not host.startswith(("/", "@"))))


def user_of(url: str) -> str | None:
    """Given a database URL, return the user that it names, None if it leaves that to the system."""
    return make_url(url).username


def _without_port(host: str) -> str:
    found = _WITH_PORT.fullmatch(host)
    return found[1] if found else host


@contextmanager
def failures(database: Database) -> Iterator[None]:
    """Turn whatever the database raises into DatabaseUnavailableError, in one line."""
    try:
        yield
    except DBAPIError as error:
        raise DatabaseUnavailableError(f"{database.name}: {reason_of(error)}") from error


@contextmanager
def _reading(database: Database) -> Iterator[Connection]:
    with failures(database), database.reading() as connection:
        yield connection


def probe(database: Database) -> None:
    """Given a database, read from it, since some only then show that they cannot be read.

    Raises DatabaseUnavailableError.
    """
    with _reading(database) as connection:
        inspect(connection).get_table_names()


def backend(database: Database) -> int:
    """Given a PostgreSQL database, return the process id of the server's end. Raises DatabaseUnavailableError."""
    with _reading(database) as connection:
        return int(connection.scalar(select(func.pg_backend_pid())) or 0)


def is_pooled(backend: int, other: int) -> bool:
    """Given the servers' ends of two connections open at a time, return whether a pooler lends them one.

    It may lend it to another client between two transactions, and a lock that a connection holds with it.
    """
    return backend == other


def refuses_settings(reason: str) -> bool:
    """Given why no connection was made, return whether it was a pooler that knows no settings of a connection."""
    return "unsupported startup parameter" in reason


def has_table(database: Database, name: str, schema: str | None) -> bool:
    """Given a database and a table's name and schema, return whether it exists. Raises DatabaseUnavailableError."""
    with _reading(database) as connection:
        return inspect(connection).has_table(name, schema=schema)


def may_create(database: Database, schema: str | None) -> bool:
    """Given a database and a schema of it, return whether the user may make tables there; None is the default one.

    Raises DatabaseUnavailableError, also where there is no such schema.
    """
    if database.is_sqlite:
        return True
    where = func.current_schema() if schema is None else literal(schema)
    with _reading(database) as connection:
        return bool(connection.scalar(select(func.has_schema_privilege(where, "CREATE"))))


def lacking(database: Database, table: Table, rights: Sequence[Right]) -> list[Right]:
    """Given a database, a table in it and rights, return those that the user does not have.

    A field without a column needs none. Raises DatabaseUnavailableError.
    """
    if database.is_sqlite:
        return []
    existing = [Right(right.privilege, tuple(f for f in right.fields if f in table.c)) for right in rights]
    with _reading(database) as connection:
        return [right for right in existing if not connection.scalar(select(_has(database, table, right)))]


def _has(database: Database, table: Table, right: Right) -> ColumnElement[bool]:
    name = quoted(database, table)
    if not right.fields:
        return func.has_table_privilege(name, right.privilege)
    columns = [table.c[field].name for field in right.fields]
    return and_(*[func.has_column_privilege(name, column, right.privilege) for column in columns])


def closed_schema(database: Database, schema: str | None) -> str | None:
    """Given a database and a schema, None for the usual one, return what lets the user look into it if nothing does.

    Raises DatabaseUnavailableError.
    """
    if database.is_sqlite:
        return None
    where = schema or "public"
    with _reading(database) as connection:
        is_closed = connection.scalar(_IS_CLOSED, {"schema": where})
    return f"GRANT USAGE ON SCHEMA {_quoted(database, where)} TO {_user(database)};" if is_closed else None


def closed_sequence(database: Database, table: Table) -> str | None:
    """Given a database and a table in it, return the sequence of its ids if the user may not draw from it.

    It is quoted as SQL needs it. Raises DatabaseUnavailableError.
    """
    if database.is_sqlite:
        return None
    names = {"table": quoted(database, table), "column": table.c.id.name}
    with _reading(database) as connection:
        sequence: str | None = connection.scalar(_SEQUENCE, names)
        if sequence and not connection.scalar(select(func.has_sequence_privilege(sequence, "USAGE"))):
            return sequence
    return None


def serves_prefixes(database: Database, column: Column[Any]) -> bool:
    """Given a database and a column of text in it, return whether an index finds values by how they begin.

    The database is asked how it would look for some, reading the whole table being its last resort.
    Raises DatabaseUnavailableError.
    """
    with _reading(database) as connection:
        return (_is_found_by_sqlite if database.is_sqlite else _is_found_by_postgresql)(connection, column)


def _is_found_by_sqlite(connection: Connection, column: Column[Any]) -> bool:
    steps = connection.execute(_Explain(select(literal(1)).where(column >= "a", column < "b")))
    # ANY stands for every value of a column that comes first in the index
    return all(step.detail.startswith("SEARCH ") and "(ANY(" not in step.detail for step in steps)


def _is_found_by_postgresql(connection: Connection, column: Column[Any]) -> bool:
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    plans = connection.scalar(_Explain(select(literal(1)).where(column.startswith("a"))))
    nodes = (node for plan in plans for node in _nodes(plan["Plan"]))
    indexes = [node["Index Name"] for node in nodes if "Index Cond" in node]
    # an index that begins with another column is read as a whole
    leading = [connection.scalar(_LEADS, {"index": index, "column": column.name}) for index in indexes]
    return bool(indexes) and all(leading)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


class _Explain(Executable, ClauseElement):
    """A question for the plan of a query, instead of the query."""

    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_Explain)
def _compiled(explain: _Explain, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  SQLAlchemy's
    return _EXPLAIN[compiler.dialect.name] + compiler.process(explain.query, **options)


def granting(database: Database, table: Table, rights: Sequence[Right]) -> str:
    """Given a database, a table in it and rights, return the statement that grants them to the user."""
    privileges = [
        f"{right.privilege} ({', '.join(_quoted(database, table.c[field].name) for field in right.fields)})"
        if right.fields
        else right.privilege
        for right in rights
    ]
    return f"GRANT {', '.join(privileges)} ON {quoted(database, table)} TO {_user(database)};"


def granting_creation(database: Database, schema: str | None) -> str:
    """Given a database and a schema of it, return the statement that lets the user make tables there."""
    with _reading(database) as connection:
        where = schema or connection.scalar(select(func.current_schema())) or "public"
    return f"GRANT USAGE, CREATE ON SCHEMA {_quoted(database, where)} TO {_user(database)};"


def granting_sequence(database: Database, sequence: str) -> str:
    """Given a database and a quoted sequence, return the statement that lets the user draw from it."""
    return f"GRANT USAGE ON SEQUENCE {sequence} TO {_user(database)};"


def indexing(database: Database, column: Column[Any], *, unique: bool = False) -> str:
    """Given a database and a column of text, return the statement that makes an index on it.

    A unique one keeps values apart, another finds them by how they begin.
    """
    place = f"{quoted(database, column.table)} ({_quoted(database, column.name)}"
    kind = "UNIQUE INDEX" if unique else "INDEX"
    if database.is_sqlite:
        name = f"{column.table.name}_{column.name}_{'unique' if unique else 'prefix'}"
        return f"CREATE {kind} {_quoted(database, name)} ON {place});"
    return f"CREATE {kind} CONCURRENTLY ON {place}{'' if unique else ' text_pattern_ops'});"


def widening(database: Database, column: Column[Any], length: int) -> str:
    """Given a PostgreSQL database and a column of text, return the statement that makes room for more characters."""
    name = _quoted(database, column.name)
    return f"ALTER TABLE {quoted(database, column.table)} ALTER COLUMN {name} TYPE varchar({length});"


def refused(database: Database, column: Column[Any], words: Sequence[str]) -> list[str]:
    """Given a database, a column of text in it and words, return those that the column's type does not take."""
    if database.is_sqlite:  # it takes whatever it is given
        return []
    if isinstance(column.type, Enum):
        return [word for word in words if word not in column.type.enums]
    length = getattr(column.type, "length", None)
    return [word for word in words if length and len(word) > length]


def admitting(database: Database, column: Column[Any], words: Sequence[str]) -> str:
    """Given a PostgreSQL database, a column in it and words it does not take, return the SQL that mends it."""
    if not isinstance(column.type, Enum):
        return widening(database, column, max(map(len, words)))
    kind = quoted(database, column.type)
    return " ".join(f"ALTER TYPE {kind} ADD VALUE '{word}';" for word in words)


def _user(database: Database) -> str:
    with _reading(database) as connection:
        return _quoted(database, str(connection.scalar(select(func.current_user()))))


def quoted(database: Database, table: Any) -> str:  # noqa: ANN401  a column's table need not be a Table
    """Given a database and a table or type in it, return its name, schema included, as SQL takes it."""
    names = [table.schema, table.name] if table.schema else [table.name]
    return ".".join(_quoted(database, name) for name in names)


def _quoted(database: Database, name: str) -> str:
    return database.connection.dialect.identifier_preparer.quote_identifier(name)
