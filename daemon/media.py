"""The shop's media directory: where product images are stored, and whether there is room and permission."""

import ctypes
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EACCES, EDQUOT, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, EROFS
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import Self

from daemon.directories import Directories, Nowhere
from daemon.errors import MediaError
from daemon.exchange import status_of

#: Temporary files are called so until they are renamed to what they are.
TEMPORARY_PREFIX = ".onec-images-"

#: Errors of the media that no other picture would escape: they end the session.
FATAL = frozenset({ENOSPC, EDQUOT, EROFS, EIO})

#: Errors of a path that leads nowhere we could have stored a file.
_NOTHING_THERE = frozenset({ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EACCES})

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

# Python has no os.syncfs
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def fatal_errors() -> Iterator[None]:
    """Turn those errors of the media that no other picture would escape into MediaError."""
    try:
        yield
    except OSError as error:
        if error.errno in FATAL:
            raise MediaError(f"the media directory cannot take files: {error.strerror}") from error
        raise


@dataclass(frozen=True, slots=True)
class Target:
    """Where a picture is or shall be stored: a descriptor of the directory, and the name there."""

    directory: int
    name: str

    def status(self) -> os.stat_result | None:
        """Return what is stored there under this name, None if nothing is. Raises OSError."""
        return status_of(self.name, self.directory)

    def open(self) -> int:
        """Return a descriptor for reading the stored copy, links not followed. Raises OSError."""
        return os.open(self.name, _READ, dir_fd=self.directory)


class Media:
    """The media directory, opened for one import."""

    def __init__(
        self, directory: Path, prefix: str, *, file_mode: int, dir_mode: int, min_free: int, durable: bool
    ) -> None:
        """Given the media directory and the prefix of product images in it, open it for reading.

        It need not exist yet. Modes hold whatever the umask; ``min_free`` is in bytes. Raises MediaError.
        """
        self._path = directory
        self._prefix = prefix
        self._file_mode = file_mode
        self._dir_mode = dir_mode
        self._min_free = min_free
        self._durable = durable
        self._token = _token()
        self._numbers = count()
        self._directories = self._opened()

    def _opened(self) -> Directories:
        try:
            return Directories(self._path)
        except FileNotFoundError:
            return Nowhere(self._path)
        except OSError as error:
            raise MediaError(
                f"{self._path}: the media directory cannot be opened: {error.strerror}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._directories.close()

    def __setstate__(self, state: dict[str, object]) -> None:
        """Given what was made elsewhere, do the same in a process that has inherited the directory's descriptor."""
        self.__dict__ |= {**state, "_token": _token()}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The directory's descriptor, where there is a directory."""
        return self._directories.descriptors

    def prepare(self) -> None:
        """Make the directories that are missing, and raise MediaError if they cannot take files."""
        try:
            if isinstance(self._directories, Nowhere):
                self._make()
                self._directories = self._opened()
            prefix = self._directories.make(self._prefix, self._dir_mode)
            with self.temporary(Target(prefix, "")):
                pass
        except OSError as error:
            place = self._path / self._prefix
            raise MediaError(
                f"{place}: the media directory cannot be written to: {error.strerror}"
            ) from error

    def _make(self) -> None:
        """Make the media directory and what is missing above it."""
        there = next(parent for parent in self._path.parents if parent.is_dir())
        with Directories(there) as directories:
            directories.make(str(self._path.relative_to(there)), self._dir_mode)

    def check_room(self) -> None:
        """Raise MediaError if less than ``min_free`` is left, or that cannot be told."""
        try:
            status = os.statvfs(self._directories.open(""))
        except OSError as error:
            raise MediaError(f"{self._path}: the free space cannot be told: {error.strerror}") from error
        free = status.f_bavail * status.f_frsize
        if free < self._min_free:
            wanted = self._min_free >> 20
            raise MediaError(f"{self._path}: {free >> 20} MiB are free, [media] min_free wants {wanted} MiB")

    def directory(self, path: str) -> int:
        """Given the path of a directory relative to the media directory, return its descriptor. Raises OSError."""
        return self._directories.open(path)

    def target(self, path: str, *, make: bool = False) -> Target | None:
        """Given a path relative to the media directory, return where it is, None if its directory is missing.

        With ``make`` the directory is made. Raises OSError where the directory cannot be opened or made.
        """
        directory, _, name = path.rpartition("/")
        try:
            opened = (
                self._directories.make(directory, self._dir_mode)
                if make
                else self._directories.open(directory)
            )
        except FileNotFoundError:
            if make:
                raise
            return None
        return Target(opened, name)

    def holds(self, path: str) -> bool:
        """Given a path as a row has it, return whether a regular file lies there below the media directory.

        Raises MediaError where that cannot be told.
        """
        if path.startswith("/") or "\0" in path or ".." in path.split("/"):
            return False
        try:
            target = self.target(path)
            status = target.status() if target else None
        except UnicodeEncodeError:
            return False
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                return False
            raise MediaError(f"{self._path / path}: cannot be looked at: {error.strerror}") from error
        return status is not None and stat.S_ISREG(status.st_mode)

    @contextmanager
    def temporary(self, target: Target) -> Iterator["Temporary"]:
        """Given a target, yield a new file beside it, which is removed unless it has been published.

        Raises OSError.
        """
        name = f"{TEMPORARY_PREFIX}{self._token}-{next(self._numbers)}"
        temporary = Temporary(target, name, self._file_mode, durable=self._durable)
        try:
            yield temporary
        finally:
            temporary.close()

    def sync(self) -> None:
        """Where the media are to be durable, wait until everything stored so far is on disk.

        Raises MediaError.
        """
        if self._durable and _libc.syncfs(self._directories.open("")):
            reason = os.strerror(ctypes.get_errno())
            raise MediaError(f"{self._path}: files could not be brought to disk: {reason}")

    def stored(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each directory of product images and the names in it. One that cannot be listed is left out."""
        for shard in self._listed(self._prefix):
            yield shard, self._listed(f"{self._prefix}/{shard}")
            self.trim()

    def _listed(self, path: str) -> list[str]:
        try:
            return os.listdir(self._directories.open(path))
        except OSError:
            return []  # not there yet, or a stray file; what is ours has been made by us

    def sweep(self) -> int:
        """Remove the temporary files of importers that died, and return how many there were."""
        shards = ((f"{self._prefix}/{shard}", names) for shard, names in self.stored())
        return sum(
            self._remove_leftover(f"{directory}/{name}")
            for directory, names in chain([(self._prefix, self._listed(self._prefix))], shards)
            for name in names
            if name.startswith(TEMPORARY_PREFIX)
        )

    def _remove_leftover(self, path: str) -> bool:
        with suppress(OSError):
            target = self.target(path)
            return target is not None and _removed_unless_locked(target)
        return False

    def trim(self) -> None:
        """Close descriptors if they are many; targets given out before are no longer valid."""
        self._directories.trim()


def _token() -> str:
    """Return what tells the temporary files of this process from those of all others."""
    return os.urandom(6).hex()


def _removed_unless_locked(target: Target) -> bool:
    """A living importer, maybe of another exchange with the same media, holds a lock on its temporary file."""
    descriptor = target.open()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(target.name, dir_fd=target.directory)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Temporary:
    """A file on its way to a target."""

    def __init__(self, target: Target, name: str, mode: int, *, durable: bool) -> None:
        """Given the target, a name for the time being, the mode and whether it has to last, create the file.

        Raises OSError.
        """
        self._target = target
        self._name = name
        self._durable = durable
        self._published = False
        self._create(mode)
        while not os.fstat(self.descriptor).st_nlink:  # swept away before it was locked
            os.close(self.descriptor)
            self._create(mode)

    def _create(self, mode: int) -> None:
        self.descriptor = os.open(self._name, _CREATE, 0o600, dir_fd=self._target.directory)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            os.fchmod(self.descriptor, mode)
        except OSError:
            self.close()
            raise

    def publish(self, modified_ns: int) -> None:
        """Given a time of modification in ns since the epoch, set it and take the target's name. Raises OSError."""
        if self._durable:  # the kernel begins to write now, and ``Media.sync`` has less to wait for
            os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.utime(self.descriptor, ns=(modified_ns, modified_ns))
        directory = self._target.directory
        os.rename(self._name, self._target.name, src_dir_fd=directory, dst_dir_fd=directory)
        self._published = True

    def close(self) -> None:
        """Close the file, and remove it if it has not been published."""
        os.close(self.descriptor)
        if not self._published:
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._target.directory)
