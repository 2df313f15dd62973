"""The server of one address: a few threads beside the service, whoever its clients are and whatever they do.

Waitress reads, writes and times clients out in one thread that never blocks, and answers in a few others.
"""

import errno
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.wasyncore import close_all

from daemon.errors import ConfigurationError
from daemon.http.application import Application
from daemon.http.pace import Pace
from daemon.http.snapshot import Snapshot

_LONGEST_CONNECTION = 30  # seconds: no answer takes longer; a client may come again
_CLEANUP = 5  # seconds between two looks for connections that are older
_PATIENCE = 3.0  # seconds in which the threads end; they take milliseconds

#: Answers per second, and at once after a rest: more than anybody needs, and no burden to the import.
_PER_SECOND, _AT_ONCE = 50, 25

#: Of an address that a name has and this machine has not.
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

_TERMS: Mapping[str, Any] = {
    "threads": 2,
    "connection_limit": 256,  # far below the descriptors that a process may have; others wait in the backlog
    "backlog": 128,
    "cleanup_interval": _CLEANUP,
    "max_request_header_size": 16 * 1024,
    "max_request_body_size": 1024,  # nobody has anything to send
    "log_socket_errors": False,  # how clients behave is no concern of the log
    "ident": None,
}


class Server:
    """Serves what a board shows."""

    def __init__(self, listen: str, snapshot: Callable[[], Snapshot]) -> None:
        """Given host and port and where the last snapshot is, serve from now on.

        Raises ConfigurationError where the address cannot be listened on.
        """
        sockets = _listening(listen)
        logging.getLogger("waitress").addHandler(logging.NullHandler())
        logging.getLogger("waitress").propagate = False
        application = Application(snapshot, Pace(_PER_SECOND, _AT_ONCE).wait)
        self._served = [_Served(application, bound) for bound in sockets]

    def close(self) -> None:
        """Serve no more; connections are cut off."""
        for served in self._served:
            served.close()


class _Served:
    """One socket, with its threads."""

    def __init__(self, application: Application, bound: socket.socket) -> None:
        sockinfo = (bound.family, bound.type, bound.proto, bound.getsockname())
        self._channels: dict[int, Any] = {}
        self._server = _Impatient(
            application,
            self._channels,
            _sock=bound,
            adj=Adjustments(sockets=[bound], **_TERMS),
            sockinfo=sockinfo,
            bind_socket=False,
        )
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the threads, and only then close what they write to: a number may soon be another file's."""
        self._server.task_dispatcher.shutdown(timeout=_PATIENCE)
        self._server.is_ending = True
        self._server.pull_trigger()
        self._thread.join(_PATIENCE)
        if not (self._server.task_dispatcher.threads or self._thread.is_alive()):
            close_all(self._channels)


class _Impatient(TcpWSGIServer):  # type: ignore[misc]
    """Ends when it is told to, and cuts off whoever stays too long, even if they send a byte now and then."""

    is_ending = False

    def run(self) -> None:
        """Serve until the end is near."""
        while not self.is_ending:
            # select() does not know descriptors above 1023
            self.asyncore.loop(timeout=_CLEANUP, use_poll=True, map=self._map, count=1)

    def maintenance(self, now: float) -> None:
        """Given the time, close connections that are too old and not just being answered."""
        for channel in list(self.active_channels.values()):
            if not channel.requests and channel.creation_time < now - _LONGEST_CONNECTION:
                channel.handle_close()


def _listening(listen: str) -> list[socket.socket]:
    """Return a socket for each address of a host: ``localhost`` has two. Raises ConfigurationError."""
    host, _, port = listen.rpartition(":")
    sockets: list[socket.socket] = []
    try:
        _bind_all(host.strip("[]"), int(port), sockets)
    except OSError as error:
        for bound in sockets:
            bound.close()
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"[http] listen: {listen} cannot be listened on: {reason}") from error
    return sockets


def _bind_all(host: str, port: int, sockets: list[socket.socket]) -> None:
    """Bind all addresses of a host that this machine has; the error of one is raised if it has none."""
    absent: OSError | None = None
    for family, _, _, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            sockets.append(_bound(family, address))
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            absent = error
    if absent and not sockets:
        raise absent


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_TERMS["backlog"])
    except OSError:
        bound.close()
        raise
    return bound
