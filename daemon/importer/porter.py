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
from daemon.importer.porting import FOR_THE_PARENT, LENGTH
from daemon.packed import pack

_PROGRAM = "import sys; sys.path[:] = {path!r}; from daemon.importer.porting import main; main()"
_ROOM = 1 << 20  # bytes in a pipe: tasks wait there while the porter is at work, and nobody waits for it
_MUCH = 1 << 16  # bytes read at once where nobody wants them


Answer = TypeVar("Answer")


class Order(Generic[Answer]):
    """A task that was given to a porter, and what came of it."""

    def __init__(self, task: Callable[[Carrier], Answer]) -> None:
        """Given the task."""
        self.task = task
        self._answer: Answer | None = None
        self.error: ImportFailedError | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has been answered, or never will be."""
        return self._answer is not None or self.error is not None

    @property
    def answer(self) -> Answer:
        """What the porter has answered. Raises ImportFailedError where it has died instead."""
        if self.error:
            raise self.error
        return cast("Answer", self._answer)

    def take(self, answer: object) -> None:
        """Note what the porter has answered."""
        self._answer = cast("Answer", answer)


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

    def give(self, order: Order[Any]) -> None:
        """Given an order, send its task. An order that a dead process has failed to take is done, with an error."""
        self.pending.append(order)
        self._send(pack(order.task))

    def receive(self) -> None:
        """Wait until the oldest order is answered. If the process has died, all orders are done, with an error."""
        try:
            answer = pickle.loads(self._read(int.from_bytes(self._read(LENGTH))))  # noqa: S301  our own process
        except EOFError:
            self._died()
        else:
            self.pending.popleft().take(answer)

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
            self.pending.popleft().error = error


@contextmanager
def _blocked() -> Iterator[None]:
    """Let what is started in the block begin its life with those signals blocked that it is going to ignore."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_PARENT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
