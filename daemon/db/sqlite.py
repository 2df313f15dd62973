"""SQLite files, opened to write or to read without leaving a trace."""

import os
import sqlite3
from functools import partial
from pathlib import Path
from urllib.parse import quote

_BUSY_TIMEOUT = 120  # seconds that SQLite waits for another writer

_ATTEMPTS = 5  # to open a file for reading while others begin or end their work on it

# the header's versions of who may write and who may read: a file in WAL mode
_VERSIONS = slice(18, 20)
_WAL = b"\x02\x02"

#: Any bytes may stand in a text column.
_decoded = partial(str, encoding="utf-8", errors="surrogateescape")


def to_write(file: Path, *, create: bool) -> sqlite3.Connection:
    """Given a file, open it to read and write, and make it if that is asked for. Raises sqlite3.Error.

    A new file is one in WAL mode, in which readers and a writer do not wait for each other. One that is
    there may be a shop's, and keeps its mode.
    """
    connection = _opened(file, "mode=rwc" if create else "mode=rw")
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        is_new = connection.execute("PRAGMA page_count").fetchone() == (0,)
        mode = connection.execute(f"PRAGMA journal_mode{'=WAL' if is_new else ''}").fetchone()
        if mode == ("wal",):  # safe there against all but the loss of the last commits
            connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


class Reader:
    """Opens one file for reading so that not a byte changes, neither in it nor beside it.

    SQLite, left to itself, makes a -wal and a -shm file to read one in WAL mode, and a reader cannot remove
    them again; they could even keep the service, as another user, from writing. So a file that nobody has
    open is read as one that cannot change, and whether that holds is looked at before and after. No other
    connection of this process may be open to the same file: its locks would be lost.
    """

    def __init__(self, file: Path) -> None:
        """Given the file."""
        self._file = file
        self._wal = Path(f"{file}-wal")
        self._index = Path(f"{file}-shm")
        self._seen: tuple[int, int] | None = None

    def connect(self) -> sqlite3.Connection:
        """Open the file. Raises OSError and sqlite3.Error."""
        for attempt in range(_ATTEMPTS):
            try:
                return self._connected()
            except sqlite3.OperationalError:  # what was there to be used is gone already
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError

    def _connected(self) -> sqlite3.Connection:
        connection = _opened(self._file, self._mode())
        try:
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA schema_version")  # only now the file is opened
        except BaseException:
            connection.close()
            raise
        return connection

    def _mode(self) -> str:
        self._seen = None
        state = _state_of(self._file)
        if not _is_wal(self._file):
            return "mode=ro"
        if self._is_in_use():
            return "mode=ro&readonly_shm=1"
        if self._wal.exists() and self._wal.stat().st_size:
            return "mode=ro"  # a copy of a file in use; SQLite makes the index that it lacks
        self._seen = state
        return "mode=ro&immutable=1"

    def _is_in_use(self) -> bool:
        """Return whether a process has the file open in WAL mode, or had it when it was killed."""
        return self._wal.exists() and self._index.exists()

    @property
    def is_outdated(self) -> bool:
        """Whether the file has to be opened again before it is read once more."""
        return self._seen is not None and (self.has_changed or self._is_in_use())

    @property
    def has_changed(self) -> bool:
        """Whether a file that was read without locks has been written to since it was opened."""
        return self._seen is not None and self._seen != _state_of(self._file)


def _opened(file: Path, parameters: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(file))}?{parameters}",
        uri=True,
        timeout=_BUSY_TIMEOUT,
        isolation_level=None,  # sqlite3 emits no BEGIN of its own
    )
    connection.text_factory = _decoded
    return connection


def _state_of(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


def _is_wal(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(_VERSIONS.stop)[_VERSIONS] == _WAL
