"""One command as a process of its own, with all that it starts: what it is given, what it says, how it is ended."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

_KEPT: Final = 1_000  # characters of what it says
_LONGEST_CHARACTER: Final = 4  # bytes
_MOST: Final = 1 << 20  # bytes that are read; who says more finds that nobody listens
_PIECE: Final = 1 << 16  # bytes
_TICK: Final = 0.2  # seconds after which it is seen that there is less time than there was

#: Seconds in which a command that is told to end may end in order.
LAST: Final = 1.0

#: What Python ignores, and what a shell ignores for what it runs in the background.
_DEFAULT_SIGNALS: Final = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
)

#: Returns the time, as the monotonic clock has it, at which a command has to have ended.
Until = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    status: its exit status; a signal that ended it is a negative one.
    said: what it wrote first, on standard output and standard error.
    """

    status: int
    is_cut_off: bool
    seconds: float
    said: str


def run(command: Sequence[str], document: bytes, environ: Mapping[str, str], until: Until) -> Outcome:
    """Given the words of a command, its standard input, its environment and its time, run it, and return how it ended.

    What it has started and left in its process group ends with it. Raises OSError where it cannot be run.
    """
    began = time.monotonic()
    with _Process(command, document, environ) as process:
        is_cut_off = not process.ends_by(until)
        status = process.end()
        return Outcome(status, is_cut_off, time.monotonic() - began, process.said())


class _Process:
    """A command at work, in a session of its own."""

    def __init__(self, command: Sequence[str], document: bytes, environ: Mapping[str, str]) -> None:
        with ExitStack() as stack:
            given = stack.enter_context(_descriptor(os.memfd_create("hook", os.MFD_CLOEXEC)))
            os.write(given, document)
            os.lseek(given, 0, os.SEEK_SET)
            reading, writing = os.pipe()
            stack.enter_context(_descriptor(writing))
            self._output = reading
            self._heard = bytearray()
            self._count = 0
            try:
                self._pid = _spawned(command, environ, (given, writing, writing))
            except BaseException:
                os.close(reading)
                raise
        os.set_blocking(reading, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.end()
        self._stop_listening()

    def ends_by(self, until: Until) -> bool:
        """Listen to it until it ends or its time is over, and return whether it has ended."""
        with _descriptor(os.pidfd_open(self._pid)) as process:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            if self._output >= 0:
                poll.register(self._output, select.POLLIN)
            while (left := until() - time.monotonic()) > 0:
                ready = {descriptor for descriptor, _ in poll.poll(min(left, _TICK) * 1_000)}
                if process in ready:
                    return True
                if ready and not self._listen():
                    poll.unregister(self._output)
                    self._stop_listening()
        return False

    def end(self) -> int:
        """End whatever is left of it and of what it has started, and return its exit status."""
        if not self._has_ended():
            self._signal(signal.SIGTERM)
            last = time.monotonic() + LAST
            self.ends_by(lambda: last)
        self._signal(signal.SIGKILL)  # before it is reaped: the number of the group is nobody else's as long
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status)

    def said(self) -> str:
        """Return the beginning of what it has said."""
        with suppress(BlockingIOError):  # who has got away from it may still have its voice
            while self._output >= 0 and self._listen():
                pass
        return self._heard.decode(errors="replace")[:_KEPT].strip()

    def _has_ended(self) -> bool:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._pid, flags) is not None

    def _signal(self, number: signal.Signals) -> None:
        with suppress(
            ProcessLookupError, PermissionError
        ):  # there is nobody left, or it has become another user's
            os.killpg(self._pid, number)

    def _listen(self) -> bool:
        """Take in what it says now, and return whether there is more to come. Raises BlockingIOError."""
        piece = os.read(self._output, _PIECE)
        self._count += len(piece)
        self._heard += piece[: max(_KEPT * _LONGEST_CHARACTER - len(self._heard), 0)]
        return bool(piece) and self._count < _MOST

    def _stop_listening(self) -> None:
        if self._output >= 0:
            os.close(self._output)
            self._output = -1


@contextmanager
def _descriptor(number: int) -> Iterator[int]:
    try:
        yield number
    finally:
        os.close(number)


def _spawned(command: Sequence[str], environ: Mapping[str, str], streams: Sequence[int]) -> int:
    """Start a command with three streams, no other file and no signal kept from it, and return its process id.

    It is not forked: threads of ours may hold locks that nobody in the child would let go.
    """
    actions: list[tuple[int, int] | tuple[int, int, int]] = [
        (os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(streams)
    ]
    actions += [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()]
    return os.posix_spawnp(
        command[0],
        tuple(command),
        environ,
        file_actions=actions,
        setsid=True,
        setsigmask=(),
        setsigdef=_DEFAULT_SIGNALS,
    )


def _inheritable() -> list[int]:
    """Return the files that whoever started us left open: all that Python opens are closed by themselves."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing's own
            if int(name) > 2 and os.get_inheritable(int(name)):  # noqa: PLR2004  the three streams
                found.append(int(name))
    return found
