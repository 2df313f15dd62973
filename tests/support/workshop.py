"""A small shop to try the command on: an exchange, a media directory, a database and the configuration."""

import contextlib
import json
import os
import signal
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import psycopg
from support.commands import Command, Result, Running, WarmStarter, start

Setting = str | float | bool | list[str]
_SHARD_LENGTH = 2
_UUID_LENGTH = 36
_POLL = 0.002  # seconds
_LONG_ENOUGH = 30.0  # seconds


class Database:
    """The database of the shop, spoken to in plain SQL with ``?`` for values; every statement is committed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._path = url.removeprefix("sqlite:///")
        self._conninfo = url.replace("postgresql+psycopg", "postgresql")

    def connect(self) -> Any:
        """Return a new connection, which commits when it is told to."""
        if self.is_sqlite:
            return sqlite3.connect(self._path, isolation_level=None, timeout=30)
        return psycopg.connect(self._conninfo, autocommit=True)

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement and return the rows it gives."""
        return self.execute_many(statement, [values])

    def execute_many(self, statement: str, lines: Iterable[Sequence[object]]) -> list[tuple[Any, ...]]:
        """Run a statement for each line of values in one transaction; return the rows of the last."""
        with contextlib.closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            for line in lines:
                cursor.execute(statement if self.is_sqlite else statement.replace("?", "%s"), tuple(line))
            rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            cursor.execute("COMMIT")
            return rows

    def is_free(self) -> bool:
        """Return whether every product could be written now."""
        busy = sqlite3.OperationalError if self.is_sqlite else psycopg.errors.LockNotAvailable
        with contextlib.closing(self.connect()) as connection:
            connection.execute("PRAGMA busy_timeout = 0" if self.is_sqlite else "SET lock_timeout = '20ms'")
            try:
                connection.execute("UPDATE products SET name = name")
            except busy:
                return False
            return True

    def version(self, row_id: int) -> object:
        """Return what differs after a product's row was written, even with the same values."""
        if self.is_sqlite:
            return None  # only what is in it tells
        return self.execute("SELECT xmin::text, ctid::text FROM products WHERE id = ?", row_id)


@dataclass(frozen=True)
class Row:
    """One product."""

    id: int
    onec_id: str | None
    name: str
    is_active: bool
    main_image: str | None
    gallery_images: Any
    updated_at: datetime

    @property
    def pictures(self) -> list[str]:
        """The paths on the product, the main image first."""
        return [*filter(None, [self.main_image]), *(self.gallery_images or [])]


@dataclass(frozen=True)
class Stored:
    """One file in the media directory."""

    content: bytes
    mtime_ns: int
    inode: int
    mode: int


class Workshop:
    """A shop in a directory of its own."""

    def __init__(self, place: Path, database_url: str, starter: WarmStarter) -> None:
        self.place = place
        self.exchange = place / "exchange"
        self.root = self.exchange / "goods" / "import_files"
        self.media = place / "media"
        self.config_file = place / "config.toml"
        self.database = Database(database_url)
        self._starter = starter
        self._running: list[Running] = []
        self._settings: dict[str, dict[str, Setting]] = {
            "exchange": {"dir": "exchange"},
            "media": {"dir": "media", "min_free": "1 KiB", "durable": False},
            "database": {"url": database_url},
        }
        self.root.mkdir(parents=True)
        self.configure()

    # the configuration

    def configure(self, section: str = "import", **settings: Setting) -> None:
        """Set keys of a section and write the file."""
        self._settings.setdefault(section, {}).update(settings)
        self.config_file.write_text(toml(self._settings), encoding="utf-8")

    # the exchange

    def picture(self, path: str, content: bytes | str | None = None, *, mtime_ns: int | None = None) -> Path:
        """Put a picture at a path below the image root; its content is its path unless given."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        content = f"the picture {path}" if content is None else content
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        if mtime_ns is not None:
            os.utime(file, ns=(mtime_ns, mtime_ns))
        return file

    def pictures(self, *paths: str) -> None:
        """Put pictures at paths below the image root."""
        for path in paths:
            self.picture(path)

    def catalogue(
        self,
        products: Mapping[str, Sequence[str]],
        *,
        file: str = "goods.xml",
        date: str = "2025-11-26T12:20:30",
        deleted: Iterable[str] = (),
        restored: Iterable[str] = (),
    ) -> Path:
        """Write a catalogue that names the pictures of products."""
        path = self.exchange / "goods" / file
        path.write_text(catalogue_text(products, date, deleted, restored), encoding="utf-8")
        return path

    # the database

    def product(
        self,
        onec_id: str | None,
        main_image: str | None = "",
        gallery_images: Any = (),
        *,
        is_active: bool = True,
        name: str = "",
    ) -> int:
        """Insert a product and return its id."""
        gallery = None if gallery_images is None else json.dumps(gallery_images, ensure_ascii=False)
        columns = "onec_id, name, is_active, main_image, gallery_images"
        cast = "?" if self.database.is_sqlite else "?::jsonb"
        [(row_id,)] = self.database.execute(
            f"INSERT INTO products ({columns}) VALUES (?, ?, ?, ?, {cast}) RETURNING id",  # noqa: S608
            *(onec_id, name, is_active, main_image, gallery),
        )
        assert isinstance(row_id, int)
        return row_id

    def products(self, *onec_ids: str) -> None:
        """Insert products as briefly as a shop may."""
        self.database.execute_many(
            "INSERT INTO products (onec_id) VALUES (?)", [[onec_id] for onec_id in onec_ids]
        )

    def rows(self) -> list[Row]:
        """Return the products in the order of their ids."""
        columns = "id, onec_id, name, is_active, main_image, gallery_images, updated_at"
        found = self.database.execute(f"SELECT {columns} FROM products ORDER BY id")  # noqa: S608
        return [
            Row(row_id, onec_id, name, bool(is_active), main, read_json(gallery), read_time(updated_at))
            for row_id, onec_id, name, is_active, main, gallery, updated_at in found
        ]

    def row(self, onec_id: str) -> Row:
        """Return the one product with an onec_id."""
        [row] = (row for row in self.rows() if row.onec_id == onec_id)
        return row

    def named(self, onec_id: str) -> list[str]:
        """Return the paths on a product, the main image first."""
        return self.row(onec_id).pictures

    def set_row(self, onec_id: str, main_image: str | None, gallery_images: Any) -> None:
        """Write a row as the staff of the shop would."""
        cast = "?" if self.database.is_sqlite else "?::jsonb"
        self.database.execute(
            f"UPDATE products SET main_image = ?, gallery_images = {cast} WHERE onec_id = ?",  # noqa: S608
            *(main_image, json.dumps(gallery_images, ensure_ascii=False), onec_id),
        )

    def sessions(self) -> list[dict[str, Any]]:
        """Return the sessions as they stand in the table, oldest first, JSON and times read."""
        columns = (
            *("id", "import_type", "status", "task_id", "trigger", "started_at", "updated_at"),
            *("finished_at", "report_details", "error_message"),
        )
        listed = ", ".join(f'"{column}"' for column in columns)
        found = self.database.execute(f"SELECT {listed} FROM import_sessions ORDER BY id")  # noqa: S608
        sessions = [dict(zip(columns, row, strict=True)) for row in found]
        for session in sessions:
            session["report_details"] = read_json(session["report_details"])
            for column in ("started_at", "updated_at", "finished_at"):
                session[column] = session[column] and read_time(session[column])
        return sessions

    def add_session(self, status: str, age_days: float, details: object, **more: object) -> int:
        """Insert a session that began, and if it has ended ended, some days ago; return its id."""
        began = datetime.fromtimestamp(time.time() - age_days * 86400).astimezone().isoformat()
        ended = began if status in {"completed", "failed"} else None
        values: dict[str, object] = {
            "status": status,
            "started_at": began,
            "updated_at": began,
            "finished_at": ended,
            "report_details": json.dumps(details),
            **more,
        }
        marks = ", ".join("?" for _ in values)
        [(session_id,)] = self.database.execute(
            f"INSERT INTO import_sessions ({', '.join(values)}) VALUES ({marks}) RETURNING id",  # noqa: S608
            *values.values(),
        )
        assert isinstance(session_id, int)
        return session_id

    # the media directory

    def stored(self) -> dict[str, Stored]:
        """Return every file in the media directory by its path in it; one that goes away meanwhile is left out."""
        found = {
            str(path.relative_to(self.media)): read_stored(path) for path in sorted(self.media.rglob("*"))
        }
        return {path: file for path, file in found.items() if file}

    def contents(self) -> dict[str, bytes]:
        """Return the content of every file in the media directory by its path in it."""
        return {path: file.content for path, file in self.stored().items()}

    # the command

    def start(self, *arguments: str, anew: bool = False, **surroundings: Any) -> Running:
        """Start the command with this shop's configuration; `anew`, as a process from nothing.

        It is one as well `without` capabilities, or `through` another program.
        """
        given = ("--config", str(self.config_file), *arguments)
        surroundings.setdefault("directory", self.place)
        without, through = surroundings.pop("without", ()), surroundings.pop("through", ())
        command = Command(given, **surroundings)
        is_warm = not (anew or without or through)
        running = self._starter.start(command) if is_warm else start(command, through, without)
        self._running.append(running)
        return running

    def run(self, *arguments: str, within: float = 60, **surroundings: Any) -> Result:
        """Run the command with this shop's configuration to its end."""
        return self.start(*arguments, **surroundings).result(within)

    def imported(self, *arguments: str, status: int = 0, **surroundings: Any) -> Result:
        """Import with ``--json``, and see that it ends as it should."""
        result = self.run("import", "--json", *arguments, **surroundings)
        assert result.status == status, result.stderr
        return result

    def figures(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """Import and return the figures."""
        return self.imported(*arguments, status=status).figures

    def halt(self, running: Running) -> None:
        """Halt a command at a moment at which it holds no lock of the database, until it gets a SIGCONT."""
        for _ in range(500):
            running.signal(signal.SIGSTOP)
            time.sleep(_POLL)
            if self.database.is_free():
                return
            running.signal(signal.SIGCONT)
            time.sleep(_POLL)
        raise TimeoutError("the command does not let the database go")

    def close(self) -> None:
        """End what a failed test left running."""
        for running in self._running:
            running.end()


def read_stored(path: Path) -> Stored | None:
    """Return a regular file as it is stored, None if that is not what is there."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return None
        return Stored(path.read_bytes(), found.st_mtime_ns, found.st_ino, stat.S_IMODE(found.st_mode))
    except FileNotFoundError:
        return None


def read_json(value: Any) -> Any:
    """Return what JSON says that PostgreSQL gives as objects and SQLite as text."""
    return json.loads(value) if isinstance(value, str) else value


def read_time(value: Any) -> datetime:
    """Return a time that PostgreSQL gives as one and SQLite as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def shard(onec_id: str) -> str:
    """Return the directory of a product's pictures."""
    key = onec_id.partition("#")[0]
    if len(key) < _SHARD_LENGTH:
        return "00"
    return key[:_SHARD_LENGTH].lower() if len(key) == _UUID_LENGTH else key[:_SHARD_LENGTH]


def paths(onec_id: str, *names: str) -> list[str]:
    """Return what stands on a product that has these pictures."""
    return [f"products/{shard(onec_id)}/{name}" for name in names]


def catalogue_text(
    products: Mapping[str, Sequence[str]],
    date: str = "2025-11-26T12:20:30",
    deleted: Iterable[str] = (),
    restored: Iterable[str] = (),
) -> str:
    """Return a catalogue in CommerceML 2."""
    marks = dict.fromkeys(deleted, "true") | dict.fromkeys(restored, "false")
    attributes = f'xmlns="urn:1C.ru:commerceml_2" ВерсияСхемы="2.08" ДатаФормирования={quoteattr(date)}'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<КоммерческаяИнформация {attributes}>",
        '<Каталог СодержитТолькоИзменения="true"><Ид>1</Ид><Наименование>Товары</Наименование><Товары>',
    ]
    for onec_id, pictures in products.items():
        lines.append(f"<Товар><Ид>{escape(onec_id)}</Ид><Наименование>Товар {escape(onec_id)}</Наименование>")
        if onec_id in marks:
            lines.append(f"<ПометкаУдаления>{marks[onec_id]}</ПометкаУдаления>")
        lines += [f"<Картинка>import_files/{escape(picture)}</Картинка>" for picture in pictures]
        lines.append("</Товар>")
    return "\n".join([*lines, "</Товары></Каталог></КоммерческаяИнформация>"])


def toml(sections: Mapping[str, Mapping[str, Setting]]) -> str:
    """Return a configuration as text."""
    lines = []
    for section, settings in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]
    return "\n".join([*lines, ""])


def everything_below(place: Path) -> dict[str, tuple[object, ...]]:
    """Return all that can be seen of every file and directory below a place, times of change included."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in [place, *sorted(place.rglob("*"))]:
        found = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
        times = (found.st_mtime_ns, found.st_ctime_ns)
        seen[str(path.relative_to(place))] = (found.st_mode, found.st_ino, found.st_size, times, content)
    return seen


def wait_until(condition: Callable[[], object], within: float = _LONG_ENOUGH) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(_POLL)
