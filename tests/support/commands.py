"""The installed command, run as an operator runs it: a process with a status, two streams and signals."""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_PROJECT = Path(__file__).parents[2]
_WARM_PROCESS = Path(__file__).with_name("warm_process.py")
_UMASK = 0o022
_CAPBSET_DROP = 24  # of prctl(2)

#: The capabilities without which root may read and write no more than another user.
AS_ANY_USER = (1, 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_LONG_ENOUGH = 60.0  # seconds


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it said."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.stdout)

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of the session that was printed."""
        figures: dict[str, Any] = self.json["report_details"]
        return figures


class Running:
    """A command under way."""

    def __init__(self, pid: int, wait: Callable[[float], int], streams: tuple[IO[bytes], IO[bytes]]) -> None:
        self.pid = pid
        self.ended = False
        self._wait = wait
        self._streams = streams

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        assert not self.ended
        os.kill(self.pid, number)

    def has_ended(self) -> bool:
        """Return whether the command has ended, whether its end was waited for or not."""
        return has_ended(self.pid)

    def is_halted(self) -> bool:
        """Return whether the command waits for a SIGCONT."""
        return _state(self.pid) == "T"

    def said_so_far(self) -> str:
        """Return what is on standard error by now; the command goes on writing where it was."""
        descriptor = self._streams[1].fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode()

    def result(self, within: float = _LONG_ENOUGH) -> Result:
        """Wait for the end; raises TimeoutError."""
        status = self._wait(within)
        self.ended = True
        texts = []
        for stream in self._streams:
            stream.seek(0)
            texts.append(stream.read().decode())
            stream.close()
        return Result(status, *texts)

    def end(self) -> None:
        """Leave nothing behind, whatever state the command is in."""
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            self.result()


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, whether its end was waited for or not."""
    return _state(pid) in "ZX"


def _state(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "X"
    return status.partition("\nState:\t")[2][:1]


@dataclass(frozen=True)
class Command:
    """What is to be run, and in which surroundings."""

    arguments: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    umask: int = _UMASK
    halted: bool = False  #: before it has done anything, until a SIGCONT; where it is started warm

    @property
    def whole_environment(self) -> dict[str, str]:
        """The environment of the tests, with what the command is given besides."""
        path = os.pathsep.join(filter(None, [str(_PROJECT), os.environ.get("PYTHONPATH")]))
        return os.environ | {"PYTHONPATH": path, "TZ": "UTC"} | dict(self.environment)


def program() -> list[str]:
    """Return how the command is called: the script beside this Python, or else the package."""
    script = Path(sys.executable).with_name("onec-images")
    return [str(script)] if script.exists() else [sys.executable, "-m", "daemon"]


def start(command: Command, through: Sequence[str] = (), without: Sequence[int] = ()) -> Running:
    """Start a command as a process from nothing, `through` another program, `without` some of root's capabilities."""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - Running closes them
    process = subprocess.Popen(
        [*through, *program(), *command.arguments],
        cwd=command.directory,
        env=command.whole_environment,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        umask=command.umask,
        preexec_fn=_giver_up(without),  # noqa: PLW1509 - no other thread runs in the tests by then
    )

    def wait(within: float) -> int:
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{command.arguments} did not end within {within} s") from error

    return Running(process.pid, wait, (out, err))


def _giver_up(capabilities: Sequence[int]) -> Callable[[], None] | None:
    """Return what makes the next program of this process run without capabilities, even as root."""
    if not capabilities or os.geteuid():
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def give_up() -> None:
        for capability in capabilities:
            if libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")

    return give_up


class WarmStarter:
    """Starts commands out of a process that has the package loaded already: 40 ms instead of a second."""

    def __init__(self, address: str) -> None:
        self._address = address

    def start(self, command: Command) -> Running:
        """Start a command."""
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - Running closes them
        request = {
            "arguments": list(command.arguments),
            "environment": command.whole_environment,
            "directory": str(command.directory),
            "umask": command.umask,
            "halted": command.halted,
        }
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        socket.send_fds(connection, [json.dumps(request).encode()], [out.fileno(), err.fileno()])

        def wait(within: float) -> int:
            if not select.select([connection], [], [], within)[0]:
                raise TimeoutError(f"{command.arguments} did not end within {within} s")
            with connection:
                return _number(connection)

        return Running(_number(connection), wait, (out, err))


def _number(connection: socket.socket) -> int:
    """Read a line with a number and not a byte more."""
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(1) or b"\n"
    return int(line)


@contextmanager
def warm_starter() -> Iterator[WarmStarter]:
    """Load the package once, for the commands of a whole run of the tests."""
    with tempfile.TemporaryDirectory(prefix="onec-images-") as directory:
        address = f"{directory}/socket"
        with subprocess.Popen(
            [sys.executable, _WARM_PROCESS, address],
            env=Command((), Path()).whole_environment,
            stdin=subprocess.PIPE,  # closed at the end of this block, or by the kernel
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield WarmStarter(address)
            assert process.stdin is not None
            process.stdin.close()
