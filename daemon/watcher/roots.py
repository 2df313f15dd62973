"""Which image roots are there, and whether they are still the same directories."""

from collections.abc import Sequence
from contextlib import closing
from os import fstat
from pathlib import Path
from typing import NamedTuple

from daemon.directories import Directories


class Identity(NamedTuple):
    """What makes a directory the same one, whatever its name."""

    device: int
    inode: int


class Roots:
    """The image roots of one exchange directory, by their numbers in the configuration."""

    def __init__(self, exchange: Path, names: Sequence[str]) -> None:
        """Given the exchange directory and the image roots, relative to it or absolute."""
        self.exchange = exchange
        self.names = tuple(names)

    @property
    def paths(self) -> dict[int, Path]:
        """The path of each root by its number."""
        return {number: self.exchange / name for number, name in enumerate(self.names)}

    def identity(self, root: int) -> Identity | None:
        """Given the number of a root, return which directory it is, None if it is not there or cannot be opened."""
        name = self.names[root]
        try:
            opened = Directories(Path(name)) if Path(name).is_absolute() else Directories(self.exchange, name)
            with closing(opened):
                status = fstat(opened.open(""))
        except OSError:
            return None
        return Identity(status.st_dev, status.st_ino)
