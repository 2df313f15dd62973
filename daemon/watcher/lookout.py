"""Keeping the exchange directory watched, whatever happens to it: new watches first, then everything looked at."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from daemon.log import logger
from daemon.watcher.inbox import Inbox
from daemon.watcher.inotify import TriggerWatcher, Watcher
from daemon.watcher.roots import Identity, Roots

_SHORTEST_PAUSE = 1.0  # seconds before everything is watched anew; doubles each time
_LONGEST_PAUSE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Change:
    """What a look has found.

    appeared: the numbers of image roots that are there again, or for the first time; watched already.
    renewed: everything is watched anew, and events may have been missed before.
    """

    appeared: list[int] = field(default_factory=list)
    renewed: bool = False


class Lookout:
    """The watches on image roots and on the directory of the trigger file.

    An image root that comes and goes is everyday life: it is waited for, and watched when it is there. Whatever
    else goes wrong has one remedy: everything is watched anew, and whoever asks is told that something may have
    been missed.
    """

    def __init__(self, roots: Roots, trigger: Path, inbox: Inbox, *, polls: bool) -> None:
        """Given the image roots, the trigger file, the inbox that is told, and whether to do without events."""
        self._roots = roots
        self._trigger = trigger
        self._inbox = inbox
        self._polls = polls
        self._known: dict[int, Identity | None] = {}
        self._gone: set[int] = set()
        self._watcher: Watcher | None = None
        self._trigger_watcher: TriggerWatcher | None = None
        self._renew_at: float | None = None
        self._renewed_at = 0.0
        self._pause = _SHORTEST_PAUSE
        #: How often everything was watched anew, the first time included.
        self.generation = 0
        #: Why events may be missed now, "" if they are not.
        self.trouble = ""

    @property
    def missing(self) -> list[str]:
        """The image roots that are waited for."""
        return [self._roots.names[root] for root, identity in self._known.items() if identity is None]

    @property
    def has_roots(self) -> bool:
        """Whether any image root is there."""
        return any(self._known.values())

    @property
    def is_trigger_open(self) -> bool:
        """Whether somebody is seen to have the trigger file open, and may be writing to it."""
        return self._trigger_watcher is not None and self._trigger_watcher.is_open

    def start(self, now: float) -> None:
        """Given the time, set all watches that can be set now."""
        self._known = dict.fromkeys(self._roots.paths)
        self._renew(now)
        for root in self._known:
            if self._known[root] is None:
                self._tell_missing(root)

    def close(self) -> None:
        """Watch nothing any more."""
        for watcher in (self._watcher, self._trigger_watcher):
            if watcher:
                watcher.close()

    def report(self, gone: set[int], troubles: list[str], now: float) -> None:
        """Given image roots that were removed, why events may have been missed, and the time, take it in."""
        self._gone |= gone
        for reason in troubles:
            self._raise(reason, now)

    def check(self, now: float) -> Change:
        """Given the time, look whether all is as it was, mend what is not, and return what has changed."""
        if not self._polls:
            self._check_threads(now)
        appeared = [root for root in self._known if self._has_appeared(root, now)]
        self._gone.clear()
        if self._renew_at is None or now < self._renew_at:
            return Change(appeared)
        self._renew(now)
        return Change(renewed=True)

    def _check_threads(self, now: float) -> None:
        if self._watcher is None or not self._watcher.is_alive:
            self._raise("nobody reads the events of the file system", now)
        if self._trigger_watcher is None or not self._trigger_watcher.is_alive:
            self._watch_trigger()

    def _has_appeared(self, root: int, now: float) -> bool:
        """Look at an image root, and return whether it is there anew."""
        before, identity = self._known[root], self._roots.identity(root)
        if identity == before and root not in self._gone:
            return False
        if before and identity and identity.device != before.device:
            self._raise(f"another file system is at the image root {self._roots.names[root]} now", now)
            return False
        self._known[root] = None
        self._forget(root)
        if identity and self._watch(root, identity):
            return True
        if before:
            self._tell_missing(root)
        return False

    def _tell_missing(self, root: int) -> None:
        name = self._roots.names[root]
        logger().info("root_awaited", message=f"Image root {name} is not there; it is waited for", path=name)

    def _forget(self, root: int) -> None:
        if self._watcher:
            self._watcher.forget(root)

    def _watch(self, root: int, identity: Identity) -> bool:
        """Watch an image root that is there, and return whether it still is."""
        if self._watcher and not self._watcher.watch(root):
            return False
        self._known[root] = identity
        return True

    def _raise(self, reason: str, now: float) -> None:
        """Have everything watched anew soon, less soon each time that it was of no use."""
        if self._renew_at is None:
            if now - self._renewed_at > _LONGEST_PAUSE:
                self._pause = _SHORTEST_PAUSE
            self._renew_at = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        if not self.trouble:
            logger().warning("watching_troubled", message=f"Events may be missed: {reason}", reason=reason)
        self.trouble = self.trouble or reason

    def settled(self) -> None:
        """Tell that what may have been missed has been found by other means."""
        if self.trouble and self._renew_at is None:
            logger().info("watching_recovered", message="All is watched, and what was missed has been found")
            self.trouble = ""

    def _renew(self, now: float) -> None:
        """Watch everything anew; the former watches end only when the new ones stand."""
        former, self._renew_at, self._renewed_at = self._watcher, None, now
        self.generation += 1
        if not self._polls:
            self._watcher = self._made(now)
            self._watch_trigger()
        for root in self._known:
            identity = self._roots.identity(root)
            self._known[root] = None
            if identity:
                self._watch(root, identity)
        if former and former is not self._watcher:
            former.close()

    def _made(self, now: float) -> Watcher | None:
        try:
            return Watcher(self._roots.paths, self._inbox)
        except OSError as error:
            limit = "sysctl -w fs.inotify.max_user_instances=512"
            self._raise(f"the file system cannot be watched: {error.strerror}; {limit}", now)
            return self._watcher

    def _watch_trigger(self) -> None:
        """Watch for triggers; where that cannot be, the file is still looked for now and then."""
        if self._trigger_watcher:
            self._trigger_watcher.close()
            self._trigger_watcher = None
        if not os.path.isdir(self._trigger.parent):
            return
        with suppress(OSError):
            self._trigger_watcher = TriggerWatcher(self._trigger, self._inbox.trigger)
