"""One command as a process: what it is given, how long it may take, and what is left of it: nothing."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.daemon_process import eventually, is_alive

from daemon.hooks import process
from daemon.hooks.process import Outcome

_ENVIRON = {"PATH": os.environ["PATH"]}
_LONG = 30.0  # seconds; no command here takes as long by itself
_SHORT = 0.5  # seconds


def ran(*command: str, document: bytes = b"", seconds: float = _LONG) -> Outcome:
    last = time.monotonic() + seconds
    return process.run(command, document, _ENVIRON, lambda: last)


def python(program: str) -> Sequence[str]:
    return (sys.executable, "-c", program)


@pytest.fixture
def _blocked_signals() -> Iterator[None]:
    """Block signals as the service does in all its threads."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, former)


def test_a_command_is_given_its_words_as_they_are_and_the_document() -> None:
    outcome = ran("sh", "-c", 'echo "$1"; cat', "sh", "$HOME; *", document=b'{"a": 1}')
    assert (outcome.status, outcome.is_cut_off, outcome.said) == (0, False, '$HOME; *\n{"a": 1}')


def test_a_document_that_nobody_reads_is_no_trouble() -> None:
    assert ran("true", document=b"x" * 1_000_000).status == 0


def test_the_status_of_a_command_that_fails_is_told_with_what_it_said() -> None:
    outcome = ran("sh", "-c", "echo no route >&2; exit 7")
    assert (outcome.status, outcome.said) == (7, "no route")


def test_a_signal_that_ends_a_command_is_a_negative_status() -> None:
    assert ran("sh", "-c", "kill -9 $$").status == -9


def test_a_command_has_only_the_environment_that_it_is_given() -> None:
    outcome = process.run(("env",), b"", _ENVIRON | {"A": "b"}, lambda: time.monotonic() + _LONG)
    assert {"A=b", f"PATH={_ENVIRON['PATH']}"} >= set(outcome.said.splitlines()) - {""}


@pytest.mark.usefixtures("_blocked_signals")
def test_no_signal_is_kept_from_a_command_or_ignored_by_it() -> None:
    lines = ran("grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status").said.splitlines()
    mine = (1 << 31) - 1  # the next two are the C library's own
    assert [int(line.split()[1], 16) & mine for line in lines] == [0, 0]


def test_a_command_inherits_no_files(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        outcome = ran(*python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"))
    assert outcome.said == "[0, 1, 2, 3]"  # the last is that of the listing


@pytest.mark.usefixtures("_blocked_signals")
def test_a_command_that_hangs_is_ended_in_order() -> None:
    outcome = ran("sh", "-c", "trap 'echo ending; exit 3' TERM; echo here; sleep 60 & wait", seconds=_SHORT)
    assert (outcome.is_cut_off, outcome.status, outcome.said) == (True, 3, "here\nending")
    assert _SHORT <= outcome.seconds < _SHORT + 5


def test_a_command_that_does_not_want_to_end_is_killed() -> None:
    outcome = ran("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", seconds=_SHORT)
    assert (outcome.is_cut_off, outcome.status) == (True, -9)


def test_children_of_a_command_that_hangs_end_with_it() -> None:
    outcome = ran("sh", "-c", "sleep 61 & echo $!; wait", seconds=_SHORT)
    child = int(outcome.said)
    eventually(lambda: not is_alive(child))


def test_children_that_a_command_leaves_behind_are_not_waited_for_and_end_with_it() -> None:
    outcome = ran("sh", "-c", "sleep 62 & echo $!")
    assert (outcome.status, outcome.is_cut_off) == (0, False)
    assert outcome.seconds < 10
    eventually(lambda: not is_alive(int(outcome.said)))


def test_a_child_that_gets_away_with_the_output_is_not_waited_for() -> None:
    outcome = ran("sh", "-c", "setsid sleep 3 & echo away")
    assert (outcome.status, outcome.said) == (0, "away")
    assert outcome.seconds < 3


def test_a_flood_is_cut_and_does_not_grow_in_memory() -> None:
    outcome = ran("sh", "-c", "yes потоп; exit 4")
    assert outcome.status == 4  # after `yes` has found that nobody listens
    assert len(outcome.said) == 1_000
    assert outcome.said.startswith("потоп\nпотоп")


def test_bytes_that_are_no_text_are_shown_somehow() -> None:
    assert ran("printf", r"\377x").said == "\ufffdx"


@pytest.mark.parametrize(
    "program, kind", [("no-such-program", FileNotFoundError), ("/etc/passwd", PermissionError)]
)
def test_a_command_that_cannot_be_run_is_an_error(program: str, kind: type[OSError]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(kind):
        ran(program)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_script_without_its_interpreter_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "hook"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(OSError, match="No such file"):
        ran(str(script))


def test_nothing_is_left_of_many_commands() -> None:
    before = len(os.listdir("/proc/self/fd")), children()
    for _ in range(20):
        ran("true")
    assert (len(os.listdir("/proc/self/fd")), children()) == before


def children() -> set[str]:
    """Return the processes that this one has started, those included that nobody has waited for."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


def test_time_that_becomes_short_is_noticed() -> None:
    until = [time.monotonic() + _LONG]
    shortening = threading.Timer(_SHORT, until.__setitem__, (0, 0.0))
    shortening.start()
    outcome = process.run(("sleep", "60"), b"", _ENVIRON, lambda: until[0])
    shortening.join()
    assert outcome.is_cut_off
    assert outcome.seconds < 10
