"""One session while it runs, on the row of whoever asked for it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from support import sql
from support.own_tables import EXCHANGE, Tables

from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger, begun, ended
from daemon.errors import DatabaseUnavailableError, ImportFailedError, StoppedError
from daemon.importer.session import Occasion, Session

TASK = "8b1c5a1e"


@pytest.fixture
def task(tables: Tables, url: str) -> SessionRecord:
    """The row of a task, as a shop makes it."""
    row = "VALUES ('images', 'pending', '8b1c5a1e', '{\"asked_by\": \"Анна\"}')"
    sql.script(url, f"INSERT INTO import_sessions (import_type, status, task_id, report_details) {row}")
    return found(tables)


def found(tables: Tables) -> SessionRecord:
    with tables.database.reading() as connection:
        record = tables.sessions.with_task(connection, TASK)
    assert record is not None
    return record


def run(
    tables: Tables, occasion: Occasion, work: Callable[[Session], Any] = lambda _session: None
) -> SessionRecord:
    """Run a session, and return it as it was at the end, whether it failed or not."""
    session = Session(tables.database, tables.sessions, EXCHANGE)
    try:
        with session.running(occasion):
            work(session)
    except ImportFailedError:
        pass
    return session.record


def occasion(task: SessionRecord, attempt: int = 1, *, goes_on: bool = False) -> Occasion:
    return Occasion(
        ImportType.IMAGES, Trigger.TRIGGER, attempt=attempt, task=task, goes_on=lambda _error: goes_on
    )


def fail(_session: Session) -> None:
    raise ImportFailedError("the disk is full")


def test_the_row_of_a_task_is_in_progress_and_then_completed(tables: Tables, task: SessionRecord) -> None:
    seen: list[str] = []
    record = run(tables, occasion(task), lambda _session: seen.append(found(tables).status))
    assert seen == ["in_progress"]
    assert record == found(tables)
    assert (record.id, record.status, record.trigger) == (task.id, "completed", "trigger")
    assert record.report_details["asked_by"] == "Анна"
    assert record.report_details["daemon"] == EXCHANGE


def test_through_all_attempts_it_is_one_row_that_ends_with_the_last(
    tables: Tables, task: SessionRecord, url: str
) -> None:
    for attempt in (1, 2):
        run(tables, occasion(task, attempt, goes_on=True), fail)
        assert (found(tables).status, found(tables).finished_at) == ("in_progress", None)
        assert found(tables).report_details["attempt"] == attempt
        assert "completed_at" not in found(tables).report_details
    began = found(tables).started_at
    record = run(tables, occasion(task, 3), fail)
    assert record == found(tables)
    assert (record.status, record.started_at) == ("failed", began)
    assert record.error_message.startswith("ImportFailedError: the disk is full")
    assert record.report_details["attempt"] == 3
    assert record.report_details["asked_by"] == "Анна"
    assert sql.execute(url, "SELECT count(*) FROM import_sessions") == [(1,)]


def test_a_failed_task_that_is_run_again_is_as_new(tables: Tables, task: SessionRecord) -> None:
    run(tables, occasion(task), fail)
    seen: list[SessionRecord] = []
    run(tables, occasion(task), lambda _session: seen.append(found(tables)))
    assert (seen[0].status, seen[0].error_message, seen[0].finished_at) == ("in_progress", "", None)
    assert "completed_at" not in seen[0].report_details
    assert found(tables).status == "completed"


def test_a_task_whose_row_was_removed_gets_another(tables: Tables, task: SessionRecord, url: str) -> None:
    sql.execute(url, "DELETE FROM import_sessions")
    record = run(tables, occasion(task))
    assert (found(tables).id, found(tables).status) == (record.id, "completed")


def test_a_task_that_was_completed_meanwhile_stays_as_it_is(
    tables: Tables, task: SessionRecord, url: str
) -> None:
    sql.execute(url, "UPDATE import_sessions SET status = 'completed'")
    before = sql.bytes_of(url, "import_sessions")
    run(tables, occasion(task), fail)
    assert sql.bytes_of(url, "import_sessions") == before


def test_a_task_that_ends_without_a_session_is_failed(tables: Tables, task: SessionRecord) -> None:
    details = {**task.report_details, "daemon": EXCHANGE}
    with tables.database.writing() as connection:
        tables.sessions.take_over(connection, ended(task, Status.FAILED, details, "no such catalogue"))
    assert (found(tables).status, found(tables).error_message) == ("failed", "no such catalogue")
    assert found(tables).finished_at is not None


def test_an_import_that_nobody_asked_for_has_a_row_of_its_own(tables: Tables, task: SessionRecord) -> None:
    record = run(tables, Occasion(ImportType.IMAGES, Trigger.WATCH))
    assert record.id != task.id
    assert found(tables) == task
    assert record.task_id is None


def test_a_session_may_begin_with_a_task(tables: Tables) -> None:
    assert begun(ImportType.CATALOG, Trigger.TRIGGER, {}, TASK).task_id == TASK
    assert begun(ImportType.CATALOG, Trigger.TRIGGER, {}).task_id is None
    with pytest.raises(AssertionError):
        found(tables)


# What is on record only if it changes something

RECONCILE = Occasion(ImportType.IMAGES, Trigger.RECONCILE, only_changes=True)


def test_an_import_that_changes_nothing_leaves_no_row_if_only_changes_count(tables: Tables, url: str) -> None:
    run(tables, RECONCILE)
    assert sql.execute(url, "SELECT count(*) FROM import_sessions") == [(0,)]


def test_it_is_on_record_from_the_first_change(tables: Tables, url: str) -> None:
    seen: list[Any] = []

    def work(session: Session) -> None:
        session.progress()
        seen.extend(sql.execute(url, "SELECT count(*) FROM import_sessions"))
        session.changed()
        seen.extend(sql.execute(url, "SELECT status FROM import_sessions"))
        session.changed()

    record = run(tables, RECONCILE, work)
    assert [value for (value,) in seen] == [0, "started"]
    assert sql.execute(url, "SELECT status FROM import_sessions") == [("completed",)]
    assert record.trigger == "reconcile"


def test_it_is_on_record_if_it_fails(tables: Tables, url: str) -> None:
    record = run(tables, RECONCILE, fail)
    assert sql.execute(url, "SELECT status FROM import_sessions") == [("failed",)]
    assert record.error_message.startswith("ImportFailedError: the disk is full")


def test_it_is_not_on_record_if_it_was_stopped_before_anything_changed(tables: Tables, url: str) -> None:
    def stop(_session: Session) -> None:
        raise StoppedError("stopped")

    run(tables, RECONCILE, stop)
    assert sql.execute(url, "SELECT count(*) FROM import_sessions") == [(0,)]


def test_an_import_that_was_stopped_says_so_in_a_sentence(tables: Tables) -> None:
    def stop(_session: Session) -> None:
        raise StoppedError("The import was stopped")

    record = run(tables, Occasion(ImportType.IMAGES, Trigger.STARTUP), stop)
    assert (record.status, record.error_message) == ("failed", "The import was stopped")


def test_how_an_import_ended_is_known_though_the_database_is_gone(tables: Tables) -> None:
    session = Session(tables.database, tables.sessions, EXCHANGE)

    def lose() -> None:
        with session.running(Occasion(ImportType.IMAGES, Trigger.STARTUP)):
            tables.database.connection.invalidate()
            raise DatabaseUnavailableError("gone")

    with pytest.raises(DatabaseUnavailableError):
        lose()
    assert (session.is_saved, session.record.status) == (False, "failed")


@pytest.mark.parametrize("total, statuses", [(0, ["started", "in_progress"]), (3, ["in_progress"] * 2)])
def test_a_session_is_in_progress_as_soon_as_it_is_known_what_there_is_to_do(
    tables: Tables, url: str, total: int, statuses: list[str]
) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.extend(status for (status,) in sql.execute(url, "SELECT status FROM import_sessions"))

    def work(session: Session) -> None:
        look()
        session.beat()
        look()

    session = Session(tables.database, tables.sessions, EXCHANGE)
    session.figures.total_products = total
    with session.running(Occasion(ImportType.IMAGES, Trigger.WATCH)):
        work(session)
    assert seen == statuses


def test_a_session_that_is_told_of_as_a_whole_at_its_beginning_does_not_repeat_it(
    tables: Tables, url: str
) -> None:
    session = Session(tables.database, tables.sessions, EXCHANGE)
    session.figures.total_products = 1
    with session.running(Occasion(ImportType.IMAGES, Trigger.WATCH)):
        sql.execute(url, "UPDATE import_sessions SET status = 'untouched'")
        session.beat()
        assert sql.execute(url, "SELECT status FROM import_sessions") == [("untouched",)]


def test_that_a_session_has_begun_is_on_the_disk_before_anything_is_done(tables: Tables) -> None:
    asked: list[str] = []
    connection = tables.database.connection
    event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
    session = Session(tables.database, tables.sessions, EXCHANGE)
    with session.running(Occasion(ImportType.IMAGES, Trigger.WATCH)):
        assert any(statement.startswith("INSERT INTO import_sessions") for statement in asked)
        assert not any("synchronous_commit" in statement for statement in asked)
        session.beat()
        if not tables.database.is_sqlite:
            assert any("synchronous_commit" in statement for statement in asked)  # which would be seen
