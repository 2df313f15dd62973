"""The tests' own PostgreSQL keeps its promises."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.pool import NullPool
from support.postgres import Postgres

_HOLDER = """
import sys
from support.postgres import server
with server() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def execute(url: str, statement: str) -> None:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql(statement)


def tables(url: str) -> list[str]:
    return inspect(create_engine(url, poolclass=NullPool)).get_table_names()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_databases_are_independent(postgres: Postgres) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    execute(first, "CREATE TABLE products (id bigint)")
    assert tables(first) == ["products"]
    assert tables(second) == []


@pytest.mark.parametrize("_turn", ["first", "second"])
def test_every_test_has_an_empty_database(database_url: str, _turn: str) -> None:
    assert tables(database_url) == []
    execute(database_url, "CREATE TABLE products (id bigint)")


def test_the_server_dies_with_a_killed_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    ) as parent:
        assert parent.stdout is not None
        host = make_url(parent.stdout.readline().strip()).query["host"]
        home = Path(str(host))
        server = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
        assert is_alive(server)
        parent.kill()
    wait_until(lambda: not is_alive(server))
    wait_until(lambda: not home.exists())
