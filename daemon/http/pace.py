"""How often something may be done: at once as long as it is seldom, else no more often than the pace allows."""

import threading
import time
from collections.abc import Callable


class Pace:
    """Lets so many pass per second, after some that may come at once. Whoever comes too often waits."""

    def __init__(
        self,
        per_second: float,
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Given how many per second, and how many more may come at once after a rest."""
        self._interval = 1 / per_second
        self._credit = at_once * self._interval
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for one's turn."""
        with self._lock:
            now = self._clock()
            self._next = max(self._next, now - self._credit) + self._interval
            pause = self._next - now
        if pause > 0:
            self._sleep(pause)
