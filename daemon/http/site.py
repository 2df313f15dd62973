"""Where the service is to be seen, if anywhere: at most one address at a time, kept open as long as it is the same."""

from collections.abc import Callable
from typing import Protocol

from daemon.log import logger


class Serving(Protocol):
    """A server at work."""

    def close(self) -> None:
        """End it."""


class Site:
    """Opens and closes the server as the configuration has it."""

    def __init__(self, serve: Callable[[str], Serving]) -> None:
        """Given what serves an address. It raises ConfigurationError where that cannot be done."""
        self._serve = serve
        self._listen = ""
        self._server: Serving | None = None

    def open(self, listen: str) -> bool:
        """Given where to listen, "" for nowhere, do that and nothing else, and return whether it is anywhere.

        Raises ConfigurationError where it cannot be done.
        """
        if listen != self._listen:
            self._move(listen)
        return bool(listen)

    def _move(self, listen: str) -> None:
        self.close()  # first: the new address may hold the port of the old one
        if listen:
            self._server = self._serve(listen)
            self._listen = listen
            logger().info(
                "http_listening", message=f"Status page and metrics: http://{listen}/", listen=listen
            )

    def close(self) -> None:
        """Listen nowhere."""
        if self._server:
            self._server.close()
        self._server, self._listen = None, ""
