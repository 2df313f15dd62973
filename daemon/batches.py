"""Cutting a stream into pieces; ``itertools.batched`` comes only with Python 3.12."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Given items and a size, yield lists of that many, the last one maybe shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
