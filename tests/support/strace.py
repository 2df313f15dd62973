"""A process under strace: what it asks of the kernel, in order, and its death just before it asks for the n-th time."""

import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from support.commands import has_ended

_LONG_ENOUGH = 30.0  # seconds
_PATIENCE = 5.0  # seconds
_POLL = 0.002  # seconds
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_END = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED = " <unfinished ...>"
_LONGEST_TEXT = "9000"  # bytes of what is written that are shown: two pages of a database

#: Whatever changes what another process, or this one after its death, can find.
EFFECTS = (
    *("openat", "mkdir", "mkdirat"),  # of the former only what makes files
    *("write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile", "ftruncate", "fallocate"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("unlink", "unlinkat", "rmdir"),
    *("fsync", "fdatasync", "syncfs", "sync_file_range", "msync"),
    *("fchmod", "chmod", "fchmodat", "utimensat", "flock"),
    *("sendto", "sendmsg"),
)


@dataclass(frozen=True)
class Call:
    """A call of the kernel: by which thread, what, and with which arguments, its result behind them."""

    thread: int
    name: str
    text: str
    begun: int  #: the line of the log in which it began
    ended: int  #: and in which it ended

    @property
    def is_effect(self) -> bool:
        """Whether it changes anything, as far as its name and flags tell."""
        return self.name != "openat" or "O_CREAT" in self.text


@dataclass(frozen=True)
class Moment:
    """Just before some thread makes one of these calls for the n-th time."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} #{self.number}"


def obstacle() -> str | None:
    """Return why processes cannot be traced here, None if they can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"processes cannot be traced: {tried.stderr.strip()}" if tried.returncode else None


@contextmanager
def traced(pid: int, log: Path) -> Iterator[None]:
    """Write down the effects of a process during the block, or to its end if that comes first."""
    with _attached(pid, "-y", "-s", _LONGEST_TEXT, "-o", str(log), "-e", f"trace={','.join(EFFECTS)}"):
        yield


@contextmanager
def doomed(pid: int, moment: Moment) -> Iterator[None]:
    """Kill a process at a moment, counted from the beginning of the block, if that comes during the block."""
    with tampered(pid, moment.call, f"signal=KILL:when={moment.number}"):
        yield


@contextmanager
def tampered(pid: int, names: str, how: str) -> Iterator[None]:
    """Have calls of these names by a process, as strace knows them, go another way during the block."""
    trace, inject = f"trace={names}", f"inject={names}:{how}"
    with _attached(pid, "-o", os.devnull, "-e", trace, "-e", inject):
        yield


@contextmanager
def _attached(pid: int, *options: str) -> Iterator[None]:
    command = ["strace", "-f", "-qq", *options, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
        try:
            _wait_until_attached(pid, strace)
            yield
        finally:
            _end(strace, pid)


def _wait_until_attached(pid: int, strace: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _LONG_ENOUGH
    while not _is_traced(pid):
        if strace.poll() is not None or time.monotonic() > until:
            assert strace.stderr is not None
            strace.kill()
            raise RuntimeError(f"strace did not attach: {strace.stderr.read().decode()}")
        time.sleep(_POLL)


def _end(strace: "subprocess.Popen[bytes]", pid: int) -> None:
    """Have strace let go of a process; of one that dies it has to see the end by itself, or it waits for ever."""
    if not has_ended(pid):
        strace.terminate()
    try:
        strace.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        strace.kill()


def _is_traced(pid: int) -> bool:
    """Return whether every thread of a process is traced."""
    statuses = []
    for file in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(OSError):
            statuses.append(file.read_text())
    return bool(statuses) and not any("\nTracerPid:\t0\n" in status for status in statuses)


def calls(log: Path) -> list[Call]:
    """Return what a log tells, in the order in which the calls were begun."""
    found: list[Call] = []
    open_calls: dict[str, int] = {}
    for number, line in enumerate(log.read_text(errors="replace").splitlines()):
        if match := _CALL.match(line):
            if line.endswith(_UNFINISHED):
                open_calls[match[1]] = len(found)
            text = match[3].removesuffix(_UNFINISHED)
            found.append(Call(int(match[1]), match[2], text, number, number))
        elif (match := _END.match(line)) and match[1] in open_calls:
            at = open_calls.pop(match[1])
            found[at] = replace(found[at], text=found[at].text + match[3], ended=number)
    return found


def moments(made: Sequence[Call]) -> list[Moment]:
    """Return every moment before an effect, in the order in which they came."""
    counted: Counter[tuple[int, str]] = Counter()
    found: dict[Moment, None] = {}
    for call in made:
        counted[call.thread, call.name] += 1
        if call.is_effect:
            found[Moment(call.name, counted[call.thread, call.name])] = None
    return list(found)
