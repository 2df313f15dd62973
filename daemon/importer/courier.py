"""Who looks at pictures and delivers them: this process by itself, or several others where there is enough to do."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from select import POLLIN, poll
from typing import Any, Protocol, TypeVar

from daemon.composition import Rules
from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier, Delivery, Found
from daemon.importer.listing import Listing, Piece
from daemon.importer.porter import Order, Porter
from daemon.importer.section import Portion
from daemon.importer.sieve import Sifted, sift
from daemon.importer.tasks import Deliver, Delivered, Sift

_MANY = 500  # products whose pictures may be worth other processes, if they have to be copied
#: Products that take longer to be looked at than other processes to start.
MANY_TO_LOOK_AT = 5_000

_PER_PORTER = 4  # quick orders, of which all but one wait
_PER_SLOW_PORTER = 2  # orders where even one key takes long: a stop waits for them
_LISTINGS = 20  # directories that wait to be listed
_MOST_KEYS = 100  # of an order
_LONG = 0.02  # seconds that an order should take: whatever must not wait, waits for those under way

Given = TypeVar("Given", bound=Order[Any])

#: Does a step of other work, and returns whether there was one left to do.
Step = Callable[[], bool]


class Sent(Protocol):
    """What was sent off together."""

    def is_delivered(self) -> bool:
        """Return whether nothing of it is under way any more."""

    def finish(self) -> None:
        """Wait until it has been delivered. Raises ImportFailedError where that was not possible."""


class Courier(Protocol):
    """Has places listed, portions sifted, and the pictures of keys delivered."""

    def listed(self, listings: Iterable[Listing], meanwhile: Step) -> Iterator[Piece]:
        """Given listings, yield the pieces of them and of what lies below, and do all steps of other work.

        Raises ImportFailedError where nothing can be listed any more.
        """

    def sifted(self, portions: Iterable[Portion], rules: Rules) -> Iterator[Sifted]:
        """Given portions and how rows are composed, yield what is left of each.

        Raises ImportFailedError where that cannot be told.
        """

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
    is_large = workers > 1 and products >= MANY_TO_LOOK_AT
    if sweeps and not is_large:
        carrier.sweep()
    if workers == 1 or products < _MANY:
        yield Alone(carrier)
        return
    with ExitStack() as stack:
        together = Together(
            carrier, partial(_porters, stack, carrier, [sweeps and is_large, *[False] * (workers - 1)])
        )
        if is_large:
            together.start()
        yield together


def _porters(stack: ExitStack, carrier: Carrier, sweepers: Sequence[bool]) -> list[Porter]:
    return [stack.enter_context(closing(Porter(carrier, sweeps=sweeps))) for sweeps in sweepers]


class Alone:
    """Delivers at once."""

    def __init__(self, carrier: Carrier) -> None:
        """Given who delivers."""
        self._carrier = carrier
        self._error: ImportFailedError | None = None

    def listed(self, listings: Iterable[Listing], meanwhile: Step) -> Iterator[Piece]:
        """Given listings, yield the pieces of them and of what lies below; then do the other work."""
        waiting = deque(listings)
        while waiting:
            for piece in waiting.popleft()(self._carrier):
                waiting += piece.below
                yield piece
        while meanwhile():
            pass

    def sifted(self, portions: Iterable[Portion], rules: Rules) -> Iterator[Sifted]:
        """Given portions and how rows are composed, yield what is left of each."""
        return (sift(portion, self._carrier, rules) for portion in portions)

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
        return _Sent(self._error)


@dataclass(frozen=True, slots=True)
class _Sent:
    error: ImportFailedError | None

    def is_delivered(self) -> bool:
        """Return that it has."""
        return True

    def finish(self) -> None:
        """Raise the error that there was."""
        if self.error:
            raise self.error


class Together:
    """Has the work done by porters, which are started when there is some for them."""

    def __init__(self, carrier: Carrier, porters: Callable[[], Sequence[Porter]]) -> None:
        """Given who would do the work, and what starts the processes that do."""
        self._carrier = carrier
        self._make = porters
        self._answers = poll()
        self._is_started = False
        self._sent: list[_Deliveries] = []
        self._wanted: list[tuple[Delivery, Found]] = []
        self._keys = 1  # of the next order

    def start(self) -> None:
        """Start the porters now, and have portions sifted by them too."""
        self._is_started = bool(self._porters)

    @cached_property
    def _porters(self) -> Sequence[Porter]:
        porters = self._make()
        for porter in porters:
            self._answers.register(porter.answers, POLLIN)
        return porters

    def listed(self, listings: Iterable[Listing], meanwhile: Step) -> Iterator[Piece]:
        """Given listings, yield the pieces of them and of what lies below; the other work is done here meanwhile."""
        if not self._is_started:
            yield from Alone(self._carrier).listed(listings, meanwhile)
            return
        waiting = deque(listings)
        under_way: list[Order[Piece]] = []
        while waiting or under_way:
            under_way += self._listing(waiting)
            for piece in chain.from_iterable(order.answers() for order in under_way):
                waiting += piece.below
                yield piece
            under_way = [order for order in under_way if not order.is_done]
            if under_way:
                self._receive(0 if meanwhile() else None)
        while meanwhile():
            pass

    def _listing(self, waiting: deque[Listing]) -> Iterator[Order[Piece]]:
        """Yield orders for listings that wait, as many as keep porters at work while this process does a step."""
        while waiting and len(min(self._porters, key=_pending).pending) < _LISTINGS:
            yield self._given(Order(waiting.popleft()), _LISTINGS)

    def sifted(self, portions: Iterable[Portion], rules: Rules) -> Iterator[Sifted]:
        """Given portions and how rows are composed, yield what is left of each; others are sifted meanwhile."""
        if not self._is_started:
            yield from Alone(self._carrier).sifted(portions, rules)
            return
        under_way: deque[Order[Sifted]] = deque()
        for portion in portions:
            under_way.append(self._given(Order(Sift(portion, rules)), _PER_PORTER))
            while under_way and (under_way[0].is_done or len(under_way) > 2 * len(self._porters)):
                yield self._finished(under_way.popleft())
        yield from map(self._finished, under_way)

    def _finished(self, order: Order[Sifted]) -> Sifted:
        while not order.is_done:
            self._receive(None)
        (sifted,) = order.answers()
        return sifted

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
        self._sent.append(self._given(_Deliveries(self._wanted, self._adapt), most))
        self._wanted = []

    def _given(self, order: Given, most: int) -> Given:
        """Give an order to the porter that has least to do, once that has fewer orders than so many."""
        while len((porter := min(self._porters, key=_pending)).pending) >= most:
            self._receive(None)
        self._receive(0)
        porter.give(order)
        return order

    def _receive(self, patience: float | None) -> None:
        """Take the answers that are there, or the first that comes within so many milliseconds (None: whenever)."""
        answered = {descriptor for descriptor, _ in self._answers.poll(patience)}
        for porter in self._porters:
            if porter.answers in answered:
                self._take(porter)

    def _take(self, porter: Porter) -> None:
        if porter.pending:
            porter.receive()
        else:  # it has died, and would wake us for ever
            self._answers.unregister(porter.answers)

    def _adapt(self, keys: int, seconds: float) -> None:
        """Make orders about as long as they should be, whatever the disk and the pictures are like."""
        self._keys = min(max(1, int(keys * _LONG / max(seconds, 1e-6))), 2 * keys, _MOST_KEYS)


def _pending(porter: Porter) -> int:
    return len(porter.pending)


class _Deliveries(Order[Delivered]):
    """An order of several keys, of which deliveries are to tell what came of it."""

    def __init__(self, wanted: Sequence[tuple[Delivery, Found]], adapt: Callable[[int, float], None]) -> None:
        super().__init__(Deliver([(delivery.directory, found) for delivery, found in wanted]))
        self._wanted = wanted
        self._adapt = adapt

    def take(self, answer: Delivered) -> None:
        """Note what became of the pictures, and how long that took."""
        super().take(answer)
        for (delivery, pictures), told in zip(self._wanted, answer.deliveries, strict=False):
            delivery.take(told, pictures)
        self._adapt(len(self._wanted), answer.seconds)

    def finish(self) -> None:
        """Raise the error that ended the deliveries early."""
        for answer in self.answers():
            if answer.error:
                raise answer.error


@dataclass(frozen=True, slots=True)
class _Ordered:
    orders: Sequence[_Deliveries]
    receive: Callable[[float | None], None]

    def is_delivered(self) -> bool:
        """Return whether all orders have been answered."""
        if self.orders:
            self.receive(0)
        return all(order.is_done for order in self.orders)

    def finish(self) -> None:
        """Wait for all of them, and raise the first error."""
        while not all(order.is_done for order in self.orders):
            self.receive(None)
        for order in self.orders:
            order.finish()
