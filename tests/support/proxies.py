"""A network between the daemon and PostgreSQL, which can fail as networks do."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url
from support import sql

_NAME = ".s.PGSQL.5432"  # of a server's socket in its directory
_CHUNK = 65_536  # bytes


class Proxy:
    """Passes on what either side sends, until one of them ends or the line is cut."""

    def __init__(self, server: str | tuple[str, int], listening: socket.socket, opened: ExitStack) -> None:
        self._server = server
        self._listening = listening
        self._opened = opened
        self._clients: list[socket.socket] = []
        #: Seconds that whatever is sent takes.
        self.delay = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection of a client in a way that the server does not notice."""
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._clients.clear()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Let nobody through during the block."""
        address = self._listening.getsockname()
        os.rename(address, f"{address}.away")
        self.cut()
        yield
        os.rename(f"{address}.away", address)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
                server.connect(self._server)
                for end in (client, server):
                    self._opened.enter_context(end)
                self._clients.append(client)
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, ends: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                time.sleep(self.delay)
                target.sendall(data)
        if ends:
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(url: str, place: Path) -> Iterator[tuple[str, Proxy]]:
    """Given the URL of a database and an empty directory, yield a URL that leads there, and what it leads through."""
    parsed = make_url(url)
    directory = parsed.query.get("host")
    server = os.path.join(str(directory), _NAME) if directory else (parsed.host or "", parsed.port or 5432)
    with ExitStack() as opened, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / _NAME))
        listening.listen()
        yield sql.with_query(url, host=str(place)), Proxy(server, listening, opened)
        listening.shutdown(socket.SHUT_RDWR)
