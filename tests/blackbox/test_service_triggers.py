"""Whoever drops a trigger gets what it asks for, and an answer, whatever the file is and whatever happens meanwhile."""

import json
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from PIL import Image
from support.commands import AS_ANY_USER
from support.daemon_process import Daemon, daemon, eventually
from support.pictures import picture
from support.triggers import Triggers
from support.workshop import Workshop, paths

_UNTIL_POLLED = 2.1  # seconds after which a file is claimed of which no event tells
_SLOW = 14  # pictures, each of which takes a while to decode


def prepared(workshop: Workshop) -> Workshop:
    """Return a shop in which nothing is imported that nobody asked for."""
    workshop.configure("import", on_startup=False, retry_delay=0.3, chunk_size=1, workers=1)
    workshop.configure("watch", settle=60, max_wait=60, reconcile_interval=0)
    return workshop


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    """Return such a shop, once with each kind of database."""
    return prepared(workshop)


@pytest.fixture
def lite(lite: Workshop) -> Workshop:
    """Return such a shop, where the database does not matter."""
    return prepared(lite)


@pytest.fixture(scope="module")
def slow_picture() -> bytes:
    """A picture that takes some 60 ms to decode."""
    content = BytesIO()
    Image.new("L", (5000, 5000)).save(content, "JPEG", progressive=True)
    return content.getvalue()


@pytest.fixture
def slow(workshop: Workshop, slow_picture: bytes) -> Workshop:
    """Return a shop with an import that takes a second where pictures are decoded."""
    return slowed(workshop, slow_picture)


@pytest.fixture
def slow_lite(lite: Workshop, slow_picture: bytes) -> Workshop:
    """Return such a shop, where the database does not matter."""
    return slowed(lite, slow_picture)


def slowed(workshop: Workshop, slow_picture: bytes) -> Workshop:
    names = [f"slow{number:02}" for number in range(_SLOW)]
    workshop.products(*names)
    first = workshop.picture("slow00_a.jpg", slow_picture)
    for name in names[1:]:
        os.link(first, workshop.root / f"{name}_a.jpg")
    return workshop


def asked_for(workshop: Workshop) -> list[dict[str, Any]]:
    """Return the sessions of triggers."""
    return [session for session in workshop.sessions() if session["trigger"] == "trigger"]


_SLOWLY = {"validate_images": True}


def wait_until_halfway(service: Daemon) -> None:
    """Wait until an import has brought over some of the slow pictures."""
    eventually(lambda: len(service.workshop.stored()) > 1)
    assert len(service.workshop.stored()) < _SLOW


def kinds(sessions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(session["import_type"], session["status"]) for session in sessions]


# What is asked for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "images", " images\n", "{}"])
def test_an_empty_file_and_the_word_images_ask_for_a_full_import(lite: Workshop, content: str) -> None:
    lite.products("7", "8")
    lite.pictures("7_a.jpg", "8_a.jpg")
    with daemon(lite):
        answer = Triggers(lite).asked(content)
    assert (answer["status"], answer["type"]) == ("completed", "images")
    assert lite.named("7") == paths("7", "7_a.jpg")
    assert lite.named("8") == paths("8", "8_a.jpg")


def test_the_result_says_what_the_session_says(workshop: Workshop) -> None:
    """A picture that has just come is imported as well: a trigger says that all are complete."""
    workshop.products("7")
    triggers = Triggers(workshop)
    with daemon(workshop):
        workshop.picture("7_a.jpg")
        answer = triggers.asked("images")
    [session] = workshop.sessions()
    assert (session["trigger"], session["status"], session["task_id"]) == ("trigger", "completed", None)
    [told] = answer.pop("sessions")
    assert answer == {
        "status": "completed",
        "type": "images",
        "message": "Изображения обновлены",
        "task_id": None,
        "session_id": session["id"],
        "report_details": session["report_details"],
    }
    assert (told["id"], told["report_details"]) == (session["id"], session["report_details"])
    assert told["finished_at"] == session["finished_at"].isoformat()
    assert set(os.listdir(workshop.exchange)) == {"goods", triggers.result.name}


def test_a_catalogue_is_loaded_and_its_products_become_due(workshop: Workshop) -> None:
    workshop.configure("watch", settle=0.2)
    with daemon(workshop):
        workshop.catalogue({"7": ["7_b.jpg", "7_a.jpg"]})
        workshop.pictures("7_a.jpg", "7_b.jpg")
        answer = Triggers(workshop).asked({"import_type": "catalog"})
        assert (answer["type"], answer["message"]) == ("catalog", "Каталог импортирован")
        eventually(lambda: workshop.named("7") == paths("7", "7_b.jpg", "7_a.jpg"))


@pytest.mark.parametrize("asked", [["images", "catalog"], ["catalog", "images", "catalog"]])
def test_several_types_run_in_their_order_and_the_last_one_is_shown(
    workshop: Workshop, asked: list[str]
) -> None:
    workshop.pictures("7_a.jpg", "7_b.jpg")
    with daemon(workshop):
        workshop.catalogue({"7": ["7_b.jpg", "7_a.jpg"]})
        answer = Triggers(workshop).asked({"import_type": asked})
        assert workshop.named("7") == paths("7", "7_b.jpg", "7_a.jpg")
    catalogue, images = asked_for(workshop)
    assert kinds([catalogue, images]) == [("catalog", "completed"), ("images", "completed")]
    assert (answer["type"], answer["message"]) == ("images", "Изображения обновлены")
    assert answer["session_id"] == images["id"]
    assert [session["id"] for session in answer["sessions"]] == [catalogue["id"], images["id"]]


def test_a_catalogue_that_is_not_there_fails_at_once_and_ends_the_chain(workshop: Workshop) -> None:
    with daemon(workshop) as service:
        answer = Triggers(workshop).asked({"import_type": ["catalog", "images"], "task_id": "t"})
        assert answer["status"] == "failed"
        assert "there is no file" in answer["error"]
        assert service.status["current"] is None
    assert (answer["type"], kinds(answer["sessions"])) == ("catalog", [("catalog", "failed")])
    catalogue, images = sorted(workshop.sessions(), key=lambda session: session["import_type"])
    assert (images["task_id"], images["status"], catalogue["task_id"]) == ("t", "failed", None)
    assert "there is no file" in images["error_message"]
    assert images["report_details"]["total_products"] == 0


def test_only_the_products_asked_for_are_imported(workshop: Workshop) -> None:
    names = ["7", "8", "9#red", "9#blue", "10#a", "10#b"]
    workshop.products(*names)
    workshop.pictures("7_a.jpg", "8_a.jpg", "9_a.jpg", "10_a.jpg")
    with daemon(workshop) as service:
        answer = Triggers(workshop).asked({"onec_ids": ["7", "9#red", "10", "nobody"], "task_id": "t"})
        assert answer["report_details"]["total_products"] == 4
        assert [name for name in names if workshop.named(name)] == ["7", "9#red", "10#a", "10#b"]
        [entry] = service.entries("product_unknown")
        assert entry["onec_id"] == "nobody"
        assert {entry["onec_id"] for entry in service.entries("product_changed")} == {
            *("7", "9#red", "10#a", "10#b")
        }


def test_products_of_which_none_is_known_are_no_import(lite: Workshop) -> None:
    lite.add_session("pending", 0, {}, task_id="t")
    with daemon(lite):
        triggers = Triggers(lite)
        answer = triggers.asked({"onec_ids": ["nobody", "no#body"]})
        assert (answer["status"], answer["session_id"], answer["sessions"]) == ("failed", None, [])
        assert "nobody" in answer["error"]
        assert "no#body" in answer["error"]
        answer = triggers.asked({"onec_ids": ["nobody"], "task_id": "t"})
    [session] = lite.sessions()
    assert (session["task_id"], session["status"]) == ("t", "failed")
    assert "nobody" in session["error_message"]
    assert session["finished_at"]
    assert (answer["status"], answer["session_id"]) == ("failed", session["id"])
    assert answer["report_details"]["total_products"] == 0


def test_pictures_are_validated_if_that_is_asked_for(lite: Workshop) -> None:
    lite.products("7")
    lite.picture("7_a.jpg", picture("JPEG")[:-20])
    triggers = Triggers(lite)
    with daemon(lite):
        answer = triggers.asked(_SLOWLY)
        assert (answer["status"], answer["report_details"]["errors"]) == ("completed", 1)
        assert lite.named("7") == []


def test_contents_are_compared_if_that_is_asked_for(lite: Workshop) -> None:
    lite.products("7")
    lite.picture("7_a.jpg", "one")
    triggers = Triggers(lite)
    with daemon(lite):
        triggers.asked()
        [stored] = (lite.media / path for path in lite.stored())
        times = stored.stat().st_mtime_ns
        stored.write_text("two")
        os.utime(stored, ns=(times, times))
        assert triggers.asked()["report_details"]["copied"] == 0
        assert triggers.asked({"checksum": True})["report_details"]["copied"] == 1
        assert stored.read_text() == "one"


# How it is dropped ----------------------------------------------------------------------------------------


def test_a_touched_and_a_renamed_file_are_claimed_at_once(lite: Workshop) -> None:
    triggers = Triggers(lite)
    with daemon(lite):
        triggers.path.touch()
        eventually(lambda: not triggers.path.exists(), within=0.5)
        former = triggers.answer()["session_id"]
        (lite.place / "stage").write_text('{"import_type": "images"}')
        number = triggers.number()
        (lite.place / "stage").rename(triggers.path)
        assert triggers.answer(number)["session_id"] == former + 1


def test_a_file_of_which_no_event_tells_is_found_when_it_is_unchanged_for_a_second(lite: Workshop) -> None:
    triggers = Triggers(lite)
    with daemon(lite):
        (lite.place / "stage").write_text("images")
        began = time.monotonic()
        os.link(lite.place / "stage", triggers.path)
        triggers.wait_until_claimed()
        assert 0.9 < time.monotonic() - began < 4
        assert triggers.answer()["status"] == "completed"


def test_a_file_that_lay_there_at_start_is_claimed(lite: Workshop) -> None:
    triggers = Triggers(lite)
    triggers.drop()
    with daemon(lite):
        assert triggers.answer()["status"] == "completed"


def test_what_is_written_slowly_is_not_read_before_it_is_whole(lite: Workshop) -> None:
    lite.products("7", "8")
    triggers = Triggers(lite)
    with daemon(lite):
        with open(triggers.path, "wb", buffering=0) as file:
            time.sleep(_UNTIL_POLLED)  # an empty file would ask for everything
            assert triggers.path.exists()
            file.write(b'{"onec_ids": [')
            assert triggers.path.read_bytes()  # a reader does not make it whole
            time.sleep(_UNTIL_POLLED)
            assert triggers.path.exists()
            file.write(b'"7"]}')
        assert triggers.answer()["report_details"]["total_products"] == 1


def test_a_hundred_drops_are_a_few_imports_and_the_last_one_is_answered(lite: Workshop) -> None:
    triggers = Triggers(lite)
    with daemon(lite):
        for number in range(100):
            triggers.drop({"task_id": f"t{number}"})
        eventually(lambda: triggers.number() and '"t99"' in triggers.result.read_text())
    assert 1 <= len(lite.sessions()) <= 4
    assert {session["status"] for session in lite.sessions()} == {"completed"}


def test_drops_while_an_import_runs_are_one_more(slow_lite: Workshop) -> None:
    triggers = Triggers(slow_lite)
    with daemon(slow_lite) as service:
        triggers.drop(_SLOWLY)
        wait_until_halfway(service)
        for number in range(50):
            triggers.drop({"task_id": f"t{number}"})
        assert triggers.path.exists()
        assert triggers.running.exists()
        eventually(lambda: triggers.number() and '"t49"' in triggers.result.read_text())
        assert not triggers.path.exists()
    assert [session["task_id"] for session in slow_lite.sessions()] == [None, "t49"]


# The result -----------------------------------------------------------------------------------------------


def test_the_former_result_goes_when_a_trigger_is_claimed(slow_lite: Workshop) -> None:
    triggers = Triggers(slow_lite)
    triggers.result.write_text("former")
    with daemon(slow_lite) as service:
        triggers.drop(_SLOWLY)
        wait_until_halfway(service)
        assert not triggers.result.exists()
        assert triggers.running.exists()
        triggers.answer()


def test_a_result_is_whole_and_readable_whatever_the_umask(lite: Workshop) -> None:
    lite.configure("media", file_mode="0640")
    triggers = Triggers(lite)
    with daemon(lite, umask=0o777):
        triggers.drop()
        eventually(triggers.result.exists)
        assert json.loads(triggers.result.read_bytes())["status"] == "completed"
        assert stat.S_IMODE(triggers.result.stat().st_mode) == 0o640


def test_a_result_is_left_for_a_second_before_the_next_trigger_is_claimed(lite: Workshop) -> None:
    triggers = Triggers(lite)
    with daemon(lite):
        former = triggers.asked()["session_id"]
        number = triggers.number()
        assert number
        triggers.drop()
        triggers.wait_until_claimed()
        assert time.time() - number / 1e9 > 0.9
        assert triggers.answer(number)["session_id"] == former + 1


# A task ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["pending", "started", "in_progress", "failed"])
def test_the_row_of_a_task_is_taken_over_whatever_its_status(workshop: Workshop, status: str) -> None:
    workshop.products("7")
    told = {"who": "celery", "attempt": 9} if status != "pending" else None
    row = workshop.add_session(status, 0, told, task_id="t")
    with daemon(workshop):
        answer = Triggers(workshop).asked({"task_id": "t"})
    [session] = workshop.sessions()
    found = session["report_details"]
    assert (session["id"], session["status"], session["trigger"]) == (row, "completed", "trigger")
    assert (found["attempt"], found["processed"]) == (1, 1)
    assert found.get("who") == ("celery" if told else None)
    assert (answer["session_id"], answer["task_id"], answer["report_details"]) == (row, "t", found)


def test_a_task_that_is_completed_is_not_run_again_and_its_result_is_given_once_more(
    workshop: Workshop,
) -> None:
    workshop.products("7")
    triggers = Triggers(workshop)
    with daemon(workshop):
        first = triggers.asked({"task_id": "t"})
        workshop.products("8")
        assert triggers.asked({"task_id": "t"}) == first


def test_a_task_that_nobody_knows_gets_a_row(workshop: Workshop) -> None:
    with daemon(workshop) as service:
        answer = Triggers(workshop).asked({"task_id": "т\N{SNOWMAN}", "import_type": ["images"]})
        [entry] = service.entries("task_unknown")
        assert entry["task"] == "т\N{SNOWMAN}"
    [session] = workshop.sessions()
    assert (session["id"], session["task_id"]) == (answer["session_id"], "т\N{SNOWMAN}")
    assert (session["status"], session["report_details"]["attempt"]) == ("completed", 1)


def test_a_task_is_under_way_through_all_attempts_and_ends_with_the_last(workshop: Workshop) -> None:
    workshop.configure("import", max_retries=5)
    workshop.products("7")
    shutil.rmtree(workshop.exchange / "goods")
    row = workshop.add_session("pending", 0, {"who": "celery"}, task_id="t")
    triggers = Triggers(workshop)
    with daemon(workshop):
        triggers.drop({"task_id": "t"})
        statuses: set[str] = set()

        def attempts() -> int:
            [session] = workshop.sessions()
            statuses.add(session["status"])
            found: int = session["report_details"].get("attempt", 0)
            return found

        eventually(lambda: attempts() >= 2)
        workshop.root.mkdir(parents=True)
        answer = triggers.answer()
    [session] = workshop.sessions()
    assert statuses <= {"pending", "in_progress"}
    assert (session["id"], session["status"], session["error_message"]) == (row, "completed", "")
    assert session["report_details"]["attempt"] >= 2
    assert [told["id"] for told in answer["sessions"]] == [row]


def test_attempts_that_all_fail_end_a_task_with_the_last(workshop: Workshop) -> None:
    workshop.configure("import", max_retries=2)
    shutil.rmtree(workshop.exchange / "goods")
    workshop.add_session("pending", 0, {}, task_id="t")
    with daemon(workshop) as service:
        answer = Triggers(workshop).asked({"task_id": "t"})
        assert len(service.entries("attempt_failed")) == 2
    [session] = workshop.sessions()
    assert (session["status"], session["report_details"]["attempt"]) == ("failed", 3)
    assert "goods/import_files" in session["error_message"]
    assert kinds(answer["sessions"]) == [("images", "failed")]
    assert answer["report_details"] == session["report_details"]


def test_without_a_task_each_attempt_is_a_session(workshop: Workshop) -> None:
    workshop.configure("import", max_retries=1)
    shutil.rmtree(workshop.exchange / "goods")
    with daemon(workshop):
        answer = Triggers(workshop).asked()
    assert answer["status"] == "failed"
    assert "goods/import_files" in answer["error"]
    assert [session["report_details"]["attempt"] for session in workshop.sessions()] == [1, 2]
    assert [told["id"] for told in answer["sessions"]] == [s["id"] for s in workshop.sessions()]


def test_a_task_of_several_types_is_under_way_from_the_first_on(workshop: Workshop) -> None:
    workshop.catalogue({"7": []})
    workshop.add_session("pending", 0, {"who": "celery"}, task_id="t", import_type="images")
    with daemon(workshop):
        answer = Triggers(workshop).asked({"task_id": "t", "import_type": ["catalog", "images"]})
    images, catalogue = asked_for(workshop)
    assert (images["status"], images["task_id"], images["report_details"]["attempt"]) == ("completed", "t", 1)
    assert images["report_details"]["who"] == "celery"
    assert catalogue["task_id"] is None
    assert [told["id"] for told in answer["sessions"]] == [catalogue["id"], images["id"]]


def test_a_task_whose_row_the_table_refuses_is_a_failure_and_the_service_goes_on(served: Workshop) -> None:
    prepared(served).database.execute("ALTER TABLE import_sessions ADD CHECK (task_id NOT IN ('foreign'))")
    triggers = Triggers(served)
    with daemon(served):
        answer = triggers.asked({"task_id": "foreign"})
        assert (answer["status"], answer["session_id"]) == ("failed", None)
        assert "refuses the row of a session" in answer["error"]
        assert triggers.asked({"task_id": "ours"})["status"] == "completed"


# What is refused ------------------------------------------------------------------------------------------


def _sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**30)


def _link(path: Path) -> None:
    (path.parent / "secret").write_text("hunter2")
    path.symlink_to("secret")


_REFUSED: dict[str, Callable[[Path], object]] = {
    "Неизвестный тип импорта: prices": lambda path: path.write_text('{"import_type": "prices"}'),
    "neither empty": lambda path: path.write_text("{"),
    "unknown key": lambda path: path.write_text('{"onec_id": ["7"]}'),
    "onec_ids must be a list": lambda path: path.write_text('{"onec_ids": []}'),
    "larger than 64 KiB": _sparse,
    "beyond all measure": lambda path: path.write_text('{"task_id":' + "[" * 50_000),
    "a symbolic link": _link,
    "a fifo": os.mkfifo,
    "a directory": os.mkdir,
}


@pytest.mark.parametrize("reason", _REFUSED)
def test_what_is_no_order_is_refused_without_a_session(lite: Workshop, reason: str) -> None:
    triggers = Triggers(lite)
    with daemon(lite) as service:
        _REFUSED[reason](triggers.path)
        answer = triggers.answer()
        [entry] = service.entries("trigger_refused")
        assert "hunter2" not in service.running.said_so_far()
    assert (answer["status"], answer["session_id"], answer["sessions"]) == ("failed", None, [])
    assert reason in answer["error"]
    assert entry["message"].endswith(answer["error"])
    assert "hunter2" not in triggers.result.read_text()
    assert lite.sessions() == []


def test_after_a_trigger_that_was_refused_the_next_one_is_run(lite: Workshop) -> None:
    triggers = Triggers(lite)
    with daemon(lite):
        assert triggers.asked("{")["status"] == "failed"
        assert triggers.asked()["status"] == "completed"


def test_an_unknown_type_is_named_and_nothing_else_said(lite: Workshop) -> None:
    with daemon(lite):
        answer = Triggers(lite).asked({"import_type": ["images", "prices"], "task_id": "t"})
    assert answer["error"] == "Неизвестный тип импорта: prices"


# Interruptions --------------------------------------------------------------------------------------------


def test_what_a_killed_service_had_claimed_is_run_again(slow: Workshop) -> None:
    triggers = Triggers(slow)
    row = slow.add_session("pending", 0, {}, task_id="t")
    with daemon(slow) as service:
        triggers.drop({**_SLOWLY, "task_id": "t"})
        wait_until_halfway(service)
        service.kill()
    assert triggers.running.exists()
    with daemon(slow):
        answer = triggers.answer()
    [session] = slow.sessions()
    assert (session["id"], session["status"]) == (row, "completed")
    assert session["report_details"]["attempt"] == 2
    assert answer["session_id"] == row


def test_what_was_claimed_without_a_task_is_run_again_in_another_session(lite: Workshop) -> None:
    triggers = Triggers(lite)
    triggers.running.write_text("images")
    with daemon(lite):
        assert triggers.answer()["status"] == "completed"
    assert kinds(lite.sessions()) == [("images", "completed")]


def test_a_stop_during_a_triggered_import_is_its_result(slow: Workshop) -> None:
    triggers = Triggers(slow)
    with daemon(slow) as service:
        triggers.drop({**_SLOWLY, "task_id": "t"})
        wait_until_halfway(service)
        service.stop()
    [session] = slow.sessions()
    assert session["status"] == "failed"
    assert session["error_message"] == "The import was stopped; what it had brought over is kept"
    answer = triggers.answer()
    assert (answer["status"], answer["error"]) == ("failed", session["error_message"])
    assert answer["session_id"] == session["id"]
    assert not triggers.running.exists()


def test_what_was_claimed_and_not_begun_when_the_service_is_stopped_is_run_at_the_next_start(
    slow_lite: Workshop,
) -> None:
    slow_lite.configure("import", on_startup=True, validate_images=True)
    slow_lite.configure("watch", settle=0.01, max_wait=1)
    triggers = Triggers(slow_lite)
    with daemon(slow_lite) as service:
        wait_until_halfway(service)
        triggers.drop({"task_id": "t"})
        triggers.wait_until_claimed()
        service.stop()
    assert triggers.running.exists()
    assert [session["status"] for session in slow_lite.sessions()] == ["failed"]
    with daemon(slow_lite):
        answer = triggers.answer()
    assert (answer["status"], answer["task_id"]) == ("completed", "t")


def test_a_reload_during_a_triggered_import_has_it_run_again(slow_lite: Workshop) -> None:
    slow_lite.configure("import", max_retries=0)
    triggers = Triggers(slow_lite)
    with daemon(slow_lite) as service:
        triggers.drop({**_SLOWLY, "task_id": "t"})
        wait_until_halfway(service)
        service.reload()
        answer = triggers.answer()
    assert (answer["status"], answer["report_details"]["attempt"]) == ("completed", 2)
    assert [s["status"] for s in slow_lite.sessions() if s["task_id"] == "t"] == ["completed"]


def test_a_trigger_in_the_moment_of_a_reload_is_not_lost(lite: Workshop) -> None:
    triggers = Triggers(lite)
    with daemon(lite) as service:
        service.running.signal(signal.SIGHUP)
        triggers.drop()
        assert triggers.answer()["status"] == "completed"


def test_one_product_is_done_within_a_long_import_and_all_of_them_after_it(slow_lite: Workshop) -> None:
    slow_lite.products("late")
    slow_lite.configure("import", on_startup=True, validate_images=True)
    slow_lite.configure("watch", settle=0.01, max_wait=1)
    triggers = Triggers(slow_lite)
    with daemon(slow_lite) as service:
        wait_until_halfway(service)
        slow_lite.picture("late_a.jpg", picture("JPEG"))
        answer = triggers.asked({"onec_ids": ["late"]})
        assert slow_lite.named("late") == paths("late", "late_a.jpg")
        [full] = [session for session in slow_lite.sessions() if session["trigger"] == "startup"]
        assert full["status"] == "in_progress"
        assert answer["report_details"]["total_products"] == 1
        triggers.drop()
        assert triggers.answer(triggers.number())["report_details"]["total_products"] == _SLOW + 1
    finished = {session["trigger"]: session for session in slow_lite.sessions()}
    assert finished["startup"]["finished_at"] <= finished["trigger"]["started_at"]


# Where it is dropped --------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A directory on another file system than that of the exchange."""
    with TemporaryDirectory(dir="/dev/shm", prefix="onec-images-") as directory:
        yield Path(directory) / "triggers"


def test_triggers_may_have_a_directory_of_their_own_that_comes_and_goes(
    lite: Workshop, elsewhere: Path
) -> None:
    triggers = Triggers(lite, elsewhere)
    lite.configure("trigger", file=str(triggers.path))
    with daemon(lite) as service:
        for number in range(2):
            elsewhere.mkdir()
            assert triggers.asked()["status"] == "completed"
            assert len(lite.sessions()) == number + 1
            shutil.rmtree(elsewhere)
        assert service.status["degraded"] is False


def _forbid(triggers: Triggers) -> None:
    triggers.path.parent.chmod(0o555)


def _permit(triggers: Triggers) -> None:
    triggers.path.parent.chmod(0o755)


def _put_in_the_way(triggers: Triggers) -> None:
    (triggers.running / "something").mkdir(parents=True)


def _remove(triggers: Triggers) -> None:
    shutil.rmtree(triggers.running)


@pytest.mark.parametrize("spoil, mend", [(_forbid, _permit), (_put_in_the_way, _remove)])
def test_a_trigger_that_cannot_be_claimed_is_not_run_before_that_is_mended(
    lite: Workshop, spoil: Callable[[Triggers], None], mend: Callable[[Triggers], None]
) -> None:
    (lite.place / "triggers").mkdir()
    triggers = Triggers(lite, lite.place / "triggers")
    lite.configure("trigger", file=str(triggers.path))
    with daemon(lite, without=AS_ANY_USER) as service:
        triggers.drop()
        triggers.answer()
        triggers.drop()
        spoil(triggers)
        number = triggers.number()
        eventually(lambda: service.status["degraded"])
        assert "the trigger cannot be claimed" in str(service.status["why"])
        eventually(lambda: service.status["state"] == "watching")
        assert triggers.path.exists()
        assert len(lite.sessions()) == 1
        assert len(service.entries("degraded")) == 1
        mend(triggers)
        triggers.answer(number)
        eventually(lambda: not service.status["degraded"])
        assert len(lite.sessions()) == 2


def test_a_result_that_has_no_room_is_a_trouble_until_it_is_there(slow_lite: Workshop) -> None:
    triggers = Triggers(slow_lite)
    with daemon(slow_lite) as service:
        triggers.drop(_SLOWLY)
        wait_until_halfway(service)
        (triggers.result / "something").mkdir(parents=True)
        eventually(lambda: service.status["degraded"])
        assert "the trigger cannot be answered" in str(service.status["why"])
        time.sleep(1.2)
        assert service.status["degraded"] is True
        assert len(service.entries("degraded")) == 1
        shutil.rmtree(triggers.result)
        assert triggers.answer()["status"] == "completed"
        eventually(lambda: not service.status["degraded"])
    assert len(slow_lite.sessions()) == 1


# The command ----------------------------------------------------------------------------------------------


def test_the_command_exits_as_an_import_would(lite: Workshop) -> None:
    lite.configure("import", max_retries=0)
    lite.products("7")
    lite.picture("7_a.jpg")
    with daemon(lite):
        result = lite.run("trigger", "--wait", "--json")
        assert (result.status, result.json["report_details"]["copied"]) == (0, 1)
        lite.picture("7_b.jpg", b"")
        assert lite.run("trigger", "--wait", "7").status == 3
        assert lite.run("trigger", "--wait", "nobody").status == 1
        shutil.rmtree(lite.root)
        failed = lite.run("trigger", "--wait")
        assert failed.status == 1
        assert "goods/import_files" in failed.stderr


def test_everybody_who_waits_gets_the_result_of_his_own(lite: Workshop) -> None:
    lite.products("0", "1", "2")
    with daemon(lite):
        running = [lite.start("trigger", str(number), "--wait", "--json") for number in range(3)]
        lite.products("3")
        results = [command.result() for command in running]
    assert [result.status for result in results] == [0, 0, 0]
    told = [result.json["session_id"] for result in results]
    assert sorted(told) == sorted(session["id"] for session in lite.sessions())
