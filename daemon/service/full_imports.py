"""Imports of all products that nobody asked for: at start, after trouble, and every now and then."""

from collections.abc import Callable
from datetime import UTC, datetime

from daemon.agenda import Agenda, Wish
from daemon.db.sessions import ImportType, Trigger
from daemon.errors import DatabaseUnavailableError, LockedError, StoppedError
from daemon.importer.session import Occasion, Session
from daemon.log import logger
from daemon.service.jobs import Demands, Jobs
from daemon.service.listener import Listener
from daemon.service.retries import Retries
from daemon.service.troubles import Troubles

_TRIGGERS = {
    "startup": Trigger.STARTUP,
    "reload": Trigger.MANUAL,
    "overflow": Trigger.WATCH,
    "recovery": Trigger.RECONCILE,
    "reconcile": Trigger.RECONCILE,
}
#: On record whatever else has been imported meanwhile: somebody may wait for it.
_OWED = frozenset({"startup", "reload"})
_REST = 10  # times as long as the last import took, where events cannot be relied on
_LAST_RESORT = 3600.0  # seconds after which an import that failed is tried again where nothing is reconciled

_SUBJECT = "import"

Clock = Callable[[], float]


class FullImports:
    """Does the full import that the agenda wants, and tries it again."""

    def __init__(  # noqa: PLR0913  the parts of a service, each made elsewhere
        self,
        agenda: Agenda,
        jobs: Jobs,
        listener: Listener,
        troubles: Troubles,
        retries: Retries,
        clock: Clock,
        *,
        polls: bool,
    ) -> None:
        """Given the parts, and whether these imports are all there is to find changes."""
        self._agenda = agenda
        self._jobs = jobs
        self._listener = listener
        self._troubles = troubles
        self._retries = retries
        self._clock = clock
        self._polls = polls
        #: When all products were last imported with success.
        self.last_completed: datetime | None = None

    def step(self, now: float) -> bool:
        """Given the time, do the import that is due, and return whether one was.

        Raises DatabaseUnavailableError, LockedError and StoppedError; whatever else goes wrong is tried again.
        """
        wish = self._agenda.take_wish(now)
        if wish is None:
            return False
        with self._jobs.session() as session:
            try:
                self._jobs.everything(session, _occasion(wish), Demands(), is_asked_for=False)
            except StoppedError:
                raise
            except Exception as error:
                self._put_off(wish, session, error)
                if isinstance(error, DatabaseUnavailableError | LockedError):
                    raise
                return True
        self.completed(now)
        return True

    def completed(self, began: float) -> None:
        """Given when an import of all products began that has been completed, let it count for all that was wanted."""
        self.last_completed = datetime.now(UTC)
        now = self._clock()
        rest = (now - began) * _REST
        if self._agenda.wish and self._agenda.wish.reason not in _OWED:
            self._agenda.satisfied(began)
        self._agenda.schedule_reconcile(now, rest if self._polls else 0.0)
        self._listener.settled()
        self._listener.rest(now + rest)
        self._troubles.set(_SUBJECT, "")

    def _put_off(self, wish: Wish, session: Session, error: Exception) -> None:
        now = self._clock()
        another = self._retries.after(error, wish.retries, has_advanced=session.figures.copied > 0)
        if another is not None:
            self._agenda.renew(wish, now + another.delay, costs_retry=another.costs_retry)
            return
        self._troubles.set(_SUBJECT, f"the last import of all products failed: {error}")
        self._agenda.schedule_reconcile(now)
        if self._agenda.reconcile_at is None:
            self._agenda.want(wish.reason, now, now + _LAST_RESORT)
        pause = (self._agenda.reconcile_at or now + _LAST_RESORT) - now
        logger().error(
            "import_given_up", message=f"The import is tried again in {pause / 60:.0f} minutes at the latest"
        )


def _occasion(wish: Wish) -> Occasion:
    trigger = _TRIGGERS[wish.reason]
    return Occasion(
        ImportType.IMAGES, trigger, attempt=wish.attempt, only_changes=trigger is Trigger.RECONCILE
    )
