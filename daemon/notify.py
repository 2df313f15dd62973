"""What systemd is told. By hand: a message is one datagram, and the libraries lack a wheel or messages that we need."""

import os
import socket
import threading
import time
from collections.abc import Mapping

_NEVER = 2**64 - 1  # how systemd writes that there is no watchdog
_MOST_OWED = 4  # lines: a reload, its end and a stop are all that a manager has to catch up with
_LONGEST_STATUS = 500  # characters; systemd drops a message of more than 4096 bytes as a whole


class Supervisor:
    """Told what the service does; nobody listens where it was not started by systemd, and nothing happens then.

    Nothing is ever raised or waited for: a manager that is gone or busy must not hold the work up. Any thread
    may tell.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Given the environment, find out where the manager listens and how often it wants to hear of us."""
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        #: Seconds between two pings, None if nobody waits for them.
        self.ping_interval = _ping_interval(environ) if self._address else None
        self._told = ""
        self._owed: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def ready(self, status: str) -> None:
        """Given the status, tell that the service has started or has been reloaded."""
        self._tell_state("READY=1", status=status)

    def reloading(self) -> None:
        """Tell that the service is being reloaded, until ``ready``."""
        self._tell_state("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """Given the status, tell that the service is about to end."""
        self._tell_state("STOPPING=1", status=status)

    def status(self, text: str) -> None:
        """Given what the service does, tell it, unless it was told last."""
        with self._lock:
            if _line(text) != self._told:
                self._tell(status=text)

    def ping(self) -> None:
        """Tell that the service is alive."""
        with self._lock:
            self._tell("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Given a time, ask that a start, a reload or a stop may take that much longer from now on."""
        with self._lock:
            self._tell(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def _tell_state(self, *lines: str, status: str | None = None) -> None:
        with self._lock:
            self._owed = (*self._owed, *lines)[-_MOST_OWED:]
            self._tell(status=status)

    def _tell(self, *lines: str, status: str | None = None) -> None:
        """Tell these lines, after the states that could not be told so far: a manager waits for each of them."""
        lines = (*self._owed, *lines)
        if status is not None:
            lines += (f"STATUS={_line(status)}",)
        if self._is_sent("\n".join(lines)):
            self._owed = ()
            self._told = self._told if status is None else _line(status)

    def _is_sent(self, message: str) -> bool:
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(0)
                sender.sendto(message.encode(), self._address)
        except OSError:  # the service works as well untold, and the next message may find the manager back
            return False
        return True


def _address(name: str) -> str:
    """Return the address of a socket as systemd names it, empty if it is none that we can reach."""
    if name.startswith("@"):
        return f"\0{name[1:]}"
    return name if name.startswith("/") else ""


def _ping_interval(environ: Mapping[str, str]) -> float | None:
    """Return half of the time after which the manager takes us for hung."""
    try:
        microseconds = int(environ.get("WATCHDOG_USEC", "0"))
        process = int(environ.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    is_meant = 0 < microseconds < _NEVER and process == os.getpid()
    return microseconds / 2 / 1_000_000 if is_meant else None


def _line(text: str) -> str:
    """Return a text as one short line: a message is lines, and one that is not plain text is dropped as a whole."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST_STATUS])
