"""The command that asks a running daemon for an import, whose part the tests play."""

import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.commands import AS_ANY_USER, Running
from support.workshop import Workshop, wait_until

from daemon.triggers.order import Order
from daemon.triggers.result import completed, failed
from daemon.triggers.spot import TriggerSpot

_DONE_WITH_IT = 0.05  # seconds; nothing tells it from outside


class Daemon:
    """The daemon, as far as triggers go."""

    def __init__(self, workshop: Workshop) -> None:
        self.trigger = workshop.exchange / "import_images.trigger"
        self.running = workshop.exchange / "import_images.trigger.running"
        self.result = workshop.exchange / "import_images.trigger.result"
        self._spot = TriggerSpot(self.trigger, 0o644)

    def wait(self) -> None:
        """Wait until a trigger is there whose sender is done with it."""
        wait_until(lambda: self.trigger.exists() and self.trigger.read_bytes())
        time.sleep(_DONE_WITH_IT)

    def claim(self) -> Order:
        """Wait for a trigger, and claim it."""
        self.wait()
        claim = self._spot.claim()
        assert claim is not None
        assert claim.order is not None, claim.error
        return claim.order

    def answer(self, result: dict[str, Any]) -> None:
        """Answer what was claimed."""
        self._spot.finish(result)


@pytest.fixture
def daemon(lite: Workshop) -> Daemon:
    """The daemon of the shop."""
    return Daemon(lite)


def session(
    number: int = 7, kind: str = "images", status: str = "completed", errors: int = 0
) -> dict[str, Any]:
    figures = {
        "total_products": 3,
        "processed": 3,
        "copied": 2,
        "skipped": 1,
        "errors": errors,
        "duration_s": 0.5,
    }
    return {"id": number, "import_type": kind, "status": status, "report_details": figures}


def answered(lite: Workshop, daemon: Daemon, sessions: Sequence[dict[str, Any]], *arguments: str) -> Any:
    """Run the command with ``--wait``, answer it, and return how it ended."""
    running = lite.start("trigger", "--wait", *arguments)
    daemon.answer(completed(daemon.claim(), sessions))
    return running.result()


def stderr_of(running: Running) -> str:
    """Return what a running command has said so far on standard error."""
    return Path(f"/proc/{running.pid}/fd/2").read_text()


# what is dropped


def test_a_trigger_asks_for_a_full_import(lite: Workshop, daemon: Daemon) -> None:
    result = lite.run("trigger", umask=0o077)
    assert (result.status, result.stderr) == (0, "")
    assert str(daemon.trigger) in result.stdout
    assert daemon.trigger.stat().st_mode & 0o777 == 0o644
    assert daemon.claim() == Order()
    assert set(os.listdir(lite.exchange)) == {"goods", daemon.running.name}


def test_everything_that_can_be_asked_for_arrives(lite: Workshop, daemon: Daemon) -> None:
    options = ("--type", "images", "--type", "catalog", "--task-id", "5b1c", "--checksum")
    result = lite.run("trigger", "12", "13#красный", "12", *options, "--json")
    assert result.status == 0
    assert result.json == {"trigger": str(daemon.trigger)}
    assert daemon.claim() == Order(("catalog", "images"), "5b1c", frozenset({"12", "13#красный"}), None, True)


def test_a_catalogue_alone_can_be_asked_for(lite: Workshop, daemon: Daemon) -> None:
    assert lite.run("trigger", "--type", "catalog").status == 0
    assert daemon.claim() == Order(("catalog",))


def test_the_trigger_is_where_the_configuration_says(lite: Workshop) -> None:
    (lite.place / "triggers").mkdir()
    lite.configure("trigger", file=str(lite.place / "triggers" / "запуск"))
    assert lite.run("trigger").status == 0
    assert os.listdir(lite.place / "triggers") == ["запуск"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--type", "prices"],
        ["--type", ""],
        ["--task-id", ""],
        ["--task-id", "1" * 256],
        [""],
        ["1" * 101],
        ["--task-id", "\udcff"],
        ["\udcff"],
        [f"{number:0100}" for number in range(1000)],
    ],
)
def test_what_cannot_be_asked_for_is_wrong_usage(
    lite: Workshop, daemon: Daemon, arguments: list[str]
) -> None:
    result = lite.run("trigger", *arguments, anew="\udcff" in arguments or len(arguments) > 2)
    assert result.status == 2
    assert "Traceback" not in result.stderr
    assert not daemon.trigger.exists()


def test_a_directory_that_is_not_there_is_named(lite: Workshop) -> None:
    lite.configure("trigger", file=str(lite.place / "nowhere" / "go"))
    result = lite.run("trigger")
    assert result.status == 1
    assert result.stderr == (
        f"onec-images: {lite.place}/nowhere: there is no such directory; make it, or name another [trigger] file\n"
    )


def test_a_directory_that_may_not_be_written_is_named(lite: Workshop) -> None:
    lite.exchange.chmod(0o555)
    result = lite.run("trigger", "--json", without=AS_ANY_USER)
    lite.exchange.chmod(0o755)
    assert result.status == 1
    assert result.stderr.startswith(f"onec-images: {lite.exchange}/import_images.trigger: ")
    assert "Permission denied" in result.stderr
    assert result.json["session_id"] is None


# an unclaimed trigger


def test_an_unclaimed_trigger_is_waited_for_and_then_followed(lite: Workshop, daemon: Daemon) -> None:
    daemon.trigger.write_text("images")
    running = lite.start("trigger", "12")
    wait_until(lambda: "waiting until" in stderr_of(running))
    assert daemon.trigger.read_text() == "images"
    assert daemon.claim() == Order()
    result = running.result()
    assert (result.status, result.stderr.count("\n")) == (0, 1)
    assert daemon.claim() == Order(onec_ids=frozenset({"12"}))


# waiting for the result


def test_the_result_is_waited_for_and_told(lite: Workshop, daemon: Daemon) -> None:
    result = answered(lite, daemon, [session(7, "catalog"), session(8)])
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Session 7 (catalog) completed: 3 of 3 products, 2 copied, 1 skipped, 0 errors, 0.5 s",
        "Session 8 (images) completed: 3 of 3 products, 2 copied, 1 skipped, 0 errors, 0.5 s",
    ]


def test_the_result_is_the_one_document_on_standard_output(lite: Workshop, daemon: Daemon) -> None:
    result = answered(lite, daemon, [session()], "--json", "--task-id", "5b1c")
    assert result.json == completed(Order(task_id="5b1c"), [session()])


@pytest.mark.parametrize("errors", [(1, 0), (0, 2)])
def test_files_that_failed_are_told_by_the_status(
    lite: Workshop, daemon: Daemon, errors: tuple[int, int]
) -> None:
    sessions = [session(7, "catalog", errors=errors[0]), session(8, errors=errors[1])]
    assert answered(lite, daemon, sessions).status == 3


def test_a_failure_is_told_by_the_status(lite: Workshop, daemon: Daemon) -> None:
    running = lite.start("trigger", "--wait")
    daemon.answer(failed(daemon.claim(), "the disk\nis full", [session(status="failed", errors=1)]))
    result = running.result()
    assert result.status == 1
    assert result.stderr == "onec-images: the disk\\nis full\n"
    assert result.stdout.startswith("Session 7 (images) failed: ")


def test_the_result_of_an_earlier_trigger_is_not_taken_for_ours(lite: Workshop, daemon: Daemon) -> None:
    daemon.trigger.write_text("images")
    earlier = daemon.claim()
    running = lite.start("trigger", "--wait")
    daemon.wait()
    daemon.answer(completed(earlier, [session(7)]))
    wait_until(daemon.result.exists)
    with suppress(TimeoutError):
        running.result(within=0.3)
    assert not running.ended
    daemon.answer(completed(daemon.claim(), [session(8)]))
    assert running.result().stdout.startswith("Session 8 ")


def test_a_trigger_that_is_replaced_has_no_result(lite: Workshop, daemon: Daemon, tmp_path: Path) -> None:
    running = lite.start("trigger", "--wait")
    daemon.wait()
    (tmp_path / "other").touch()
    (tmp_path / "other").replace(daemon.trigger)
    result = running.result()
    assert result.status == 1
    assert "the trigger is gone without a result" in result.stderr


def test_a_trigger_that_is_written_over_has_no_result(lite: Workshop, daemon: Daemon) -> None:
    running = lite.start("trigger", "--wait")
    daemon.wait()
    daemon.trigger.write_text("images")
    assert daemon.claim() == Order()
    result = running.result()
    assert result.status == 1
    assert "another trigger was written over this one" in result.stderr


def test_a_directory_that_is_emptied_takes_the_result_with_it(lite: Workshop, daemon: Daemon) -> None:
    running = lite.start("trigger", "--wait", "--json")
    daemon.claim()
    daemon.running.unlink()
    result = running.result()
    assert result.status == 1
    assert "`onec-images sessions` shows what was imported" in result.stderr
    assert result.json["session_id"] is None


@pytest.mark.parametrize(
    "sessions", [None, {}, [1], [{"id": 1}], [{"id": 1, "import_type": 2, "status": 3, "report_details": 4}]]
)
def test_a_strange_result_is_no_crash(lite: Workshop, daemon: Daemon, sessions: Any) -> None:
    running = lite.start("trigger", "--wait")
    daemon.claim()
    daemon.answer({"status": ["?"], "error": "a\x1b[1m", "sessions": sessions})
    result = running.result()
    assert result.status == 1
    assert result.stderr == "onec-images: a\\x1b[1m\n"


def test_where_no_daemon_runs_it_is_asked_whether_one_does(lite: Workshop, daemon: Daemon) -> None:
    running = lite.start("trigger", "--wait")
    wait_until(lambda: stderr_of(running))
    daemon.answer(completed(daemon.claim(), [session()]))
    result = running.result()
    assert result.status == 0
    assert result.stderr == "onec-images: no daemon has claimed it yet; is `onec-images run` running?\n"


def test_who_waits_behind_an_earlier_trigger_is_told(lite: Workshop, daemon: Daemon) -> None:
    daemon.running.touch()
    running = lite.start("trigger", "--wait")
    wait_until(lambda: stderr_of(running))
    daemon.answer(completed(daemon.claim(), [session()]))
    assert "an earlier trigger is being carried out" in running.result().stderr


@pytest.mark.parametrize("is_claimed", [True, False])
def test_who_stops_waiting_leaves_the_trigger(lite: Workshop, daemon: Daemon, *, is_claimed: bool) -> None:
    running = lite.start("trigger", "--wait")
    daemon.wait()
    if is_claimed:
        daemon.claim()
    running.signal(signal.SIGINT)
    result = running.result()
    assert result.status == 130
    assert result.stderr.startswith("onec-images: stopped waiting; ")
    assert (daemon.running if is_claimed else daemon.trigger).exists()


def test_what_is_dropped_is_json_that_others_can_read(lite: Workshop, daemon: Daemon) -> None:
    lite.run("trigger", "12", "11", "--checksum")
    assert json.loads(daemon.trigger.read_bytes()) == {
        "import_type": ["images"],
        "onec_ids": ["11", "12"],
        "checksum": True,
    }
