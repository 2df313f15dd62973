"""The configuration made into the parts that work: the database, its tables, the media, the plan of an import."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from daemon.composition import Composition, Rules
from daemon.config import Settings
from daemon.db import lock, mapping, schema
from daemon.db.catalogues import Catalogue
from daemon.db.engine import Database
from daemon.db.mapping import Names
from daemon.db.products import Products
from daemon.db.sessions import Sessions
from daemon.errors import OnecImagesError
from daemon.importer.delivery import Terms
from daemon.importer.importer import Plan
from daemon.log import logger
from daemon.media import Media
from daemon.naming import PictureNames

_MOST_WORKERS = 4  # more threads only wait for each other


@dataclass(frozen=True, slots=True)
class Shop:
    """An open database with its tables as they were found.

    catalogue: None where the database forbids the daemon its table.
    """

    database: Database
    products: Products
    sessions: Sessions
    catalogue: Catalogue | None


def products_names(settings: Settings) -> Names:
    """Given the settings, return what the products table and its columns are called."""
    columns = settings.database.products.model_dump(exclude={"table"})
    return Names("database.products", settings.database.products.table, columns)


def sessions_names(settings: Settings) -> Names:
    """Given the settings, return what the sessions table and its columns are called."""
    columns = settings.database.sessions.model_dump(exclude={"table"})
    return Names("database.sessions", settings.database.sessions.table, columns)


@contextmanager
def opened(settings: Settings) -> Iterator[Shop]:
    """Given the settings, yield the shop with all tables there. Raises DatabaseUnavailableError or SchemaError."""
    with Database(settings.database.url) as database:
        yield _shop(settings, database, create(settings, database))


@contextmanager
def looked_at(settings: Settings) -> Iterator[Shop]:
    """Given the settings, yield the shop for reading only: nothing is created.

    Raises OnecImagesError where the daemon's own tables have not been made yet, and as ``opened`` does.
    """
    with Database(settings.database.url, read_only=True) as database:
        if not settings.database.attach and not schema.exists(database, products_names(settings)):
            raise OnecImagesError(f"{database.name} has no tables yet; `onec-images init-db` makes them")
        catalogue = Catalogue(None) if schema.has_catalogue(database) else None
        yield _shop(settings, database, catalogue)


@contextmanager
def at_work(settings: Settings) -> Iterator[Shop]:
    """Given the settings, yield the shop while nobody else works on it; what a dead process left is closed.

    Raises LockedError, and as ``opened`` does.
    """
    with opened(settings) as shop, lock.held(shop.database, shop.sessions.daemon):
        with shop.database.writing() as connection:
            closed = shop.sessions.close_interrupted(connection)
            if settings.sessions.keep_days:
                shop.sessions.prune(connection, timedelta(days=settings.sessions.keep_days))
        if closed:
            logger().warning(
                "sessions_interrupted", message=f"{closed} interrupted sessions were closed as failed"
            )
        yield shop


def create(settings: Settings, database: Database) -> Catalogue | None:
    """Given the settings and a database, make the tables that are the daemon's, and return the catalogue.

    In a shop's database that is the catalogue's alone, and None is returned where even that is forbidden.
    """
    if not settings.database.attach:
        return Catalogue(schema.create(database, products_names(settings), sessions_names(settings)))
    if reason := schema.create_catalogue(database):
        message = f"The table of the catalogue cannot be made ({reason}): pictures are ordered by name"
        logger().warning("catalogue_forbidden", message=message)
        return None
    return Catalogue(None)


def _shop(settings: Settings, database: Database, catalogue: Catalogue | None) -> Shop:
    products = Products(mapping.find(database, products_names(settings)))
    daemon = os.path.realpath(settings.exchange.dir)  # one name, whatever links lead there
    sessions = Sessions(mapping.find(database, sessions_names(settings)), daemon)
    return Shop(database, products, sessions, catalogue)


def media(settings: Settings) -> Media:
    """Given the settings, return the media directory, open. Raises MediaError."""
    return Media(
        settings.media.dir,
        settings.media.prefix,
        file_mode=settings.media.file_mode,
        dir_mode=settings.media.dir_mode,
        min_free=settings.media.min_free,
        durable=settings.media.durable,
    )


def picture_names(settings: Settings) -> PictureNames:
    """Given the settings, return which file names are pictures."""
    return PictureNames.from_patterns(settings.exchange.extensions, settings.exchange.ignore)


def rules(settings: Settings) -> Rules:
    """Given the settings, return how rows are composed."""
    return Rules(
        settings.media.prefix, settings.import_.placeholder, Composition(settings.import_.composition)
    )


def plan(settings: Settings, products: Products) -> Plan:
    """Given the settings and the products table, return how an import is done."""
    return Plan(
        exchange=settings.exchange.dir,
        image_roots=settings.exchange.image_roots,
        terms=Terms(settings.media.prefix, products.path_length, settings.import_.max_file_size),
        rules=rules(settings),
        chunk_size=settings.import_.chunk_size,
        workers=settings.import_.workers or min(_MOST_WORKERS, os.cpu_count() or 1),
        time_limit=settings.import_.time_limit,
    )
