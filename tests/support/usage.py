"""What the processes of a program use of the machine: memory and processor time."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PSS = re.compile(rb"^Pss:\s*(\d+) kB$", re.MULTILINE)
_RSS = re.compile(rb"^Rss:\s*(\d+) kB$", re.MULTILINE)
_STACK = 25  # field 28 of proc_pid_stat(5), "startstack", counted from behind the name


@dataclass(frozen=True)
class Memory:
    """What the processes of a program take, in bytes; pages that several map are shared out (PSS) or not (RSS)."""

    pss: int
    rss: int


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started and that still run."""
    yield pid
    for child in _children(pid):
        yield from family(child)


def memory(pid: int) -> Memory:
    """Return what a process and those it has started take; nothing if they have ended."""
    pss = rss = 0
    for member in _with_memory_of_their_own(pid):
        with suppress(OSError):  # one that ends in this very moment
            text = Path(f"/proc/{member}/smaps_rollup").read_bytes()
            pss += _kilobytes(_PSS, text)
            rss += _kilobytes(_RSS, text)
    return Memory(pss, rss)


def cpu_time(pid: int) -> float:
    """Return the processor time that a process, its threads and those it started have used, in seconds."""
    nanoseconds = 0
    for member in family(pid):
        for thread in _threads(member):
            with suppress(OSError):
                nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def _with_memory_of_their_own(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started, except who has not begun its program yet.

    Between vfork and exec a process lives in its parent's memory, which would count twice.
    """
    yield pid
    for child in _children(pid):
        if _stack(child) != _stack(pid):
            yield from _with_memory_of_their_own(child)


def _stack(pid: int) -> bytes:
    """Return the address of a process's stack, which chance gives to each program; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[_STACK]
    except OSError:
        return b""


def _children(pid: int) -> Iterator[int]:
    for thread in _threads(pid):
        with suppress(OSError):
            yield from map(int, (thread / "children").read_text().split())


def _threads(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _kilobytes(pattern: re.Pattern[bytes], text: bytes) -> int:
    found = pattern.search(text)
    return int(found[1]) << 10 if found else 0
