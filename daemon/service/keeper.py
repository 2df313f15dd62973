"""The database of a service that outlives it: lost connections are made again, and the lock is taken anew with them."""

import time
from collections.abc import Callable
from typing import TypeVar

from daemon.db.engine import Database
from daemon.db.sessions import SessionRecord, Sessions
from daemon.errors import DatabaseUnavailableError, OnecImagesError, RowsHeldError, StoppedError
from daemon.importer.session import Session
from daemon.log import logger
from daemon.service.troubles import Troubles

_PATIENCE = 300.0  # seconds that an import under way waits for the database
_SHORTEST_PAUSE = 0.5  # seconds between two attempts to connect; doubles each time
_LONGEST_PAUSE = 10.0  # seconds
_PING = 10.0  # seconds between two looks at a connection that nobody uses
_USUAL = 10.0  # seconds that others may hold what we need before that is trouble

#: What the trouble with a database is about.
DATABASE = "database"

Result = TypeVar("Result")


class Keeper:
    """Keeps one database usable."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        troubles: Troubles,
        pause: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Given the parts; ``pause`` waits for so many seconds, and returns whether the service is to stop."""
        self._clock = clock
        self._database = database
        self._sessions = sessions
        self._troubles = troubles
        self._pause = pause
        self._unsaved: list[SessionRecord] = []
        self._ping_at = 0.0

    def patiently(self, work: Callable[[], Result]) -> Result:
        """Given work that can be repeated, do it, and do it again as long as the database does not let us.

        Raises DatabaseUnavailableError where that takes more than five minutes, StoppedError, and LockedError where
        another process has taken our place.
        """
        began, pause = self._clock(), _SHORTEST_PAUSE
        while True:
            try:
                result = work()
            except DatabaseUnavailableError as error:
                if self._clock() - began > _PATIENCE:
                    raise
                self._tell(error, began)
                self._rest(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._renew(error, began + _PATIENCE)
            else:
                self._troubles.set(DATABASE, "")
                return result

    def regain(self, error: DatabaseUnavailableError) -> None:
        """Given why the database could not be used, wait until it can be, however long that takes.

        Raises StoppedError, and LockedError where another process has taken our place.
        """
        self._troubles.set(DATABASE, str(error))
        self._rest(_SHORTEST_PAUSE)
        self._renew(error, None)

    def _tell(self, error: DatabaseUnavailableError, since: float) -> None:
        """Take it for trouble that the database cannot be used, unless others just work on it."""
        if self._database.is_lost or self._clock() - since > _USUAL:
            self._troubles.set(DATABASE, str(error))

    def _rest(self, seconds: float) -> None:
        if self._pause(seconds):
            raise StoppedError("The service was stopped while it waited for the database")

    def _renew(self, error: DatabaseUnavailableError, until: float | None) -> None:
        """Make another connection, unless others only held what was needed; the lock is not let go for that.

        Raises DatabaseUnavailableError where there is none in time, StoppedError and LockedError.
        """
        is_sound = isinstance(error, RowsHeldError) and not self._database.is_lost
        pause = _SHORTEST_PAUSE
        while not is_sound and not self._is_back():
            if until is not None and self._clock() > until:
                raise error
            self._rest(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _is_back(self) -> bool:
        was_lost = self._database.is_lost
        try:
            self._database.reconnect()
            self._save_what_ended()
        except DatabaseUnavailableError as error:
            self._troubles.set(DATABASE, str(error))
            return False
        if was_lost:  # it was no more than that
            self._troubles.set(DATABASE, "")
        return True

    # Sessions ---------------------------------------------------------------------------------------------

    def remember(self, session: Session) -> None:
        """Given a session that has ended, write how it ended as soon as that is possible, if it is not yet."""
        if not session.is_saved and session.record.id is not None:
            self._unsaved.append(session.record)

    def _save_what_ended(self) -> None:
        while self._unsaved:
            try:
                with self._database.writing() as connection:
                    self._sessions.save(connection, self._unsaved[0])
            except DatabaseUnavailableError:
                raise
            except OnecImagesError as error:  # a row that is refused now is refused for ever
                logger().error("session_unsaved", message=f"The end of a session cannot be written: {error}")
            del self._unsaved[0]

    def check(self, now: float) -> None:
        """Given the time, see that the connection is still there, and that all that has ended is on record.

        Raises DatabaseUnavailableError.
        """
        if now >= self._ping_at:
            self._ping_at = now + _PING
            self._database.ping()
            self._save_what_ended()
