"""One importer at a time for an exchange directory and a database."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import rights, sql
from support.holders import holder
from support.postgres import Postgres
from support.proxies import proxy
from support.roles import role
from support.workshop import wait_until

from daemon.db import lock
from daemon.db.engine import Database, application_name
from daemon.errors import DatabaseUnavailableError, LockedError

EXCHANGE = "/srv/обмен/import_1c"


@contextmanager
def held(url: str, exchange: str = EXCHANGE) -> Iterator[Database]:
    with Database(url) as database, lock.held(database, exchange):
        yield database


def refusal(url: str, exchange: str = EXCHANGE) -> str:
    """Return what is said to whoever comes second."""
    with pytest.raises(LockedError) as caught, held(url, exchange):
        pass
    assert caught.value.exit_status == 75
    return str(caught.value)


def can_be_held(url: str) -> bool:
    try:
        with held(url):
            return True
    except LockedError:
        return False


def test_whoever_comes_second_is_told_who_holds_it_since_when_and_what_to_do(database_url: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    with holder(database_url, EXCHANGE) as process:
        told = refusal(database_url)
    assert "\n" not in told
    found = re.search(r"\(host (\S+), process (\d+), since (\S+)\)", told)
    assert found is not None
    assert found[1] == socket.gethostname()
    assert int(found[2]) == process.pid
    assert before <= datetime.fromisoformat(found[3]) <= datetime.now(UTC)
    assert "use `onec-images trigger`" in told


def test_the_lock_goes_with_the_work(database_url: str) -> None:
    with held(database_url):
        assert not can_be_held(database_url)
    assert can_be_held(database_url)


def test_the_lock_goes_with_a_killed_process(database_url: str) -> None:
    with holder(database_url, EXCHANGE) as process:
        assert not can_be_held(database_url)
        process.kill()
        process.wait()
        wait_until(lambda: can_be_held(database_url))


def test_another_exchange_has_a_lock_of_its_own(database_url: str) -> None:
    with held(database_url), held(database_url, "/srv/another"):
        assert "process" in refusal(database_url, "/srv/another")


def test_an_exchange_may_have_any_name(database_url: str) -> None:
    with held(database_url, "/srv/\udcff"):
        assert "process" in refusal(database_url, "/srv/\udcff")


def test_another_database_has_a_lock_of_its_own(postgres: Postgres) -> None:
    one, other = postgres.new_database(), postgres.new_database()
    with held(one), holder(other, EXCHANGE) as process:
        assert f"process {process.pid}," in refusal(other)
        assert f"process {os.getpid()}," in refusal(one)


def test_another_role_is_told_who_holds_it(postgres: Postgres) -> None:
    url = postgres.new_database()
    with role(url) as other, holder(url, EXCHANGE) as process:
        assert f"host {socket.gethostname()}, process {process.pid}" in refusal(other)


def test_who_holds_it_without_a_name_is_told_by_the_number_of_the_server(postgres: Postgres) -> None:
    url = postgres.new_database()
    with sql.connection(url) as connection, held(url):
        [(key,)] = connection.exec_driver_sql(
            "SELECT (classid::bigint << 32 | objid::bigint) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    with sql.connection(url) as connection:
        connection.exec_driver_sql("SET application_name = ''")
        [(pid,)] = connection.exec_driver_sql(f"SELECT pg_backend_pid() FROM pg_advisory_lock({key})")  # noqa: S608
        assert f"(database process {pid}, since " in refusal(url)


@pytest.mark.parametrize("host", ["shop", "a" * 64, "x" * 253])
def test_a_host_with_a_long_name_leaves_room_for_the_process(host: str) -> None:
    name = application_name(host)
    assert len(name) <= 63
    assert name.startswith(f"onec-images: host {host[:20]}")
    assert name.endswith(f", process {os.getpid()}")


def test_a_lost_connection_loses_the_lock_and_never_writes_again(postgres: Postgres) -> None:
    url = postgres.new_database()
    sql.script(url, "CREATE TABLE written (a integer)")
    with held(url) as database:
        with database.reading() as connection:
            [(pid,)] = connection.exec_driver_sql("SELECT pg_backend_pid()")
        sql.execute(url, "SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
        assert can_be_held(url)
        for _ in range(3):
            with (
                pytest.raises(DatabaseUnavailableError, match="terminating connection"),
                database.writing() as connection,
            ):
                connection.exec_driver_sql("INSERT INTO written VALUES (1)")
        with pytest.raises(DatabaseUnavailableError, match="the connection was lost"), database.reading():
            pass
    assert sql.execute(url, "SELECT * FROM written") == []


# a connection that is made anew


def backend(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() or 0)


def lose(url: str, database: Database) -> None:
    """End a connection at the server's side, and have that noticed."""
    sql.execute(url, "SELECT pg_terminate_backend(:pid, 10000)", pid=backend(database))
    with pytest.raises(DatabaseUnavailableError, match="terminating connection"):
        database.ping()
    assert database.is_lost


def test_a_new_connection_holds_the_lock_again(postgres: Postgres) -> None:
    url = postgres.new_database()
    with held(url) as database:
        lose(url, database)
        assert can_be_held(url)
        database.reconnect()
        assert not can_be_held(url)
        assert not database.is_lost
        database.ping()
    assert can_be_held(url)


def test_a_connection_that_was_not_lost_may_be_made_anew(database_url: str) -> None:
    with held(database_url) as database:
        for _ in range(3):
            database.reconnect()
            assert not can_be_held(database_url)
            database.ping()


def test_while_another_has_the_lock_nothing_can_be_written(postgres: Postgres) -> None:
    url = postgres.new_database()
    sql.script(url, "CREATE TABLE written (a integer)")
    with held(url) as database:
        lose(url, database)
        with holder(url, EXCHANGE) as process:
            for _ in range(2):
                with pytest.raises(LockedError, match=f"process {process.pid}, since"):
                    database.reconnect()
                assert database.is_lost
                with pytest.raises(DatabaseUnavailableError, match="lost"), database.writing() as connection:
                    connection.exec_driver_sql("INSERT INTO written VALUES (1)")
        wait_until(lambda: can_be_held(url))
        database.reconnect()
        with database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO written VALUES (2)")
    assert sql.execute(url, "SELECT * FROM written") == [(2,)]


def test_our_own_end_that_the_server_does_not_know_to_be_gone_is_no_rival(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_database()
    with proxy(url, tmp_path) as (through, network), held(through) as database:
        for _ in range(2):
            network.cut()
            with pytest.raises(DatabaseUnavailableError):
                database.ping()
            assert not can_be_held(url)
            database.reconnect()
            assert not can_be_held(url)
            database.ping()


def test_what_was_left_on_a_connection_that_was_lost_is_no_rival_later(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_database()
    with proxy(url, tmp_path) as (through, network):
        with held(through):
            network.cut()
        assert can_be_held(through)


def test_the_lock_is_free_at_once_when_the_work_has_ended(postgres: Postgres) -> None:
    url = postgres.new_database()
    with Database(url) as database:
        with lock.held(database, EXCHANGE):
            assert not can_be_held(url)
        assert can_be_held(url)


def test_another_of_our_own_connections_is_a_rival(postgres: Postgres) -> None:
    url = postgres.new_database()
    with held(url) as database:
        lose(url, database)
        with held(url) as other:
            with pytest.raises(LockedError):
                database.reconnect()
            other.ping()


def test_the_lock_beside_a_file_is_kept_while_the_file_is_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/onec-images.db"
    with held(url) as database:
        [found] = tmp_path.glob("*.lock")
        before = found.stat()
        database.reconnect()
        assert found.stat().st_mtime_ns == before.st_mtime_ns
        assert not can_be_held(url)


def test_a_lock_beside_a_file_that_was_removed_is_taken_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/onec-images.db"
    with held(url) as database:
        [found] = tmp_path.glob("*.lock")
        found.unlink()
        database.reconnect()
        assert not can_be_held(url)
        found.unlink()
        with held(url), pytest.raises(LockedError):
            database.reconnect()
        assert database.is_lost
        database.reconnect()
        assert not can_be_held(url)


# beside a file of SQLite


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "onec-images.db"


@pytest.fixture
def url(file: Path) -> str:
    """The URL of the file, which is there."""
    file.parent.mkdir()
    address = f"sqlite:///{file}"
    with Database(address):
        return address


def locks_beside(file: Path) -> list[Path]:
    return sorted(file.parent.glob("*.lock"))


def test_the_lock_lies_beside_the_file(file: Path, url: str) -> None:
    with held(url):
        [found] = locks_beside(file)
    assert found.name.startswith("onec-images.db-")


def test_a_link_to_the_file_leads_to_the_same_lock(file: Path, url: str, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(file)
    (tmp_path / "directory").symlink_to(file.parent)
    with held(url):
        assert not can_be_held(f"sqlite:///{link}")
        assert not can_be_held(f"sqlite:///{tmp_path}/directory/onec-images.db")
    assert locks_beside(link) == []


@pytest.mark.parametrize(
    "content", [b"", b"\xff\0", b"[]", b"5", b'"x"', b"{}", b'["host shop, process 1"', b"null"]
)
def test_a_holder_that_left_no_name_is_unknown(file: Path, url: str, content: bytes) -> None:
    with held(url):
        [found] = locks_beside(file)
        found.write_bytes(content)
        assert "(unknown)" in refusal(url)


def test_what_an_earlier_holder_left_is_written_anew(file: Path, url: str) -> None:
    with held(url):
        [found] = locks_beside(file)
    found.write_bytes(b"x" * 5000)
    with held(url):
        assert f"process {os.getpid()}, since " in refusal(url)


def test_a_link_in_the_place_of_the_lock_is_not_followed(file: Path, url: str, tmp_path: Path) -> None:
    with held(url):
        [found] = locks_beside(file)
    found.unlink()
    found.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatabaseUnavailableError, match=r"the lock .*\.lock cannot be taken: "), held(url):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_takes_no_lock_is_told_in_one_line(file: Path, url: str) -> None:
    with Database(url) as database:
        file.parent.chmod(0o555)
        told = "cannot be taken: Permission denied"
        with (
            rights.as_owner(),
            pytest.raises(DatabaseUnavailableError, match=told),
            lock.held(database, EXCHANGE),
        ):
            pass
        file.parent.chmod(0o755)
