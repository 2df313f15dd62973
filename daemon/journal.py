"""The journal of systemd in its own protocol: an entry is one datagram of fields, which operators can search by."""

import fcntl
import os
import re
import socket
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from errno import EMSGSIZE, ENOBUFS
from typing import Final

#: Where journald listens.
ADDRESS: Final = "/run/systemd/journal/socket"

#: The name of a field, and its value: bytes, or whatever has a text.
Field = tuple[str, object]

_PREFIX = "ONEC_"
_LONGEST_NAME = 64  # characters; journald drops a field with a longer name
_FOREIGN = re.compile(r"[^A-Z0-9_]")
_PATIENCE = 1.0  # seconds: it drains a burst in far less, and a hung one is given up soon
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def goes_to_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Given a descriptor and the environment, return whether what is written to it ends in the journal.

    The variable alone says nothing: a shell started from a service inherits it, its output going elsewhere.
    """
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def field_name(name: str) -> str:
    """Given any name, return that of a field of ours: ``onec_id`` is ``ONEC_ID``, ``path`` is ``ONEC_PATH``."""
    legal = _FOREIGN.sub("_", name.upper())
    return (legal if legal.startswith(_PREFIX) else _PREFIX + legal)[:_LONGEST_NAME]


def datagram(fields: Iterable[Field]) -> bytes:
    """Given fields with legal names, return the entry that they are."""
    return b"".join(_encoded(name.encode(), _bytes(value)) for name, value in fields)


class Journal:
    """The journal that listens at an address. Any thread may send; what waits is the entry's thread alone."""

    def __init__(self, address: str = ADDRESS, patience: float = _PATIENCE) -> None:
        """Given the address of journald's socket, and for how many seconds an entry waits while it is busy.

        Whether anybody listens is not asked yet.
        """
        self._address = address
        self._longest = self._patience = patience

    def reach(self) -> None:
        """Find out whether journald listens. Raises OSError where it does not."""
        with self._connected():
            pass

    def send(self, fields: Iterable[Field]) -> None:
        """Given fields with legal names, send the entry. Raises OSError where journald is gone or does not take it."""
        entry = datagram(fields)
        try:
            with self._connected() as sender:
                _send(sender, entry)
        except (TimeoutError, BlockingIOError):
            self._patience = 0  # were each entry to wait for a hung journald, the work would hang with it
            raise
        self._patience = self._longest

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """Yield a socket of this entry's own: threads share nothing, and a journald started anew is found."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(self._patience)
            sender.connect(self._address)
            yield sender


def _send(sender: socket.socket, entry: bytes) -> None:
    try:
        sender.send(entry)
    except OSError as error:
        if error.errno not in {EMSGSIZE, ENOBUFS}:
            raise
        with _sealed(entry) as descriptor:
            rights = array("i", [descriptor])
            sender.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


@contextmanager
def _sealed(entry: bytes) -> Iterator[int]:
    """Yield a file in memory with an entry too large for a datagram, sealed: journald maps no file that may change."""
    with open(os.memfd_create("onec-images", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb") as file:
        file.write(entry)
        file.flush()
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        yield file.fileno()


def _encoded(name: bytes, value: bytes) -> bytes:
    if b"\n" not in value:
        return b"%b=%b\n" % (name, value)
    return b"%b\n%b%b\n" % (name, len(value).to_bytes(8, "little"), value)


def _bytes(value: object) -> bytes:
    """Return what a field holds. Text that stands for a file name's bytes becomes those bytes again."""
    if isinstance(value, bytes):
        return value
    text = str(value)
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a character that no file name has, as JSON can hold it
        return text.encode(errors="backslashreplace")
