"""A multimap too large for memory, on an unlinked temporary file."""

import pickle
from array import array
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Generic, TypeVar

_MEMORY = 1 << 20  # bytes; a small import never touches the disk

Block = TypeVar("Block")


class Spool(Generic[Block]):
    """Blocks of plain values by section, in constant memory.

    An import joins two lists that are each larger than memory, files and products. Both are cut into the
    same sections first, and each section is joined alone.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115  closed by close()
        self._extents: dict[str, array[int]] = {}  # offset and length of each block in turn
        self._end = 0

    def put(self, section: str, block: Block) -> None:
        """Given a section and a block of plain values, keep the block.

        Raises OSError where the temporary directory is full.
        """
        data = pickle.dumps(block, pickle.HIGHEST_PROTOCOL)
        self._file.seek(self._end)
        self._file.write(data)
        extents = self._extents.setdefault(section, array("Q"))
        extents.extend((self._end, len(data)))
        self._end += len(data)

    def blocks(self, sections: Iterable[str]) -> Iterator[Block]:
        """Given sections, yield the blocks of each, in the order in which they were put."""
        for section in sections:
            extents = iter(self._extents.get(section, ()))
            for offset, length in zip(extents, extents, strict=True):
                self._file.seek(offset)
                yield pickle.loads(self._file.read(length))  # noqa: S301  nobody else can reach the file

    def close(self) -> None:
        """Forget all blocks."""
        self._file.close()
