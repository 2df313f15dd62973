"""The products that are committed together, and the order in which they are."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from daemon.importer.courier import Sent
from daemon.importer.delivery import Delivery
from daemon.importer.section import Product, Section
from daemon.importer.stock import Stock

_MOST_UNDER_WAY = 8  # chunks; what they copy is not committed before those before them

#: A product and what was delivered for its key.
Delivered = tuple[Product, Delivery]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Products that are committed together, with what is needed to decide about their rows."""

    products: Sequence[Delivered]
    sent: Sent
    section: Section
    stock: Stock


def in_order(chunks: Iterable[Chunk], is_urgent: Callable[[], bool]) -> Iterator[Chunk]:
    """Yield chunks as they are delivered, while those after them are under way: nobody waits for a sync or a commit.

    Where something is urgent, what is under way is brought to its end.
    """
    under_way: deque[Chunk] = deque()
    for chunk in chunks:
        under_way.append(chunk)
        while under_way and (
            under_way[0].sent.is_delivered() or len(under_way) > _MOST_UNDER_WAY or is_urgent()
        ):
            yield under_way.popleft()
    yield from under_way
