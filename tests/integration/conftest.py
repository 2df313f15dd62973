"""Databases with the daemon's own tables, and workshops to run the command in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import own_tables
from support.commands import WarmStarter, warm_starter
from support.own_tables import Tables
from support.postgres import Postgres
from support.prepared import PreparedDatabase, PreparedFile, prepared_database
from support.workshop import Workshop


@pytest.fixture(scope="session")
def starter() -> Iterator[WarmStarter]:
    """What starts commands quickly."""
    with warm_starter() as started:
        yield started


@pytest.fixture
def bare(tmp_path: Path, database_url: str, starter: WarmStarter) -> Iterator[Workshop]:
    """A shop whose database is empty, once of each kind."""
    made = Workshop(tmp_path, database_url, starter)
    yield made
    made.close()


@pytest.fixture
def lite(tmp_path: Path, starter: WarmStarter) -> Iterator[Workshop]:
    """A shop on SQLite whose database has not been made."""
    made = Workshop(tmp_path, f"sqlite:///{tmp_path}/onec-images.db", starter)
    yield made
    made.close()


@pytest.fixture
def served(tmp_path: Path, postgres: Postgres, starter: WarmStarter) -> Iterator[Workshop]:
    """A shop on PostgreSQL whose database is empty."""
    made = Workshop(tmp_path, postgres.new_database(), starter)
    yield made
    made.close()


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> PreparedFile:
    """An SQLite file with the daemon's own tables."""
    return PreparedFile(tmp_path_factory.mktemp("prepared"), own_tables.make)


@pytest.fixture(scope="session")
def prepared_server(postgres: Postgres) -> Iterator[PreparedDatabase]:
    """A PostgreSQL database with the daemon's own tables."""
    with prepared_database(postgres.new_database(), own_tables.make) as prepared:
        yield prepared


@pytest.fixture
def lite_url(tmp_path: Path, prepared_file: PreparedFile) -> str:
    """An SQLite file with the daemon's own tables."""
    return prepared_file.copy_to(tmp_path)


@pytest.fixture
def served_url(prepared_server: PreparedDatabase) -> str:
    """A PostgreSQL database with the daemon's own tables."""
    return prepared_server.copy()


@pytest.fixture(params=["lite_url", "served_url"], ids=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A database with the daemon's own tables, once of each kind."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def tables(url: str) -> Iterator[Tables]:
    """The tables in it."""
    with own_tables.opened(url) as opened:
        yield opened
