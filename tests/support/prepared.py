"""Databases that have the command's tables already: a copy is made sooner than they are."""

import itertools
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

_KEPT = 4  # databases; to drop one whose last connection closed just now takes 100 ms

_numbers = itertools.count()

#: Makes the command's tables in the database with this URL.
MakeTables = Callable[[str], None]


class PreparedFile:
    """A file of SQLite with the tables."""

    def __init__(self, place: Path, make_tables: MakeTables) -> None:
        self._original = place / "onec-images.db"
        make_tables(f"sqlite:///{self._original}")

    def copy_to(self, place: Path) -> str:
        """Copy it into a directory and return the URL."""
        return f"sqlite:///{shutil.copy(self._original, place)}"


class PreparedDatabase:
    """A database of PostgreSQL with the tables."""

    def __init__(self, admin: psycopg.Connection, url: str, make_tables: MakeTables) -> None:
        self._admin = admin
        self._url = make_url(url)
        self._alive: deque[str] = deque()
        how = "STRATEGY file_copy" if admin.info.server_version >= 150000 else ""
        self._original = self._create(how)
        make_tables(self._url.set(database=self._original).render_as_string(hide_password=False))
        self._how = f"TEMPLATE {self._original} {how}"

    def copy(self) -> str:
        """Make a copy and return its URL; the fourth before it is dropped."""
        if len(self._alive) == _KEPT:
            self._drop(self._alive.popleft())
        name = self._create(self._how)
        self._alive.append(name)
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop_all(self) -> None:
        """Leave the server as it was found."""
        for name in (*self._alive, self._original):
            self._drop(name)

    def _create(self, how: str) -> str:
        name = f"onec_images_prepared_{os.getpid()}_{next(_numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} {how}".encode())
        return name

    def _drop(self, name: str) -> None:
        self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def prepared_database(url: str, make_tables: MakeTables) -> Iterator[PreparedDatabase]:
    """Given the URL of any database of a superuser, prepare one beside it."""
    conninfo = make_conninfo(url.replace("postgresql+psycopg", "postgresql"), dbname="postgres")
    with psycopg.connect(conninfo, autocommit=True) as admin:
        prepared = PreparedDatabase(admin, url, make_tables)
        try:
            yield prepared
        finally:
            prepared.drop_all()
