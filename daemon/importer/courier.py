"""Who delivers: this process by itself, or several others where there is enough to do for them."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier, Delivery, Found
from daemon.importer.porter import Porter

_MANY = 2_000  # pictures that are worth the start of other processes
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
def courier(carrier: Carrier, pictures: int, workers: int) -> Iterator[Courier]:
    """Given who can deliver, how many pictures there are and how many processes may work, yield a courier.

    Raises ImportFailedError where no process can be started.
    """
    if workers == 1 or pictures < _MANY:
        yield Alone(carrier)
        return
    with ExitStack() as stack:
        porters = [stack.enter_context(closing(Porter(carrier))) for _ in range(workers)]
        yield stack.enter_context(closing(Together(carrier, porters)))


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


#: Empty deliveries, with the pictures that are to be delivered.
_Wanted = Sequence[tuple[Delivery, Found]]


class Together:
    """Has orders of several keys delivered by porters, each of which has a thread that waits for it."""

    def __init__(self, carrier: Carrier, porters: Sequence[Porter]) -> None:
        """Given who would deliver, and the processes that do."""
        self._carrier = carrier
        self._idle: SimpleQueue[Porter] = SimpleQueue()
        for porter in porters:
            self._idle.put(porter)
        self._threads = ThreadPoolExecutor(len(porters), thread_name_prefix="porter")
        self._porters = len(porters)
        self._pending: set[Future[None]] = set()
        self._sent: list[Future[None]] = []
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
        return _Ordered(sent)

    def close(self) -> None:
        """Drop the orders that wait, and wait for those under way."""
        self._threads.shutdown(cancel_futures=True)

    def _order(self) -> None:
        if len(self._pending) >= self._porters * (_PER_PORTER if self._keys > 1 else _PER_SLOW_PORTER):
            _, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
        wanted, self._wanted = self._wanted, []
        future = self._threads.submit(self._deliver, wanted)
        self._pending.add(future)
        self._sent.append(future)

    def _deliver(self, wanted: _Wanted) -> None:
        porter, began = self._idle.get(), time.monotonic()
        try:
            answers, error = porter.deliver([(delivery.directory, pictures) for delivery, pictures in wanted])
        finally:
            self._idle.put(porter)
        for (delivery, pictures), answer in zip(wanted, answers, strict=False):
            delivery.take(answer, pictures)
        if error:
            raise error
        self._adapt(len(wanted), time.monotonic() - began)

    def _adapt(self, keys: int, seconds: float) -> None:
        """Make orders about as long as they should be, whatever the disk and the pictures are like."""
        self._keys = min(max(1, int(keys * _LONG / max(seconds, 1e-6))), 2 * keys, _MOST_KEYS)


@dataclass(frozen=True, slots=True)
class _Ordered:
    orders: Sequence[Future[None]]

    def is_delivered(self) -> bool:
        """Return whether all orders have been answered."""
        return all(order.done() for order in self.orders)

    def finish(self) -> None:
        """Wait for all of them, and raise the first error."""
        wait(self.orders, return_when=ALL_COMPLETED)
        for order in self.orders:
            order.result()
