"""A database that goes away is waited for, told of, and used again with the lock and all that was left to write."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from support import own_tables, sql
from support.holders import holder
from support.own_tables import EXCHANGE, Tables

from daemon.db import lock
from daemon.db.sessions import ImportType, SessionRecord, Trigger
from daemon.errors import (
    DatabaseUnavailableError,
    ImportFailedError,
    LockedError,
    RowsHeldError,
    StoppedError,
)
from daemon.importer.session import Occasion, Session
from daemon.service.keeper import Keeper
from daemon.service.troubles import Troubles

_AWAY = DatabaseUnavailableError("it is away")
_END = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE application_name LIKE 'onec-images%' AND datname = current_database()"
)
_HELD = RowsHeldError("others hold it")


class Waiting:
    """Time that passes only while a keeper waits; what happens meanwhile may be told."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.stops = False
        self._happens = list(happens)

    def pause(self, seconds: float) -> bool:
        self.now += seconds
        self.pauses.append(seconds)
        if self._happens:
            self._happens.pop(0)()
        return self.stops

    def clock(self) -> float:
        return self.now

    def stop(self) -> None:
        self.stops = True


class Failing:
    """Work that fails so many times before it succeeds."""

    def __init__(self, times: int, error: Exception, troubles: Troubles | None = None) -> None:
        self.left = times
        self.seen: list[tuple[str, ...]] = []
        self._error = error
        self._troubles = troubles

    def __call__(self) -> str:
        self.seen.append(self._troubles.reasons if self._troubles else ())
        if self.left:
            self.left -= 1
            raise self._error
        return "done"


def keeper(tables: Tables, waiting: Waiting, troubles: Troubles | None = None) -> Keeper:
    return Keeper(tables.database, tables.sessions, troubles or Troubles(), waiting.pause, waiting.clock)


def lose(tables: Tables) -> None:
    tables.database.connection.invalidate()
    assert tables.database.is_lost


def ping(tables: Tables) -> str:
    tables.database.ping()
    return "done"


def test_work_that_succeeds_is_done_once(tables: Tables) -> None:
    waiting, work = Waiting(), Failing(0, _AWAY)
    assert keeper(tables, waiting).patiently(work) == "done"
    assert (len(work.seen), waiting.pauses) == (1, [])


def test_work_is_done_again_on_another_connection(tables: Tables) -> None:
    lose(tables)
    troubles = Troubles()
    assert keeper(tables, Waiting(), troubles).patiently(lambda: ping(tables)) == "done"
    assert list(troubles.reasons) == []


def test_pauses_grow_up_to_ten_seconds(tables: Tables) -> None:
    waiting = Waiting()
    keeper(tables, waiting).patiently(Failing(7, _AWAY))
    assert waiting.pauses == [0.5, 1, 2, 4, 8, 10, 10]


def test_work_that_fails_for_five_minutes_has_failed(tables: Tables) -> None:
    waiting = Waiting()
    with pytest.raises(DatabaseUnavailableError, match="it is away"):
        keeper(tables, waiting).patiently(Failing(1000, _AWAY))
    assert 300 < waiting.now < 320


def test_a_stop_ends_the_waiting(tables: Tables) -> None:
    waiting = Waiting(lambda: None)
    waiting.stop()
    with pytest.raises(StoppedError, match="waited for the database"):
        keeper(tables, waiting).patiently(Failing(1, _AWAY))
    with pytest.raises(StoppedError):
        keeper(tables, waiting).regain(_AWAY)


def test_rows_that_others_hold_are_no_trouble_at_first_and_cost_no_connection(tables: Tables) -> None:
    troubles, before = Troubles(), tables.database.connection
    work = Failing(6, _HELD, troubles)
    keeper(tables, Waiting(), troubles).patiently(work)
    assert tables.database.connection is before
    assert work.seen == [()] * 6 + [("others hold it",)]
    assert list(troubles.reasons) == []


def test_a_lost_connection_is_trouble_until_there_is_another(tables: Tables) -> None:
    troubles, seen = Troubles(), list[tuple[str, ...]]()
    lose(tables)
    waiting = Waiting(lambda: seen.append(troubles.reasons))
    keeper(tables, waiting, troubles).regain(_AWAY)
    assert seen == [("it is away",)]
    assert list(troubles.reasons) == []
    tables.database.ping()


def test_what_another_connection_does_not_mend_stays_trouble_until_work_succeeds(tables: Tables) -> None:
    troubles = Troubles()
    kept = keeper(tables, Waiting(), troubles)
    kept.regain(DatabaseUnavailableError("no right to write"))
    assert list(troubles.reasons) == ["no right to write"]
    kept.patiently(lambda: ping(tables))
    assert list(troubles.reasons) == []


def test_whoever_has_taken_our_place_ends_the_waiting(served_url: str) -> None:
    with own_tables.opened(served_url) as tables, lock.held(tables.database, EXCHANGE):
        sql.execute(served_url, _END)
        with pytest.raises(DatabaseUnavailableError):
            tables.database.ping()
        with (
            holder(served_url, EXCHANGE) as process,
            pytest.raises(LockedError, match=f"process {process.pid}"),
        ):
            keeper(tables, Waiting()).patiently(lambda: ping(tables))


def test_a_connection_is_looked_at_every_ten_seconds(tables: Tables) -> None:
    kept = keeper(tables, Waiting())
    kept.check(100.0)
    lose(tables)
    kept.check(109.0)
    with pytest.raises(DatabaseUnavailableError):
        kept.check(110.0)


# Sessions whose end could not be written ------------------------------------------------------------------


def unsaved(tables: Tables, error: ImportFailedError | None) -> Session:
    """Return a session that ended while the database was away."""
    session = Session(tables.database, tables.sessions, EXCHANGE)
    try:
        with session.running(Occasion(ImportType.IMAGES, Trigger.WATCH)):
            lose(tables)
            if error:
                raise error
    except (ImportFailedError, DatabaseUnavailableError):
        pass
    return session


def newest(tables: Tables) -> SessionRecord:
    with tables.database.reading() as connection:
        [record] = tables.sessions.newest(connection, 1)
    return record


@pytest.mark.parametrize(
    "error, status", [(None, "completed"), (ImportFailedError("the disk is full"), "failed")]
)
def test_how_a_session_ended_is_written_when_the_database_is_back(
    tables: Tables, error: ImportFailedError | None, status: str
) -> None:
    kept, session = keeper(tables, Waiting()), unsaved(tables, error)
    assert not session.is_saved
    kept.remember(session)
    kept.regain(_AWAY)
    assert newest(tables) == session.record
    assert newest(tables).status == status


def test_a_session_whose_end_the_table_refuses_holds_nothing_up(tables: Tables) -> None:
    kept, session = keeper(tables, Waiting()), unsaved(tables, None)
    session.record = replace(session.record, status=None)  # type: ignore[arg-type]
    kept.remember(session)
    kept.regain(_AWAY)
    tables.database.ping()
    assert newest(tables).status == "started"


def test_a_session_that_never_began_or_is_saved_is_not_remembered(tables: Tables) -> None:
    kept = keeper(tables, Waiting())
    session = Session(tables.database, tables.sessions, EXCHANGE)
    kept.remember(session)
    with session.running(Occasion(ImportType.IMAGES, Trigger.WATCH)):
        pass
    kept.remember(session)
    session.record = replace(session.record, error_message="another")
    kept.regain(_AWAY)
    assert newest(tables).error_message == ""
