"""What the operator's hooks are told: each session that has ended, and when the service is degraded or no longer so."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

from daemon.config import Settings
from daemon.db.sessions import SessionRecord, Status
from daemon.hooks import Hook
from daemon.state import State

_CALM: Final = (
    2.0  # seconds without trouble after which it is over: trouble that is tried again comes and goes
)

#: Seconds that hooks have when the service stops, which has to come within ten.
GRACE: Final = 3.0

_ENDED: Final = frozenset({Status.COMPLETED.value, Status.FAILED.value})

#: States that say nothing of trouble: the service has not looked yet.
_BLIND: Final = "starting"


class Notices:
    """Tells the hooks of one process, whatever configurations it works on."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        """Given the environment and the clock; nobody is told anything before ``follow``."""
        self._clock = clock
        self._settings = Settings()
        self._session_end = Hook("on_session_end", environ)
        self._degraded = Hook("on_degraded", environ)
        self._told: tuple[str, ...] = ()
        self._calm_since: float | None = None

    def follow(self, settings: Settings) -> None:
        """Given settings, tell the hooks that they name from now on."""
        self._settings = settings

    def session_ended(self, record: SessionRecord) -> None:
        """Given a session, tell of it if it has ended and is on record."""
        if record.id is not None and record.status in _ENDED:
            self._session_end.tell(self._settings.hooks.on_session_end, record.as_json())

    def state(self, state: State) -> None:
        """Given the state of the service, tell whether it is degraded if that is news."""
        if state.degraded:
            self._calm_since = None
            if len(state.why) > len(self._told):
                self._tell(state.why)
            self._told = state.why
        elif self._told and state.state != _BLIND:
            self._see_calm()

    def _see_calm(self) -> None:
        now = self._clock()
        if self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= _CALM:
            self._told = ()
            self._calm_since = None
            self._tell(())

    def _tell(self, why: tuple[str, ...]) -> None:
        document = {
            "degraded": bool(why),
            "why": list(why),
            "host": socket.gethostname(),
            "exchange": os.path.realpath(self._settings.exchange.dir),
        }
        self._degraded.tell(self._settings.hooks.on_degraded, document)

    def close(self, grace: float) -> None:
        """Given seconds, tell what is still to be told as long as they last; commands under way end then."""
        for hook in (self._degraded, self._session_end):
            hook.hurry(grace)
        for hook in (self._degraded, self._session_end):
            hook.close()
