"""A trigger that we drop ourselves: put in place as the exchange would, and followed to its result."""

import json
import os
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from daemon.triggers.order import Order
from daemon.triggers.spot import OPEN_TO_READ, content_of, result_path, running_path

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_Identity = tuple[int, int]  # inode, and time of writing in ns

_MODE = 0o644  # the daemon runs as another account
_MOST_BYTES = 16 * 2**20  # of a result


class Whereabouts(Enum):
    """Where a trigger is that was dropped."""

    UNCLAIMED = auto()
    RUNNING = auto()
    GONE = auto()  #: answered, replaced by another one, or removed


class Drop:
    """A trigger in its place. While this is open its inode is given to no other file, so it is known again."""

    def __init__(self, path: Path, order: Order) -> None:
        """Given the path of the trigger file and what is asked for, put the file there.

        Raises FileExistsError where an unclaimed trigger is there, OSError where it cannot be written.
        """
        self._path = path
        self._task_id = order.task_id
        self._foreign = _identity(result_path(path))
        self._kept = _put(path, order.content())
        self._dropped = os.fstat(self._kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._kept)

    def whereabouts(self) -> Whereabouts:
        """Return where the trigger is now. What result lies there while it is unclaimed is known to be another's."""
        foreign = _identity(result_path(self._path))
        if self._is_at(self._path):
            self._foreign = foreign
            return Whereabouts.UNCLAIMED
        return Whereabouts.RUNNING if self._is_at(running_path(self._path)) else Whereabouts.GONE

    def _is_at(self, path: Path) -> bool:
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.path.samestat(os.lstat(path), self._dropped)
        return False

    def is_overwritten(self) -> bool:
        """Return whether somebody wrote another trigger into the same file."""
        now = os.fstat(self._kept)
        return (now.st_size, now.st_mtime_ns) != (self._dropped.st_size, self._dropped.st_mtime_ns)

    def result(self) -> dict[str, Any] | None:
        """Return the result of this trigger once it is no longer unclaimed, None if there is none.

        The daemon puts the result in place before it removes what it claimed, and that removal is the inode's last
        change: what was written later is another's. Raises OSError where the result cannot be read.
        """
        try:
            document, identity = _read(result_path(self._path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        now = os.fstat(self._kept)
        is_later = not now.st_nlink and identity[1] > now.st_ctime_ns
        if not isinstance(document, dict) or is_later or identity == self._foreign:
            return None
        # what could not be read by the daemon is answered without a task
        task_id = document.get("task_id")
        return document if task_id is None or task_id == self._task_id else None


def _put(path: Path, content: bytes) -> int:
    """Write a new file, and return a descriptor for reading it. Raises OSError, and leaves nothing behind then."""
    descriptor = os.open(path, _CREATE, 0o600)
    try:
        os.fchmod(descriptor, _MODE)
        kept = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _write(descriptor, content)
        except BaseException:
            os.close(kept)
            raise
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(path)  # before it is closed: it would be claimed, and an empty one asks for everything
        raise
    finally:
        os.close(descriptor)
    return kept


def _write(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)


def _identity(path: Path) -> _Identity | None:
    """Return which file is at a path, None if that cannot be told."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _read(path: Path) -> tuple[Any, _Identity]:
    """Return what the JSON in a file says, None if there is none, and which file it is. Raises OSError."""
    content, found = content_of(os.open(path, OPEN_TO_READ), _MOST_BYTES)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    return document, (found.st_ino, found.st_mtime_ns)
