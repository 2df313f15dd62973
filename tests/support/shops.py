"""Workshops whose databases have the tables already: what tests of the whole command run it in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Command, WarmStarter, warm_starter
from support.postgres import Postgres
from support.prepared import MakeTables, PreparedDatabase, PreparedFile, prepared_database
from support.workshop import Workshop


@pytest.fixture(scope="session")
def starter() -> Iterator[WarmStarter]:
    """What starts commands quickly."""
    with warm_starter() as started:
        yield started


@pytest.fixture(scope="session")
def make_tables(starter: WarmStarter, tmp_path_factory: pytest.TempPathFactory) -> MakeTables:
    """What has the command make its tables."""
    place = tmp_path_factory.mktemp("tables")
    (place / "config.toml").touch()

    def make(url: str) -> None:
        command = Command(["init-db"], place, {"ONEC_IMAGES_DATABASE__URL": url})
        result = starter.start(command).result()
        assert result.status == 0, result.stderr

    return make


@pytest.fixture(scope="session")
def prepared_file(make_tables: MakeTables, tmp_path_factory: pytest.TempPathFactory) -> PreparedFile:
    """A file of SQLite with the tables."""
    return PreparedFile(tmp_path_factory.mktemp("prepared"), make_tables)


@pytest.fixture(scope="session")
def prepared_server(postgres: Postgres, make_tables: MakeTables) -> Iterator[PreparedDatabase]:
    """A database of PostgreSQL with the tables."""
    with prepared_database(postgres.new_database(), make_tables) as prepared:
        yield prepared


@pytest.fixture
def lite(tmp_path: Path, starter: WarmStarter, prepared_file: PreparedFile) -> Iterator[Workshop]:
    """A shop on SQLite, where the database does not matter."""
    made = Workshop(tmp_path, prepared_file.copy_to(tmp_path), starter)
    yield made
    made.close()


@pytest.fixture
def served(tmp_path: Path, starter: WarmStarter, prepared_server: PreparedDatabase) -> Iterator[Workshop]:
    """A shop on PostgreSQL, which does what SQLite cannot."""
    made = Workshop(tmp_path, prepared_server.copy(), starter)
    yield made
    made.close()


@pytest.fixture(params=["lite", "served"], ids=["sqlite", "postgresql"])
def workshop(request: pytest.FixtureRequest) -> Workshop:
    """A shop, once with each kind of database."""
    made: Workshop = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def bare(tmp_path: Path, database_url: str, starter: WarmStarter) -> Iterator[Workshop]:
    """A shop whose database is empty, once of each kind."""
    made = Workshop(tmp_path, database_url, starter)
    yield made
    made.close()
