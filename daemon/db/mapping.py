"""A table as the configuration names it, mapped to the fields that the daemon knows."""

import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    FetchedValue,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Uuid,
    inspect,
)
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import NoSuchTableError, SAWarning
from sqlalchemy.types import NullType, TypeEngine

from daemon.db.engine import Database
from daemon.db.types import TolerantJson, UtcDateTime, is_of_postgresql
from daemon.errors import SchemaError

_MOST_TABLES = 30  # named where the one that is wanted is not there


@dataclass(frozen=True, slots=True)
class Names:
    """What a table and its columns are called: field -> column, an empty text meaning "no such column"."""

    section: str
    table: str
    columns: Mapping[str, str]

    @property
    def schema(self) -> str | None:
        """The database schema in which the table lies, None for the default one."""
        return self.table.rpartition(".")[0] or None

    @property
    def name(self) -> str:
        """The table's name in its schema."""
        return self.table.rpartition(".")[2]

    def check(self, database: Database) -> None:
        """Given the database of the table, raise SchemaError where that kind of it has no such names."""
        if database.is_sqlite and self.schema:
            raise SchemaError(
                f"[{self.section}] table = {self.table!r}: SQLite knows no schemas, only tables"
            )


@dataclass(frozen=True, slots=True)
class Mapped:
    """A table found in the database: ``table.c.<field>``, and the columns that have no field.

    unique: the names of the columns whose values a constraint or an index keeps apart.
    """

    table: Table
    others: tuple[ReflectedColumn, ...]
    unique: frozenset[str]


Types = tuple[type[TypeEngine[Any]], ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What can serve a field: types, and how to say so.

    loosely: what an SQLite column may be declared as besides, since it stores whatever it is given.
    """

    types: Types
    words: str
    loosely: Types = ()


_NUMBER = _Kind((Integer, Uuid), "a whole number or a UUID", (String, Numeric, NullType))
_TEXT = _Kind((String,), "text", (NullType,))
_BOOLEAN = _Kind((Boolean,), "boolean", (Integer, Numeric, NullType))
_JSON = _Kind((JSON,), "json or jsonb", (String, Numeric, NullType))
_TIME = _Kind((DateTime,), "a timestamp", (String, Numeric, NullType))

#: Field -> what can serve it; any text where a field is missing here.
_KINDS: Mapping[str, _Kind] = {
    "id": _NUMBER,
    "is_active": _BOOLEAN,
    "gallery_images": _JSON,
    "report_details": _JSON,
    "updated_at": _TIME,
    "started_at": _TIME,
    "finished_at": _TIME,
}


def find(database: Database, names: Names) -> Mapped:
    """Given a database and the names of a table, return the table as it is there.

    Raises SchemaError, in one line with what was found, where the table, a column or a type is not what
    the names promise, and DatabaseUnavailableError.
    """
    with database.reading() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of types and indexes that are no concern of ours
        inspector = inspect(connection)
        found = _columns(inspector, names, database)
        unique = _unique(inspector, names)
    _check(names, found, database)
    columns = [
        _key(found[name]) if field == "id" else Column(name, _type(field, found[name], database), key=field)
        for field, name in names.columns.items()
        if name
    ]
    mapped = set(names.columns.values())
    others = tuple(column for name, column in found.items() if name not in mapped)
    columns += [Column(other["name"], other["type"], key=key_of_other(other)) for other in others]
    return Mapped(Table(names.name, MetaData(schema=names.schema), *columns), others, unique)


def key_of_other(column: ReflectedColumn) -> str:
    """Given a column without a field, return its key in the table, which no field can have."""
    return f"other {column['name']}"


def fresh_text(kind: String) -> str:
    """Given a type of text, return a UUID, as much of it as the type takes."""
    fresh = uuid.uuid4()
    fits = not kind.length or kind.length >= len(str(fresh))
    return str(fresh) if fits else fresh.hex[: kind.length]


def _columns(inspector: Inspector, names: Names, database: Database) -> dict[str, ReflectedColumn]:
    names.check(database)
    try:
        columns = inspector.get_columns(names.name, schema=names.schema)
    except NoSuchTableError:
        raise SchemaError(
            f"[{names.section}] table = {names.table!r}: there is no such table in {database.name};"
            f" it has {_tables(inspector, names.schema)}"
        ) from None
    checked = _checked_json(inspector, names) if database.is_sqlite else frozenset()
    return {column["name"]: _plain(column, checked) for column in columns}


def _tables(inspector: Inspector, schema: str | None) -> str:
    tables = sorted(inspector.get_table_names(schema=schema))
    more = [f"{len(tables) - _MOST_TABLES} more"] if len(tables) > _MOST_TABLES else []
    return ", ".join([*tables[:_MOST_TABLES], *more]) or "no tables"


def _checked_json(inspector: Inspector, names: Names) -> frozenset[str]:
    """Return the columns of text in SQLite which a constraint keeps to JSON, as Django makes them."""
    checks = inspector.get_check_constraints(names.name)
    texts = [check["sqltext"].lower() for check in checks]
    columns = [column["name"] for column in inspector.get_columns(names.name)]
    return frozenset(
        name
        for name in columns
        if any(
            f'json_valid("{name.lower()}")' in text or f"json_valid({name.lower()})" in text for text in texts
        )
    )


def _plain(column: ReflectedColumn, json: frozenset[str]) -> ReflectedColumn:
    """Return a column with the type that counts."""
    kind = column["type"]
    if is_of_postgresql(kind, "DOMAIN"):
        return {**column, "type": cast("Any", kind).data_type}
    return {**column, "type": TolerantJson()} if column["name"] in json else column


def _unique(inspector: Inspector, names: Names) -> frozenset[str]:
    constraints = inspector.get_unique_constraints(names.name, schema=names.schema)
    # SQLite tells only of its own indexes which columns of a UNIQUE are meant
    found = inspector.get_indexes(names.name, schema=names.schema, include_auto_indexes=True)
    indexes = [index for index in found if index.get("unique")]
    key = inspector.get_pk_constraint(names.name, schema=names.schema)["constrained_columns"]
    groups = [c["column_names"] for c in constraints] + [i["column_names"] for i in indexes] + [key]
    return frozenset(group[0] for group in groups if len(group) == 1 and group[0])


def _check(names: Names, found: Mapping[str, ReflectedColumn], database: Database) -> None:
    absent = [f"{field} = {name!r}" for field, name in names.columns.items() if name and name not in found]
    if absent:
        raise SchemaError(
            f"[{names.section}] {', '.join(absent)}: no such column in table {names.table!r} of {database.name};"
            f" it has {', '.join(found)}"
        )
    for field, name in names.columns.items():
        if name and not _serves(found[name]["type"], _kind_of(field), database):
            raise SchemaError(
                f"[{names.section}] {field} = {name!r}: the column of table {names.table!r} in {database.name}"
                f" is {found[name]['type']!s}, it must be {_kind_of(field).words}"
            )


def _kind_of(field: str) -> _Kind:
    return _KINDS.get(field, _TEXT)


def _serves(found: TypeEngine[Any], kind: _Kind, database: Database) -> bool:
    if isinstance(found, TolerantJson):
        return kind is _JSON
    return isinstance(found, kind.types + kind.loosely if database.is_sqlite else kind.types)


def _key(found: ReflectedColumn) -> Column[Any]:
    """Return the column of the row's id, which makes its values itself where the database does not."""
    name, declared = found["name"], found["type"]
    # on SQLite a UUID is text, whatever it is declared as
    kind = declared if isinstance(declared, Integer | Uuid | String) else String()
    if found.get("default"):
        return Column(name, kind, FetchedValue(), key="id", primary_key=True)
    if isinstance(kind, Integer):
        return Column(name, kind, key="id", primary_key=True)
    if isinstance(kind, Uuid):
        return Column(name, kind, key="id", primary_key=True, default=uuid.uuid4)
    return Column(name, kind, key="id", primary_key=True, default=lambda: fresh_text(kind))


def _type(field: str, column: ReflectedColumn, database: Database) -> TypeEngine[Any]:
    found = column["type"]
    kind = _kind_of(field)
    if kind is _TIME:
        return UtcDateTime(timezone=bool(getattr(found, "timezone", True)))
    if not database.is_sqlite:
        return found
    # SQLite stores what it is given: the field says what is meant, the declared length is kept
    if kind is _JSON:
        return TolerantJson()
    if kind is _BOOLEAN:
        return Boolean(create_constraint=False)
    return found if isinstance(found, kind.types) else kind.types[0]()
