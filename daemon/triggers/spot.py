"""The place where a trigger file is dropped, claimed and answered. Others write there, so nothing in it is followed."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import (
    EACCES,
    EDQUOT,
    EEXIST,
    EISDIR,
    ENAMETOOLONG,
    ENOSPC,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    EROFS,
)
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from daemon.directories import Directories
from daemon.errors import OnecImagesError
from daemon.exchange import kind_of, status_of
from daemon.log import logger
from daemon.media import TEMPORARY_PREFIX
from daemon.naming import printable
from daemon.triggers import order
from daemon.triggers.order import Order, OrderError

#: How files that others write are opened: no link is followed, no fifo waited for.
OPEN_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

#: Where the directory of the trigger is not there, there is no trigger: the exchange empties its own.
_NOWHERE = (FileNotFoundError, NotADirectoryError)

_REMEDIES = {
    EACCES: "let the daemon's account write in its directory",
    EPERM: "let the daemon's account rename and remove what others put into its directory",
    EROFS: "let the daemon write there, in a systemd unit by ReadWritePaths=",
    EISDIR: "remove the directory that is in the way",
    ENOTDIR: "remove what is in the way",
    EEXIST: "remove what is in the way",
    ENOTEMPTY: "remove the directory that is in the way",
    ENAMETOOLONG: "choose a shorter name for [trigger] file",
    ENOSPC: "make room",
    EDQUOT: "make room",
}


class TriggerStuckError(OnecImagesError):
    """A trigger cannot be claimed or answered until an operator has acted."""


class Signature(NamedTuple):
    """By what it is told whether a trigger file has changed."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A trigger that is ours to carry out, or to refuse: then there is no order but an error, in one line."""

    order: Order | None
    error: str = ""


def running_path(trigger: Path) -> Path:
    """Given the path of the trigger file, return what it is called while it is carried out."""
    return trigger.with_name(f"{trigger.name}.running")


def result_path(trigger: Path) -> Path:
    """Given the path of the trigger file, return that of the result."""
    return trigger.with_name(f"{trigger.name}.result")


class TriggerSpot:
    """The trigger file and what becomes of it, for one daemon.

    A claim removes the former result before it renames the trigger. So a result beside a ``.running`` is
    always that of this run: whatever is killed when, a trigger that has been answered is not run again, and
    one that has not is.
    """

    def __init__(self, path: Path, file_mode: int) -> None:
        """Given the path of the trigger file and the mode of results, which holds whatever the umask."""
        self._path = path
        self._file_mode = file_mode
        self._running = running_path(path).name
        self._result = result_path(path).name
        # as short as the others, however long the name, and not that of a neighbour in the same directory
        self._temporary = f"{TEMPORARY_PREFIX}{crc32(os.fsencode(path.name)):08x}"

    def seen(self) -> Signature | None:
        """Return what lies there, None if no trigger does. Raises TriggerStuckError where that cannot be told."""
        try:
            found = os.lstat(self._path)
        except _NOWHERE:
            return None
        except OSError as error:
            raise self._stuck("looked for", error) from error
        return Signature(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def claim(self) -> Claim | None:
        """Claim the trigger and return what it asks for, None if it has vanished.

        Raises TriggerStuckError where it cannot be claimed; it is left alone then.
        """
        directories = self._opened("claimed")
        if directories is None:
            return None
        with directories, self._failures("claimed"):
            return self._claim(directories.open(""))

    def _claim(self, directory: int) -> Claim | None:
        if status_of(self._path.name, directory) is None:
            return None
        _remove(self._result, directory)
        try:
            os.rename(self._path.name, self._running, src_dir_fd=directory, dst_dir_fd=directory)
        except FileNotFoundError:
            return None
        return self._claimed(directory)

    def leftover(self) -> Claim | None:
        """Clean up behind a daemon that died, and return what it claimed and did not answer, None if nothing.

        Raises TriggerStuckError.
        """
        directories = self._opened("cleaned up")
        if directories is None:
            return None
        with directories, self._failures("cleaned up"):
            return self._leftover(directories.open(""))

    def _leftover(self, directory: int) -> Claim | None:
        _remove(self._temporary, directory)
        if status_of(self._running, directory) is None:
            return None
        if _is_regular(self._result, directory):
            _remove(self._running, directory)
            return None
        return self._claimed(directory)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Given the result of what was claimed, put it in place; a warning tells if there is no place any more.

        Raises TriggerStuckError where it cannot be put in place, or what was claimed cannot be removed.
        """
        directories = self._opened("answered")
        if directories is None:
            self._lose_result()
            return
        with directories, self._failures("answered"):
            self._answer(directories.open(""), result)

    def _answer(self, directory: int, result: Mapping[str, Any]) -> None:
        try:
            self._write(directory, result)
            os.rename(self._temporary, self._result, src_dir_fd=directory, dst_dir_fd=directory)
        except FileNotFoundError:  # the directory, or what lay in it, was removed meanwhile
            self._lose_result()
        except OSError:
            with suppress(OSError):
                _remove(self._temporary, directory)
            raise
        _remove(self._running, directory)

    def _write(self, directory: int, result: Mapping[str, Any]) -> None:
        """Write a result under its temporary name, so that it is on disk."""
        text = json.dumps(result, ensure_ascii=False, default=str)
        _remove(self._temporary, directory)
        with open(os.open(self._temporary, _CREATE, 0o600, dir_fd=directory), "wb") as file:
            os.fchmod(file.fileno(), self._file_mode)
            file.write(text.encode(errors="replace") + b"\n")  # readers refuse JSON with half a character
            file.flush()
            os.fsync(file.fileno())

    def _lose_result(self) -> None:
        logger().warning(
            "trigger_result_lost",
            message=f"The result of a trigger has no place any more: {self._path.parent} was emptied or removed",
            path=str(self._path),
        )

    def _claimed(self, directory: int) -> Claim | None:
        """Return what the claimed file asks for, None if it has vanished."""
        try:
            return Claim(order.read(_content(self._running, directory)))
        except FileNotFoundError:
            return None
        except OrderError as error:
            return Claim(None, str(error))
        except OSError as error:
            return Claim(None, f"the trigger file cannot be read by the daemon: {error.strerror}")

    def _opened(self, done: str) -> Directories | None:
        """Return the directory of the trigger, None if there is none. Raises TriggerStuckError."""
        try:
            return Directories(self._path.parent)
        except _NOWHERE:
            return None
        except OSError as error:
            raise self._stuck(done, error) from error

    @contextmanager
    def _failures(self, done: str) -> Iterator[None]:
        """Turn failures into TriggerStuckError."""
        try:
            yield
        except OSError as error:
            raise self._stuck(done, error) from error

    def _stuck(self, done: str, error: OSError) -> TriggerStuckError:
        remedy = _REMEDIES.get(error.errno or 0)
        said = f"{printable(str(self._path))}: the trigger cannot be {done}: {error.strerror}"
        return TriggerStuckError(f"{said}; {remedy}" if remedy else said)


def content_of(descriptor: int, most: int) -> tuple[bytes, os.stat_result]:
    """Given a descriptor, which is closed, return what is in a regular file, in nothing else, and the status.

    At most that many bytes are read. Raises OSError.
    """
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return b"", found
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most), found
    finally:
        os.close(descriptor)


def _content(name: str, directory: int) -> bytes:
    """Return the content of a regular file, or more than a trigger may have of it. Raises OrderError and OSError."""
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    content = b""
    if stat.S_ISREG(found.st_mode):
        descriptor = os.open(name, OPEN_TO_READ, dir_fd=directory)
        content, found = content_of(descriptor, order.MOST_BYTES + 1)
    if not stat.S_ISREG(found.st_mode):
        raise OrderError(f"the trigger file is {kind_of(found)}, not a regular file")
    return content


def _is_regular(name: str, directory: int) -> bool:
    found = status_of(name, directory)
    return found is not None and stat.S_ISREG(found.st_mode)


def _remove(name: str, directory: int) -> None:
    """Remove what has a name, be it an empty directory; nothing is there is as good. Raises OSError."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        with suppress(FileNotFoundError):
            os.rmdir(name, dir_fd=directory)
