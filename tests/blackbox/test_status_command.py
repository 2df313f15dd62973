"""What an operator is told of a service that another process runs."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command, program
from support.services import IMPORT, IMPORTING, MOMENT, WATCHING, Service, service
from support.workshop import Workshop

from daemon.config import load
from daemon.shop import state_place

FIELDS = {
    *("state", "pid", "since", "pending", "oldest_pending_s", "unmatched", "degraded", "why", "backend"),
    *("current", "sessions"),
}

Environment = Mapping[str, str]


@pytest.fixture
def runtime(tmp_path: Path) -> Environment:
    """The directory that systemd would make for the unit."""
    directory = tmp_path / "runtime"
    directory.mkdir()
    return {"RUNTIME_DIRECTORY": str(directory)}


@contextmanager
def running(workshop: Workshop, environment: Environment) -> Iterator[Service]:
    """Have a process tell states as this shop's service would."""
    file = state_place(load(workshop.config_file, {}), environment)
    assert file is not None
    with service(file) as played:
        yield played


def status(workshop: Workshop, environment: Environment, expected: int = 0) -> dict[str, Any]:
    """Return what is told as JSON."""
    result = workshop.run("status", "--json", environment=environment)
    assert result.status == expected, result.stderr
    assert result.stderr == ""
    document: dict[str, Any] = result.json
    assert document.keys() == FIELDS
    return document


def text(workshop: Workshop, expected: int = 0) -> str:
    """Return what is told in words."""
    result = workshop.run("status")
    assert result.status == expected, result.stderr
    return result.stdout


# one look


def test_where_no_service_runs_it_is_stopped(workshop: Workshop, runtime: Environment) -> None:
    assert status(workshop, runtime, 1) == {
        "state": "stopped",
        "pid": None,
        "since": None,
        "pending": 0,
        "oldest_pending_s": None,
        "unmatched": 0,
        "degraded": False,
        "why": "",
        "backend": None,
        "current": None,
        "sessions": [],
    }
    assert text(workshop, 1) == "The service is not running\n"


def test_a_service_that_imports_is_seen_until_it_is_killed(workshop: Workshop, runtime: Environment) -> None:
    with running(workshop, runtime) as played:
        played.tells(IMPORTING, pending=3, oldest_pending_s=4.5, unmatched=2)
        document = status(workshop, runtime)
        assert (document["state"], document["pid"], document["backend"]) == ("importing", 4711, "inotify")
        assert datetime.fromisoformat(document["since"]) == MOMENT
        assert (document["pending"], document["oldest_pending_s"], document["unmatched"]) == (3, 4.5, 2)
        assert document["current"] == {
            "what": "Full import",
            "session_id": 42,
            "import_type": "images",
            "trigger": "trigger",
            "attempt": 1,
            "processed": 41,
            "total": 100,
            "percent": 41,
            "copied": 7,
            "skipped": 30,
            "errors": 2,
            "since": "2026-11-23T10:00:00+00:00",
            "left_s": 90.0,
        }
        played.is_killed()
        assert status(workshop, runtime, 1)["state"] == "stopped"


def test_a_service_that_ends_in_order_leaves_nothing(lite: Workshop) -> None:
    before = sorted(lite.place.iterdir())
    with running(lite, {}) as played:
        played.tells(WATCHING)
        assert status(lite, {})["state"] == "watching"
    assert sorted(lite.place.iterdir()) == before
    assert status(lite, {}, 1)["state"] == "stopped"


def test_another_exchange_directory_has_a_service_of_its_own(
    workshop: Workshop, runtime: Environment
) -> None:
    with running(workshop, runtime) as played:
        played.tells(WATCHING)
        (workshop.place / "another").mkdir()
        workshop.configure("exchange", dir="another")
        assert status(workshop, runtime, 1)["state"] == "stopped"
        (workshop.place / "link").symlink_to("exchange")
        workshop.configure("exchange", dir="link")
        assert status(workshop, runtime)["state"] == "watching"


def test_the_last_sessions_are_those_of_the_list(workshop: Workshop, runtime: Environment) -> None:
    workshop.products("12")
    for _ in range(6):
        workshop.imported()
    listed = workshop.run("sessions", "--json").json["sessions"]
    assert status(workshop, runtime, 1)["sessions"] == listed[:5]
    told = text(workshop, 1)
    assert "Last sessions" in told
    assert workshop.run("sessions").stdout.splitlines()[0] in told


def test_a_degraded_service_says_why_and_is_a_failure(lite: Workshop) -> None:
    with running(lite, {}) as played:
        played.tells(WATCHING, degraded=True, why=("the root is gone", "the \x1b[31mtrigger\n is stuck"))
        document = status(lite, {}, 1)
        assert document["degraded"] is True
        assert document["why"] == "the root is gone; the \\x1b[31mtrigger\\n is stuck"
        told = text(lite, 1).splitlines()
    [number] = (number for number, line in enumerate(told) if "degraded" in line)
    assert told[number].split() == ["degraded", "the", "root", "is", "gone"]
    assert told[number + 1].strip() == "the \\x1b[31mtrigger\\n is stuck"


def test_the_words_say_all_of_it(lite: Workshop) -> None:
    now = datetime.now(UTC)
    with running(lite, {}) as played:
        played.tells(
            IMPORTING,
            since=now - timedelta(hours=2, minutes=5, seconds=5),
            pending=12,
            oldest_pending_s=75.0,
            unmatched=1,
            next_reconcile=now + timedelta(minutes=40, seconds=30),
            current=replace(IMPORT, attempt=2),
        )
        told = text(lite)
    assert "The service is importing; process 4711, running since " in told
    assert " UTC (2 h 5 min)" in told
    assert (
        "Full import (trigger, attempt 2): 41 %, 41 of 100 products, 7 copied, 30 skipped, 2 errors" in told
    )
    assert "2 errors, 1 min left\n" in told
    assert "12 products, the oldest for 1 min" in told
    assert "1 picture waits for its product" in told
    assert "inotify" in told
    assert " UTC, in 40 min" in told
    assert "degraded" not in told


def test_names_are_shown_with_nothing_that_a_terminal_obeys(lite: Workshop) -> None:
    current = replace(
        IMPORT, what="\x1b[2J\nwhat", trigger="\x07", session_id="\x1b", total=None, left_s=None
    )
    with running(lite, {}) as played:
        played.tells(IMPORTING, backend="\x1b]0;x", current=current)
        assert "\x1b" not in text(lite)
        document = status(lite, {})
    assert document["backend"] == "\\x1b]0;x"
    assert document["current"]["what"] == "\\x1b[2J\\nwhat"
    assert document["current"]["session_id"] == "\\x1b"
    assert document["current"]["percent"] is None


def test_a_path_that_is_no_text_can_be_told(lite: Workshop) -> None:
    with running(lite, {}) as played:
        played.tells(WATCHING, degraded=True, why=("\udcff.jpg",))
        assert status(lite, {}, 1)["why"] == "\\udcff.jpg"
        assert "\\udcff.jpg" in text(lite, 1)


def test_a_database_that_is_away_does_not_hide_the_service(lite: Workshop) -> None:
    with running(lite, {}) as played:
        played.tells(WATCHING)
        (lite.place / "onec-images.db").write_bytes(b"no database" * 1000)
        result = lite.run("status", "--json")
        assert (result.status, result.json["state"], result.json["sessions"]) == (0, "watching", [])
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("onec-images: the sessions cannot be read: ")
        told = lite.run("status")
        assert told.status == 0
        assert "The service is watching" in told.stdout


def test_a_server_that_is_away_does_not_hide_the_service(served: Workshop, runtime: Environment) -> None:
    served.configure("database", url="postgresql+psycopg://shop@127.0.0.1:1/shop")
    with running(served, runtime) as played:
        played.tells(WATCHING)
        result = served.run("status", "--json", environment=runtime)
        assert (result.status, result.json["state"], result.json["sessions"]) == (0, "watching", [])
        assert len(result.stderr.splitlines()) == 1


def test_where_nothing_has_been_made_it_is_stopped_and_nothing_is_made(bare: Workshop) -> None:
    before = sorted(bare.place.rglob("*"))
    result = bare.run("status", "--json")
    assert (result.status, result.json["state"]) == (1, "stopped")
    assert "Traceback" not in result.stderr
    assert sorted(bare.place.rglob("*")) == before


def test_a_state_that_cannot_be_understood_is_told_in_one_line(lite: Workshop) -> None:
    with running(lite, {}) as played:
        played.tells(WATCHING)
        [file] = lite.place.glob("*.state")
        file.write_bytes(b"{}")
        result = lite.run("status")
    assert result.status == 1
    assert result.stderr.startswith("onec-images: the state of the service in ")
    assert len(result.stderr.splitlines()) == 1


# following


class Follower:
    """A ``status --follow`` under way, whose output is read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def line(self) -> str:
        """Return the next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def stopped(self, number: signal.Signals) -> int:
        """Stop it and return the exit status."""
        self._process.send_signal(number)
        return self.ended()

    def goes(self) -> None:
        """Read no more."""
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ended(self) -> int:
        """Return the exit status."""
        return self._process.wait(30)


@contextmanager
def following(workshop: Workshop, *arguments: str) -> Iterator[Follower]:
    command = Command(
        ["--config", str(workshop.config_file), "status", "--follow", *arguments], workshop.place
    )
    with subprocess.Popen(
        [*program(), *command.arguments],
        env=command.whole_environment,
        cwd=workshop.place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Follower(process)
        finally:
            process.kill()


def test_each_change_is_a_line_and_a_service_that_is_gone_is_waited_for(lite: Workshop) -> None:
    with following(lite) as follower:
        assert follower.line()[21:] == "The service is not running\n"
        with running(lite, {}) as played:
            played.tells(WATCHING, pending=2)
            assert follower.line()[21:] == "Watching; 2 pending\n"
            played.tells(WATCHING, pending=2, oldest_pending_s=9.0, written_at=datetime.now(UTC))
            played.tells(IMPORTING, unmatched=1)
            assert follower.line()[21:].startswith("Full import (trigger): 41 %, 41 of 100 products, ")
            played.tells(WATCHING, degraded=True, why=("the root is gone",))
            assert follower.line()[21:] == "Watching; degraded: the root is gone\n"
            played.is_killed()
            assert follower.line()[21:] == "The service is not running\n"
        with running(lite, {}) as played:
            played.tells(WATCHING)
            assert follower.line()[21:] == "Watching\n"
        assert follower.line()[21:] == "The service is not running\n"
        assert follower.stopped(signal.SIGINT) == 130


def test_each_change_is_a_document_in_one_line(lite: Workshop) -> None:
    with following(lite, "--json") as follower:
        first = json.loads(follower.line())
        assert first.keys() == FIELDS
        assert (first["state"], first["sessions"]) == ("stopped", [])
        lite.products("12")
        lite.imported()
        with running(lite, {}) as played:
            played.tells(IMPORTING)
            document = json.loads(follower.line())
            assert (document["state"], document["current"]["percent"]) == ("importing", 41)
            assert len(document["sessions"]) == 1
            played.tells(IMPORTING, current=replace(IMPORT, left_s=80.0))
            played.tells(IMPORTING, current=replace(IMPORT, processed=50))
            assert json.loads(follower.line())["current"]["percent"] == 50
        assert json.loads(follower.line())["state"] == "stopped"
        assert follower.stopped(signal.SIGTERM) == 130


def test_a_reader_that_has_seen_enough_ends_it(lite: Workshop) -> None:
    with following(lite, "--json") as follower, running(lite, {}) as played:
        follower.line()
        follower.goes()
        played.tells(WATCHING)
        assert follower.ended() == 0


def test_on_a_terminal_there_is_a_bar_that_follows_and_goes_with_ctrl_c(lite: Workshop) -> None:
    ours, theirs = pty.openpty()
    command = Command(["--config", str(lite.config_file), "status", "--follow"], lite.place)
    with (
        running(lite, {}) as played,
        subprocess.Popen(
            [*program(), *command.arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=command.whole_environment | {"TERM": "xterm", "COLUMNS": "120"},
            cwd=lite.place,
        ) as process,
    ):
        os.close(theirs)
        played.tells(IMPORTING)
        told = read_until(ours, b"41/100")
        played.tells(IMPORTING, current=replace(IMPORT, processed=50))
        told += read_until(ours, b"50/100")
        played.tells(WATCHING)
        told += read_until(ours, b"is watching")
        played.is_killed()
        told += read_until(ours, b"not running")
        process.send_signal(signal.SIGINT)
        told += read_until(ours, None)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(ours)
    assert b"Full import (trigger)" in told
    assert told.endswith(b"\x1b[?25h")  # the cursor is back


def read_until(terminal: int, wanted: bytes | None) -> bytes:
    """Return what comes on a terminal until something wanted, or the end."""
    told = b""
    while wanted is None or wanted not in told:
        try:
            told += os.read(terminal, 65536)
        except OSError:  # the terminal's other end is closed
            assert wanted is None, told
            break
    return told
