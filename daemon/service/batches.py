"""Batches of products that are due, one after the other; what cannot be done is tried again."""

from daemon.agenda import Agenda
from daemon.errors import DatabaseUnavailableError, LockedError, OnecImagesError, StoppedError
from daemon.log import logger
from daemon.service.jobs import Jobs
from daemon.service.troubles import Troubles

_MOST = 1_000  # products; a change that comes meanwhile waits for no more than that
_SHORTEST_PAUSE = 1.0  # seconds after a batch that failed; doubles each time
_LONGEST_PAUSE = 60.0  # seconds

_SUBJECT = "batch"


class Batches:
    """Does what the agenda says is due."""

    def __init__(self, agenda: Agenda, jobs: Jobs, troubles: Troubles) -> None:
        """Given the agenda, what does the work, and who is told of trouble."""
        self._agenda = agenda
        self._jobs = jobs
        self._troubles = troubles
        self._not_before = 0.0
        self._pause = _SHORTEST_PAUSE

    @property
    def next_at(self) -> float:
        """When something may be due, never too late; infinity if nothing is."""
        return max(self._agenda.batch_at(), self._not_before)

    def step(self, now: float) -> bool:
        """Given the time, do one batch if one is due, and return whether that was so.

        Raises DatabaseUnavailableError, LockedError and StoppedError; whatever else goes wrong is tried again.
        """
        batch = self._agenda.take(now, _MOST) if now >= self._not_before else None
        if batch is None:
            return False
        try:
            self._jobs.batch(batch)
        except (DatabaseUnavailableError, LockedError, StoppedError):
            raise
        except Exception as error:  # noqa: BLE001  its session has the trace, and the products are due again
            self._put_off(error, now)
        else:
            self._pause = _SHORTEST_PAUSE
            self._troubles.set(_SUBJECT, "")
        return True

    def _put_off(self, error: Exception, now: float) -> None:
        self._not_before = now + self._pause
        logger().warning(
            "batch_failed",
            message=f"A batch of changed products failed and is tried again in {self._pause:g} s: {error}",
            exc_info=None if isinstance(error, OnecImagesError) else error,
        )
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._troubles.set(_SUBJECT, f"changed products cannot be imported: {error}")
