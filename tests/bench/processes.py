"""Processes as they are measured: whole ones, by their time, their processor time and their memory."""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PSS = re.compile(rb"^Pss:\s*(\d+) kB$", re.MULTILINE)
_RSS = re.compile(rb"^Rss:\s*(\d+) kB$", re.MULTILINE)


class FailedError(Exception):
    """A program that was to be measured failed; the message says what it said."""


@dataclass(frozen=True)
class Run:
    """How long a process took, with its start and everything it waited for, in seconds."""

    seconds: float
    cpu_seconds: float
    output: bytes = b""


@dataclass(frozen=True)
class Memory:
    """What the processes of a program take, in bytes; pages that several map are shared out (PSS) or not (RSS)."""

    pss: int
    rss: int


def timed(arguments: Sequence[str | Path], place: Path, environment: Mapping[str, str] | None = None) -> Run:
    """Run a program in a directory and time it, after what was written there before has reached the disk.

    Raises FailedError.
    """
    subprocess.run(["sync", "-f", place], check=True)
    with open(place / "stderr", "w+b") as errors, open(place / "stdout", "w+b") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            arguments, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise FailedError(f"{arguments} ended with {process.returncode}: {errors.read().decode()}")
        output.seek(0)
        return Run(seconds, usage.ru_utime + usage.ru_stime, output.read())


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started and that still run."""
    yield pid
    for thread in _threads(pid):
        with contextlib.suppress(OSError):
            for child in (thread / "children").read_text().split():
                yield from family(int(child))


def memory(pid: int) -> Memory:
    """Return what a process and those it has started take; nothing if they have ended."""
    pss = rss = 0
    for member in family(pid):
        with contextlib.suppress(OSError):  # one that ends in this very moment
            text = Path(f"/proc/{member}/smaps_rollup").read_bytes()
            pss += _kilobytes(_PSS, text)
            rss += _kilobytes(_RSS, text)
    return Memory(pss, rss)


def cpu_time(pid: int) -> float:
    """Return the processor time that a process, its threads and those it started have used, in seconds."""
    nanoseconds = 0
    for member in family(pid):
        for thread in _threads(member):
            with contextlib.suppress(OSError):
                nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def _threads(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _kilobytes(pattern: re.Pattern[bytes], text: bytes) -> int:
    found = pattern.search(text)
    return int(found[1]) << 10 if found else 0
