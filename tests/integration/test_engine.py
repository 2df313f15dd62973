"""One connection to the database: how it is opened, what it says of trouble, and what it leaves behind."""

import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import ProgrammingError
from support import own_tables, rights, sql
from support.commands import WarmStarter
from support.own_tables import EXCHANGE
from support.postgres import Postgres
from support.proxies import proxy
from support.roles import role
from support.workshop import Workshop, everything_below

from daemon.composition import Images
from daemon.db import mapping
from daemon.db.engine import Database
from daemon.db.products import Products
from daemon.db.sessions import ImportType, Sessions, Status, Trigger, begun, ended
from daemon.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    LockedError,
    OnecImagesError,
    RefusedValueError,
    SchemaError,
)

#: Adds rows to table `t` of a file in WAL mode, and is killed with them in the -wal file.
_KILLED_WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("BEGIN")
connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(2000)])
connection.execute("COMMIT")
os.kill(os.getpid(), signal.SIGKILL)
"""

#: Moves one from row to row of table `t`, opening and closing the file now and then, until standard input ends.
_BUSY_WRITER = """
import select, sqlite3, sys
print("ready", flush=True)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
    connection.execute("PRAGMA synchronous = off")
    connection.execute("PRAGMA wal_autocheckpoint = 5")
    for _ in range(number % 7 * 20):
        number += 1
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE t SET a = a + 1 WHERE rowid = ?", (number % 2000 + 1,))
        connection.execute("UPDATE t SET a = a - 1 WHERE rowid = ?", (number * 7 % 2000 + 1,))
        connection.execute("COMMIT")
    connection.close()
    number += 1
"""

#: Adds a row to table `t`, and keeps the file open until standard input ends.
_IDLE_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO t VALUES (1)")
print("ready", flush=True)
sys.stdin.read()
connection.close()
"""

_COUNT = "SELECT count(*), sum(a) FROM t"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A file of SQLite in a directory of its own."""
    directory = tmp_path / "state"
    directory.mkdir()
    yield directory / "shop.db"
    directory.chmod(0o755)


def make(file: Path, mode: str = "wal", rows: int = 0) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(rows)])
        connection.commit()


def add_and_be_killed(file: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED_WRITER, file], check=False)
    assert {path.name for path in file.parent.iterdir()} == {"shop.db", "shop.db-wal", "shop.db-shm"}


def seen(file: Path) -> dict[str, tuple[object, ...]]:
    """Return what can be seen of a file and all beside it; root's SQLite renews the times of their status."""
    found = [(path, path.stat()) for path in [file.parent, *file.parent.iterdir()]]
    return {
        path.name: (status.st_ino, status.st_mode, status.st_mtime_ns, path.is_file() and path.read_bytes())
        for path, status in found
    }


def reader(file: Path) -> Database:
    return Database(f"sqlite:///{quote(str(file))}", read_only=True)


def count(database: Database) -> tuple[int, int]:
    with database.reading() as connection:
        number, total = connection.exec_driver_sql(_COUNT).one()
    return number, total or 0


def read(file: Path) -> int:
    with reader(file) as database:
        return count(database)[0]


# reading a file of SQLite leaves no trace


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate", "persist"])
@pytest.mark.parametrize("directory_mode", [0o755, 0o555])
def test_a_file_at_rest_is_read_and_nothing_changes(file: Path, mode: str, directory_mode: int) -> None:
    make(file, mode, rows=1000)
    file.parent.chmod(directory_mode)
    before = seen(file)
    with rights.as_owner():
        assert read(file) == 1000
    assert seen(file) == before


@pytest.mark.parametrize("directory_mode", [0o755, 0o555])
def test_what_a_killed_writer_left_is_read_and_nothing_changes(file: Path, directory_mode: int) -> None:
    make(file)
    add_and_be_killed(file)
    file.parent.chmod(directory_mode)
    before = seen(file)
    with rights.as_owner():
        assert read(file) == 2000
    assert seen(file) == before


def test_a_file_that_may_only_be_read_is_read(file: Path) -> None:
    make(file, rows=10)
    file.chmod(0o444)
    with rights.as_owner():
        assert read(file) == 10
    assert [path.name for path in file.parent.iterdir()] == ["shop.db"]


def test_what_is_in_the_wal_of_a_copy_is_read(file: Path, tmp_path: Path) -> None:
    make(file)
    add_and_be_killed(file)
    copy = tmp_path / "copy" / "shop.db"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{file}{suffix}", f"{copy}{suffix}")
    assert read(copy) == 2000
    for suffix in ("", "-wal"):
        assert Path(f"{copy}{suffix}").read_bytes() == Path(f"{file}{suffix}").read_bytes()


def test_an_empty_wal_changes_nothing(file: Path) -> None:
    make(file, rows=10)
    Path(f"{file}-wal").touch()
    before = seen(file)
    assert read(file) == 10
    assert seen(file) == before


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_another_process_writes_at_the_same_time_is_read_whole(file: Path, mode: str) -> None:
    make(file, mode, rows=2000)
    with subprocess.Popen(
        [sys.executable, "-c", _BUSY_WRITER, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == b"ready\n"
        assert {patiently_counted(file) for _ in range(60)} == {(2000, sum(range(2000)))}
        writer.stdin.close()
    assert [path.name for path in file.parent.iterdir()] == ["shop.db"]
    assert read(file) == 2000


def patiently_counted(file: Path) -> tuple[int, int]:
    """Count as often as it takes: who finds the file at rest may see it written to a moment later."""
    while True:
        try:
            with reader(file) as database:
                return count(database)
        except DatabaseUnavailableError as error:
            if "it was written to while it was read" not in str(error):
                raise


def test_a_file_that_another_process_has_open_is_read_and_left_to_it(file: Path) -> None:
    make(file, rows=10)
    with subprocess.Popen(
        [sys.executable, "-c", _IDLE_WRITER, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        before = [path.read_bytes() for path in (file, Path(f"{file}-wal"))]
        assert read(file) == 11
        assert [path.read_bytes() for path in (file, Path(f"{file}-wal"))] == before
        writer.communicate()
    assert [path.name for path in file.parent.iterdir()] == ["shop.db"]


def test_what_is_written_between_two_readings_is_seen_by_the_second(file: Path) -> None:
    make(file, rows=1)
    with reader(file) as database:
        assert count(database) == (1, 0)
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("INSERT INTO t VALUES (5)")
            assert count(database) == (2, 5)
            writer.execute("INSERT INTO t VALUES (6)")
            assert count(database) == (3, 11)


def test_a_writer_that_comes_and_goes_between_two_readings_is_noticed(file: Path) -> None:
    make(file, rows=1)
    with reader(file) as database:
        assert count(database) == (1, 0)
        add_in_another_process(file)
        assert count(database) == (2, 7)
    assert [path.name for path in file.parent.iterdir()] == ["shop.db"]


def add_in_another_process(file: Path) -> None:
    program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('INSERT INTO t VALUES (7)'); c.commit()"
    subprocess.run([sys.executable, "-c", program, file], check=True)


def test_a_reading_that_was_written_into_is_told_to_be_done_again(file: Path) -> None:
    make(file, rows=1)
    with reader(file) as database:
        with (
            pytest.raises(
                DatabaseUnavailableError, match="it was written to while it was read; run the command"
            ),
            database.reading(),
        ):
            add_in_another_process(file)
        assert count(database) == (2, 7)


def test_a_reader_cannot_write(file: Path) -> None:
    make(file)
    with (
        reader(file) as database,
        pytest.raises(DatabaseUnavailableError, match="readonly"),
        database.writing() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def test_whole_commands_that_read_leave_no_trace(lite: Workshop) -> None:
    assert lite.run("init-db").status == 0
    lite.products("1")
    lite.pictures("1_a.jpg")
    for _ in range(2):
        before = everything_below(lite.place)
        for command in (["import", "--dry-run"], ["sessions"], ["report", "unmatched"], ["session", "1"]):
            assert lite.run(*command).status in {0, 1}
        assert everything_below(lite.place) == before
        lite.imported()


# a file of SQLite that is not there, or none


@pytest.mark.parametrize(
    "command", [["import", "--dry-run"], ["sessions"], ["session", "1"], ["report", "errors"]]
)
def test_a_missing_file_fails_what_only_reads_and_is_not_made(lite: Workshop, command: list[str]) -> None:
    result = lite.run(*command)
    assert result.status == 1
    assert re.fullmatch(
        r"onec-images: sqlite:///\S+onec-images.db: No such file or directory\n", result.stderr
    )
    assert not sql.file_of(lite.database.url).exists()


def test_a_file_is_made_only_where_that_is_wanted(file: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="unable to open database file"):
        Database(f"sqlite:///{file}", create=False)
    assert not file.exists()
    with Database(f"sqlite:///{file}"):
        assert file.exists()
    with Database(f"sqlite:///{file}", create=False) as database:
        assert database.file == file


@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_database_is_a_mistake_of_the_configuration(file: Path, read_only: bool) -> None:
    file.write_bytes(b"not a database".ljust(5000))
    with pytest.raises(ConfigurationError, match="file is not a database") as caught:
        Database(f"sqlite:///{file}", read_only=read_only)
    assert caught.value.exit_status == 78


@pytest.mark.parametrize("read_only", [True, False])
def test_a_damaged_file_is_told_in_one_line(file: Path, read_only: bool) -> None:
    make(file, rows=5000)
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with (
        Database(f"sqlite:///{file}", read_only=read_only) as database,
        pytest.raises(DatabaseUnavailableError, match="malformed") as caught,
    ):
        count(database)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_directory_is_no_database(file: Path, read_only: bool) -> None:
    file.mkdir()
    with pytest.raises(DatabaseUnavailableError, match=r"unable to open database file|Is a directory"):
        Database(f"sqlite:///{file}", read_only=read_only)


def test_a_file_that_may_not_be_read_is_told_in_one_line(file: Path) -> None:
    make(file)
    file.chmod(0)
    with rights.as_owner(), pytest.raises(DatabaseUnavailableError, match="Permission denied"):
        reader(file)


def test_a_file_that_may_not_be_written_is_told_in_one_line(file: Path) -> None:
    make(file)
    file.chmod(0o444)
    file.parent.chmod(0o555)
    with (
        rights.as_owner(),
        pytest.raises(DatabaseUnavailableError, match=r"readonly database|Permission denied"),
        Database(f"sqlite:///{file}") as database,
        database.writing() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def test_a_directory_that_does_not_exist_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="unable to open database file"):
        Database(f"sqlite:///{tmp_path}/nowhere/shop.db")


NAMES = ["shop 1.db", "what?mode=ro.db", "a#b&c.db", "100%.db", "%41.db", 'ваза\'s "x".db']


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name(tmp_path: Path, starter: WarmStarter, name: str) -> None:
    shop = Workshop(tmp_path, f"sqlite:///./{quote(name)}", starter)
    assert shop.run("init-db").status == 0
    assert shop.run("sessions").status == 0
    assert (tmp_path / name).is_file()
    assert {path.name for path in tmp_path.iterdir()} == {name, "config.toml", "exchange"}


# how a file of SQLite is written


def mode_of(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def test_a_new_file_lets_readers_and_a_writer_work_at_the_same_time(file: Path) -> None:
    with Database(f"sqlite:///{file}"):
        pass
    assert mode_of(file) == "wal"


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_file_that_is_there_keeps_its_mode(file: Path, mode: str) -> None:
    make(file, mode)
    with Database(f"sqlite:///{file}") as database, database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    assert mode_of(file) == mode


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_another_writer_is_waited_for(lite: Workshop, mode: str) -> None:
    assert lite.run("init-db").status == 0
    sql.script(lite.database.url, f"PRAGMA journal_mode = {mode}")
    with sql.transaction(lite.database.url, "INSERT INTO products (onec_id) VALUES ('1')"):
        running = lite.start("import")
        with pytest.raises(TimeoutError):
            running.result(within=0.8)
    assert running.result().status == 0


# PostgreSQL


def test_settings_of_the_url_are_kept(postgres: Postgres) -> None:
    url = sql.with_query(postgres.new_database(), options="-c search_path=shop,public", connect_timeout="3")
    with Database(url) as database, database.reading() as connection:
        assert connection.scalar(text("SHOW search_path")) == "shop,public"
        assert connection.scalar(text("SHOW timezone")) == "UTC"


def test_times_and_transactions_do_not_depend_on_the_servers_settings(postgres: Postgres) -> None:
    url = postgres.new_database()
    sql.script(
        url,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Europe/Moscow''', current_database());"
        " EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''serializable''',"
        " current_database()); END $$",
    )
    with Database(url) as database, database.writing() as connection:
        assert connection.scalar(text("SHOW timezone")) == "UTC"
        assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert connection.scalar(text("SHOW client_encoding")) == "UTF8"


def test_only_what_may_be_lost_is_not_waited_for(postgres: Postgres) -> None:
    url = postgres.new_database()
    with Database(sql.with_query(url, options="-c synchronous_commit=on")) as database:
        with database.writing(durable=False) as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == "off"
        with database.writing() as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"


def test_a_reader_of_postgresql_cannot_write(postgres: Postgres) -> None:
    with (
        Database(postgres.new_database(), read_only=True) as database,
        pytest.raises(DatabaseUnavailableError, match="read-only transaction"),
        database.writing() as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE t (a integer)")


def test_a_password_is_never_shown(postgres: Postgres) -> None:
    url = postgres.new_database()
    with role(url) as limited:
        secret = str(make_url(limited).password)
        in_query = sql.with_query(make_url(limited).set(password=None).render_as_string(), password=secret)
        for address in (limited, in_query):
            with Database(address) as database:
                assert secret not in database.name
                assert quote(secret) not in database.name


# a server that cannot be reached


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def unreachable(shop: Workshop, **surroundings: str) -> list[Any]:
    """Run every command that needs the database, and return how each ends."""
    commands = (
        ["import"],
        ["import", "--dry-run"],
        ["catalog"],
        ["sessions"],
        ["init-db"],
        ["report", "errors"],
    )
    return [shop.run(*command, environment=surroundings) for command in commands]


@pytest.mark.parametrize(
    "url, told",
    [
        ("postgresql+psycopg://shop:secret@127.0.0.1:{port}/shop", "Connection refused"),
        ("postgresql+psycopg://shop:secret@/shop?host={place}", "No such file or directory"),
    ],
)
def test_a_server_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, starter: WarmStarter, url: str, told: str
) -> None:
    shop = Workshop(tmp_path, url.format(port=free_port(), place=tmp_path), starter)
    for result in unreachable(shop):
        assert result.status == 1
        assert result.stderr.count("\n") == 1
        assert told in result.stderr
        assert "secret" not in result.stderr


def test_a_database_or_role_that_is_not_there_is_told_in_one_line(postgres: Postgres) -> None:
    url = make_url(postgres.new_database())
    for wrong in (url.set(database="nowhere"), url.set(username="nobody_of_that_name", password="secret")):  # noqa: S106
        with pytest.raises(DatabaseUnavailableError, match=r"does not exist|failed") as caught:
            Database(wrong.render_as_string(hide_password=False))
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)


def test_a_parameter_that_postgresql_does_not_know_is_a_mistake_of_the_configuration(
    served: Workshop,
) -> None:
    served.configure("database", url=sql.with_query(served.database.url, sslmod="require"))
    result = served.run("sessions")
    assert result.status == 78
    assert result.stderr == 'onec-images: [database] url: invalid connection option "sslmod"\n'


# rights that are lacking


def follow(url: str, limited: str, work: Callable[[str], None]) -> list[str]:
    """Do work as a role that may do nothing, granting what each refusal names, and return what was granted."""
    granted: list[str] = []
    while reason := _reason_of_refusal(limited, work):
        found = re.search(r"permission denied for .*; (GRANT .*)$", reason)
        assert found is not None, reason
        assert found[1] not in granted
        granted.append(found[1])
        sql.script(url, found[1])
    return granted


def _reason_of_refusal(limited: str, work: Callable[[str], None]) -> str:
    try:
        work(limited)
    except DatabaseUnavailableError as error:
        return str(error)
    return ""


def test_what_a_refusal_names_is_all_that_an_import_needs(served_url: str) -> None:
    sql.script(served_url, "CREATE SCHEMA shop", "ALTER TABLE products SET SCHEMA shop")
    sql.insert(served_url, "shop.products", [{"onec_id": "1"}])
    names = mapping.Names("database.products", "shop.products", own_tables.PRODUCTS.columns)

    def work(url: str) -> None:
        with Database(url) as database:
            products = Products(mapping.find(database, names))
            sessions = Sessions(mapping.find(database, own_tables.SESSIONS), EXCHANGE)
            record = begun(ImportType.IMAGES, Trigger.MANUAL, {"daemon": EXCHANGE})
            with database.writing() as connection:
                record = sessions.add(connection, record)
                sessions.save(connection, ended(record, Status.COMPLETED, record.report_details))
            with database.reading() as connection:
                products.page(connection)
            with database.writing() as connection:
                products.lock(connection, [1])
                products.write(connection, [(1, Images("a", ()))])

    with role(served_url) as limited:
        name = make_url(limited).username
        assert follow(served_url, limited, work) == [
            f"GRANT SELECT, INSERT ON import_sessions TO {name}",
            f"GRANT USAGE ON SEQUENCE import_sessions_id_seq TO {name}",
            f"GRANT SELECT, UPDATE ON import_sessions TO {name}",
            f"GRANT USAGE ON SCHEMA shop TO {name}",
            f"GRANT SELECT ON shop.products TO {name}",
            f"GRANT SELECT, UPDATE ON shop.products TO {name}",
        ]


def test_a_refusal_ends_a_command_with_one_line(served: Workshop) -> None:
    assert served.run("init-db").status == 0
    with role(served.database.url, "SELECT ON ALL TABLES IN SCHEMA public") as limited:
        served.configure("database", url=limited)
        for command in (["import"], ["catalog"]):
            result = served.run(*command)
            assert result.status == 1
            assert result.stderr.count("\n") == 1
            assert "permission denied for " in result.stderr
            assert "; GRANT SELECT, " in result.stderr


def test_who_may_not_connect_is_told_in_one_line(postgres: Postgres) -> None:
    url = postgres.new_database()
    sql.script(url, f"REVOKE CONNECT ON DATABASE {make_url(url).database} FROM PUBLIC")
    with role(url) as limited, pytest.raises(DatabaseUnavailableError, match="permission denied") as caught:
        Database(limited)
    assert "\n" not in str(caught.value)


# a database that goes away and comes back


def test_an_idle_connection_that_the_server_ended_is_noticed(served_url: str) -> None:
    with Database(served_url) as database:
        database.ping()
        assert not database.is_lost
        with database.reading() as connection:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
        sql.execute(served_url, "SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
        for told in ("terminating connection", "the connection was lost", "the connection was lost"):
            with pytest.raises(DatabaseUnavailableError, match=told):
                database.ping()
            assert database.is_lost


def test_a_network_that_fails_is_noticed_and_the_connection_made_anew(
    served_url: str, tmp_path: Path
) -> None:
    with proxy(served_url, tmp_path) as (through, network), Database(through) as database:
        network.cut()
        with pytest.raises(DatabaseUnavailableError) as caught:
            database.ping()
        assert "\n" not in str(caught.value)
        database.reconnect()
        add_product(database, "1")
    assert products_in(served_url) == ["1"]


def test_a_connection_lost_in_a_transaction_loses_the_transaction(served_url: str, tmp_path: Path) -> None:
    with proxy(served_url, tmp_path) as (through, network), Database(through) as database:
        with ExitStack() as transaction:
            connection = transaction.enter_context(database.writing())
            connection.exec_driver_sql("INSERT INTO products (onec_id) VALUES ('1')")
            network.cut()
            with pytest.raises(DatabaseUnavailableError):
                transaction.close()
        assert database.is_lost
        database.reconnect()
        add_product(database, "2")
    assert products_in(served_url) == ["2"]


def test_a_server_that_stays_away_leaves_the_database_lost(served_url: str, tmp_path: Path) -> None:
    directory = tmp_path / "server"
    directory.mkdir()
    with ExitStack() as stack:
        with proxy(served_url, directory) as (through, _):
            database = stack.enter_context(Database(through))
        for path in directory.iterdir():
            path.unlink()
        for _ in range(2):
            with pytest.raises(DatabaseUnavailableError, match="No such file or directory"):
                database.reconnect()
            assert database.is_lost
        with proxy(served_url, directory):
            database.reconnect()
            add_product(database, "1")
    assert products_in(served_url) == ["1"]


def add_product(database: Database, onec_id: str) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql(f"INSERT INTO products (onec_id) VALUES ('{onec_id}')")  # noqa: S608


def products_in(url: str) -> list[str]:
    return [onec_id for (onec_id,) in sql.execute(url, "SELECT onec_id FROM products ORDER BY id")]


def test_claims_are_made_anew_in_order_as_long_as_they_are_needed(url: str) -> None:
    made: list[str] = []
    with Database(url) as database:
        with database.claimed(lambda _: made.append("one")):
            with database.claimed(lambda _: made.append("two")):
                assert made == ["one", "two"]
                database.reconnect()
                assert made == ["one", "two"] * 2
            database.reconnect()
            assert made == ["one", "two"] * 2 + ["one"]
        database.reconnect()
        assert made == ["one", "two"] * 2 + ["one"]


def test_a_database_whose_claim_fails_cannot_be_used_until_it_succeeds(url: str) -> None:
    reasons: list[BaseException] = []

    def claim(connection: Connection) -> None:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        connection.rollback()
        for reason in reasons:
            raise reason

    with Database(url) as database, database.claimed(claim):
        for reason in (
            LockedError("another"),
            DatabaseUnavailableError("away"),
            _Error(),
            KeyboardInterrupt(),
        ):
            reasons[:] = [reason]
            with pytest.raises(type(reason)):
                database.reconnect()
            assert database.is_lost
            for use in (database.ping, lambda: add_product(database, "1")):
                with pytest.raises(DatabaseUnavailableError, match="the connection was lost"):
                    use()
            with pytest.raises(DatabaseUnavailableError), database.claimed(claim):
                pass
        reasons.clear()
        database.reconnect()
        add_product(database, "2")
    assert products_in(url) == ["2"]


def test_a_claim_that_fails_at_first_is_not_made_again(url: str) -> None:
    made: list[int] = []

    def claim(_: Connection) -> None:
        made.append(1)
        raise LockedError("another")

    with Database(url) as database:
        with pytest.raises(LockedError), database.claimed(claim):
            pass
        database.reconnect()
        database.ping()
    assert made == [1]


def test_a_file_that_was_removed_is_lost_and_not_made_again(file: Path) -> None:
    with Database(f"sqlite:///{file}") as database:
        for path in file.parent.iterdir():
            path.rename(path.with_name(path.name + ".away"))
        for use in (database.ping, lambda: count(database)):
            with pytest.raises(DatabaseUnavailableError, match="the file was removed or replaced"):
                use()
        assert database.is_lost
        with pytest.raises(DatabaseUnavailableError, match="unable to open database file"):
            database.reconnect()
        assert not file.exists()
        file.with_name("shop.db.away").rename(file)
        database.reconnect()
        database.ping()


def test_nothing_is_written_into_a_file_that_was_replaced(lite_url: str, tmp_path: Path) -> None:
    file = sql.file_of(lite_url)
    copy = tmp_path / "copy.db"
    with Database(lite_url) as database:
        shutil.copy(file, copy)
        copy.replace(file)
        with pytest.raises(DatabaseUnavailableError, match="removed or replaced"):
            add_product(database, "1")
        database.reconnect()
        add_product(database, "2")
    assert products_in(lite_url) == ["2"]


# a shop that changes under our hands


@pytest.mark.parametrize(
    "change", ["DROP TABLE products", "ALTER TABLE products RENAME COLUMN main_image TO picture"]
)
def test_a_table_that_changed_is_told_in_one_line(url: str, change: str) -> None:
    with own_tables.opened(url) as tables:
        sql.script(url, change)
        with (
            pytest.raises(OnecImagesError, match=r"products|main_image") as caught,
            tables.database.reading() as connection,
        ):
            tables.products.page(connection)
        assert isinstance(caught.value, DatabaseUnavailableError if sql.is_sqlite(url) else SchemaError)
        assert "\n" not in str(caught.value)


class _Error(Exception):
    """What breaks."""


def _insert_and_break(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO products (onec_id) VALUES ('1')")
    raise _Error


def test_what_breaks_in_a_transaction_is_undone(url: str) -> None:
    with Database(url) as database:
        with pytest.raises(_Error), database.writing() as connection:
            _insert_and_break(connection)
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM products").scalar() == 0


def test_a_value_that_is_refused_is_told_in_one_line(url: str) -> None:
    with (
        Database(url) as database,
        pytest.raises(RefusedValueError, match=r"(?i)unique") as caught,
        database.writing() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO products (onec_id) VALUES ('1'), ('1')")
    assert "\n" not in str(caught.value)


def test_a_mistake_of_ours_keeps_its_traceback(served_url: str) -> None:
    with (
        Database(served_url) as database,
        pytest.raises(ProgrammingError, match="syntax error"),
        database.reading() as connection,
    ):
        connection.exec_driver_sql("SELEKT 1")


def test_closing_twice_is_no_mistake(url: str) -> None:
    database = Database(url)
    database.close()
    database.close()
