"""Whoever is not let in is told what lets them in: the statement mends it as it stands."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url
from support import sql
from support.postgres import Postgres

from daemon.config import Settings
from daemon.doctor import database, reaching
from daemon.doctor.finding import Finding, State

FILE = Path("/etc/onec-images/config.toml")

_numbers = itertools.count()


class Server:
    """A database, and a role that may use it unless something is in the way."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.role = f"Onec-images-reach-{os.getpid()}-{next(_numbers)}"
        self.database = make_url(url).database
        self.execute(f'CREATE ROLE "{self.role}" LOGIN')

    @property
    def theirs(self) -> URL:
        """The URL of the role."""
        return make_url(self.url).set(username=self.role)

    def execute(self, *statements: str) -> None:
        """Do something as a superuser."""
        sql.script(self.url, *statements)

    def reached(self, url: URL | None = None) -> Finding:
        """Return what is found of the database as the role sees it."""
        text = (url or self.theirs).render_as_string(hide_password=False)
        settings = Settings.model_validate({"database": {"url": text}})
        return next(found for found in database.examine(settings, FILE) if found.subject == "database")

    def drop(self) -> None:
        """Leave nothing behind."""
        self.execute(f'DROP OWNED BY "{self.role}"', f'DROP ROLE "{self.role}"')


@pytest.fixture
def server(postgres: Postgres) -> Iterator[Server]:
    """A database that its role can reach."""
    made = Server(postgres.new_database())
    assert made.reached().state is State.OK
    yield made
    made.drop()


@pytest.mark.parametrize(
    "cause",
    [
        'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC',
        'ALTER ROLE "{role}" NOLOGIN',
        'ALTER ROLE "{role}" CONNECTION LIMIT 0',
        'ALTER DATABASE "{database}" CONNECTION LIMIT 0',
    ],
)
def test_the_statement_that_is_named_lets_us_in(server: Server, cause: str) -> None:
    server.execute(cause.format(database=server.database, role=server.role))
    found = server.reached()
    assert found.state is State.ERROR
    server.execute(found.remedy)
    assert server.reached().state is State.OK


def test_a_missing_role_is_made_by_the_statement_that_is_named(server: Server) -> None:
    other = server.role + "-too"
    found = server.reached(make_url(server.url).set(username=other))
    assert found.remedy == f'CREATE ROLE "{other}" LOGIN;'
    server.execute(found.remedy)
    assert server.reached(make_url(server.url).set(username=other)).state is State.OK
    server.execute(f'DROP ROLE "{other}"')


def test_a_missing_database_is_made_by_the_statement_that_is_named(server: Server) -> None:
    missing = server.theirs.set(database=f"{server.database}-too")
    found = server.reached(missing)
    assert found.remedy == f'CREATE DATABASE "{server.database}-too" OWNER "{server.role}";'
    try:
        sql.execute(server.url, found.remedy)
        assert server.reached(missing).state is State.OK
    finally:
        sql.execute(server.url, f'DROP DATABASE IF EXISTS "{server.database}-too"')


@pytest.mark.parametrize(
    "url", ["postgresql://shop@127.0.0.1:1/shop", "postgresql://shop@/shop?host=/no/such/directory"]
)
def test_a_server_that_is_not_there_is_to_be_started(server: Server, url: str) -> None:
    remedy = f"start the server: systemctl start postgresql, or correct [database] in {FILE}"
    assert server.reached(make_url(url)).remedy == remedy


def test_a_host_without_an_address_is_named(server: Server) -> None:
    remedy = server.reached(make_url("postgresql://shop@no-host.invalid/shop")).remedy
    assert remedy.startswith("correct the host in [database] url, ")
    assert "getent hosts no-host.invalid" in remedy


@pytest.mark.parametrize(
    "reason, begins",
    [
        ('FATAL:  Peer authentication failed for user "shop"', "run as the system's user shop, or "),
        ('FATAL:  password authentication failed for user "shop"', "hand over the password: "),
        ("fe_sendauth: no password supplied", "hand the password over: the credential "),
        ("FATAL:  sorry, too many clients already", "raise max_connections "),
        (
            'FATAL:  no pg_hba.conf entry for host "192.0.2.7", user "shop", database "my shop", no encryption',
            'add to pg_hba.conf: host "my shop" shop 192.0.2.7/32 scram-sha-256; then ',
        ),
    ],
)
def test_what_takes_more_than_a_statement_is_said(reason: str, begins: str) -> None:
    assert reaching.remedy(reason, "onec").startswith(begins)


def test_the_words_of_another_language_are_not_guessed_at() -> None:
    assert reaching.remedy('ВАЖНО: роль "shop" не существует', "shop") == ""
