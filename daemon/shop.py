"""The configuration made into the parts that work: the database, its tables, the media, the plan of an import."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon import runtime
from daemon.composition import Composition, Rules
from daemon.config import Settings
from daemon.db import inspection, lock, mapping, schema
from daemon.db.catalogues import Catalogue
from daemon.db.engine import Database
from daemon.db.mapping import Names
from daemon.db.products import Products
from daemon.db.sessions import Sessions
from daemon.errors import (
    DatabaseForbiddenError,
    DatabaseUnavailableError,
    OnecImagesError,
    RefusedValueError,
    RowsHeldError,
    SchemaError,
)
from daemon.importer.delivery import Terms
from daemon.importer.plan import Plan
from daemon.log import logger
from daemon.media import Media
from daemon.naming import PictureNames

_MOST_WORKERS = 2  # unless asked for: with more, a large import takes more memory than is promised
_PATIENCE = 3.0  # seconds that old sessions are worth waiting for what others hold


@dataclass(frozen=True, slots=True)
class Shop:
    """An open database with its tables as they were found.

    catalogue: None where the database forbids the daemon its table.
    """

    database: Database
    products: Products
    sessions: Sessions
    catalogue: Catalogue | None

    def needed_catalogue(self) -> Catalogue:
        """Return the catalogue. Raises SchemaError where the database forbids it."""
        if self.catalogue is None:
            raise SchemaError(
                "the database forbids the table onec_images_catalogue: grant CREATE, or do without"
            )
        return self.catalogue


def products_names(settings: Settings) -> Names:
    """Given the settings, return what the products table and its columns are called."""
    columns = settings.database.products.model_dump(exclude={"table"})
    return Names("database.products", settings.database.products.table, columns)


def sessions_names(settings: Settings) -> Names:
    """Given the settings, return what the sessions table and its columns are called."""
    columns = settings.database.sessions.model_dump(exclude={"table"})
    return Names("database.sessions", settings.database.sessions.table, columns)


@contextmanager
def opened(settings: Settings, patience: float | None = None) -> Iterator[Shop]:
    """Given the settings, yield the shop with all tables there. Raises DatabaseUnavailableError or SchemaError.

    A shop that is attached is looked for before anything is made. ``patience`` is for how many seconds each lock of
    others is waited for, if not for the usual time.
    """
    with _to_write(settings, patience) as database:
        if settings.database.attach:
            _found(settings, database)
        yield _shop(settings, database, create(settings, database))


def _to_write(settings: Settings, patience: float | None) -> Database:
    file = inspection.file_of(settings.database.url)
    if settings.database.attach and file and not file.exists():
        raise DatabaseUnavailableError(
            f"there is no file {file}, and one of a shop is not made: correct [database] url, or set attach = false"
            " for a database of the daemon's own"
        )
    return Database(settings.database.url, create=not settings.database.attach, patience=patience)


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
def at_work(settings: Settings, patience: float | None = None) -> Iterator[Shop]:
    """Given the settings, yield the shop while nobody else works on it; what a dead process left is closed.

    Raises LockedError, and as ``opened`` does.
    """
    with opened(settings, patience) as shop, lock.held(shop.database, shop.sessions.daemon):
        tidy(settings, shop)
        yield shop


def tidy(settings: Settings, shop: Shop, under_way: Collection[Any] = ()) -> None:
    """Given the settings and the shop, close the sessions that died and remove old ones.

    Only whoever holds the lock may call this, with the ids of its own sessions that are under way or will go on.
    Raises DatabaseUnavailableError.
    """
    with shop.database.writing() as connection:
        closed = shop.sessions.close_interrupted(connection, under_way)
    if closed:
        message = f"{closed} interrupted sessions were closed as failed"
        logger().warning("sessions_interrupted", message=message, closed=closed)
    if settings.sessions.keep_days:
        _prune(shop, timedelta(days=settings.sessions.keep_days))


def _prune(shop: Shop, keep: timedelta) -> None:
    """Remove old sessions; where the shop's rules or transactions forbid that, they are left for another time."""
    try:
        with shop.database.writing(patience=_PATIENCE) as connection:
            shop.sessions.prune(connection, keep)
    except DatabaseForbiddenError as error:  # `check` names the right that is missing
        logger().debug("sessions_kept", message=f"Old sessions cannot be removed: {error}", reason=str(error))
    except (RefusedValueError, RowsHeldError) as error:
        message = f"Old sessions cannot be removed: {error}"
        logger().warning("sessions_kept", message=message, reason=str(error))


def create(settings: Settings, database: Database) -> Catalogue | None:
    """Given the settings and a database, make the tables that are the daemon's, and return the catalogue.

    In a shop's database that is the catalogue's alone, and None is returned where even that is forbidden.
    """
    if not settings.database.attach:
        return Catalogue(schema.create(database, products_names(settings), sessions_names(settings)))
    if reason := schema.create_catalogue(database):
        message = f"The table of the catalogue cannot be made ({reason}): pictures are ordered by name"
        logger().warning("catalogue_forbidden", message=message, reason=reason)
        return None
    return Catalogue(None)


def state_place(settings: Settings, environ: Mapping[str, str]) -> Path | None:
    """Given the settings and the environment, return where the service tells its state, None if nowhere."""
    return runtime.place(*_whose(settings), environ)


def state_places(settings: Settings, environ: Mapping[str, str]) -> list[Path]:
    """Given the settings and the environment, return wherever the service may tell its state."""
    return runtime.places(*_whose(settings), environ)


def _whose(settings: Settings) -> tuple[Path | None, str, str]:
    url = settings.database.url
    return inspection.file_of(url), url, _daemon(settings)


def _daemon(settings: Settings) -> str:
    """Return the one name of the exchange directory, whatever links lead there."""
    return os.path.realpath(settings.exchange.dir)


def _shop(settings: Settings, database: Database, catalogue: Catalogue | None) -> Shop:
    return Shop(database, *_found(settings, database), catalogue)


def _found(settings: Settings, database: Database) -> tuple[Products, Sessions]:
    products = Products(mapping.find(database, products_names(settings)))
    return products, Sessions(mapping.find(database, sessions_names(settings)), _daemon(settings))


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
