"""The sessions table: our own rows written and found, those of others left alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import own_tables, sql
from support.own_tables import EXCHANGE, Tables, sessions_names
from support.postgres import Postgres

from daemon.db import mapping
from daemon.db.engine import Database
from daemon.db.mapping import Names
from daemon.db.sessions import (
    ImportType,
    SessionRecord,
    Sessions,
    Status,
    Trigger,
    advanced,
    begun,
    ended,
)
from daemon.errors import SchemaError

FIGURES = {"total_products": 4, "processed": 2, "copied": 1, "skipped": 1, "errors": 0, "daemon": EXCHANGE}

#: A shop's table that has but what must be there.
LEAN = sessions_names(task_id="", trigger="", started_at="", updated_at="", finished_at="", error_message="")


def started(import_type: ImportType = ImportType.IMAGES) -> SessionRecord:
    return begun(import_type, Trigger.WATCH, FIGURES)


def began(days_ago: float, record: SessionRecord) -> SessionRecord:
    """Return a session as one that began some days ago."""
    return replace(record, started_at=datetime.now(UTC) - timedelta(days=days_ago))


def add(tables: Tables, record: SessionRecord) -> SessionRecord:
    with tables.database.writing() as connection:
        return tables.sessions.add(connection, record)


def save(tables: Tables, record: SessionRecord) -> None:
    with tables.database.writing() as connection:
        tables.sessions.save(connection, record)


def get(tables: Tables, session: Any) -> SessionRecord | None:
    with tables.database.reading() as connection:
        return tables.sessions.get(connection, session)


def newest(tables: Tables, limit: int = 100, status: Status | None = None) -> list[Any]:
    with tables.database.reading() as connection:
        return [record.id for record in tables.sessions.newest(connection, limit, status)]


def close_interrupted(tables: Tables) -> int:
    with tables.database.writing() as connection:
        return tables.sessions.close_interrupted(connection)


def prune(tables: Tables, days: float) -> int:
    with tables.database.writing() as connection:
        return tables.sessions.prune(connection, timedelta(days=days))


def add_foreign(
    url: str, details: str | None, status: str = "in_progress", table: str = "import_sessions"
) -> int:
    """Insert a session that is not ours, years ago."""
    values = {"status": status, "report_details": details, "started_at": "2020-01-01T00:00:00+00:00"}
    [(row,)] = sql.execute(
        url,
        f"INSERT INTO {table} (import_type, status, report_details, started_at)"  # noqa: S608
        " VALUES ('images', :status, :report_details, :started_at) RETURNING id",
        **values,
    )
    assert isinstance(row, int)
    return row


@contextmanager
def attached(url: str, names: Names, **columns: str) -> Iterator[Tables]:
    """Make a shop's table, and open it."""
    is_sqlite = sql.is_sqlite(url)
    usual = {
        "id": "integer PRIMARY KEY" if is_sqlite else "bigserial PRIMARY KEY",
        "import_type": "varchar(20) NOT NULL",
        "status": "varchar(20) NOT NULL",
        "report_details": "text" if is_sqlite else "jsonb",
    }
    listed = ", ".join(f"{column} {kind}" for column, kind in {**usual, **columns}.items())
    sql.script(url, "DROP TABLE import_sessions", f"CREATE TABLE import_sessions ({listed})")
    with own_tables.opened(url, sessions=names) as tables:
        yield tables


# one session


def test_a_session_is_read_as_it_was_written(tables: Tables) -> None:
    record = add(tables, started())
    assert isinstance(record.id, int)
    assert get(tables, record.id) == record


def test_progress_moves_the_row(tables: Tables) -> None:
    record = add(tables, started())
    moved = advanced(record, {**FIGURES, "processed": 3})
    save(tables, moved)
    assert get(tables, record.id) == moved
    assert moved.status == "in_progress"
    assert record.updated_at is not None
    assert moved.updated_at is not None
    assert moved.updated_at > record.updated_at


def test_an_end_sets_the_time_of_the_end(tables: Tables) -> None:
    record = ended(
        add(tables, started()), Status.FAILED, FIGURES, "MediaError: the disk is full\n\nTraceback …"
    )
    save(tables, record)
    found = get(tables, record.id)
    assert found == record
    assert found is not None
    assert found.finished_at == found.updated_at
    assert datetime.fromisoformat(found.report_details["completed_at"]) == found.finished_at


def test_what_has_ended_stays_as_it_is(tables: Tables) -> None:
    record = add(tables, started())
    done = ended(record, Status.COMPLETED, FIGURES)
    save(tables, done)
    save(tables, advanced(record, FIGURES))
    save(tables, ended(record, Status.FAILED, {}, "too late"))
    assert get(tables, record.id) == done


def test_times_are_stored_in_utc(tables: Tables, url: str) -> None:
    record = add(tables, started())
    [(stored,)] = sql.execute(url, "SELECT started_at FROM import_sessions")
    assert datetime.fromisoformat(str(stored)) == record.started_at
    assert datetime.fromisoformat(str(stored)).utcoffset() == timedelta(0)


def test_a_session_is_told_as_json(tables: Tables) -> None:
    record = add(tables, started())
    told = json.loads(json.dumps(record.as_json()))
    assert told == {
        "id": record.id,
        "import_type": "images",
        "status": "started",
        "task_id": None,
        "trigger": "watch",
        "started_at": record.started_at and record.started_at.isoformat(),
        "updated_at": record.updated_at and record.updated_at.isoformat(),
        "finished_at": None,
        "report_details": FIGURES,
        "error_message": "",
    }


def test_an_error_of_any_characters_is_stored(tables: Tables) -> None:
    record = ended(add(tables, started()), Status.FAILED, FIGURES, "no file a\udcff\0 of Ваза 🏺")
    save(tables, record)
    found = get(tables, record.id)
    assert found is not None
    assert found.error_message == "no file a\\udcff\\0 of Ваза 🏺"


NO_IDS = [
    *[0, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 10**19, 10**30],
    *["x", "", " 1", "1.0", "1_0", "１", "\udcff", "1\0", "9" * 5_000, "%", "1e0"],
    *["8204be24-15b9-11ea-81b8-00155d3cae02", "8204be24"],
]


@pytest.mark.parametrize("session", NO_IDS)
def test_an_id_that_no_session_has_finds_none(tables: Tables, session: object) -> None:
    add(tables, started())
    assert get(tables, session) is None


@pytest.mark.parametrize("kind", ["integer", "smallint", "uuid"])
def test_an_id_that_does_not_fit_a_shops_column_finds_none(url: str, kind: str) -> None:
    default = "DEFAULT '8204be24-15b9-11ea-81b8-00155d3cae03'" if kind == "uuid" else "DEFAULT 7"
    with attached(url, LEAN, id=f"{kind} PRIMARY KEY {default}") as tables:
        add(tables, started())
        assert [id_ for id_ in NO_IDS if get(tables, id_)] == []


@pytest.mark.parametrize("lite", ["char(32)", "char(36)", "text", "uuid"])
def test_a_session_is_found_by_a_uuid_however_that_is_written(url: str, lite: str) -> None:
    stored = "8204be24-15b9-11ea-81b8-00155d3cae02"
    if lite == "char(32)" and sql.is_sqlite(url):
        stored = stored.replace("-", "")
    kind = lite if sql.is_sqlite(url) else "uuid"
    with attached(url, LEAN, id=f"{kind} PRIMARY KEY DEFAULT '{stored}'") as tables:
        record = add(tables, started())
        for spelling in (stored, stored.upper(), str(record.id)):
            found = get(tables, spelling)
            assert found is not None
            assert str(found.id) == stored
        assert get(tables, stored[:-1]) is None


# several sessions


def test_the_newest_are_told_first_and_no_more_than_asked_for(tables: Tables) -> None:
    ids = [add(tables, started()).id for _ in range(5)]
    assert newest(tables, 3) == ids[:1:-1]


def since(tables: Tables, days_ago: float, most: int = 10_000) -> list[Any]:
    with tables.database.reading() as connection:
        earliest = datetime.now(UTC) - timedelta(days=days_ago)
        return [record.id for record in tables.sessions.since(connection, earliest, most)]


def test_the_sessions_of_some_days_are_told_newest_first(tables: Tables, url: str) -> None:
    old, new, newer = (add(tables, began(days, started())).id for days in (3, 1, 0))
    add_foreign(url, "{}")
    assert since(tables, 2) == [newer, new]
    assert since(tables, 4) == [newer, new, old]
    assert since(tables, 4, most=1) == [newer]


def test_any_number_of_sessions_is_told_one_by_one(tables: Tables) -> None:
    ids = [add(tables, started()).id for _ in range(250)]
    assert since(tables, 1) == ids[::-1]


def test_the_sessions_of_some_days_are_known_by_the_time_that_the_details_keep(url: str) -> None:
    with attached(url, LEAN) as tables:
        _, new = (add(tables, began(days, started())).id for days in (3, 1))
        assert since(tables, 2) == [new]


def test_sessions_are_told_by_their_status(tables: Tables) -> None:
    running, failed = add(tables, started()), add(tables, started())
    save(tables, ended(failed, Status.FAILED, FIGURES, "stopped"))
    assert newest(tables, status=Status.FAILED) == [failed.id]
    assert newest(tables, status=Status.STARTED) == [running.id]
    assert newest(tables, status=Status.COMPLETED) == []


def test_what_a_dead_process_left_is_closed_with_its_figures(tables: Tables) -> None:
    one, other, done = (add(tables, started()) for _ in range(3))
    save(tables, advanced(one, FIGURES))
    save(tables, ended(done, Status.COMPLETED, FIGURES))
    assert close_interrupted(tables) == 2
    for session in (one, other):
        found = get(tables, session.id)
        assert found is not None
        assert (found.status, found.error_message) == ("failed", "interrupted")
        assert found.finished_at is not None
        assert FIGURES.items() <= found.report_details.items()
        assert "completed_at" in found.report_details
    assert close_interrupted(tables) == 0


def test_what_is_under_way_is_not_closed(tables: Tables) -> None:
    dead, running, other = (add(tables, started()) for _ in range(3))
    save(tables, advanced(running, FIGURES))
    with tables.database.writing() as connection:
        assert tables.sessions.close_interrupted(connection, {running.id, other.id}) == 1
    assert newest(tables, status=Status.FAILED) == [dead.id]
    assert newest(tables, status=Status.IN_PROGRESS) == [running.id]
    assert newest(tables, status=Status.STARTED) == [other.id]


def test_old_ended_sessions_are_removed(tables: Tables) -> None:
    old, new, running, pending = (add(tables, began(days, started())) for days in (11, 9, 11, 11))
    for record in (old, new):
        save(tables, ended(record, Status.FAILED, FIGURES, ""))
    save(tables, replace(pending, status="pending"))
    assert prune(tables, 10) == 1
    assert newest(tables) == [pending.id, running.id, new.id]


# the rows of others

PLAIN_JSON = "ALTER TABLE import_sessions ALTER report_details DROP DEFAULT, ALTER report_details TYPE json"

#: What others may have left as details; what is no JSON only where the column takes it.
JSON_OF_OTHERS = [
    "{}",
    "[]",
    "null",
    '"daemon"',
    "1",
    '{"daemon": "/srv/another"}',
    '{"daemon": null}',
    '{"daemon": ["/srv/обмен/import_1c"]}',
    '{"daemon": {"daemon": "/srv/обмен/import_1c"}}',
    '[{"daemon": "/srv/обмен/import_1c"}]',
    '{"daemon": "/srv/обмен/import_1c/"}',
    '{"note": "daemon /srv/обмен/import_1c"}',
]
NO_JSON = [
    "''",
    "'{'",
    "'daemon'",
    "'{daemon: 1}'",
    "x'ff00'",
    "x'7b7d'",
    "cast(x'7b22ff223a317d' AS text)",
    "cast(x'7b7d00' AS text)",
    "17",
    "1.5",
    f"'{'[' * 3000}'",
    f"'{'[' * 3000}{']' * 3000}'",
]


def test_rows_of_others_are_never_touched_or_told(tables: Tables, url: str) -> None:
    for details in JSON_OF_OTHERS:
        for status in ("pending", "started", "in_progress", "completed", "failed"):
            add_foreign(url, details, status)
    before = sql.bytes_of(url, "import_sessions")
    see_that_only_ours_is_known(tables)
    assert sql.bytes_of(url, "import_sessions") == before


def test_what_is_no_json_in_sqlite_breaks_nothing(lite_url: str) -> None:
    for details in NO_JSON:
        for status in ("in_progress", "failed"):
            sql.script(
                lite_url,
                "INSERT INTO import_sessions (status, report_details, started_at)"  # noqa: S608
                f" VALUES ('{status}', {details}, '2020-01-01')",
            )
    before = sql.bytes_of(lite_url, "import_sessions")
    with own_tables.opened(lite_url) as tables:
        see_that_only_ours_is_known(tables)
    assert sql.bytes_of(lite_url, "import_sessions") == before


def see_that_only_ours_is_known(tables: Tables) -> None:
    ours = add(tables, began(100, started()))
    assert newest(tables) == [ours.id]
    assert get(tables, 1) is None
    assert close_interrupted(tables) == 1
    assert prune(tables, 1) == 1


def test_what_plain_json_keeps_and_cannot_show_breaks_nothing(served_url: str) -> None:
    sql.script(served_url, PLAIN_JSON)
    strange = [
        r'{"a": "\u0000"}',
        r'{"a": "\ud800"}',
        r'{"a": "\uD83D"}',
        r'{"daemon": "\u0000"}',
        r'["\udc00"]',
    ]
    for details in [*strange, *JSON_OF_OTHERS]:
        add_foreign(served_url, details)
    before = sql.bytes_of(served_url, "import_sessions")
    with own_tables.opened(served_url) as tables:
        see_that_only_ours_is_known(tables)
    assert sql.bytes_of(served_url, "import_sessions") == before


def test_our_own_rows_are_known_in_plain_json_whatever_their_characters(served_url: str) -> None:
    sql.script(served_url, PLAIN_JSON)
    with own_tables.opened(served_url) as tables:
        record = replace(started(), report_details={**FIGURES, "error_samples": ["Ваза 🏺 \x1b"]})
        ours = add(tables, record)
        assert get(tables, ours.id) == ours


def test_details_without_anything_in_them_are_not_ours(url: str) -> None:
    with attached(url, LEAN):
        sql.script(url, "INSERT INTO import_sessions (import_type, status) VALUES ('images', 'started')")
        with own_tables.opened(url, sessions=LEAN) as tables:
            assert newest(tables) == []
            assert close_interrupted(tables) == 0


@pytest.mark.parametrize("damage", ['\'{"daemon": "/srv/обмен/import_1c", "processed": [1]}\''])
def test_our_own_row_is_read_even_if_staff_changed_it(tables: Tables, url: str, damage: str) -> None:
    ours = add(tables, started())
    sql.script(url, f"UPDATE import_sessions SET report_details = {damage}, import_type = 'full'")  # noqa: S608
    found = get(tables, ours.id)
    assert found is not None
    assert (found.import_type, found.report_details["processed"]) == ("full", [1])
    assert close_interrupted(tables) == 1


# the rows of tasks, whoever made them

TASK = "8b1c5a1e-5b0e-4c5b-9f3e-0b8d7c1f2a3d"


def with_task(tables: Tables, task_id: str = TASK) -> SessionRecord | None:
    with tables.database.reading() as connection:
        return tables.sessions.with_task(connection, task_id)


def take_over(tables: Tables, record: SessionRecord) -> SessionRecord | None:
    with tables.database.writing() as connection:
        return tables.sessions.take_over(connection, record)


def add_task(url: str, details: str | None = "{}", status: str = "pending", task_id: str = TASK) -> int:
    """Insert the row of a task, which is not ours yet."""
    row = add_foreign(url, details, status)
    sql.execute(url, "UPDATE import_sessions SET task_id = :task WHERE id = :row", task=task_id, row=row)
    return row


@pytest.mark.parametrize("status", ["pending", "started", "in_progress", "failed", "waiting", "completed"])
def test_the_row_of_a_task_is_found_whatever_its_status(tables: Tables, url: str, status: str) -> None:
    add_task(url, task_id="another")
    row = add_task(url, status=status)
    add_foreign(url, "{}")
    found = with_task(tables)
    assert found is not None
    assert (found.id, found.status, found.task_id) == (row, status, TASK)


def test_of_several_rows_of_a_task_the_newest_is_found(tables: Tables, url: str) -> None:
    add_task(url, status="failed")
    row = add_task(url)
    found = with_task(tables)
    assert found is not None
    assert found.id == row


@pytest.mark.parametrize("task_id", ["nobody's", "", "x\0", "\udcff", "%", "x" * 300])
def test_a_task_without_a_row_has_none_until_it_is_made(tables: Tables, url: str, task_id: str) -> None:
    add_task(url)
    assert with_task(tables, task_id) is None
    record = add(tables, begun(ImportType.IMAGES, Trigger.TRIGGER, FIGURES, task_id))
    found = with_task(tables, task_id)
    assert found is not None
    assert found.id == record.id


def test_a_task_of_a_table_without_a_column_for_it_is_found_in_the_details(url: str) -> None:
    with attached(url, LEAN) as tables:
        record = add(tables, begun(ImportType.IMAGES, Trigger.TRIGGER, FIGURES, TASK))
        add(tables, started())
        found = with_task(tables)
        assert found is not None
        assert (found.id, found.task_id) == (record.id, TASK)
        assert with_task(tables, "another") is None
        assert take_over(tables, replace(started(), id=record.id)) is not None
        assert with_task(tables) == get(tables, record.id)


@pytest.mark.parametrize("status", ["pending", "started", "in_progress", "failed", "waiting"])
def test_a_row_that_is_taken_over_is_a_session_of_ours(tables: Tables, url: str, status: str) -> None:
    row = add_task(url, '{"asked_by": "Анна", "processed": 99, "completed_at": "2020-01-01"}', status)
    sql.execute(url, "UPDATE import_sessions SET error_message = 'old', finished_at = started_at")
    ours = advanced(replace(started(), id=row), FIGURES)
    taken = take_over(tables, ours)
    assert taken is not None
    assert replace(taken, report_details=FIGURES) == replace(ours, task_id=TASK)
    assert taken.report_details == {**FIGURES, "asked_by": "Анна"}
    assert get(tables, row) == taken
    done = ended(taken, Status.COMPLETED, taken.report_details)
    save(tables, done)
    assert get(tables, row) == done


def test_a_row_that_is_taken_over_again_began_when_it_was_first(tables: Tables, url: str) -> None:
    row = add_task(url)
    first = take_over(tables, began(1, replace(started(), id=row)))
    assert first is not None
    save(tables, advanced(first, {**first.report_details, "note": 1}))
    again = take_over(tables, replace(started(), id=row))
    assert again is not None
    assert again.started_at == first.started_at
    assert again.report_details == {**FIGURES, "note": 1}


def test_a_row_of_ours_that_has_ended_begins_anew(tables: Tables, url: str) -> None:
    row = add_task(url)
    first = take_over(tables, began(100, replace(started(), id=row)))
    assert first is not None
    save(tables, ended(first, Status.FAILED, first.report_details, "stopped"))
    again = take_over(tables, replace(started(), id=row))
    assert again is not None
    assert again.started_at is not None
    assert again.started_at > datetime.now(UTC) - timedelta(days=1)
    assert (again.finished_at, again.error_message) == (None, "")
    assert again.report_details == FIGURES


def test_a_completed_row_is_not_taken_over(tables: Tables, url: str) -> None:
    row = add_task(url, status="completed")
    before = sql.bytes_of(url, "import_sessions")
    found = take_over(tables, replace(started(), id=row))
    assert found is not None
    assert (found.id, found.status) == (row, "completed")
    assert sql.bytes_of(url, "import_sessions") == before


def test_a_row_that_is_gone_is_not_taken_over(tables: Tables) -> None:
    assert take_over(tables, replace(started(), id=17)) is None
    assert newest(tables) == []


@pytest.mark.parametrize("details", JSON_OF_OTHERS)
def test_whatever_the_details_of_a_task_are_its_row_is_taken_over(
    tables: Tables, url: str, details: str
) -> None:
    row = add_task(url, details)
    assert with_task(tables) is not None
    taken = take_over(tables, replace(started(), id=row))
    assert taken is not None
    assert taken.report_details.items() >= FIGURES.items()
    assert newest(tables) == [row]


def test_a_task_without_details_is_taken_over(url: str) -> None:
    names = sessions_names(trigger="", started_at="", updated_at="", finished_at="", error_message="")
    with attached(url, names, task_id="varchar(99)") as tables:
        columns = "import_type, status, report_details, task_id"
        sql.execute(
            url,
            f"INSERT INTO import_sessions ({columns}) VALUES ('full', 'new', NULL, :task)",  # noqa: S608
            task=TASK,
        )
        found = with_task(tables)
        assert found is not None
        assert (found.status, found.report_details) == ("new", {})
        assert take_over(tables, replace(started(), id=found.id)) is not None
        assert newest(tables) == [found.id]


@pytest.mark.parametrize("details", NO_JSON)
def test_details_of_a_task_that_are_no_json_in_sqlite_are_lost(lite_url: str, details: str) -> None:
    row = add_task(lite_url)
    sql.script(lite_url, f"UPDATE import_sessions SET report_details = {details}, error_message = 5")  # noqa: S608
    with own_tables.opened(lite_url) as tables:
        found = with_task(tables)
        assert found is not None
        assert (found.report_details, found.error_message) == ({}, "5")
        json.dumps(found.as_json())
        taken = take_over(tables, replace(started(), id=row))
        assert taken is not None
        assert taken.report_details == FIGURES


@pytest.mark.parametrize("time", ["infinity", "-infinity", "4000-01-01 BC", "12345-01-01"])
def test_a_time_that_only_postgresql_knows_is_no_time(served_url: str, time: str) -> None:
    row = add_task(served_url)
    sql.execute(served_url, "UPDATE import_sessions SET started_at = CAST(:time AS timestamptz)", time=time)
    with own_tables.opened(served_url) as tables:
        found = with_task(tables)
        assert found is not None
        assert found.started_at is None
        assert take_over(tables, replace(started(), id=row)) is not None


def test_a_row_that_the_table_does_not_let_be_taken_over_is_told_in_one_line(served_url: str) -> None:
    row = add_task(served_url)
    sql.script(served_url, "ALTER TABLE import_sessions ADD CHECK (status <> 'started')")
    with (
        own_tables.opened(served_url) as tables,
        pytest.raises(SchemaError, match="refuses the row") as caught,
    ):
        take_over(tables, replace(started(), id=row))
    assert "\n" not in str(caught.value)


# a shop's table


def test_what_has_no_column_is_kept_in_the_details(url: str) -> None:
    with attached(url, LEAN) as tables:
        record = add(tables, started())
        found = get(tables, record.id)
        assert found is not None
        assert replace(found, report_details=FIGURES) == record
        done = ended(record, Status.FAILED, FIGURES, "the disk is full")
        save(tables, done)
        found = get(tables, record.id)
        assert found is not None
        assert replace(found, report_details=done.report_details) == done
    [(details,)] = sql.execute(url, "SELECT report_details FROM import_sessions")
    details = json.loads(details) if isinstance(details, str) else details
    assert details["trigger"] == "watch"
    assert details["error_message"] == "the disk is full"
    assert datetime.fromisoformat(details["finished_at"]) == done.finished_at


def test_old_sessions_are_removed_by_the_time_that_the_details_keep(url: str) -> None:
    with attached(url, LEAN) as tables:
        old, new, running = (add(tables, began(days, started())) for days in (11, 9, 11))
        for record in (old, new):
            save(tables, ended(record, Status.COMPLETED, FIGURES))
        assert prune(tables, 10) == 1
        assert newest(tables) == [running.id, new.id]


@pytest.mark.parametrize("kept", ['"then"', "17", "null", "[]"])
def test_a_time_that_is_none_is_no_time(url: str, kept: str) -> None:
    with attached(url, LEAN) as tables:
        record = add(tables, started())
        details = f'{{"daemon": "{EXCHANGE}", "started_at": {kept}}}'
        sql.execute(url, "UPDATE import_sessions SET report_details = :details", details=details)
        found = get(tables, record.id)
        assert found is not None
        assert found.started_at is None


def test_ids_that_are_uuids_are_told_newest_first(url: str) -> None:
    names = sessions_names(task_id="", trigger="", updated_at="", finished_at="", error_message="")
    is_sqlite = sql.is_sqlite(url)
    time = "text" if is_sqlite else "timestamptz"
    with attached(
        url, names, id=f"{'char(36)' if is_sqlite else 'uuid'} PRIMARY KEY", started_at=time
    ) as tables:
        ids = [add(tables, began(days, started())).id for days in (3, 2, 1)]
        assert newest(tables) == ids[::-1]
        assert get(tables, str(ids[1])) is not None
        assert get(tables, 17) is None


def test_an_error_that_is_too_long_for_its_column_loses_its_end(url: str) -> None:
    names = sessions_names(task_id="", trigger="", started_at="", updated_at="", finished_at="")
    with attached(url, names, error_message="varchar(20) NOT NULL") as tables:
        record = add(tables, started())
        save(tables, ended(record, Status.FAILED, FIGURES, "MediaError: the disk is full"))
        found = get(tables, record.id)
        assert found is not None
        assert found.error_message == "MediaError: the disk"


def test_times_without_zones_are_utc(postgres: Postgres) -> None:
    url = postgres.new_database()
    own_tables.make(url)
    names = sessions_names(task_id="", trigger="", updated_at="", finished_at="", error_message="")
    with attached(url, names, started_at="timestamp NOT NULL") as tables:
        record = add(tables, started())
        found = get(tables, record.id)
        assert found is not None
        assert found.started_at == record.started_at
    [(stored,)] = sql.execute(url, "SELECT started_at FROM import_sessions")
    assert record.started_at is not None
    assert stored == record.started_at.replace(tzinfo=None)


def test_every_column_that_must_have_a_value_gets_one(postgres: Postgres) -> None:
    url = postgres.new_database()
    own_tables.make(url)
    sql.script(url, "CREATE TYPE mood AS ENUM ('calm', 'cross')")
    kinds = {
        "created_at": "timestamptz",
        "day": "date",
        "hour": "time",
        "span": "interval",
        "report": "text",
        "mood": "mood",
        "marks": "jsonb",
        "tags": "text[]",
        "ratio": "double precision",
        "price": "numeric(10, 2)",
        "is_new": "boolean",
        "data": "bytea",
        "number": "uuid",
        "code": "varchar(32)",
    }
    with attached(url, LEAN, **{column: f"{kind} NOT NULL" for column, kind in kinds.items()}) as tables:
        sql.script(url, "CREATE UNIQUE INDEX ON import_sessions (code)")
    with own_tables.opened(url, sessions=LEAN) as tables:
        before = datetime.now(UTC)
        add(tables, started())
        add(tables, started())
    [row, other] = [
        dict(zip(kinds, found, strict=True))
        for found in sql.execute(
            url,
            f"SELECT {', '.join(kinds)} FROM import_sessions",  # noqa: S608
        )
    ]
    assert before <= row["created_at"] <= datetime.now(UTC)
    assert row["code"] != other["code"]
    assert row["number"] != other["number"]
    neutral = {
        name: row[name] for name in ("report", "mood", "marks", "tags", "ratio", "price", "is_new", "data")
    }
    assert neutral == {
        "report": "",
        "mood": "calm",
        "marks": {},
        "tags": [],
        "ratio": 0.0,
        "price": 0,
        "is_new": False,
        "data": b"",
    }


@pytest.mark.parametrize(
    "columns, told",
    [
        ({"shop": "integer NOT NULL REFERENCES shops (id)"}, "shop|FOREIGN KEY"),
        ({"note": "varchar(9) NOT NULL CHECK (note <> '')"}, "note|CHECK"),
    ],
)
def test_a_table_that_refuses_the_row_is_told_in_one_line(
    url: str, columns: dict[str, str], told: str
) -> None:
    sql.script(url, "CREATE TABLE shops (id integer PRIMARY KEY)")
    with attached(url, LEAN, **columns) as tables:
        with pytest.raises(
            SchemaError, match=rf"table import_sessions refuses the row of a session: .*({told})"
        ):
            add(tables, started())
        assert newest(tables) == []


def test_a_value_that_a_column_has_no_room_for_is_told_in_one_line(postgres: Postgres) -> None:
    url = postgres.new_database()
    own_tables.make(url)
    sql.script(url, "CREATE TYPE progress AS ENUM ('started', 'in_progress', 'completed')")
    with attached(url, LEAN, status="progress NOT NULL") as tables:
        record = add(tables, started())
        with pytest.raises(SchemaError, match=r'invalid input value for enum progress: "failed"'):
            save(tables, ended(record, Status.FAILED, FIGURES, ""))


def test_sessions_of_two_exchanges_keep_apart(tables: Tables, url: str) -> None:
    ours = add(tables, started())
    with Database(url) as database:
        others = Sessions(mapping.find(database, own_tables.SESSIONS), "/srv/another")
        with database.writing() as connection:
            theirs = others.add(
                connection, begun(ImportType.CATALOG, Trigger.MANUAL, {"daemon": "/srv/another"})
            )
            assert [record.id for record in others.newest(connection, 9)] == [theirs.id]
    assert newest(tables) == [ours.id]
