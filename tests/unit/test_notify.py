"""systemd is told what the service does, in messages that it accepts, and can never hold the service up."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.descriptors import none_left_open

from daemon.notify import Supervisor

LARGEST = 4096  # bytes; systemd drops a longer message


class Manager:
    """What listens at the socket that systemd names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1))

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a service."""
        return {"NOTIFY_SOCKET": self.name}

    def heard(self) -> list[list[str]]:
        """Return the lines of each message that has come."""
        messages: list[list[str]] = []
        while True:
            try:
                message = self.socket.recv(2 * LARGEST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return messages
            assert len(message) <= LARGEST
            assert b"\0" not in message
            messages.append(message.decode().split("\n"))


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A manager that listens, at each kind of socket."""
    listening = Manager(str(tmp_path / "notify") if request.param == "file" else f"@{uuid4()}")
    with listening.socket:
        yield listening


def filled(supervisor: Supervisor) -> None:
    """Tell more than a manager that does not listen takes."""
    for _ in range(10_000):
        supervisor.ping()


def test_a_start_and_a_stop_are_told_with_a_status(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ)
    supervisor.ready("waits for pictures")
    supervisor.stopping("ends the current file")
    assert manager.heard() == [
        ["READY=1", "STATUS=waits for pictures"],
        ["STOPPING=1", "STATUS=ends the current file"],
    ]


def test_a_ping_and_more_time_are_one_line_each(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ)
    supervisor.ping()
    supervisor.extend(2.5)
    assert manager.heard() == [["WATCHDOG=1"], ["EXTEND_TIMEOUT_USEC=2500000"]]


def test_a_reload_is_told_with_the_time_at_which_it_began(manager: Manager) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Supervisor(manager.environ).reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    [[state, moment]] = manager.heard()
    assert state == "RELOADING=1"
    name, _, number = moment.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(number) <= after


def test_a_status_is_told_once_until_it_changes(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ)
    supervisor.ready("one")
    for text in ("one", "two", "two", "one", "one"):
        supervisor.status(text)
        supervisor.ping()
    told = [message for message in manager.heard() if message != ["WATCHDOG=1"]]
    assert told == [["READY=1", "STATUS=one"], ["STATUS=two"], ["STATUS=one"]]


@pytest.mark.parametrize(
    "text, line",
    [
        ("a\nREADY=1", "a READY=1"),
        ("a\r\0\x1b[2J\u2028b", "a   [2J b"),
        ("\udcff.jpg \ud800", " .jpg  "),
        ("41 %, готово", "41 %, готово"),
    ],
)
def test_a_status_is_one_line_of_plain_text(manager: Manager, text: str, line: str) -> None:
    supervisor = Supervisor(manager.environ)
    supervisor.status(text)
    supervisor.status(text)
    assert manager.heard() == [[f"STATUS={line}"]]


@given(st.lists(st.characters() | st.sampled_from("\udcff\n\0")).map("".join))
def test_whatever_a_status_says_it_is_one_line(text: str) -> None:
    manager = Manager(f"@{uuid4()}")
    with manager.socket:
        Supervisor(manager.environ).ready(text)
        [[state, status]] = manager.heard()
        assert (state, status[:7]) == ("READY=1", "STATUS=")


def test_a_status_without_end_is_cut(manager: Manager) -> None:
    Supervisor(manager.environ).ready("🖼" * 100_000)
    [[_, status]] = manager.heard()
    assert status.startswith("STATUS=🖼🖼🖼")


@pytest.mark.parametrize(
    "name", ["", "relative", "vsock:2:1234", "/nowhere/notify", f"/{'x' * 200}", "@nobody"]
)
def test_where_nobody_listens_nothing_happens(name: str) -> None:
    with none_left_open():
        for environ in ({"NOTIFY_SOCKET": name}, {}):
            supervisor = Supervisor(environ)
            supervisor.ready("one")
            supervisor.status("two")
            supervisor.ping()
            supervisor.reloading()
            supervisor.extend(1)
            supervisor.stopping("three")


def test_a_busy_manager_is_not_waited_for(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ)
    began = time.monotonic()
    with none_left_open():
        filled(supervisor)
        supervisor.ready("one")
    assert time.monotonic() - began < 5
    assert ["READY=1", "STATUS=one"] not in manager.heard()


def test_a_state_that_a_busy_manager_missed_is_told_with_the_next_message(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ)
    filled(supervisor)
    supervisor.ready("one")
    manager.heard()
    supervisor.ping()
    supervisor.ping()
    assert manager.heard() == [["READY=1", "WATCHDOG=1"], ["WATCHDOG=1"]]


def test_a_status_that_a_busy_manager_missed_is_told_when_it_is_said_again(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ)
    filled(supervisor)
    supervisor.status("one")
    manager.heard()
    supervisor.status("one")
    assert manager.heard() == [["STATUS=one"]]


def test_a_manager_that_was_away_for_long_is_told_what_matters(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    supervisor = Supervisor({"NOTIFY_SOCKET": name})
    for _ in range(1000):
        supervisor.reloading()
        supervisor.ready("reloaded")
    manager = Manager(name)
    with manager.socket:
        supervisor.stopping("ends")
        [message] = manager.heard()
    assert [line for line in message if "USEC" not in line] == [
        "RELOADING=1",
        "READY=1",
        "STOPPING=1",
        "STATUS=ends",
    ]


def test_threads_may_tell_at_the_same_time(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ)
    with ThreadPoolExecutor(8) as threads:
        for number in range(500):
            threads.submit(supervisor.status, str(number))
            threads.submit(supervisor.ready, "ready")
    manager.heard()
    supervisor.ping()
    [message] = manager.heard()
    assert set(message) <= {"READY=1", "WATCHDOG=1"}


@pytest.mark.parametrize(
    "watchdog, seconds",
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "1"}, 0.0000005),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "me"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "1.5"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": str(2**64 - 1)}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_pings_are_due_at_half_of_the_watchdogs_time(watchdog: dict[str, str], seconds: float | None) -> None:
    assert Supervisor({"NOTIFY_SOCKET": "@somewhere", **watchdog}).ping_interval == seconds


def test_where_nobody_listens_no_ping_is_due() -> None:
    assert Supervisor({"WATCHDOG_USEC": "30000000"}).ping_interval is None
