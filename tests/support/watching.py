"""What tests of the watches do to directories, and how they wait for what the kernel tells."""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.daemon_process import eventually
from support.descriptors import held

from daemon.agenda import Hint
from daemon.naming import PictureNames
from daemon.watcher.inbox import Inbox, Seen

NAMES = PictureNames.from_patterns(["jpg", "png"], ["*.tmp"])

_AT_CWD = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE


def exchange(one: Path, other: Path) -> None:
    """Let two paths have each other's file or directory, at once."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def watches_and_threads() -> tuple[int, int]:
    """Return how many inotify instances and threads this process has."""
    return sum("inotify" in target for target in held().values()), threading.active_count()


@contextmanager
def nothing_left() -> Iterator[None]:
    """Assert that the block ends the threads and closes the descriptors that it makes."""
    before = held(), threading.active_count()
    yield
    assert (held(), threading.active_count()) == before


class Box(Inbox):
    """An inbox that gathers what it was told since the last ``empty``."""

    def __init__(self, most: int = 1_000_000) -> None:
        super().__init__(NAMES, most, lambda: None)
        self.heard = Seen()

    def look(self) -> Seen:
        """Take in what has come, and return all of it."""
        seen = self.take()
        self.heard.pictures |= seen.pictures
        self.heard.directories |= seen.directories
        self.heard.gone |= seen.gone
        self.heard.trouble += seen.trouble
        self.heard.trigger |= seen.trigger
        self.heard.too_much |= seen.too_much
        return self.heard

    def empty(self) -> None:
        """Forget what has come."""
        self.take()
        self.heard = Seen()

    def wait_for(self, *pictures: str) -> None:
        """Wait until these pictures were told of, as `directory/stem`."""
        wanted = {Hint(path.rpartition("/")[2], path.rpartition("/")[0]) for path in pictures}
        eventually(lambda: wanted <= self.look().pictures.keys())

    def wait_for_directories(self, *names: str, root: int = 0) -> None:
        """Wait until these directories of a root were told of as new."""
        eventually(lambda: {(root, name) for name in names} <= self.look().directories)
