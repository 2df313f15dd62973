"""Signals are heard whatever the main thread does, and a process that was asked to end does end."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commands import Command

_PROGRAM = """
import sys, threading, time
from daemon.service.signals import Signals

signals = Signals(grace=float(sys.argv[1]))
woken = threading.Event()
signals.wake_by(woken.set)
print("ready", flush=True)
while not signals.stop:
    woken.wait()
    woken.clear()
    if signals.reload:
        signals.reload = False
        print("reload", flush=True)
if sys.argv[2] == "hangs":
    threading.Event().wait()
signals.ended()
print("stop", flush=True)
time.sleep(float(sys.argv[1]) * 2)
sys.exit(3)
"""


@contextmanager
def program(grace: float, *, hangs: bool = False) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(grace), "hangs" if hangs else "ends"],
        env=Command((), Path()).whole_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert next_line(process) == "ready"
        try:
            yield process
        finally:
            process.kill()


def next_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_sighup_asks_for_a_reload_each_time() -> None:
    with program(5) as process:
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
            assert next_line(process) == "reload"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_sigint_ask_for_an_end(number: signal.Signals) -> None:
    with program(5) as process:
        process.send_signal(number)
        assert next_line(process) == "stop"


def test_a_process_that_has_ended_in_order_is_not_cut_off() -> None:
    with program(0.2) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 3


def test_a_process_that_does_not_end_is_cut_off() -> None:
    with program(0.2, hangs=True) as process:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - began >= 0.2
        assert process.stderr is not None
        assert "cut off" in process.stderr.read() + (process.stdout.read() if process.stdout else "")


def test_signals_that_come_after_the_one_that_ends_change_nothing() -> None:
    with program(0.3) as process:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            process.send_signal(number)
        assert process.wait(10) == 3
