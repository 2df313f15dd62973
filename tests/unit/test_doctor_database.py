"""Whether the database can be reached, and no pooler or network stands between."""

from pathlib import Path

import pytest
from sqlalchemy import make_url
from support.postgres import Postgres

from daemon import shop
from daemon.config import Settings
from daemon.doctor import database
from daemon.doctor.configuration import initializing
from daemon.doctor.finding import Finding, State
from daemon.mounts import Mount

FILE = Path("/etc/onec-images/config.toml")


def settings(place: Path, url: str, **keys: object) -> Settings:
    return Settings.model_validate({"database": {"url": url, **keys}}).anchored(place)


def findings(place: Path, url: str, **keys: object) -> list[Finding]:
    return list(database.examine(settings(place, url, **keys), FILE))


def initialized(place: Path, url: str) -> str:
    with shop.opened(settings(place, url)):
        return url


def test_a_database_with_our_tables_is_well(tmp_path: Path, database_url: str) -> None:
    found = findings(tmp_path, initialized(tmp_path, database_url))
    assert {finding.state for finding in found} == {State.OK}


def test_a_missing_file_is_made_by_init_db_but_not_by_the_doctor(tmp_path: Path) -> None:
    [found] = findings(tmp_path, "sqlite:///shop.db")
    assert found.state is State.WARNING
    assert found.message == f"{tmp_path}/shop.db does not exist yet"
    assert found.remedy == initializing(FILE)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_of_a_shop_is_an_error(tmp_path: Path) -> None:
    [found] = findings(tmp_path, "sqlite:///shop.db", attach=True)
    assert (found.state, found.remedy) == (State.ERROR, f"correct [database] in {FILE}")


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    [found] = findings(tmp_path, "sqlite:///state/shop.db")
    assert found.state is State.ERROR
    assert found.remedy.endswith(f" {tmp_path}/state")


def test_a_directory_in_the_place_of_the_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "shop.db").mkdir()
    found = findings(tmp_path, "sqlite:///shop.db")[0]
    assert found.state is State.ERROR
    assert found.message == f"{tmp_path}/shop.db is a directory, not a regular file"


def test_what_is_no_database_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("anything but a database, and long enough to be read as one" * 10)
    well, found = findings(tmp_path, "sqlite:///shop.db")
    assert well.state is State.OK
    assert found.state is State.ERROR
    assert found.message.endswith("shop.db: file is not a database")
    assert found.remedy == f"restore the file from a backup, or correct [database] in {FILE}"


@pytest.mark.parametrize("directory", ["data/import_1c", "media"])
def test_a_file_among_what_is_emptied_or_served_is_an_error(tmp_path: Path, directory: str) -> None:
    (tmp_path / directory).mkdir(parents=True)
    url = initialized(tmp_path, f"sqlite:///{directory}/shop.db")
    [found] = [finding for finding in findings(tmp_path, url) if finding.state is State.ERROR]
    assert found.message.startswith(f"{tmp_path}/{directory}/shop.db lies in the ")


def test_sqlite_on_a_network_is_an_error() -> None:
    [found] = database.on_mount(Mount("/srv", "nfs4"))
    assert found.state is State.ERROR
    assert found.message.startswith("/srv is nfs4, where SQLite's locks do not hold")
    assert list(database.on_mount(Mount("/", "ext4"))) == []


def test_an_unreachable_server_is_one_error_without_its_password(tmp_path: Path) -> None:
    [found] = findings(tmp_path, "postgresql://shop:secret@127.0.0.1:1/shop")
    assert found.state is State.ERROR
    assert "Connection refused" in found.message
    assert "secret" not in found.message
    assert found.remedy == f"start the server: systemctl start postgresql, or correct [database] in {FILE}"


def test_a_database_that_does_not_exist_is_one_error(tmp_path: Path, postgres: Postgres) -> None:
    url = make_url(postgres.new_database()).set(database="nowhere")
    [found] = findings(tmp_path, url.render_as_string(hide_password=False))
    assert found.state is State.ERROR
    assert '"nowhere" does not exist' in found.message


def test_two_connections_with_one_end_are_lent_by_a_pooler() -> None:
    found = database.connections(4711, 4711)
    assert found.state is State.ERROR
    assert found.remedy.startswith("name PostgreSQL itself")


def test_two_connections_with_two_ends_are_connections_indeed() -> None:
    assert database.connections(4711, 4712).state is State.OK


def test_a_server_without_a_pooler_is_well(tmp_path: Path, postgres: Postgres) -> None:
    found = findings(tmp_path, postgres.new_database())
    assert [f.state for f in found if f.subject == "database connections"] == [State.OK]


def test_a_pooler_that_refuses_our_settings_is_called_one() -> None:
    reason = "connection failed: FATAL:  unsupported startup parameter: options"
    found = database.unreachable("postgresql+psycopg://shop@pooler/shop", reason, FILE)
    assert found.state is State.ERROR
    assert found.message == f"{reason}: this is a pooler such as pgbouncer"
    assert found.remedy.startswith("name PostgreSQL itself")
