"""A process that delivers pictures for an import.

Threads would wait for the interpreter's lock after each of the twenty system calls that a picture takes. The standard
library's pools of processes either fork, which is not safe beside the service's threads, or import the main program;
and their threads take turns with the importer at the same lock.
"""

import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import F_SETPIPE_SZ, fcntl
from select import POLLIN, POLLOUT, poll
from subprocess import PIPE, Popen
from typing import IO, Any, Generic, TypeVar, cast

from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier
from daemon.importer.porting import FOR_THE_PARENT, HEAD
from daemon.packed import pack

_PROGRAM = "import sys; sys.path[:] = {path!r}; from daemon.importer.porting import main; main()"
_ROOM = 1 << 20  # bytes in a pipe: tasks wait there while the porter is at work, and nobody waits for it
_MUCH = 1 << 16  # bytes read at once where nobody wants them


Answer = TypeVar("Answer")


class Order(Generic[Answer]):
    """What comes of a task that was given to a porter."""

    def __init__(self) -> None:
        """Begin without an answer."""
        self.is_done = False
        self._answers: deque[bytes] = deque()
        self._error: ImportFailedError | None = None

    def take(self, answer: bytes) -> None:
        """Given what the porter has answered, keep it as it came: few bytes take the place of many objects."""
        self._answers.append(answer)

    def end(self) -> None:
        """Take note that the porter has answered all."""
        self.is_done = True

    def fail(self, error: ImportFailedError) -> None:
        """Given why nothing more will come of it, take note."""
        self.is_done, self._error = True, error

    def answers(self) -> Iterator[Answer]:
        """Yield the answers that nobody has had yet. Raises ImportFailedError where no more will come."""
        while self._answers:
            yield pickle.loads(self._answers.popleft())  # noqa: S301  our own process
        if self._error:
            raise self._error


class Porter:
    """One such process, as the importer sees it: it is given orders, and answers them in turn."""

    def __init__(self, carrier: Carrier, *, sweeps: bool) -> None:
        """Given who delivers, start a process that does the same, and that sweeps the media first where it shall.

        Raises ImportFailedError where none can start.
        """
        program = _PROGRAM.format(path=sys.path)
        command = [sys.executable, "-c", program, "onec-images: delivers pictures"]
        try:
            with _blocked():
                self._process = Popen(
                    command, bufsize=0, stdin=PIPE, stdout=PIPE, pass_fds=carrier.descriptors
                )
        except OSError as error:
            raise ImportFailedError(
                f"a process that delivers pictures cannot be started: {error.strerror}; [import] workers = 1 needs none"
            ) from error
        self._orders = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)
        os.set_blocking(self._orders.fileno(), False)
        for pipe in (self._orders, self._answers):
            with suppress(OSError):  # more than a user may have
                fcntl(pipe, F_SETPIPE_SZ, _ROOM)
        #: Orders that are not answered yet, the oldest first.
        self.pending: deque[Order[Any]] = deque()
        self._send(pack((carrier, sweeps)))

    @property
    def answers(self) -> int:
        """The descriptor that can be read where there is an answer, or where the process has died."""
        return self._answers.fileno()

    def give(self, task: Callable[[Carrier], Iterator[Answer]], order: Order[Answer]) -> None:
        """Given a task and the order for what comes of it, send it; where the process is dead, the order fails."""
        self.pending.append(order)
        self._send(pack(task))

    def receive(self) -> None:
        """Wait for an answer to the oldest order. If the process has died, all orders fail."""
        try:
            length, is_done = HEAD.unpack(self._read(HEAD.size))
            data = self._read(length)
        except EOFError:
            self._died()
            return
        if data:
            self.pending[0].take(data)
        if is_done:
            self.pending.popleft().end()

    def close(self) -> None:
        """Let the process end what it was ordered, whatever comes of it, and wait for its end."""
        self._orders.close()
        while os.read(self.answers, _MUCH):
            pass
        self._process.wait()
        self._answers.close()

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = os.read(self.answers, length - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _send(self, message: bytes) -> None:
        """Send a message; while there is no room for it, take answers, since nobody else would make room for those."""
        rest = memoryview(message)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._orders.fileno(), rest) :]
                except BlockingIOError:
                    self._wait()
        except BrokenPipeError:
            self._died()

    def _wait(self) -> None:
        either = poll()
        either.register(self._orders, POLLOUT)
        either.register(self._answers, POLLIN)
        if any(descriptor == self.answers for descriptor, _ in either.poll()):
            self.receive()

    def _died(self) -> None:
        error = ImportFailedError(
            f"a process that delivers pictures has ended with status {self._process.wait()}"
        )
        while self.pending:
            self.pending.popleft().fail(error)


@contextmanager
def _blocked() -> Iterator[None]:
    """Let what is started in the block begin its life with those signals blocked that it is going to ignore."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_PARENT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
