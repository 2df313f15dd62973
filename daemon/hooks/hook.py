"""A hook: what it is told waits in a line of its own, and is told one after the other, as it happened."""

import json
import math
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from daemon.hooks import process
from daemon.hooks.process import Outcome
from daemon.log import logger

#: Seconds that a command may take.
LONGEST: Final = 30.0

_MOST: Final = 100  # that wait to be told
_SPARE: Final = 0.5  # seconds after which a command that cannot be ended is left alone

#: What is meant for the daemon alone: its secrets, and what its supervisor has told it.
_OURS: Final = ("ONEC_IMAGES_DATABASE__", "CREDENTIALS_DIRECTORY", "PGPASS", "NOTIFY_SOCKET", "WATCHDOG_")
_OURS_TOO: Final = ("JOURNAL_STREAM", "LISTEN_")

_Telling = tuple[Sequence[str], bytes]


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Given the environment of the process, return what of it a command is given: no secrets."""
    return {name: value for name, value in environ.items() if not name.upper().startswith(_OURS + _OURS_TOO)}


class Hook:
    """Runs commands in a thread of its own, so that nobody waits for them."""

    def __init__(
        self, name: str, environ: Mapping[str, str], *, longest: float = LONGEST, most: int = _MOST
    ) -> None:
        """Given its name, the environment, how many seconds a command may take and how much may wait."""
        self._name = name
        self._environ = surroundings(environ)
        self._longest = longest
        self._most = most
        self._line: queue.SimpleQueue[_Telling | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._has_ended = threading.Event()
        self._until = math.inf
        self._is_dropping = False

    def tell(self, command: Sequence[str], document: Mapping[str, Any]) -> None:
        """Given the words of a command, none for nobody, and a document, have it told when its turn comes."""
        if not command:
            return
        if self._line.qsize() >= self._most:
            self._drop()
            return
        self._is_dropping = False
        content = json.dumps(document, ensure_ascii=False, indent=2).encode(errors="backslashreplace")
        self._line.put((command, content + b"\n"))
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._worker.start()

    def hurry(self, seconds: float) -> None:
        """Given seconds, tell what waits as long as they last, and end what is under way then."""
        self._until = time.monotonic() + seconds
        self._line.put(None)

    def close(self) -> None:
        """Wait for the end of the time that was given."""
        if self._worker is not None:
            left = max(self._until - time.monotonic(), 0.0)
            self._has_ended.wait(
                left + process.LAST + _SPARE
            )  # not join: Ctrl-C in it takes the thread for ended

    def _drop(self) -> None:
        if not self._is_dropping:
            self._is_dropping = True
            message = f"[hooks] {self._name}: {self._most} events wait for it already; more are dropped"
            logger().warning("hook_dropped", message=message, hook=self._name)

    # In its thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (telling := self._line.get()) is not None:
            if time.monotonic() < self._until:
                self._run(*telling)
        self._has_ended.set()

    def _run(self, command: Sequence[str], document: bytes) -> None:
        last = time.monotonic() + self._longest
        try:
            outcome = process.run(command, document, self._environ, lambda: min(last, self._until))
        except Exception as error:  # noqa: BLE001  whatever it is, the next one has its turn
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._fail(f"{command[0]} cannot be run: {reason}")
        else:
            self._log(command[0], outcome)

    def _log(self, program: str, outcome: Outcome) -> None:
        said = f": {outcome.said}" if outcome.said else ""
        if outcome.is_cut_off:
            self._fail(f"{program} was ended after {outcome.seconds:.1f} s{said}", outcome)
        elif outcome.status < 0:
            self._fail(f"{program} was ended by signal {-outcome.status}{said}", outcome)
        elif outcome.status:
            self._fail(f"{program} ended with status {outcome.status}{said}", outcome)
        else:
            message = f"[hooks] {self._name}: {program} was told{said}"
            logger().info("hook_told", message=message, hook=self._name, status=0, said=outcome.said)

    def _fail(self, what: str, outcome: Outcome | None = None) -> None:
        logger().warning(
            "hook_failed",
            message=f"[hooks] {self._name}: {what}",
            hook=self._name,
            status=outcome and outcome.status,
            said=outcome and outcome.said,
        )
