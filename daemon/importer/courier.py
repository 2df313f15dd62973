"""Who delivers: this process by itself, or several others where there is enough to do for them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from select import POLLIN, poll
from typing import Protocol

from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier, Delivery, Found
from daemon.importer.porter import Order, Porter

_MANY = 500  # products whose pictures are worth the start of other processes
_PER_PORTER = 4  # quick orders, of which all but one wait
_PER_SLOW_PORTER = 2  # orders where even one key takes long: a stop waits for them
_MOST_KEYS = 100  # of an order
_LONG = 0.02  # seconds that an order should take: whatever must not wait, waits for those under way


class Sent(Protocol):
    """What was sent off together."""

    def is_delivered(self) -> bool:
        """Return whether nothing of it is under way any more."""

    def finish(self) -> None:
        """Wait until it has been delivered. Raises ImportFailedError where that was not possible."""


class Courier(Protocol):
    """Has the pictures of keys delivered."""

    def deliver(self, key: str, pictures: Found) -> Delivery:
        """Given a key and its pictures, have them delivered; what became of them is known once they are finished."""

    def send(self) -> Sent:
        """Send off all that was given since the last time."""


@contextmanager
def courier(carrier: Carrier, products: int, workers: int, *, sweeps: bool) -> Iterator[Courier]:
    """Given who can deliver, for how many products and with how many processes at most, yield a courier.

    The media are swept first where that is wanted; porters do it while pictures are listed. Raises ImportFailedError
    where no process can be started.
    """
    if workers == 1 or products < _MANY:
        if sweeps:
            carrier.sweep()
        yield Alone(carrier)
        return
    with ExitStack() as stack:
        sweepers = [sweeps, *[False] * (workers - 1)]
        porters = [stack.enter_context(closing(Porter(carrier, sweeps=first))) for first in sweepers]
        yield Together(carrier, porters)


class Alone:
    """Delivers at once."""

    def __init__(self, carrier: Carrier) -> None:
        """Given who delivers."""
        self._carrier = carrier
        self._error: ImportFailedError | None = None

    def deliver(self, key: str, pictures: Found) -> Delivery:
        """Given a key and its pictures, deliver them, unless that has turned out to be impossible."""
        delivery = Delivery(self._carrier.directory(key))
        if not self._error:
            try:
                self._carrier.deliver(pictures, delivery)
            except ImportFailedError as error:
                self._error = error
        return delivery

    def send(self) -> Sent:
        """Return what has been delivered already."""
        return _Delivered(self._error)


@dataclass(frozen=True, slots=True)
class _Delivered:
    error: ImportFailedError | None

    def is_delivered(self) -> bool:
        """Return that it has."""
        return True

    def finish(self) -> None:
        """Raise the error that there was."""
        if self.error:
            raise self.error


class Together:
    """Has orders of several keys delivered by porters."""

    def __init__(self, carrier: Carrier, porters: Sequence[Porter]) -> None:
        """Given who would deliver, and the processes that do."""
        self._carrier = carrier
        self._porters = porters
        self._answers = poll()
        for porter in porters:
            self._answers.register(porter.answers, POLLIN)
        self._sent: list[Order] = []
        self._wanted: list[tuple[Delivery, Found]] = []
        self._keys = 1  # of the next order

    def deliver(self, key: str, pictures: Found) -> Delivery:
        """Given a key and its pictures, put them into the next order."""
        delivery = Delivery(self._carrier.directory(key))
        if pictures:
            self._wanted.append((delivery, pictures))
        if len(self._wanted) >= self._keys:
            self._order()
        return delivery

    def send(self) -> Sent:
        """Order what is left, and return all orders since the last time."""
        if self._wanted:
            self._order()
        sent, self._sent = self._sent, []
        return _Ordered(sent, self._receive)

    def _order(self) -> None:
        most = _PER_PORTER if self._keys > 1 else _PER_SLOW_PORTER
        while len((porter := min(self._porters, key=_pending)).pending) >= most:
            self._receive(None)
        self._receive(0)
        order = Order(self._wanted)
        self._sent.append(order)
        self._wanted = []
        porter.order(order)

    def _receive(self, patience: float | None) -> None:
        """Take the answers that are there, or the first that comes within so many milliseconds (None: whenever)."""
        answered = {descriptor for descriptor, _ in self._answers.poll(patience)}
        for porter in self._porters:
            if porter.answers in answered:
                self._take(porter)

    def _take(self, porter: Porter) -> None:
        if not porter.pending:  # it has died, and would wake us for ever
            self._answers.unregister(porter.answers)
            return
        order = porter.pending[0]
        porter.receive()
        self._adapt(len(order.wanted), order.seconds)

    def _adapt(self, keys: int, seconds: float) -> None:
        """Make orders about as long as they should be, whatever the disk and the pictures are like."""
        self._keys = min(max(1, int(keys * _LONG / max(seconds, 1e-6))), 2 * keys, _MOST_KEYS)


def _pending(porter: Porter) -> int:
    return len(porter.pending)


@dataclass(frozen=True, slots=True)
class _Ordered:
    orders: Sequence[Order]
    receive: Callable[[float | None], None]

    def is_delivered(self) -> bool:
        """Return whether all orders have been answered."""
        self.receive(0)
        return all(order.is_done for order in self.orders)

    def finish(self) -> None:
        """Wait for all of them, and raise the first error."""
        while not all(order.is_done for order in self.orders):
            self.receive(None)
        for order in self.orders:
            if order.error:
                raise order.error
