"""What the record of an import says."""

import contextlib
import itertools
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.workshop import Workshop

COLUMNS = {
    *("id", "import_type", "status", "task_id", "trigger", "started_at", "updated_at", "finished_at"),
    *("report_details", "error_message"),
}
FIGURES = {
    *(
        "total_products",
        "processed",
        "copied",
        "skipped",
        "errors",
        "completed_at",
        "daemon",
        "skipped_files",
    ),
    *("skipped_products", "compared_files", "bytes_copied", "unmatched", "missing", "duration_s", "attempt"),
    "error_samples",
}


def imported(workshop: Workshop, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Import and return the new session as the table has it."""
    workshop.imported(*arguments, status=status)
    return workshop.sessions()[-1]


def test_a_session_has_every_column(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.pictures("12_a.jpg")
    began = datetime.now(UTC)
    session = imported(workshop)
    ended = datetime.now(UTC)
    assert session["import_type"] == "images"
    assert session["status"] == "completed"
    assert session["task_id"] is None
    assert session["trigger"] == "manual"
    assert session["error_message"] == ""
    moments = [session["started_at"], session["updated_at"], session["finished_at"]]
    assert all(moment.utcoffset() == timedelta(0) for moment in moments)
    assert moments == sorted(moments)
    slack = timedelta(milliseconds=5)
    assert began - slack <= moments[0]
    assert moments[-1] <= ended + slack


def test_times_on_sqlite_are_texts_of_iso_8601_with_an_offset(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("12_a.jpg")
    imported(lite)
    columns = "started_at, updated_at, finished_at"
    [times] = lite.database.execute(f"SELECT {columns} FROM import_sessions")  # noqa: S608
    [changed] = lite.database.execute("SELECT updated_at FROM products")
    for text in (*times, *changed):
        assert isinstance(text, str)
        assert "T" in text
        assert datetime.fromisoformat(text).utcoffset() == timedelta(0)


def test_times_are_those_of_utc_wherever_the_shop_is(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.pictures("12_a.jpg")
    result = workshop.imported(environment={"TZ": "Asia/Vladivostok", "PGTZ": "Asia/Vladivostok"})
    [session] = workshop.sessions()
    moments = [session["started_at"], session["finished_at"], workshop.row("12").updated_at]
    printed = [datetime.fromisoformat(result.json[name]) for name in ("started_at", "finished_at")]
    for moment in moments + printed:
        assert moment.utcoffset() == timedelta(0)
        assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_time_without_an_offset_is_one_of_utc(lite: Workshop) -> None:
    times = {"started_at": "2026-01-02T03:04:05", "finished_at": "2026-01-02T03:04:06.5"}
    lite.add_session("completed", 0, own_details(lite), **times)
    session, _ = lite.run("sessions", "--json").json["sessions"]
    began, ended = (datetime.fromisoformat(session[name]) for name in ("started_at", "finished_at"))
    assert began == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert ended == datetime(2026, 1, 2, 3, 4, 6, 500000, tzinfo=UTC)


def test_the_report_has_every_figure(workshop: Workshop) -> None:
    workshop.products("12", "12#1", "13", "14", "15")
    workshop.product("16", "products/16/16_gone.jpg")
    workshop.product("17", is_active=False)
    workshop.product(None)
    workshop.picture("12_a.jpg", b"x" * 1000)
    workshop.pictures("13_a.jpg", "99_a.jpg", "17_a.jpg")
    workshop.picture("14_a.jpg", "")
    report = imported(workshop, status=3)["report_details"]
    assert report.keys() >= FIGURES
    assert report["total_products"] == report["processed"] == 7
    assert report["copied"] == 2
    assert report["errors"] == 1
    assert report["unmatched"] == 2
    assert report["missing"] == 1
    assert report["bytes_copied"] == 1000 + len("the picture 13_a.jpg")
    assert report["skipped_files"] == 0
    assert report["skipped"] == report["skipped_files"] + report["skipped_products"]
    assert report["skipped_products"] in {2, 3}  # 15, the one without an onec_id, and perhaps 16
    assert report["compared_files"] == 0
    assert report["attempt"] == 1
    [sample] = report["error_samples"]
    assert sample.keys() == {"path", "reason"}
    assert "14_a.jpg" in sample["path"]
    assert 0 <= report["duration_s"] < 60
    assert datetime.fromisoformat(report["completed_at"]).utcoffset() == timedelta(0)
    assert str(workshop.exchange) in str(report["daemon"])


def test_the_second_report_counts_what_is_current(workshop: Workshop) -> None:
    workshop.products("12", "13", "14")
    workshop.pictures("12_a.jpg", "12_b.jpg", "13_a.jpg")
    imported(workshop)
    report = imported(workshop)["report_details"]
    assert (report["copied"], report["bytes_copied"]) == (0, 0)
    assert (report["skipped"], report["skipped_files"], report["skipped_products"]) == (4, 3, 1)


def test_the_report_is_the_same_wherever_it_is_read(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.pictures("12_a.jpg", "13_a.jpg")
    workshop.picture("12_b.jpg", "")
    printed = workshop.imported(status=3).json
    [session] = workshop.sessions()
    session_id = str(session["id"])
    assert printed.keys() == COLUMNS | {"session_id"}
    assert printed.pop("session_id") == session["id"]
    for times in ("started_at", "updated_at", "finished_at"):
        assert datetime.fromisoformat(printed[times]) == session[times]
    [listed] = workshop.run("sessions", "--json").json["sessions"]
    shown = workshop.run("session", session_id, "--json").json
    assert printed == listed == shown
    assert printed["report_details"] == session["report_details"]


def test_every_import_has_a_session_of_its_own(workshop: Workshop) -> None:
    workshop.products("12")
    for _ in range(3):
        workshop.imported()
    sessions = workshop.sessions()
    assert len(sessions) == 3
    assert all(session["status"] == "completed" for session in sessions)
    listed = workshop.run("sessions", "--json").json["sessions"]
    assert [session["id"] for session in listed] == [session["id"] for session in reversed(sessions)]


def test_an_empty_table_of_products_is_completed_with_a_warning(bare: Workshop) -> None:
    bare.pictures("12_a.jpg")
    result = bare.imported()
    assert result.json["status"] == "completed"
    assert result.figures["total_products"] == 0
    assert "warn" in result.stderr.lower()
    [session] = bare.sessions()
    assert (session["status"], session["error_message"]) == ("completed", "")


def test_no_image_root_at_all_fails_with_their_paths(workshop: Workshop) -> None:
    workshop.configure("exchange", image_roots=["goods/import_files", "other/root"])
    workshop.products("12")
    workshop.root.rmdir()
    result = workshop.imported(status=1)
    assert result.json["status"] == "failed"
    [session] = workshop.sessions()
    assert session["status"] == "failed"
    assert session["finished_at"] is not None
    for path in (workshop.root, workshop.exchange / "other/root"):
        assert str(path) in session["error_message"]
        assert str(path) in result.stderr
    assert "Traceback" in session["error_message"]
    assert "Traceback" not in result.stderr
    assert session["report_details"]["processed"] == 0


def test_no_exchange_directory_fails_as_well(lite: Workshop) -> None:
    lite.configure("exchange", dir="nowhere")
    result = lite.imported(status=1)
    assert result.json["status"] == "failed"
    assert str(lite.place / "nowhere") in result.json["error_message"]


def test_one_root_missing_beside_another_is_a_warning(lite: Workshop) -> None:
    lite.configure("exchange", image_roots=["goods/import_files", "other/root"])
    lite.products("12")
    lite.pictures("12_a.jpg")
    result = lite.imported()
    assert result.json["status"] == "completed"
    assert result.figures["copied"] == 1
    assert "other/root" in result.stderr
    assert "warn" in result.stderr.lower()


def own_details(workshop: Workshop) -> dict[str, Any]:
    """Return the report of a session of this shop's."""
    report: dict[str, Any] = imported(workshop)["report_details"]
    return report


@pytest.mark.parametrize("status", ["started", "in_progress"])
def test_own_sessions_left_open_are_closed_as_interrupted(workshop: Workshop, status: str) -> None:
    details = own_details(workshop) | {"processed": 7, "copied": 5}
    left = workshop.add_session(status, 1, details)
    workshop.imported()
    [session] = (session for session in workshop.sessions() if session["id"] == left)
    assert session["status"] == "failed"
    assert "interrupted" in session["error_message"]
    assert "Traceback" not in session["error_message"]
    assert session["finished_at"] is not None
    assert session["report_details"]["processed"] == 7
    assert session["report_details"]["copied"] == 5


def test_open_sessions_of_others_are_not_touched(workshop: Workshop) -> None:
    details = own_details(workshop)
    others = [
        workshop.add_session("in_progress", 1, {}),
        workshop.add_session("started", 200, {"processed": 1}),
        workshop.add_session("in_progress", 200, details | {"daemon": "/srv/another/exchange"}),
        workshop.add_session("pending", 1, {}, task_id="a task of somebody's"),
        workshop.add_session("completed", 200, {"daemon": None}),
        workshop.add_session("failed", 200, []),
        workshop.add_session("completed", 200, {key: details[key] for key in details if key != "daemon"}),
    ]
    before = [session for session in workshop.sessions() if session["id"] in others]
    workshop.imported()
    assert [session for session in workshop.sessions() if session["id"] in others] == before


def test_own_ended_sessions_are_pruned_when_they_are_old(workshop: Workshop) -> None:
    details = own_details(workshop)
    old = [workshop.add_session("completed", 91, details), workshop.add_session("failed", 400, details)]
    kept = [workshop.add_session("completed", 89, details), workshop.add_session("pending", 91, details)]
    workshop.imported()
    left = {session["id"] for session in workshop.sessions()}
    assert not left & set(old)
    assert left >= set(kept)


@pytest.mark.parametrize("keep_days,kept", [(10, [False, True]), (0, [True, True])])
def test_how_long_sessions_are_kept_is_configured(lite: Workshop, keep_days: int, kept: list[bool]) -> None:
    lite.configure("sessions", keep_days=keep_days)
    details = own_details(lite)
    ids = [lite.add_session("completed", age, details) for age in (11, 9)]
    lite.imported()
    left = {session["id"] for session in lite.sessions()}
    assert [session_id in left for session_id in ids] == kept


def test_old_sessions_that_the_shop_refers_to_are_left(workshop: Workshop) -> None:
    old = workshop.add_session("completed", 91, own_details(workshop))
    workshop.database.execute("CREATE TABLE notes (session integer REFERENCES import_sessions (id))")
    workshop.database.execute("INSERT INTO notes VALUES (?)", old)
    result = workshop.imported()
    assert result.stderr.count("Old sessions cannot be removed: ") == 1
    assert "Traceback" not in result.stderr
    assert old in {session["id"] for session in workshop.sessions()}


def test_old_sessions_that_another_transaction_holds_are_not_waited_for(served: Workshop) -> None:
    old = served.add_session("completed", 91, own_details(served))
    with contextlib.closing(served.database.connect()) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM import_sessions FOR UPDATE")
        assert "Old sessions cannot be removed: " in served.imported().stderr
        other.execute("ROLLBACK")
    served.imported()
    assert old not in {session["id"] for session in served.sessions()}


def test_progress_goes_to_the_session_while_the_import_is_under_way(workshop: Workshop) -> None:
    workshop.configure("import", chunk_size=2, progress_every=4)
    ids = [f"{number:03}" for number in range(800)]
    workshop.products(*ids)
    workshop.pictures(*(f"{onec_id}_a.jpg" for onec_id in ids))
    running = workshop.start("import", "--json")
    seen: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        sessions = workshop.sessions()
        seen += [session for session in sessions if session["report_details"].get("processed")]
        if seen and seen[-1]["finished_at"]:
            seen = [session for session in seen if not session["finished_at"]]
            break
        time.sleep(0.01)
    result = running.result()
    assert result.status == 0, result.stderr
    assert seen
    steps = [session["report_details"]["processed"] for session in seen]
    assert steps == sorted(steps)
    assert all(0 < step < 800 for step in steps[:1])
    for session in seen:
        assert session["status"] == "in_progress"
        assert session["report_details"]["total_products"] == 800
        assert datetime.fromisoformat(session["report_details"]["last_updated"]).utcoffset() == timedelta(0)
        assert session["report_details"].get("completed_at") is None
        assert session["finished_at"] is None
    moments = sorted({session["updated_at"] for session in seen})
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert all(gap > timedelta(seconds=0.15) for gap in gaps)  # at most five times a second
    assert result.figures["processed"] == 800


def test_progress_and_end_are_logged(lite: Workshop) -> None:
    lite.configure("import", chunk_size=10, progress_every=10)
    lite.configure("log", format="json")
    lite.products(*(f"{number:03}" for number in range(30)))
    lite.picture("001_a.jpg", "")
    result = lite.run("import")
    assert result.status == 3
    entries = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    events = [entry["event"] for entry in entries]
    assert events[0] == "session_started"
    assert events[-1] == "session_completed"
    [failed] = [entry for entry in entries if entry["event"] == "file_failed"]
    assert "001_a.jpg" in failed["path"]
    assert failed["onec_id"] == "001"
    assert failed["session"] == entries[0]["session"]
