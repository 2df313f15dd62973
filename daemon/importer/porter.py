"""A process that delivers pictures for an import.

Threads would wait for the interpreter's lock after each of the twenty system calls that a picture takes. The standard
library's pools of processes either fork, which is not safe beside the service's threads, or import the main program.
"""

import pickle
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import PIPE, Popen
from typing import IO, cast

from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier
from daemon.importer.porting import FOR_THE_PARENT, Answer, Order

_PROGRAM = "import sys; sys.path[:] = {path!r}; from daemon.importer.porting import main; main()"


class Porter:
    """One such process, as the importer sees it. May be used by one thread at a time."""

    def __init__(self, carrier: Carrier) -> None:
        """Given who delivers, start a process that does the same. Raises ImportFailedError where none can start."""
        program = _PROGRAM.format(path=sys.path)
        command = [sys.executable, "-c", program, "onec-images: delivers pictures"]
        try:
            with _blocked():
                self._process = Popen(command, stdin=PIPE, stdout=PIPE, pass_fds=carrier.descriptors)
        except OSError as error:
            raise ImportFailedError(
                f"a process that delivers pictures cannot be started: {error.strerror}; [import] workers = 1 needs none"
            ) from error
        self._orders = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)
        self._send(carrier)

    def deliver(self, order: Order) -> Answer:
        """Given an order, have it delivered, and return what became of it.

        Raises ImportFailedError if the process has died.
        """
        self._send(order)
        try:
            answer: Answer = pickle.load(self._answers)  # noqa: S301  of our own process
        except (EOFError, pickle.UnpicklingError) as error:
            raise self._died() from error
        return answer

    def close(self) -> None:
        """Let the process end what it does, and wait for its end."""
        with suppress(BrokenPipeError):
            self._orders.close()
        self._process.wait()
        self._answers.close()

    def _send(self, message: object) -> None:
        try:
            pickle.dump(message, self._orders, pickle.HIGHEST_PROTOCOL)
            self._orders.flush()
        except BrokenPipeError as error:
            raise self._died() from error

    def _died(self) -> ImportFailedError:
        return ImportFailedError(
            f"a process that delivers pictures has ended with status {self._process.wait()}"
        )


@contextmanager
def _blocked() -> Iterator[None]:
    """Let what is started in the block begin its life with those signals blocked that it is going to ignore."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_PARENT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
