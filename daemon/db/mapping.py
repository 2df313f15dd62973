"""A table as the configuration names it, mapped to the fields that the daemon knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Integer, MetaData, String, Table, Uuid, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import TypeEngine

from daemon.db.engine import Database
from daemon.db.types import TolerantJson, UtcDateTime
from daemon.errors import SchemaError


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


@dataclass(frozen=True, slots=True)
class Mapped:
    """A table found in the database: ``table.c.<field>``, and the columns that have no field."""

    table: Table
    others: tuple[ReflectedColumn, ...]
    unique: frozenset[str]


#: Field -> the types that can serve it, and how to say so. Where a field is missing here, any text serves.
_ACCEPTED: Mapping[str, tuple[tuple[type[TypeEngine[Any]], ...], str]] = {
    "id": ((Integer, Uuid), "a whole number or a UUID"),
    "is_active": ((Boolean,), "boolean"),
    "gallery_images": ((JSON,), "json or jsonb"),
    "report_details": ((JSON,), "json or jsonb"),
    "updated_at": ((DateTime,), "a timestamp"),
    "started_at": ((DateTime,), "a timestamp"),
    "finished_at": ((DateTime,), "a timestamp"),
}
_TEXT = ((String,), "text")


def find(database: Database, names: Names) -> Mapped:
    """Given a database and the names of a table, return the table as it is there.

    Raises SchemaError, in one line with what was found, where the table, a column or a type is not what
    the names promise.
    """
    with database.reading() as connection:
        inspector = inspect(connection)
        found = _columns(inspector, names, database)
        unique = _unique(inspector, names)
    _check(names, found, database)
    columns = [
        Column(name, _type(field, found[name], database), key=field, primary_key=field == "id")
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


def _columns(inspector: Inspector, names: Names, database: Database) -> dict[str, ReflectedColumn]:
    try:
        return {column["name"]: column for column in inspector.get_columns(names.name, schema=names.schema)}
    except NoSuchTableError:
        tables = ", ".join(sorted(inspector.get_table_names(schema=names.schema))) or "no tables"
        raise SchemaError(
            f"[{names.section}] table: there is no table {names.table!r} in {database.name}; it has {tables}"
        ) from None


def _unique(inspector: Inspector, names: Names) -> frozenset[str]:
    constraints = inspector.get_unique_constraints(names.name, schema=names.schema)
    indexes = [i for i in inspector.get_indexes(names.name, schema=names.schema) if i.get("unique")]
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
        accepted, words = _ACCEPTED.get(field, _TEXT)
        if name and not database.is_sqlite and not isinstance(found[name]["type"], accepted):
            raise SchemaError(
                f"[{names.section}] {field} = {name!r}: the column is {found[name]['type']!s}, it must be {words}"
            )


def _type(field: str, column: ReflectedColumn, database: Database) -> TypeEngine[Any]:
    found = column["type"]
    accepted, _ = _ACCEPTED.get(field, _TEXT)
    if accepted == (DateTime,):
        return UtcDateTime(timezone=bool(getattr(found, "timezone", True)))
    if not database.is_sqlite:
        return found
    # SQLite stores what it is given: the field says what is meant, the declared length is kept
    if accepted == (JSON,):
        return TolerantJson()
    if accepted == (Boolean,):
        return Boolean(create_constraint=False)
    return found if isinstance(found, accepted) else accepted[0]()
