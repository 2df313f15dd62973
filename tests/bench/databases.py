"""Databases for measuring: any number of equal ones, in which a tree's products wait for their pictures."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from support.commands import Command, WarmStarter
from support.postgres import server
from support.prepared import MakeTables, PreparedFile, prepared_database
from support.workshop import Database

#: Given the directory of a shop, makes the database for it and returns the URL.
Make = Callable[[Path], str]

_DRIVER = "postgresql+psycopg://"


class Servers:
    """The databases to be had: files of SQLite, and a server of PostgreSQL that is started when it is asked for."""

    def __init__(self, place: Path, starter: WarmStarter, stack: ExitStack) -> None:
        self._place = place
        self._starter = starter
        self._stack = stack
        self._url: str | None = None

    @contextmanager
    def products(self, kind: str, onec_ids: Sequence[str]) -> Iterator[Make]:
        """Yield what makes databases of a kind that have these products and nothing else."""
        if kind == "sqlite":
            place = self._place / f"prepared-{len(list(self._place.iterdir()))}"
            place.mkdir()
            yield PreparedFile(place, self._filler(onec_ids)).copy_to
        else:
            with prepared_database(self.postgresql, self._filler(onec_ids)) as prepared:
                yield lambda _place: prepared.copy()

    @property
    def postgresql(self) -> str:
        """The URL of a server's superuser: ``TEST_DATABASE_URL``, or that of a server as careful as a shop's."""
        if self._url is None:
            given = os.environ.get("TEST_DATABASE_URL")
            self._url = given or self._stack.enter_context(server(self._place))
        return self._url.replace("postgresql://", _DRIVER)

    def described(self) -> str | None:
        """Say which PostgreSQL was used, and whether it waits for the disk; None if none was."""
        if self._url is None:
            return None
        with psycopg.connect(self.postgresql.replace(_DRIVER, "postgresql://")) as connection:
            [version, fsync, commit] = [
                connection.execute(f"SHOW {name}".encode()).fetchone()
                for name in ("server_version", "fsync", "synchronous_commit")
            ]
        assert version
        assert fsync
        assert commit
        return f"PostgreSQL {version[0]} (fsync {fsync[0]}, synchronous_commit {commit[0]})"

    def _filler(self, onec_ids: Sequence[str]) -> MakeTables:
        def make(url: str) -> None:
            (self._place / "config.toml").touch()
            command = Command(["init-db"], self._place, {"ONEC_IMAGES_DATABASE__URL": url})
            result = self._starter.start(command).result()
            assert result.status == 0, result.stderr
            fill(Database(url), onec_ids)

        return make


def fill(database: Database, onec_ids: Sequence[str]) -> None:
    """Insert products, and leave the database as one that has been at rest."""
    database.execute_many("INSERT INTO products (onec_id) VALUES (?)", ([onec_id] for onec_id in onec_ids))
    connection = database.connect()
    try:
        connection.execute("VACUUM" if database.is_sqlite else "VACUUM ANALYZE")
        if database.is_sqlite:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
