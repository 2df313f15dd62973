"""Chunks are committed in their order, as soon as they are delivered, while others are under way."""

from collections.abc import Iterator
from typing import Any, cast

from daemon.importer.chunks import Chunk, in_order


class Sent:
    """Stands for what was sent off: it has been delivered when it is told so."""

    def __init__(self, *, delivered: bool = False) -> None:
        self.delivered = delivered

    def is_delivered(self) -> bool:
        return self.delivered

    def finish(self) -> None:
        raise AssertionError


def chunk(sent: Sent) -> Chunk:
    """Return a chunk of which only that matters."""
    nothing = cast("Any", None)
    return Chunk((), sent, nothing, nothing)


def taken(chunks: list[Chunk], begun: list[Chunk]) -> Iterator[Chunk]:
    """Yield chunks, and note which were begun."""
    for each in chunks:
        begun.append(each)
        yield each


def test_what_is_delivered_is_committed_before_the_next_is_begun() -> None:
    chunks, begun = [chunk(Sent(delivered=True)) for _ in range(3)], list[Chunk]()
    for number, each in enumerate(in_order(taken(chunks, begun), lambda: False), 1):
        assert each is chunks[number - 1]
        assert len(begun) == number


def test_others_are_begun_while_one_is_under_way_but_not_many() -> None:
    chunks, begun = [chunk(Sent()) for _ in range(100)], list[Chunk]()
    ordered = in_order(taken(chunks, begun), lambda: False)
    assert next(ordered) is chunks[0]
    assert 1 < len(begun) < 12


def test_one_that_is_delivered_waits_for_those_before_it() -> None:
    first, second = Sent(), Sent(delivered=True)
    assert [each.sent for each in in_order([chunk(first), chunk(second)], lambda: False)] == [first, second]


def test_none_is_under_way_where_something_is_urgent() -> None:
    chunks, begun = [chunk(Sent()) for _ in range(10)], list[Chunk]()
    for number, _ in enumerate(in_order(taken(chunks, begun), lambda: True), 1):
        assert len(begun) == number
