"""An errand goes on from failure to failure until it is done, given up, or not ours to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger, begun, ended
from daemon.errors import (
    DatabaseUnavailableError,
    ImportFailedError,
    LockedError,
    MediaError,
    RootsMissingError,
    StoppedError,
    TimeLimitError,
)
from daemon.importer.figures import Figures
from daemon.importer.session import Occasion
from daemon.service.errands import Errands
from daemon.service.retries import Retries
from daemon.triggers.order import Order

TOOK = 100.0  # seconds, each import


class FakeSession:
    """A session whose end is known before."""

    def __init__(self, number: int) -> None:
        self.figures = Figures()
        self.has_begun = False
        self.record: SessionRecord = begun(ImportType.IMAGES, Trigger.TRIGGER, {})
        self.number = number


class Office:
    """Everything around errands: what is asked for, how each import ends, and what is answered."""

    def __init__(self, order: Order, *ends: Exception | None, begins: bool = True, retries: int = 1) -> None:
        self.now = 0.0
        self.ends = list(ends)
        self.begins = begins
        self.orders: list[Order] = [order]
        self.answers: list[dict[str, Any]] = []
        self.occasions: list[Occasion] = []
        self.task = replace(begun(ImportType.IMAGES, Trigger.TRIGGER, {}, "t"), id="task")
        self.earlier = 0
        self.is_reloading = False
        self.copies = 0
        self._number = 0
        office = cast("Any", self)
        self.errands = Errands(
            desk=office,
            jobs=office,
            tasks=office,
            clock=lambda: self.now,
            retries=Retries(retries, 60.0),
            catalogues=office,
            leaves_running=lambda: self.is_reloading,
        )
        self.errands.look(0.0, is_open=False)

    # the desk

    def look(self, _now: float, *, is_open: bool) -> Order | None:
        return self.orders.pop() if self.orders and not is_open else None

    def answer(self, answer: dict[str, Any]) -> None:
        self.answers.append(answer)

    next_at = 12345.0

    # the imports

    @contextmanager
    def session(self) -> Iterator[FakeSession]:
        self._number += 1
        yield FakeSession(self._number)

    def everything(self, session: FakeSession, occasion: Occasion, *_: Any, **__: Any) -> None:
        self.load_asked_for(session, occasion)

    def load_asked_for(self, session: FakeSession, occasion: Occasion, **_: Any) -> None:
        self.occasions.append(occasion)
        self.now += TOOK
        end = self.ends.pop(0)
        if self.begins:
            session.has_begun = True
            session.figures.copied = self.copies
            row = occasion.task.id if occasion.task else session.number
            status = Status.FAILED if end else Status.COMPLETED
            record = begun(occasion.import_type, occasion.trigger, {"attempt": occasion.attempt})
            session.record = replace(ended(record, status, record.report_details, str(end or "")), id=row)
        if end:
            assert occasion.goes_on(end) == occasion.goes_on(end)
            raise end

    # the tasks

    def taken(self, *_: Any, **__: Any) -> SessionRecord:
        return self.task

    def attempts_of(self, _task: SessionRecord) -> int:
        return self.earlier

    def failed(self, task: SessionRecord, error: Exception) -> SessionRecord:
        return ended(task, Status.FAILED, {}, str(error))

    # what is seen of it

    def step(self) -> bool:
        """Do a step as soon as one is due."""
        self.now = max(self.now, self.errands.next_at)
        assert self.errands.is_due(self.now)
        return self.errands.step()

    @property
    def result(self) -> dict[str, Any]:
        """The one answer."""
        [answer] = self.answers
        return answer

    @property
    def attempts(self) -> list[int]:
        """Which attempt each import was."""
        return [occasion.attempt for occasion in self.occasions]


BOTH = Order(("catalog", "images"))
TASK = Order(task_id="t")


def test_what_succeeds_is_answered() -> None:
    office = Office(Order(), None)
    assert office.errands.is_whole
    assert office.step() is True
    assert (office.result["status"], office.result["session_id"]) == ("completed", 1)
    assert not office.errands.is_due(10**9)
    assert office.errands.next_at == office.next_at


def test_a_retry_waits_from_the_end_of_the_failure_on() -> None:
    office = Office(Order(), RootsMissingError("goods"), None)
    assert office.step() is False
    assert office.errands.next_at == TOOK + 60
    assert not office.errands.is_due(TOOK + 59)
    assert office.step() is True
    assert office.attempts == [1, 2]
    assert [session["id"] for session in office.result["sessions"]] == [1, 2]


def test_when_all_attempts_have_failed_the_last_one_is_the_result() -> None:
    office = Office(Order(), RootsMissingError("one"), RootsMissingError("two"))
    office.step()
    office.step()
    assert (office.result["status"], office.result["error"]) == ("failed", "two")


def test_what_runs_out_of_time_goes_on_at_once_while_it_gets_further() -> None:
    office = Office(Order(), *[TimeLimitError("slow")] * 5, None)
    office.copies = 1
    for _ in range(5):
        office.step()
        assert office.errands.next_at == office.now
    assert office.step() is True
    assert office.attempts == [1, 2, 3, 4, 5, 6]


def test_a_catalogue_that_cannot_be_read_ends_the_errand() -> None:
    office = Office(BOTH, ImportFailedError("broken"))
    assert office.errands.is_catalogue
    office.step()
    assert (office.result["status"], office.result["type"]) == ("failed", "catalog")


def test_each_type_has_attempts_and_retries_of_its_own() -> None:
    office = Office(BOTH, DatabaseUnavailableError("away"), None, MediaError("full"), None)
    with pytest.raises(DatabaseUnavailableError):
        office.step()
    for _ in range(3):
        office.step()
    assert office.attempts == [1, 2, 1, 2]
    assert office.result["status"] == "completed"


def test_attempts_at_a_task_are_counted_on_its_row_whatever_comes_before() -> None:
    office = Office(replace(BOTH, task_id="t"), None, MediaError("full"), None)
    office.earlier = 4
    for _ in range(3):
        office.step()
    assert office.attempts == [1, 5, 6]
    assert [occasion.task and occasion.task.id for occasion in office.occasions] == [None, "task", "task"]
    assert [session["id"] for session in office.result["sessions"]] == [1, "task"]


def test_a_task_whose_import_never_began_is_shown_as_failed() -> None:
    office = Office(TASK, ImportFailedError("nobody"), begins=False, retries=0)
    office.step()
    assert (office.result["status"], office.result["session_id"]) == ("failed", "task")


def test_after_a_catalogue_that_failed_that_is_what_is_shown() -> None:
    office = Office(replace(BOTH, task_id="t"), ImportFailedError("broken"))
    office.step()
    assert [session["id"] for session in office.result["sessions"]] == [1]


@pytest.mark.parametrize("error", [DatabaseUnavailableError("away"), LockedError("another"), StoppedError()])
def test_what_has_not_begun_is_no_attempt_and_stays_to_be_done(error: Exception) -> None:
    office = Office(Order(), error, None, begins=False, retries=0)
    with pytest.raises(type(error)):
        office.step()
    assert office.answers == []
    office.begins = True
    assert office.step() is True
    assert office.attempts == [1, 1]


def test_what_another_process_interrupts_costs_no_retry() -> None:
    office = Office(Order(), LockedError("another"), None, retries=0)
    with pytest.raises(LockedError):
        office.step()
    assert office.answers == []
    assert office.step() is True


def test_what_is_stopped_has_failed() -> None:
    office = Office(Order(), StoppedError("stopped"))
    with pytest.raises(StoppedError):
        office.step()
    assert (office.result["status"], office.result["error"]) == ("failed", "stopped")


@pytest.mark.parametrize("order", [Order(), BOTH])
def test_what_a_reload_stops_is_not_answered(order: Order) -> None:
    office = Office(order, StoppedError("stopped"), retries=0)
    office.is_reloading = True
    with pytest.raises(StoppedError):
        office.step()
    assert office.answers == []
