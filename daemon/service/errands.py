"""Imports that a trigger file asks for: run type by type, tried again, and answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger
from daemon.errors import DatabaseUnavailableError, LockedError, StoppedError
from daemon.importer.session import Occasion, Session
from daemon.service.catalogues import Catalogues
from daemon.service.desk import Desk
from daemon.service.jobs import Demands, Jobs
from daemon.service.retries import Another, Retries
from daemon.service.tasks import Tasks
from daemon.triggers import result
from daemon.triggers.order import Order

Clock = Callable[[], float]

#: What the service has to see to before anything else is done.
_NOT_OURS = (DatabaseUnavailableError, LockedError, StoppedError)


@dataclass(slots=True)
class _Errand:
    """A trigger under way: what is left of it, what has come of it so far, and when it goes on."""

    order: Order
    left: list[ImportType]
    not_before: float
    task: SessionRecord | None = None
    earlier: int = 0  #: attempts at the task before this trigger
    attempt: int = 1
    retries: int = 0
    sessions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def demands(self) -> Demands:
        return Demands(self.order.onec_ids, self.order.checksum, self.order.validate_images)

    @property
    def is_last(self) -> bool:
        """Whether the next step is the last one, whose session is the row of the task."""
        return len(self.left) == 1

    @property
    def is_whole(self) -> bool:
        """Whether the next step imports all products."""
        return self.left[0] is ImportType.IMAGES and not self.order.onec_ids

    @property
    def imports_all_next(self) -> bool:
        """Whether the step after this one imports all products."""
        return not self.is_last and not self.order.onec_ids

    def note(self, record: SessionRecord) -> None:
        """Keep what a session came to; a task's row is one session through all its attempts."""
        if record.id is not None:
            session = record.as_json()
            self.sessions = [*(known for known in self.sessions if known["id"] != session["id"]), session]


class Errands:
    """The trigger file, one claim at a time: what is dropped meanwhile waits, and is one more import."""

    def __init__(  # noqa: PLR0913  the parts of a service, each made elsewhere
        self,
        desk: Desk,
        jobs: Jobs,
        tasks: Tasks,
        clock: Clock,
        *,
        retries: Retries,
        catalogues: Catalogues,
        leaves_running: Callable[[], bool],
    ) -> None:
        """Given the parts; ``leaves_running`` tells whether an import that is stopped is to be run again soon."""
        self._desk = desk
        self._jobs = jobs
        self._tasks = tasks
        self._clock = clock
        self._retries = retries
        self._catalogues = catalogues
        self._leaves_running = leaves_running
        self._errand: _Errand | None = None

    # Claiming ---------------------------------------------------------------------------------------------

    def heard(self) -> None:
        """Take in that a trigger has been completed."""
        self._desk.heard()

    def is_expecting(self, now: float) -> bool:
        """Given the time, return whether a look is worthwhile, besides the regular ones."""
        return self._errand is None and now >= self._desk.next_at

    def look(self, now: float, *, is_open: bool) -> None:
        """Given the time, and whether somebody is at the trigger still, claim one that is complete.

        Nothing is claimed while another one is under way.
        """
        if self._errand is None and (order := self._desk.look(now, is_open=is_open)):
            self._errand = _Errand(order, list(map(ImportType, order.import_types)), now)

    # Running ----------------------------------------------------------------------------------------------

    def is_due(self, now: float) -> bool:
        """Given the time, return whether a step can be done."""
        return self._errand is not None and now >= self._errand.not_before

    @property
    def is_whole(self) -> bool:
        """Whether the next step imports all products, and has to wait for the end of another such import."""
        return self._errand is not None and self._errand.is_whole

    @property
    def is_catalogue(self) -> bool:
        """Whether the next step loads the catalogue."""
        return self._errand is not None and self._errand.left[0] is ImportType.CATALOG

    @property
    def sessions_that_go_on(self) -> list[Any]:
        """The ids of sessions that wait for another attempt."""
        return [self._errand.task.id] if self._errand and self._errand.task else []

    @property
    def next_at(self) -> float:
        """When something can be done; infinity if nothing can."""
        return self._errand.not_before if self._errand else self._desk.next_at

    def step(self) -> bool:
        """Run the next type of the trigger once, and return whether it was completed.

        Raises DatabaseUnavailableError, LockedError and StoppedError; whatever else goes wrong is the trigger's
        result.
        """
        errand = self._errand
        if errand is None:
            return False
        with self._jobs.session() as session:
            try:
                if self._is_answered(errand):
                    return False
                self._run(errand, session)
            except Exception as error:
                self._put_off_or_fail(errand, session, error)
                if isinstance(error, _NOT_OURS):
                    raise
                return False
        self._go_on(errand, session)
        return True

    def _is_answered(self, errand: _Errand) -> bool:
        """Find or make the row of whoever asked, and return whether it says already what came of it."""
        if errand.task or errand.order.task_id is None:
            return False
        task = self._tasks.taken(errand.order.task_id, errand.left[-1], is_first=errand.is_last)
        if task.status == Status.COMPLETED:
            self._answer(result.completed(errand.order, [task.as_json()]))
            return True
        errand.task, errand.earlier = task, self._tasks.attempts_of(task)
        return False

    def _run(self, errand: _Errand, session: Session) -> None:
        occasion = self._occasion(errand, session)
        if occasion.import_type is ImportType.CATALOG:
            self._catalogues.load_asked_for(session, occasion, names_due=not errand.imports_all_next)
        else:
            self._jobs.everything(session, occasion, errand.demands, is_asked_for=True)

    def _occasion(self, errand: _Errand, session: Session) -> Occasion:
        """The row of the task is that of the last type, whose result is shown."""
        return Occasion(
            errand.left[0],
            Trigger.TRIGGER,
            attempt=errand.attempt + (errand.earlier if errand.is_last else 0),
            task=errand.task if errand.is_last else None,
            goes_on=lambda error: self._another(errand, session, error) is not None,
            names_products=bool(errand.order.onec_ids),
        )

    def _go_on(self, errand: _Errand, session: Session) -> None:
        errand.note(session.record)
        errand.left.pop(0)
        errand.attempt, errand.retries = 1, 0
        if not errand.left:
            self._answer(result.completed(errand.order, errand.sessions))

    # Failing ----------------------------------------------------------------------------------------------

    def _put_off_or_fail(self, errand: _Errand, session: Session, error: Exception) -> None:
        if isinstance(error, _NOT_OURS) and not session.has_begun:
            return  # nothing has been tried yet: it is begun again, after a stop at the next start
        errand.note(session.record)
        another = self._another(errand, session, error)
        if another is None:
            self._fail(errand, session, error)
        else:
            errand.attempt += 1
            errand.retries += another.costs_retry
            errand.not_before = self._clock() + another.delay

    def _another(self, errand: _Errand, session: Session, error: BaseException) -> Another | None:
        if isinstance(error, LockedError) or (isinstance(error, StoppedError) and self._leaves_running()):
            return Another(0.0, costs_retry=False)
        if errand.left[0] is ImportType.CATALOG and not isinstance(error, DatabaseUnavailableError):
            return None  # a file that cannot be read stays so
        return self._retries.after(error, errand.retries, has_advanced=session.figures.copied > 0)

    def _fail(self, errand: _Errand, session: Session, error: Exception) -> None:
        is_told = session.has_begun and errand.is_last
        if errand.task and not is_told:
            task = self._tasks.failed(errand.task, error)
            if errand.is_last or not errand.sessions:
                errand.note(task)
        self._answer(result.failed(errand.order, str(error), errand.sessions))

    def _answer(self, answer: dict[str, Any]) -> None:
        self._errand = None
        self._desk.answer(answer)
