"""The daemon's own tables, and how to make them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from daemon.db.engine import Database, reason_of
from daemon.db.mapping import Names
from daemon.db.types import Json, RowId, UtcDateTime
from daemon.errors import SchemaError

#: Raised with every change to the tables below.
VERSION = 1

#: Characters that an onec_id may have.
ONEC_ID_LENGTH = 100

#: Field of a product -> its type and the server's default.
_PRODUCT: Mapping[str, tuple[TypeEngine[Any], str | None]] = {
    # byte order serves prefix searches from the same index that keeps the ids unique
    "onec_id": (
        String(ONEC_ID_LENGTH).with_variant(String(ONEC_ID_LENGTH, collation="C"), "postgresql"),
        None,
    ),
    "name": (Text(), "''"),
    "is_active": (Boolean(), "true"),
    "main_image": (String(255), "''"),
    "gallery_images": (Json, "'[]'"),
    "updated_at": (UtcDateTime(), "now"),
}

_SESSION: Mapping[str, tuple[TypeEngine[Any], str | None]] = {
    "import_type": (String(20), "'images'"),
    "status": (String(20), "'pending'"),
    "task_id": (String(255), None),
    "trigger": (String(20), "'manual'"),
    "started_at": (UtcDateTime(), "now"),
    "updated_at": (UtcDateTime(), "now"),
    "finished_at": (UtcDateTime(), None),
    "report_details": (Json, "'{}'"),
    "error_message": (Text(), "''"),
}

_NULLABLE = frozenset({"onec_id", "main_image", "gallery_images", "task_id", "finished_at"})
_INDEXED = ("import_type", "task_id", "started_at")

_NOW = {"sqlite": "(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))", "postgresql": "now()"}

_own = MetaData()

#: What goods.xml says of each product's pictures, kept because the exchange removes its files.
catalogue = Table(
    "onec_images_catalogue",
    _own,
    Column("onec_id", Text, primary_key=True),
    Column("pictures", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

_version = Table("onec_images_schema", _own, Column("version", Integer, nullable=False))


def create(database: Database, products: Names, sessions: Names) -> Table:
    """Given a database and the names of its two main tables, make all tables of ours that are missing.

    Returns the products table, which the catalogue fills. Raises SchemaError where a newer release has made them.
    """
    with database.writing() as connection:
        _own.create_all(connection)
        found = connection.execute(select(_version.c.version)).scalars().all()
        if found and max(found) > VERSION:
            raise SchemaError(f"{database.name}: the tables were made by a newer release; install that one")
        if not found:
            connection.execute(_version.insert().values(version=VERSION))
        metadata = MetaData()
        table = _table(products, metadata, _PRODUCT, database)
        _indexed(_table(sessions, metadata, _SESSION, database))
        metadata.create_all(connection)
    return table


def create_catalogue(database: Database) -> str | None:
    """Make the one table that the daemon keeps in a shop's database, and return why that is forbidden if it is."""
    if has_catalogue(database):
        return None
    try:
        with database.connection.begin():
            catalogue.create(database.connection, checkfirst=True)
    except DBAPIError as error:
        return reason_of(error)
    return None


def exists(database: Database, products: Names) -> bool:
    """Given a database and what the products table is called, return whether that table exists."""
    with database.reading() as connection:
        return inspect(connection).has_table(products.name, schema=products.schema)


def has_catalogue(database: Database) -> bool:
    """Return whether the table of the catalogue exists."""
    with database.reading() as connection:
        return inspect(connection).has_table(catalogue.name)


def _table(
    names: Names,
    metadata: MetaData,
    fields: Mapping[str, tuple[TypeEngine[Any], str | None]],
    database: Database,
) -> Table:
    now = _NOW[database.url.get_backend_name()]
    columns = [
        Column(
            names.columns.get(field, field),
            kind,
            key=field,
            nullable=field in _NULLABLE,
            server_default=None if default is None else literal_column(now if default == "now" else default),
        )
        for field, (kind, default) in fields.items()
        if names.columns.get(field, field)
    ]
    constraints = [UniqueConstraint("onec_id")] if "onec_id" in fields else []
    row_id = Column(names.columns["id"], RowId, primary_key=True, key="id")
    return Table(names.name, metadata, row_id, *columns, *constraints, schema=names.schema)


def _indexed(table: Table) -> None:
    for field in _INDEXED:
        if field in table.c:
            Index(None, table.c[field])
