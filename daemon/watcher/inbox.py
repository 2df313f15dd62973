"""What the watching threads have seen and the service has not looked at yet."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.agenda import Hint
from daemon.naming import PictureNames, hint_of

_MOST_REASONS = 10  # of trouble; one is enough to have everything watched anew


@dataclass(slots=True)
class Seen:
    """What has been seen since the last look.

    pictures: when something first and last happened to pictures, by hint; monotonic, in seconds.
    directories: of an image root, by its number, those that are new, moved in or made again.
    gone: the numbers of image roots that have been removed.
    trouble: why events may have been missed.
    trigger: whether a trigger file has been closed after writing or renamed into place.
    too_much: whether so much happened that pictures were not kept apart any more.
    """

    pictures: dict[Hint, tuple[float, float]] = field(default_factory=dict)
    directories: set[tuple[int, str]] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    trouble: list[str] = field(default_factory=list)
    trigger: bool = False
    too_much: bool = False


class Inbox:
    """Takes what any thread has seen, in bounded memory and without input or output; one thread looks into it."""

    def __init__(self, names: PictureNames, most: int, wake: Callable[[], None]) -> None:
        """Given what counts as a picture, how many hints are kept apart, and what wakes the service."""
        self._names = names
        self._most = most
        self._wake = wake
        self._lock = threading.Lock()
        self._seen = Seen()

    def picture(self, directory: str, name: str) -> None:
        """Given a directory of an image root and the name of a file in it, note that something happened to it."""
        stem = self._names.stem(name)
        if stem is None:
            return
        hint, now = Hint(hint_of(stem), directory), time.monotonic()
        with self._lock:
            first, _ = self._seen.pictures.get(hint, (now, now))
            self._seen.pictures[hint] = first, now
            self._bound()

    def directory(self, root: int, name: str) -> None:
        """Given the number of an image root and the name of a directory that is new in it, note that."""
        with self._lock:
            self._seen.directories.add((root, name))
            self._bound()

    def _bound(self) -> None:
        if len(self._seen.pictures) + len(self._seen.directories) > self._most:
            self._seen.pictures.clear()
            self._seen.directories.clear()
            self._seen.too_much = True

    def root_gone(self, root: int) -> None:
        """Given the number of an image root, note that it has been removed."""
        with self._lock:
            self._seen.gone.add(root)
        self._wake()

    def trouble(self, reason: str) -> None:
        """Given why events may have been missed, note it."""
        with self._lock:
            if reason not in self._seen.trouble and len(self._seen.trouble) < _MOST_REASONS:
                self._seen.trouble.append(reason)
        self._wake()

    def trigger(self) -> None:
        """Note that a trigger file is complete."""
        with self._lock:
            self._seen.trigger = True
        self._wake()

    def take(self) -> Seen:
        """Return what was seen since the last call."""
        with self._lock:
            seen, self._seen = self._seen, Seen()
        return seen
