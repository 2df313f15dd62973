"""The service at work on a shop, to drop pictures before."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.onlookers import Onlooker, onlooker, seen
from bench.processes import FailedError
from bench.stands import Stand
from support.commands import Running, start

SETTLE = 0.2  # seconds

#: What it is told to do otherwise than by default: to settle soon, and nothing by the clock meanwhile.
SETTINGS: dict[str, float] = {"settle": SETTLE, "max_wait": 60, "reconcile_interval": 0}

_LONG_ENOUGH = 60.0  # seconds

_ENDED = "SELECT count(*) FROM import_sessions WHERE finished_at IS NOT NULL"
_BEGUN = "SELECT count(*) FROM import_sessions"


@dataclass(frozen=True)
class Service:
    """A service that watches, and who looks on."""

    stand: Stand
    running: Running
    onlooker: Onlooker

    def wait_until_imported(self) -> None:
        """Wait until the full import of its start has ended. Raises FailedError."""
        self._wait(_ENDED)

    def wait_until_importing(self) -> None:
        """Wait until the full import of its start is under way. Raises FailedError."""
        self._wait(_BEGUN)

    @property
    def is_importing(self) -> bool:
        """Whether the full import of its start goes on."""
        return not self.onlooker.ask(f"{_ENDED} AND trigger = 'startup'".replace("trigger", '"trigger"'))

    def _wait(self, statement: str) -> None:
        if seen(self.onlooker, statement, 1, _LONG_ENOUGH) is None:
            raise FailedError(f"no full import: {self.running.said_so_far()}")


@contextmanager
def service(stand: Stand) -> Iterator[Service]:
    """Run the service during the block; its watches stand at the beginning. Raises FailedError."""
    address = f"onec-images-bench-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, onlooker(stand.database) as looking:
        told.bind(f"\0{address}")
        told.settimeout(_LONG_ENOUGH)
        command = stand.command("run", environment={"NOTIFY_SOCKET": f"@{address}"})
        running = start(command)
        try:
            _wait_until_ready(told, running)
            yield Service(stand, running, looking)
            running.signal(signal.SIGTERM)
            result = running.result()
            if result.status:
                raise FailedError(result.stderr)
        finally:
            running.end()


def _wait_until_ready(told: socket.socket, running: Running) -> None:
    try:
        while b"READY=1" not in told.recv(65536).splitlines():
            pass
    except TimeoutError as error:
        raise FailedError(f"the service is not ready: {running.said_so_far()}") from error
