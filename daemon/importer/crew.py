"""Several porters as one: an order goes to the one that has least to do."""

from select import POLLIN, poll
from typing import Any, TypeVar

from daemon.importer.delivery import Carrier
from daemon.importer.porter import Order, Porter

Given = TypeVar("Given", bound=Order[Any])


class Crew:
    """So many porters. They are started by the first order, or before."""

    def __init__(self, carrier: Carrier, number: int) -> None:
        """Given who does the work here, and how many porters are to do the same."""
        self._carrier = carrier
        #: How many porters there are to be.
        self.number = number
        self._porters: list[Porter] = []
        self._answers = poll()

    def start(self, *, sweeps: bool = False) -> None:
        """Start the porters, of whom the first may sweep the media. Raises ImportFailedError where one cannot start."""
        for number in range(self.number):
            porter = Porter(self._carrier, sweeps=sweeps and not number)
            self._porters.append(porter)
            self._answers.register(porter.answers, POLLIN)

    def close(self) -> None:
        """Let all of them end what they were ordered, and wait for their ends."""
        for porter in self._porters:
            porter.close()

    def has_room(self, most: int) -> bool:
        """Return whether a porter has fewer orders than so many."""
        return len(self._idlest().pending) < most

    def give(self, order: Given, most: int) -> Given:
        """Given an order, give it to a porter as soon as one has fewer orders than so many, and return it."""
        if not self._porters:
            self.start()
        while not self.has_room(most):
            self.receive(None)
        self.receive(0)
        self._idlest().give(order)
        return order

    def receive(self, patience: float | None) -> None:
        """Take the answers that are there, or the first that comes within so many milliseconds (None: whenever)."""
        answered = {descriptor for descriptor, _ in self._answers.poll(patience)}
        for porter in self._porters:
            if porter.answers in answered:
                self._take(porter)

    def finish(self, order: Order[Any]) -> None:
        """Wait until an order is done."""
        while not order.is_done:
            self.receive(None)

    def _idlest(self) -> Porter:
        return min(self._porters, key=_pending)

    def _take(self, porter: Porter) -> None:
        if porter.pending:
            porter.receive()
        else:  # it has died, and would wake us for ever
            self._answers.unregister(porter.answers)


def _pending(porter: Porter) -> int:
    return len(porter.pending)
