"""The daemon's own tables, and how to make them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.types import TypeEngine

from daemon.db.engine import Database
from daemon.db.failures import is_forbidden
from daemon.db.mapping import Names
from daemon.db.types import Json, RowId, UtcDateTime
from daemon.errors import DatabaseUnavailableError, SchemaError

#: Raised with every change to the tables below.
VERSION = 1

#: The advisory lock of whoever makes tables: "onec".
_MAKING = 0x6F6E6563

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
    "gallery_images": (Json(), "'[]'"),
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
    "report_details": (Json(), "'{}'"),
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
    Column("pictures", Json(), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

_version = Table("onec_images_schema", _own, Column("version", Integer, nullable=False))


def create(database: Database, products: Names, sessions: Names) -> Table:
    """Given a database and the names of its two main tables, make all tables of ours that are missing.

    Returns the products table, which the catalogue fills. Raises SchemaError where a newer release has made
    them, or where a table of that name is not ours, and DatabaseUnavailableError.
    """
    for names in (products, sessions):
        names.check(database)
    metadata = MetaData()
    table = _table(products, metadata, _PRODUCT, database)
    _indexed(_table(sessions, metadata, _SESSION, database))
    with database.writing() as connection:
        _alone(connection)
        _check_version(connection, database)
        _check_columns(connection, database, [*_own.tables.values(), *metadata.tables.values()])
        _own.create_all(connection)
        metadata.create_all(connection)
        if connection.scalar(select(_version.c.version)) is None:
            connection.execute(_version.insert().values(version=VERSION))
    return table


def create_catalogue(database: Database) -> str | None:
    """Make the one table that the daemon keeps in a shop's database, and return why that is forbidden if it is.

    Raises DatabaseUnavailableError.
    """
    if has_catalogue(database):
        return None
    try:
        with database.writing() as connection:
            _alone(connection)
            catalogue.create(connection, checkfirst=True)
    except DatabaseUnavailableError as error:
        if is_forbidden(error.__cause__):
            return str(error)
        raise
    return None


def _alone(connection: Connection) -> None:
    """Let no other process make tables until the end of the transaction, as is so on SQLite anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))


def _check_version(connection: Connection, database: Database) -> None:
    if not inspect(connection).has_table(_version.name):
        return
    found = connection.scalar(select(func.max(_version.c.version)))
    if found is not None and found > VERSION:
        raise SchemaError(
            f"{database.name}: its tables were made by a newer release (version {found}, this one knows"
            f" {VERSION}); install that one"
        )


def _check_columns(connection: Connection, database: Database, tables: Iterable[Table]) -> None:
    inspector = inspect(connection)
    for table in tables:
        if not inspector.has_table(table.name, schema=table.schema):
            continue
        found = set(connection.execute(select(literal_column("*")).select_from(table).where(false())).keys())
        absent = [column.name for column in table.columns if column.name not in found]
        if absent:
            raise SchemaError(
                f"{database.name}: the table {table.fullname} is there, but not as onec-images makes it: it lacks"
                f" {', '.join(absent)}; if it is a shop's, set [database] attach = true"
            )


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
