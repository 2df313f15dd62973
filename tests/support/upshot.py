"""What must be true after a fault when nobody has helped, and who watches that nobody ever sees half a picture."""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.daemon_process import Daemon, eventually, is_in_step
from support.oracle import Terms
from support.workshop import Workshop

_DIGEST = 64  # characters
_LONG_ENOUGH = 60.0  # seconds
_ENDED = {"completed", "failed"}


def whole(body: bytes) -> bytes:
    """Return content of which every part can be told from the whole."""
    return hashlib.sha256(body).hexdigest().encode() + body


def is_whole(content: bytes) -> bool:
    """Return whether content is what ``whole`` made, and all of it."""
    return hashlib.sha256(content[_DIGEST:]).hexdigest().encode() == content[:_DIGEST]


def broken_rows(workshop: Workshop) -> list[tuple[str | None, str]]:
    """Return the product images on rows that are not in the media directory."""
    return [
        (row.onec_id, path)
        for row in workshop.rows()
        for path in row.pictures
        if path.startswith("products/") and not (workshop.media / path).is_file()
    ]


def open_sessions(workshop: Workshop) -> list[object]:
    """Return the sessions of ours that have not ended as they must."""
    return [
        session["id"]
        for session in workshop.sessions()
        if session["status"] not in _ENDED or session["finished_at"] is None
    ]


def assert_nothing_lost(
    service: Daemon,
    catalogue: Mapping[str, Sequence[str]] | None = None,
    terms: Terms | None = None,
    within: float = _LONG_ENOUGH,
) -> None:
    """See that a service at work comes to what the exchange is now, names only what is there, and ends its sessions."""
    workshop = service.workshop
    eventually(lambda: is_in_step(workshop, catalogue or {}, terms), within)
    assert broken_rows(workshop) == []
    eventually(lambda: not open_sessions(workshop), within)


def assert_no_trace_is_left(workshop: Workshop) -> None:
    """See that a service that has ended left no temporary file."""
    assert list(workshop.media.rglob(".onec-images-*")) == []


class Witness:
    """Reads whatever has a final name in the media, again and again, and keeps what was not whole."""

    def __init__(self, media: Path) -> None:
        """Given the media directory, where nothing but what ``whole`` made is ever to be seen."""
        self._media = media
        self._is_over = threading.Event()
        self.seen = 0
        self.partial: list[str] = []
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._is_over.wait(0.001):
            for directory, _, names in os.walk(self._media):
                for name in names:
                    self._read(os.path.join(directory, name))

    def _read(self, path: str) -> None:
        if os.path.basename(path).startswith("."):
            return
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            return
        self.seen += 1
        if not is_whole(content):
            self.partial.append(path)

    @contextmanager
    def watching(self) -> Iterator["Witness"]:
        """Watch during the block, and see at its end that nothing was ever partial."""
        self._thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            self._thread.join()
        assert self.partial == []
