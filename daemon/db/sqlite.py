"""SQLite files, opened to write or to read without leaving a trace."""

import fcntl
import os
import sqlite3
import struct
from contextlib import suppress
from errno import EACCES
from functools import partial
from pathlib import Path
from urllib.parse import quote

PATIENCE = 120.0  # seconds that SQLite waits for another writer

_CACHE = 256  # KiB; an import passes through a table once, and the kernel keeps what is read again

_ATTEMPTS = 5  # to open a file for reading while others begin or end their work on it

# of the file format: what the header of a file in WAL mode says, and the bytes that readers lock
_VERSIONS = slice(18, 20)
_WAL = b"\x02\x02"
_SHARED_FIRST = 0x40000002
_SHARED_SIZE = 510

_LOCK = "hhqqi"  # struct flock: type, whence, start, length, process

# ways to open a file for reading
_WITH_LOCKS = "mode=ro"
_WITH_WAL = "mode=ro&readonly_shm=1"  # what a killed process left, its index made anew in memory
_AS_IT_IS = "mode=ro&immutable=1"

#: Inode, time and size of a file, None where there is none.
State = tuple[int, int, int] | None

#: Any bytes may stand in a text column.
_decoded = partial(str, encoding="utf-8", errors="surrogateescape")


def to_write(file: Path, *, create: bool, patience: float = PATIENCE) -> sqlite3.Connection:
    """Given a file, open it to read and write, and make it if that is asked for. Raises sqlite3.Error.

    Another writer is waited for so many seconds, whenever there is one.

    A new file is one in WAL mode, in which readers and a writer do not wait for each other. One that is
    there may be a shop's, and keeps its mode. Raises PermissionError before SQLite is asked, which would leave
    files beside it that nobody can write to either.
    """
    if file.exists() and not os.access(file, os.W_OK):
        raise PermissionError(EACCES, os.strerror(EACCES), str(file))
    connection = _opened(file, "mode=rwc" if create else "mode=rw", patience)
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA cache_size={-_CACHE}")
        is_new = create and connection.execute("PRAGMA page_count").fetchone() == (0,)
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
    them again; they could even keep the service, as another user, from writing. So a file that no other
    process has open is read without locks, and whether that was right is looked at before and after. No other
    connection of this process may be open to the same file: its locks would be lost.
    """

    def __init__(self, file: Path) -> None:
        """Given the file."""
        self._file = file
        self._wal = Path(f"{file}-wal")
        self._index = Path(f"{file}-shm")
        self._way = _WITH_LOCKS
        self._seen: list[State] = []

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
        self._way = self._best_way()
        self._seen = self._states()
        connection = _opened(self._file, self._way)
        try:
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA schema_version")  # only now the file is opened
        except BaseException:
            connection.close()
            raise
        return connection

    def _best_way(self) -> str:
        if not _is_wal(self._file) or _is_open_elsewhere(self._file):
            return _WITH_LOCKS
        if not _size_of(self._wal):
            return _AS_IT_IS
        # without an index it is a copy of a file in use, and SQLite makes the index
        return _WITH_WAL if self._index.exists() else _WITH_LOCKS

    def _states(self) -> list[State]:
        """Return the states of the files that are read without locks."""
        files = {_WITH_LOCKS: (), _WITH_WAL: (self._file, self._wal), _AS_IT_IS: (self._file,)}
        return [_state_of(file) for file in files[self._way]]

    @property
    def is_outdated(self) -> bool:
        """Whether the file has to be opened again before it is read once more."""
        return self._way != _WITH_LOCKS and (self.has_changed or self._way != self._best_way())

    @property
    def has_changed(self) -> bool:
        """Whether a file that was read without locks has been written to since it was opened."""
        return self._seen != self._states()


def _opened(file: Path, parameters: str, patience: float = PATIENCE) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(file))}?{parameters}",
        uri=True,
        timeout=patience,
        isolation_level=None,  # sqlite3 emits no BEGIN of its own
    )
    connection.text_factory = _decoded
    return connection


def _state_of(file: Path) -> State:
    with suppress(FileNotFoundError):
        status = file.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None


def _size_of(file: Path) -> int:
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _is_wal(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(_VERSIONS.stop)[_VERSIONS] == _WAL


def _is_open_elsewhere(file: Path) -> bool:
    """Return whether another process has a file open: in WAL mode each locks these bytes as long as it has."""
    asked = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, _SHARED_FIRST, _SHARED_SIZE, 0)
    with file.open("rb") as opened:
        (kind, *_) = struct.unpack_from(_LOCK, fcntl.fcntl(opened, fcntl.F_GETLK, asked))
    return bool(kind != fcntl.F_UNLCK)
