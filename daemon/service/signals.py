"""What the service is asked for by signals."""

import os
import signal
import threading
from collections.abc import Callable

from daemon.log import logger

_STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_ALL = _STOP | {signal.SIGHUP}

_GRACE = 9.0  # seconds to end in order: below the ten that are promised


class Signals:
    """SIGTERM and SIGINT ask for an end, SIGHUP for a new configuration.

    They are waited for by a thread of their own: a handler would have to wait while a database or a file system
    keeps the main thread, and with it the promise to end in time.
    """

    def __init__(self, grace: float = _GRACE) -> None:
        """Take the signals over, and end the process so many seconds after it was asked to end.

        Threads that are made from now on leave the signals to the one that is made here.
        """
        self._grace = grace
        self.stop = False
        self.reload = False
        self._wake: Callable[[], None] = lambda: None
        self._ended = threading.Event()
        signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Given what wakes the service, call it at each signal."""
        self._wake = wake

    def ended(self) -> None:
        """Tell that the service has ended in order."""
        self._ended.set()

    def _listen(self) -> None:
        while not self.stop:
            number = signal.sigwait(_ALL)
            self.stop = number in _STOP
            self.reload = self.reload or number == signal.SIGHUP
            self._wake()
        if not self._ended.wait(self._grace):
            # whatever is cut off here is as safe as it is from kill -9
            logger().error("stop_forced", message="The service did not end in time and is cut off")
            os._exit(0)
