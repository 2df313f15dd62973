"""What happens in the exchange directory, brought onto the agenda."""

import os
from collections.abc import Iterable

from daemon.agenda import Agenda, Hint
from daemon.exchange import Exchange
from daemon.naming import PictureNames, hint_of
from daemon.service.troubles import Troubles
from daemon.watcher.inbox import Inbox
from daemon.watcher.lookout import Lookout
from daemon.watcher.roots import Roots

_CHECK = 1.0  # seconds between two looks at the watches themselves


class Listener:
    """Drains what the watches have told, and keeps the watches."""

    def __init__(
        self,
        roots: Roots,
        names: PictureNames,
        inbox: Inbox,
        lookout: Lookout,
        agenda: Agenda,
        troubles: Troubles,
    ) -> None:
        """Given the image roots, what counts as a picture, the watches and what they tell, and who is told of it."""
        self._roots = roots
        self._names = names
        self._inbox = inbox
        self._lookout = lookout
        self._agenda = agenda
        self._troubles = troubles
        self._check_at = 0.0
        #: Before when what may have been missed is not looked for again; see ``rest``.
        self._rest_until = 0.0

    def start(self, now: float) -> None:
        """Given the time, set the watches."""
        self._lookout.start(now)
        self._check_at = now + _CHECK
        self._tell_troubles()

    def hear(self, now: float) -> bool:
        """Given the time, take in what has happened, and return whether a trigger file has been completed."""
        seen = self._inbox.take()
        self._lookout.report(seen.gone, seen.trouble, now)
        if seen.too_much:
            self._agenda.overflow(now)
        for hint, (first, last) in seen.pictures.items():
            self._agenda.mark(hint, first, last)
        self._list({name for _, name in seen.directories}, now)
        if seen.gone or seen.trouble or now >= self._check_at:
            self._check(now)
        return seen.trigger

    def _check(self, now: float) -> None:
        self._check_at = now + _CHECK
        change = self._lookout.check(now)
        if change.appeared:
            self._list(None, now)
        if change.renewed:
            self._agenda.want("recovery", now, max(now, self._rest_until))
        self._tell_troubles()

    def _tell_troubles(self) -> None:
        is_there = os.path.isdir(self._roots.exchange)  # also False where it may not be looked at
        gone = "" if is_there else f"the exchange directory {self._roots.exchange} is not there"
        self._troubles.set("exchange", gone)
        trouble = self._lookout.trouble
        self._troubles.set("watching", trouble and f"events may be missed: {trouble}")

    def settled(self) -> None:
        """Tell that an import of all products has found what may have been missed."""
        self._lookout.settled()
        self._tell_troubles()

    def rest(self, until: float) -> None:
        """Given a time, look no sooner for what may have been missed: trouble that stays is not to fill the day."""
        self._rest_until = until

    def _list(self, directories: Iterable[str] | None, now: float) -> None:
        """Mark all pictures in directories that are new as a whole; None: in all there are."""
        only = None if directories is None else frozenset(directories)
        if only is not None and not only:
            return
        with Exchange(self._roots.exchange, self._roots.names, may_be_empty=True) as exchange:
            for place, names in exchange.listing(_left_to_the_import, only):
                self._mark(place.directory, names, now)

    def _mark(self, directory: str, names: Iterable[str], now: float) -> None:
        for name in names:
            stem = self._names.stem(name)
            if stem is not None:
                self._agenda.mark(Hint(hint_of(stem), directory), now, now)


def _left_to_the_import(_path: str, _reason: str) -> None:
    """Leave it to the next import of all products to tell that a directory cannot be listed."""
