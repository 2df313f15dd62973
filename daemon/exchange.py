"""What lies in the exchange directory: its image roots, listed once, and the pictures in them. Only ever read."""

import os
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from daemon.directories import Directories
from daemon.errors import RootsMissingError
from daemon.naming import is_shard

_BATCH = 10_000  # names held at once while a directory is listed

Entry = TypeVar("Entry")

_name_of: Callable[[os.DirEntry[str]], str] = attrgetter("name")

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Place(NamedTuple):
    """One listed directory: an image root (directory ``""``) or a directory of two characters in it."""

    root: int  #: its number among the image roots
    directory: str


@dataclass(frozen=True, slots=True)
class Source:
    """A picture where it lies: a descriptor of its directory, and its name there."""

    directory: int
    name: str

    def status(self) -> os.stat_result | None:
        """Return what lies there under this name, links not followed, None if nothing does.

        Raises OSError where that cannot be told.
        """
        return status_of(self.name, self.directory)

    def open(self) -> int:
        """Return a descriptor for reading, never following a link nor waiting for a fifo. Raises OSError."""
        return os.open(self.name, _READ, dir_fd=self.directory)


def status_of(name: str, directory: int) -> os.stat_result | None:
    """Given a name and the descriptor of its directory, return its status, None if there is no such name.

    Links are not followed. Raises OSError where the status cannot be told.
    """
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


#: Told the path, relative to the exchange directory, of a directory that cannot be listed, and the reason.
Trouble = Callable[[str, str], None]


class Exchange:
    """The image roots of one exchange directory, opened for one import."""

    def __init__(self, directory: Path, image_roots: Sequence[str], *, may_be_empty: bool = False) -> None:
        """Given the exchange directory and its image roots (relative, or absolute), open them.

        Afterwards ``missing`` names the roots that could not be opened, with the reason. Raises
        RootsMissingError if that is all of them, unless that ``may_be_empty``.
        """
        self._directory = directory
        self._names = tuple(image_roots)
        self._roots: dict[int, Directories] = {}
        self.missing: dict[str, str] = {}
        self._stack = ExitStack()
        for number, name in enumerate(image_roots):
            self._open_root(number, name)
        if not self._roots and not may_be_empty:
            raise RootsMissingError(self._nothing_there())

    def _open_root(self, number: int, name: str) -> None:
        try:
            absolute = Path(name).is_absolute()
            root = Directories(Path(name)) if absolute else Directories(self._directory, name)
            self._roots[number] = self._stack.enter_context(root)
        except OSError as error:
            self.missing[name] = error.strerror or str(error)

    def _nothing_there(self) -> str:
        paths = ", ".join(f"{self._directory / name} ({reason})" for name, reason in self.missing.items())
        return f"none of the image roots can be read: {paths}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def __getstate__(self) -> dict[str, object]:
        """Return what a process needs that has inherited the roots' descriptors."""
        return {**self.__dict__, "_stack": ExitStack()}

    @property
    def descriptors(self) -> list[int]:
        """The roots' descriptors."""
        return [descriptor for root in self._roots.values() for descriptor in root.descriptors]

    def listing(
        self, trouble: Trouble, directories: Collection[str] | None = None
    ) -> Iterator[tuple[Place, list[str]]]:
        """Yield a place and some of the names in it, each directory being listed once.

        Of each image root all directories are listed, or those given. Names starting with a dot are left out.
        A directory that cannot be listed is told to ``trouble``, and the others go on.
        """
        places = deque(self.places(directories))
        while places:
            place = places.popleft()
            shards: list[str] = []
            try:
                for names, found in self.names(place):
                    shards += found
                    yield place, names
            except OSError as error:
                trouble(self.path(place), not_listed(error))
            if directories is None:
                places.extendleft(Place(place.root, shard) for shard in sorted(shards, reverse=True))

    def places(self, directories: Collection[str] | None = None) -> list[Place]:
        """Return where a listing begins: the image roots, or the directories given, in each of them."""
        wanted = [""] if directories is None else sorted(directories)
        return [Place(root, directory) for root in self._roots for directory in wanted]

    def names(self, place: Place) -> Iterator[tuple[list[str], list[str]]]:
        """Given a place, yield some of the names in it that may be pictures', and shards, which only image roots have.

        A directory that is gone has none. Raises OSError where it cannot be listed; what came before is yielded.
        """
        root = self._roots[place.root]
        root.trim()
        with suppress(FileNotFoundError), os.scandir(root.open(place.directory)) as entries:
            if place.directory:
                for some in _in_batches(map(_name_of, entries)):
                    yield list(filter(_may_be_picture, some)), []
            else:
                for entry_batch in _in_batches(entries):
                    yield list(filter(_may_be_picture, map(_name_of, entry_batch))), _shards(entry_batch)

    def directory(self, place: Place) -> int:
        """Given a place, return its descriptor. Raises OSError."""
        return self._roots[place.root].open(place.directory)

    def source(self, place: Place, name: str) -> Source | None:
        """Given a place and a name in it, return the picture, None if its directory is gone.

        Raises OSError where the directory cannot be opened.
        """
        try:
            return Source(self.directory(place), name)
        except FileNotFoundError:
            return None

    def path(self, place: Place, name: str = "") -> str:
        """Given a place and a name in it, return the path to show, relative to the exchange."""
        return "/".join(part for part in (self._names[place.root], place.directory, name) if part)

    def trim(self) -> None:
        """Close descriptors if they are many; sources given out before are no longer valid."""
        for root in self._roots.values():
            root.trim()


def not_listed(error: OSError) -> str:
    """Given an error, return the reason why a directory is not listed."""
    return f"cannot be listed: {error.strerror}"


def _in_batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Yield entries, many at once, and those that came before an error before it is raised."""
    while True:
        batch: list[Entry] = []
        try:
            batch.extend(islice(entries, _BATCH))
        except OSError:
            yield batch
            raise
        if not batch:
            return
        yield batch


def _may_be_picture(name: str) -> bool:
    """Return whether a name is not hidden, and long enough for an extension."""
    return name[0] != "." and not is_shard(name)


def _shards(entries: Iterable[os.DirEntry[str]]) -> list[str]:
    """Return which of the entries of an image root are directories that pictures are looked for in."""
    return [entry.name for entry in entries if is_shard(entry.name) and entry.is_dir(follow_symlinks=False)]


def kind_of(status: os.stat_result) -> str:
    """Given a status, return what it is in words, as in "a fifo"."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "an unknown kind of file")


_KINDS = {
    stat.S_IFREG: "a regular file",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
