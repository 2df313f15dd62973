"""A journald to send to: a real socket at a path, and what arrives there taken apart."""

import mmap
import os
import select
import socket
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LARGEST = 1 << 20


class Journald:
    """What listens at the journal's socket."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.settimeout(10)

    def received(self) -> tuple[bytes, int | None]:
        """Return the next datagram, and the descriptor that came with it."""
        size = array("i").itemsize
        data, ancillary, _, _ = self.socket.recvmsg(_LARGEST, socket.CMSG_LEN(size))
        descriptors = [int.from_bytes(content[:size], "little") for _, _, content in ancillary]
        return data, descriptors[0] if descriptors else None

    def fields(self) -> list[tuple[str, bytes]]:
        """Return the fields of the next entry, in their order."""
        data, descriptor = self.received()
        if descriptor is not None:
            assert data == b""
            data = _mapped(descriptor)
        return list(_parsed(data))

    def entry(self) -> dict[str, bytes]:
        """Return the next entry, in which no field may come twice."""
        fields = self.fields()
        assert len(dict(fields)) == len(fields)
        return dict(fields)

    def is_idle(self) -> bool:
        """Return whether nothing more has come."""
        return not select.select([self.socket], [], [], 0)[0]

    def fill(self) -> int:
        """Send until no more fits, and return how many datagrams that were."""
        count = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0)
            try:
                while True:
                    sender.sendto(b"MESSAGE=filler\n", self.address)
                    count += 1
            except BlockingIOError:
                return count

    def empty(self) -> None:
        """Drop what has come."""
        while not self.is_idle():
            self.socket.recv(1)


@contextmanager
def journald(path: Path) -> Iterator[Journald]:
    """Given a path, yield a journald that listens there."""
    listener = Journald(path)
    with listener.socket:
        yield listener


def _mapped(descriptor: int) -> bytes:
    """Read a file as journald does: from its beginning, wherever the writer stood."""
    with open(descriptor, "rb") as file, mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
        assert os.fstat(file.fileno()).st_size == len(content)
        return content[:]


def _parsed(data: bytes) -> Iterator[tuple[str, bytes]]:
    while data:
        line, _, data = data.partition(b"\n")
        name, has_value, value = line.partition(b"=")
        if not has_value:
            size, data = int.from_bytes(data[:8], "little"), data[8:]
            value, end, data = data[:size], data[size : size + 1], data[size + 1 :]
            assert end == b"\n"
        yield name.decode("ascii"), value
