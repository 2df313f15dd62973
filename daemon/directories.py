"""Descriptors of directories below a base directory, opened so that no symbolic link is ever followed."""

import os
from errno import ENOENT
from pathlib import Path
from types import TracebackType
from typing import Self

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_MAX = 128  # per tree; a chunk of the import may add a few hundred, well below the usual 1024


class Directories:
    """Directories below one base, by their relative path, each opened once.

    The base itself is the operator's choice and may be reached through links; what lies below it is
    written by others and may not. Descriptors are valid until the next ``trim``.
    """

    def __init__(self, trusted: Path, below: str = "") -> None:
        """Given a directory, and a path below it that follows no links, open that as the base. Raises OSError."""
        self._base = os.open(trusted, _OPEN)
        self._opened: dict[str, int] = {}
        try:
            for name in filter(None, below.split("/")):
                self._base, parent = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=self._base), self._base
                os.close(parent)
        except OSError:
            os.close(self._base)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        """Return what a process needs that has inherited the base's descriptor; it opens the others itself."""
        return {**self.__dict__, "_opened": {}}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The base's descriptor, by which another process finds all that lies below."""
        return (self._base,)

    def open(self, path: str) -> int:
        """Given a relative path, return the directory's descriptor.

        Raises OSError: ENOENT, and ENOTDIR or ELOOP where a part of the path is no directory or a link.
        """
        if not path:
            return self._base
        if path not in self._opened:
            above, descriptor = "", self._base
            for name in path.split("/"):  # no recursion: a path on a row may have any number of parts
                above = f"{above}/{name}" if above else name
                if above not in self._opened:
                    self._opened[above] = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=descriptor)
                descriptor = self._opened[above]
        return self._opened[path]

    def make(self, path: str, mode: int) -> int:
        """Given a relative path, return the directory's descriptor, made with this mode where it is missing.

        Raises OSError.
        """
        try:
            return self.open(path)
        except FileNotFoundError:
            parent, _, name = path.rpartition("/")
            self._make_one(name, mode, self.make(parent, mode) if parent else self._base)
            return self.open(path)

    @staticmethod
    def _make_one(name: str, mode: int, parent: int) -> None:
        try:
            os.mkdir(name, mode, dir_fd=parent)
        except FileExistsError:
            return  # another process was quicker, and its mode counts
        made = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.fchmod(made, mode)  # whatever the umask
        finally:
            os.close(made)

    def trim(self) -> None:
        """Close the descriptors if they are many. Those returned before are no longer valid."""
        if len(self._opened) > _OPEN_MAX:
            self._forget()

    def close(self) -> None:
        """Close all descriptors, the base's too."""
        self._forget()
        os.close(self._base)

    def _forget(self) -> None:
        while self._opened:
            os.close(self._opened.popitem()[1])


class Nowhere(Directories):
    """Stands for a base directory that does not exist: nothing is in it."""

    def __init__(self, base: Path) -> None:
        """Given the path of the directory that is missing."""
        self._missing = base

    @property
    def descriptors(self) -> tuple[int, ...]:
        """None."""
        return ()

    def open(self, path: str) -> int:
        """Raise FileNotFoundError."""
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(self._missing / path))

    def make(self, path: str, mode: int) -> int:  # noqa: ARG002  as the other directories have it
        """Raise FileNotFoundError."""
        return self.open(path)

    def trim(self) -> None:
        """Do nothing: there are no descriptors."""

    def close(self) -> None:
        """Do nothing: there are no descriptors."""
