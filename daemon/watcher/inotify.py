"""Watching directories with watchdog's inotify reader.

Only its reader is used, below its observers: those lose an overflow of the kernel's queue, die of a directory that is
moved out and made again, hold events back for half a second, and queue without bound. What is used of it that has no
public name is pinned by tests of its own.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import ENOSPC
from itertools import count
from pathlib import Path
from typing import NamedTuple

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)

from daemon.naming import is_shard
from daemon.watcher.inbox import Inbox

_STOP = 5.0  # seconds that a reader is given to end

_DIRECTORY = InotifyConstants.IN_ONLYDIR | InotifyConstants.IN_EXCL_UNLINK
#: A picture is there: written and closed, renamed into place, or linked.
_PICTURE = InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_CREATE
_COMPLETE = InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO

#: Not IN_DELETE: an exchange that empties a root of many files would flood the queue with what concerns nobody. That a
#: watched directory itself is removed is told in any case.
_ROOT_MASK = Mask(_DIRECTORY | _PICTURE | InotifyConstants.IN_MOVED_FROM | InotifyConstants.IN_MOVE_SELF)
_SHARD_MASK = Mask(_DIRECTORY | _PICTURE | InotifyConstants.IN_DONT_FOLLOW)
_TRIGGER_MASK = Mask(
    _DIRECTORY
    | _COMPLETE
    | InotifyConstants.IN_OPEN
    | InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_CLOSE_NOWRITE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_DELETE
)

_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")

logging.getLogger("watchdog").addHandler(logging.NullHandler())  # what it says on stderr, the inbox is told


class _Place(NamedTuple):
    root: int
    directory: str


class _Reader(WatchCallback):
    """A thread that reads inotify events, and the directories that it reads them for."""

    def __init__(self) -> None:
        """Start the thread. Raises OSError where the kernel allows no more instances."""
        self._reader = InotifyFD()
        os.set_inheritable(self._reader._inotify_fd, False)  # noqa: FBT003, SLF001  no child is to hold it
        # that it reads before its thread has begun is not true, and who ends it sooner would leave its descriptors open
        self._reader._is_reading = False  # noqa: SLF001
        self._lock = threading.RLock()
        self._closing = False
        self._numbers = count()
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether events are still read."""
        return self._reader.is_alive()

    def close(self) -> None:
        """End the thread; what it has not read is lost."""
        with self._lock:  # what it is about to do has to be done before its descriptor is closed
            self._closing = True
        with suppress(OSError):  # of a reader that died with its descriptor
            self._reader.stop()
        self._reader.join(_STOP)

    def _add(self, path: Path, mask: Mask) -> tuple[WatchDescriptor, CallbackId]:
        number = CallbackId(next(self._numbers))
        watch = self._reader.add_callback(os.fsencode(path), mask, self, number)
        if watch < 0:  # how the reader says EACCES
            self._reader.remove_callbacks([(watch, number)])
            raise PermissionError(f"{path} may not be watched")
        return watch, number

    def on_event(self, event: InotifyEvent) -> None:
        """Take an event from the reader."""

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Take from the reader that a watch has ended."""

    def on_queue_overflow(self) -> None:
        """Take from the reader that events were lost."""


class Watcher(_Reader):
    """Watches image roots and the directories of two characters in them, and tells an inbox what happens.

    What a name in a root stands for is looked up on the disk whenever an event speaks of it: the events of
    directories that are moved, exchanged and made again need not be understood.
    """

    def __init__(self, roots: Mapping[int, Path], inbox: Inbox) -> None:
        """Given image roots by their numbers, and the inbox, watch nothing yet.

        Whatever cannot be watched later is told to the inbox as trouble. Raises OSError where nothing can be.
        """
        super().__init__()
        self._roots = roots
        self._inbox = inbox
        self._watches: dict[_Place, tuple[WatchDescriptor, CallbackId]] = {}
        self._places: dict[WatchDescriptor, _Place] = {}

    def watch(self, root: int) -> bool:
        """Given the number of an image root, watch it and its directories, and return whether it is there."""
        is_there = True
        with self._troubles():
            is_there = self._watch(_Place(root, ""))
            for name in self._shards(root) if is_there else ():
                with self._troubles():  # one that cannot be watched is no reason not to watch the others
                    self._watch(_Place(root, name))
        return is_there

    def forget(self, root: int) -> None:
        """Given the number of an image root that is gone, watch it no more."""
        with self._lock, self._troubles():
            for place in [place for place in self._watches if place.root == root]:
                self._unwatch(place)

    def _shards(self, root: int) -> Iterator[str]:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._roots[root]) as entries:
            for entry in entries:
                if is_shard(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def _watch(self, place: _Place) -> bool:
        """Watch what is at a place now, and return whether there is such a directory."""
        path, mask = self._roots[place.root] / place.directory, _SHARD_MASK if place.directory else _ROOT_MASK
        with self._lock:
            try:
                watch, number = self._add(path, mask)
            except (FileNotFoundError, NotADirectoryError):
                self._unwatch(place)
                return False
            if known := self._places.get(watch):  # the same directory under another name, or once more
                self._reader.remove_callbacks([self._watches.pop(known)])
            self._unwatch(place)
            self._watches[place] = watch, number
            self._places[watch] = place
        return True

    def _unwatch(self, place: _Place) -> None:
        if former := self._watches.pop(place, None):
            del self._places[former[0]]
            self._reader.remove_callbacks([former])

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        """Tell whatever goes wrong to the inbox: a thread that dies of it would be missed by nobody."""
        try:
            yield
        except OSError as error:
            self._inbox.trouble(self._explained(error))
        except Exception as error:  # noqa: BLE001  told as trouble, which has everything watched anew
            self._inbox.trouble(f"an event could not be handled: {error!r}")

    def _explained(self, error: OSError) -> str:
        if error.errno != ENOSPC:
            return f"not all directories can be watched: {error.strerror or error}"
        with suppress(OSError, ValueError):  # a sandbox may hide it
            limit = int(_LIMIT.read_text(encoding="ascii"))
            return (
                f"not all directories can be watched: the limit of {limit} inotify watches is reached;"
                f" sysctl -w fs.inotify.max_user_watches={limit * 2 + 1024}"
            )
        return "not all directories can be watched: the limit fs.inotify.max_user_watches is reached"

    def on_event(self, event: InotifyEvent) -> None:
        """Take an event from the reader."""
        with self._lock, self._troubles():
            place = self._places.get(event.wd)
            if place is None or self._closing:
                return
            name = os.fsdecode(event.name)
            if event.mask & InotifyConstants.IN_MOVE_SELF:
                self._inbox.root_gone(place.root)  # it may be back by now, and have changed meanwhile
            elif not event.is_directory:
                if event.mask & _PICTURE:
                    self._inbox.picture(place.directory, name)
            elif not place.directory and is_shard(name):
                self._look_at(_Place(place.root, name))

    def _look_at(self, place: _Place) -> None:
        """Watch the directory that is at a place in a root now, and have it listed as a whole.

        Where what is above the root is elsewhere for the moment, nobody can tell what is in it, before it is back.
        """
        if self._watch(place):
            self._inbox.directory(*place)
        elif not self._roots[place.root].is_dir():
            self._inbox.root_gone(place.root)
        elif self._watch(place):  # it may have come back between the two
            self._inbox.directory(*place)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Take from the reader that a watched directory is no longer there: removed, or unmounted."""
        with self._lock, self._troubles():
            place = self._places.pop(wd, None)
            if place is None or self._closing:
                return
            del self._watches[place]
            if place.directory:
                self._look_at(place)
            else:
                self._inbox.root_gone(place.root)

    def on_queue_overflow(self) -> None:
        """Take from the reader that the kernel's queue overflowed."""
        self._inbox.trouble("so much happened at once that the kernel dropped events")


class TriggerWatcher(_Reader):
    """Watches for a trigger file that is closed after writing or renamed into place.

    It may miss one: the file is looked for every second or two besides.
    """

    def __init__(self, file: Path, on_complete: Callable[[], None]) -> None:
        """Given the trigger file and who is told, watch its directory. Raises OSError."""
        super().__init__()
        self._name = os.fsencode(file.name)
        self._on_complete = on_complete
        self._is_over = False
        self._is_changed = False
        #: Whether the file has been opened and not closed since, by somebody who may be writing to it.
        self.is_open = False
        try:
            self._add(file.parent, _TRIGGER_MASK)
        except OSError:
            self.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether events are still read, and of a directory that is still there."""
        return super().is_alive and not self._is_over

    def on_event(self, event: InotifyEvent) -> None:
        """Take an event from the reader."""
        if event.name != self._name:
            return
        if event.mask & InotifyConstants.IN_MODIFY:
            self.is_open = self._is_changed = True
        elif event.mask & InotifyConstants.IN_OPEN:
            self.is_open = True
        elif not (event.mask & InotifyConstants.IN_CLOSE_NOWRITE and self._is_changed):
            self.is_open = self._is_changed = False  # a reader that has gone says nothing of a writer
        if event.mask & _COMPLETE:
            self._on_complete()

    def on_queue_overflow(self) -> None:
        """Take from the reader that events were lost: nothing is known of the file any more."""
        self.is_open = self._is_changed = False

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002  there is only one
        """Take from the reader that the directory is no longer there."""
        self._is_over = True
