"""A hook: one command after the other, a bounded line, and entries in the log that say what came of it."""

import json
import os
import time
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.daemon_process import eventually

from daemon.hooks.hook import Hook, surroundings

_ENVIRON = {"PATH": os.environ["PATH"]}


def told(*command: str, document: dict[str, Any] | None = None, seconds: float = 10, **terms: Any) -> Any:
    """Have a command told, and return the entries of the log."""
    with capture_logs() as entries:
        hook = Hook("on_session_end", _ENVIRON, **terms)
        hook.tell(command, document or {})
        hook.hurry(seconds)
        hook.close()
    return entries


def test_secrets_and_the_supervisor_are_for_the_daemon_alone() -> None:
    ours = {
        "CREDENTIALS_DIRECTORY": "/run/credentials",
        "ONEC_IMAGES_DATABASE__URL": "postgresql+psycopg://a:b@/c",
        "onec_images_database__url": "postgresql+psycopg://a:b@/c",
        "PGPASSWORD": "b",
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "1",
        "WATCHDOG_PID": "1",
        "JOURNAL_STREAM": "1:2",
    }
    theirs = {"PATH": "/bin", "HOME": "/", "ONEC_IMAGES_CONFIG": "/etc/onec-images/config.toml"}
    assert surroundings(ours | theirs) == theirs


def test_the_document_is_json_that_people_can_read(tmp_path: Path) -> None:
    file = tmp_path / "told"
    told("tee", str(file), document={"error_message": "диск полон \ud800"})
    assert json.loads(file.read_text()) == {"error_message": "диск полон \ud800"}
    assert file.read_text().startswith('{\n  "error_message": "диск')


def test_a_hook_that_was_told_has_an_entry_with_what_it_said() -> None:
    [entry] = told("echo", "thanks")
    assert (entry["event"], entry["log_level"]) == ("hook_told", "info")
    assert entry["message"] == "[hooks] on_session_end: echo was told: thanks"
    assert (entry["hook"], entry["status"], entry["said"]) == ("on_session_end", 0, "thanks")


def test_a_hook_that_fails_is_a_warning_with_its_status_and_what_it_said() -> None:
    [entry] = told("sh", "-c", "echo no route; exit 7")
    assert (entry["event"], entry["log_level"], entry["status"]) == ("hook_failed", "warning", 7)
    assert entry["message"] == "[hooks] on_session_end: sh ended with status 7: no route"


def test_a_hook_that_dies_is_a_warning_with_the_signal() -> None:
    [entry] = told("sh", "-c", "kill -9 $$")
    assert entry["message"] == "[hooks] on_session_end: sh was ended by signal 9"


def test_a_hook_that_hangs_is_ended() -> None:
    [entry] = told("sleep", "60", longest=0.3)
    assert entry["message"].startswith("[hooks] on_session_end: sleep was ended after 0.")


@pytest.mark.parametrize(
    "program, reason",
    [("/no/such/program", "No such file or directory"), ("/etc/passwd", "Permission denied")],
)
def test_a_hook_that_cannot_be_run_is_a_warning_with_the_reason(program: str, reason: str) -> None:
    [entry] = told(program)
    assert entry["log_level"] == "warning"
    assert entry["message"] == f"[hooks] on_session_end: {program} cannot be run: {reason}"


def test_no_command_is_nobody_to_tell() -> None:
    assert told() == []


def test_everything_is_told_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "told"
    with capture_logs():
        hook = Hook("on_session_end", _ENVIRON)
        for number in range(20):
            hook.tell(("sh", "-c", f"cat >> {file}"), {"number": number})
        hook.hurry(30)
        hook.close()
    numbers = [json.loads(each + "}")["number"] for each in file.read_text().split("}\n")[:-1]]
    assert numbers == list(range(20))


def test_what_is_too_much_is_dropped_with_one_entry_and_holds_nobody_up() -> None:
    with capture_logs() as entries:
        hook = Hook("on_session_end", _ENVIRON, most=3)
        began = time.monotonic()
        for _ in range(50):
            hook.tell(("sleep", "60"), {})
        assert time.monotonic() - began < 1
        hook.hurry(0)
        hook.close()
    [entry] = [entry for entry in entries if entry["event"] == "hook_dropped"]
    assert entry["message"] == "[hooks] on_session_end: 3 events wait for it already; more are dropped"


def test_dropping_is_told_anew_after_there_was_room(tmp_path: Path) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    waiting = ("sh", "-c", f"touch {begun}; until test -e {gate}; do sleep 0.05; done; rm -f {begun}")
    with capture_logs() as entries:
        hook = Hook("on_session_end", _ENVIRON, most=1)
        for turn in (1, 2):
            gate.unlink(missing_ok=True)
            hook.tell(waiting, {})
            eventually(begun.exists)
            for _ in range(3):
                hook.tell(("true",), {})
            gate.touch()
            eventually(lambda told=2 * turn: events(entries).count("hook_told") == told)  # type: ignore[misc]
        hook.hurry(10)
        hook.close()
    assert events(entries).count("hook_dropped") == 2


def events(entries: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [entry["event"] for entry in entries]


def test_an_end_gives_what_waits_a_little_time_and_ends_what_hangs() -> None:
    with capture_logs() as entries:
        hook = Hook("on_session_end", _ENVIRON)
        hook.tell(("echo", "done"), {})
        hook.tell(("sleep", "60"), {})
        hook.tell(("echo", "too late"), {})
        began = time.monotonic()
        hook.hurry(0.5)
        hook.close()
        assert time.monotonic() - began < 3
    assert events(entries) == ["hook_told", "hook_failed"]


def test_a_hook_that_was_never_told_anything_has_no_thread_to_end() -> None:
    hook = Hook("on_session_end", _ENVIRON)
    hook.hurry(10)
    began = time.monotonic()
    hook.close()
    assert time.monotonic() - began < 1
