"""The daemon's own tables in a test's database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from daemon import shop
from daemon.config import Settings
from daemon.db import mapping, schema
from daemon.db.catalogues import Catalogue
from daemon.db.engine import Database
from daemon.db.mapping import Names
from daemon.db.products import Products
from daemon.db.sessions import Sessions

#: The tables and columns as they are called unless the configuration says otherwise.
PRODUCTS: Names = shop.products_names(Settings())
SESSIONS: Names = shop.sessions_names(Settings())

#: The exchange directory that the daemon of the tests works on.
EXCHANGE = "/srv/обмен/import_1c"


@dataclass(frozen=True)
class Tables:
    """An open database, and the tables in it."""

    database: Database
    products: Products
    sessions: Sessions
    catalogue: Catalogue


def products_names(**columns: str) -> Names:
    """Return the usual names of the products table but for some columns."""
    return Names(PRODUCTS.section, PRODUCTS.table, {**PRODUCTS.columns, **columns})


def sessions_names(**columns: str) -> Names:
    """Return the usual names of the sessions table but for some columns."""
    return Names(SESSIONS.section, SESSIONS.table, {**SESSIONS.columns, **columns})


def make(url: str) -> None:
    """Make the tables."""
    with Database(url) as database:
        schema.create(database, PRODUCTS, SESSIONS)


@contextmanager
def opened(url: str, products: Names = PRODUCTS, sessions: Names = SESSIONS) -> Iterator[Tables]:
    """Open a database whose tables are there."""
    with Database(url) as database:
        yield Tables(
            database,
            Products(mapping.find(database, products)),
            Sessions(mapping.find(database, sessions), EXCHANGE),
            Catalogue(None),
        )
