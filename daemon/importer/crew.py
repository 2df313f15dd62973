"""Several porters as one: an order goes to the one that has least to do."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from select import POLLIN, poll
from typing import Any, TypeVar

from daemon.importer.delivery import Carrier
from daemon.importer.porter import Order, Porter

Answer = TypeVar("Answer")


class Crew:
    """So many porters."""

    def __init__(self, carrier: Carrier, number: int, *, sweeps: bool) -> None:
        """Given who does the work here, how many porters are to do the same, and whether one sweeps the media first.

        Raises ImportFailedError where one cannot start.
        """
        sweepers = [sweeps, *[False] * (number - 1)]
        with ExitStack() as stack:
            self._porters = [
                stack.enter_context(closing(Porter(carrier, sweeps=first))) for first in sweepers
            ]
            self._stack = stack.pop_all()
        self._answers = poll()
        for porter in self._porters:
            self._answers.register(porter.answers, POLLIN)

    def close(self) -> None:
        """Let all of them end what they were ordered, and wait for their ends."""
        self._stack.close()

    @property
    def number(self) -> int:
        """How many porters there are."""
        return len(self._porters)

    def has_room(self, most: int) -> bool:
        """Return whether a porter has fewer orders than so many."""
        return len(self._idlest().pending) < most

    def give(self, task: Callable[[Carrier], Iterator[Answer]], order: Order[Answer], most: int) -> None:
        """Given a task and the order for what comes of it, give it to a porter that has fewer orders than so many."""
        while not self.has_room(most):
            self.receive(None)
        self.receive(0)
        self._idlest().give(task, order)

    def receive_all(self) -> None:
        """Take all answers that are there."""
        while self.receive(0):
            pass

    def receive(self, patience: float | None) -> bool:
        """Take an answer of each porter that has one, and return whether there were any.

        They are waited for so many milliseconds (None: for ever).
        """
        answered = {descriptor for descriptor, _ in self._answers.poll(patience)}
        for porter in self._porters:
            if porter.answers in answered:
                self._take(porter)
        return bool(answered)

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
