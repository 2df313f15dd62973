"""The service as a process: started, watched from outside, and ended in order or not."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from support.commands import Result, Running
from support.oracle import Terms, expected
from support.workshop import Workshop

_LONG_ENOUGH = 30.0  # seconds
_POLL = 0.02  # seconds

Answer = TypeVar("Answer")


def eventually(ask: Callable[[], Answer], within: float = _LONG_ENOUGH) -> Answer:
    """Ask until the answer is a true one, and return it; raises TimeoutError with the last one."""
    until = time.monotonic() + within
    while not (answer := ask()):
        if time.monotonic() > until:
            raise TimeoutError(f"the last answer within {within:g} s was {answer!r}")
        time.sleep(_POLL)
    return answer


def is_alive(process: int) -> bool:
    """Return whether a process is there and more than what is left for its parent to see."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    return "\nState:\tZ" not in status


class Daemon:
    """A service at work on a workshop."""

    def __init__(self, workshop: Workshop, notified: socket.socket, running: Running) -> None:
        self.workshop = workshop
        self.running = running
        self._notified = notified
        self._told: list[str] = []

    # what it tells

    def told(self, within: float) -> list[str]:
        """Wait for what it tells the service manager next, and return the lines."""
        self._notified.settimeout(within)
        lines = self._notified.recv(65536).decode().splitlines()
        self._told += lines
        return lines

    def wait_until_told(self, line: str, within: float = _LONG_ENOUGH) -> None:
        """Wait until it tells a line that begins like this."""
        until = time.monotonic() + within
        while not any(told.startswith(line) for told in self.told(max(until - time.monotonic(), 0.01))):
            pass

    def wait_until_ready(self, within: float = _LONG_ENOUGH) -> None:
        """Wait until it says that it is ready; how it ended is the error if it does not."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            try:
                if "READY=1" in self.told(0.5):
                    return
            except TimeoutError:
                if self.running.has_ended():
                    break
        raise TimeoutError(f"the service is not ready: {self.running.said_so_far()}")

    def entries(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return what it has logged so far, all or one kind of events."""
        lines = self.running.said_so_far().splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if event in {None, entry["event"]}]

    @property
    def status(self) -> dict[str, Any]:
        """What `status` says."""
        found: dict[str, Any] = self.workshop.run("status", "--json").json
        return found

    # what it has done

    def wait_for_session(self, within: float = _LONG_ENOUGH, **values: Any) -> dict[str, Any]:
        """Wait for a session with these values, which are `completed` unless said, and return the newest."""
        wanted = {"status": "completed", **values}

        def ask() -> dict[str, Any] | None:
            found = [s for s in self.workshop.sessions() if wanted.items() <= s.items()]
            return found[-1] if found else None

        found = eventually(ask, within)
        assert found
        return found

    def wait_until_in_step(
        self,
        catalogue: Mapping[str, Sequence[str]] | None = None,
        terms: Terms | None = None,
        within: float = _LONG_ENOUGH,
    ) -> None:
        """Wait until media and rows are what they must be for the exchange as it is."""
        eventually(lambda: is_in_step(self.workshop, catalogue or {}, terms), within)

    # how it ends

    def stop(self, within: float = 10) -> Result:
        """End it in order, and see that it does."""
        self.running.signal(signal.SIGTERM)
        result = self.running.result(within)
        assert result.status == 0, result.stderr
        return result

    def kill(self) -> None:
        """Kill it."""
        self.running.signal(signal.SIGKILL)
        self.running.result()

    def reload(self) -> None:
        """Have it read its configuration again, and wait until it has."""
        self.running.signal(signal.SIGHUP)
        self.wait_until_told("RELOADING=1")
        self.wait_until_told("READY=1")


def is_in_step(
    workshop: Workshop, catalogue: Mapping[str, Sequence[str]], terms: Terms | None = None
) -> bool:
    """Return whether a full import would change nothing."""
    try:
        foreseen = expected(workshop, catalogue, terms)
        stored = {path: (file.content, file.mtime_ns) for path, file in workshop.stored().items()}
    except FileNotFoundError:  # in the very moment
        return False
    return not foreseen.copied and not foreseen.changed and stored == foreseen.media


@contextmanager
def daemon(
    workshop: Workshop,
    *arguments: str,
    is_ready: bool = True,
    environment: Mapping[str, str] | None = None,
    **surroundings: Any,
) -> Iterator[Daemon]:
    """Run the service during the block; it is ready at the beginning unless said, and ended in order at the end."""
    address = f"\0onec-images-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        notified.bind(address)
        environment = {"NOTIFY_SOCKET": f"@{address[1:]}", **(environment or {})}
        running = workshop.start("run", *arguments, environment=environment, **surroundings)
        started = Daemon(workshop, notified, running)
        if is_ready:
            started.wait_until_ready()
        try:
            yield started
        except BaseException:
            print(started.running.said_so_far())  # noqa: T201  pytest shows it beside what failed
            raise
        if not running.ended:
            started.stop()
