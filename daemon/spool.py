"""A multimap too large for memory, on an unlinked temporary file."""

import os
from array import array
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Generic, TypeVar

from daemon.packed import Packed, pack

_MEMORY = 1 << 19  # bytes that are written at once; a small import never touches the disk

Block = TypeVar("Block")


class Spool(Generic[Block]):
    """Blocks of plain values by section, in constant memory.

    An import joins two lists that are each larger than memory, files and products. Both are cut into the
    same sections first, and each section is joined alone.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._memory = bytearray()  # what is not in the file yet
        self._written = 0  # bytes in the file
        self._extents: dict[str, array[int]] = {}  # offset and length of each block in turn

    def put(self, section: str, block: Block) -> None:
        """Given a section and a block of plain values, keep the block. Raises OSError as ``put_packed`` does."""
        self.put_packed(section, pack(block))

    def put_packed(self, section: str, data: bytes) -> None:
        """Given a section and a block that was packed elsewhere, keep the block.

        Raises OSError where the temporary directory is full.
        """
        if len(self._memory) + len(data) > _MEMORY:
            self._spill()
        offset = self._written + len(self._memory)
        self._memory += data
        self._extents.setdefault(section, array("Q")).extend((offset, len(data)))

    def _spill(self) -> None:
        """Write what is in memory to the file, and forget it; nothing is forgotten where OSError is raised."""
        if self._file is None:
            self._file = TemporaryFile(buffering=0)  # noqa: SIM115  it is closed with the spool
        _write(self._file, self._memory, self._written)
        self._written += len(self._memory)
        self._memory.clear()

    def blocks(self, sections: Iterable[str]) -> Packed[Block]:
        """Given sections, return the blocks of each, in the order in which they were put."""
        return Packed([self._read(*extent) for section in sections for extent in self._extents_of(section)])

    def _extents_of(self, section: str) -> Iterator[tuple[int, int]]:
        numbers = iter(self._extents.get(section, ()))
        return zip(numbers, numbers, strict=True)

    def _read(self, offset: int, length: int) -> bytes | bytearray:
        start = offset - self._written
        if start >= 0 or self._file is None:  # a block is never in both
            return self._memory[start : start + length]
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        """Forget all blocks."""
        if self._file:
            self._file.close()


def _write(file: IO[bytes], data: bytes | bytearray, offset: int) -> None:
    """Write data at an offset, all of it, unless OSError is raised."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file.fileno(), rest, offset)
        rest, offset = rest[written:], offset + written
