"""Plain values as bytes, to be kept or sent to another process of ours."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Block = TypeVar("Block")


def pack(block: object) -> bytes:
    """Given a plain value, return its bytes."""
    return pickle.dumps(block, pickle.HIGHEST_PROTOCOL)


@dataclass(frozen=True, slots=True)
class Packed(Generic[Block]):
    """Blocks of plain values, packed; iterated over, they are values again. Nobody else has had them meanwhile."""

    data: Sequence[bytes | bytearray] = ()

    def __iter__(self) -> Iterator[Block]:
        return map(pickle.loads, self.data)
