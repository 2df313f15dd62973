"""Processes as they are timed: whole ones, with their start."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class FailedError(Exception):
    """A program that was to be measured failed; the message says what it said."""


@dataclass(frozen=True)
class Run:
    """How long a process took, with its start and everything it waited for, in seconds."""

    seconds: float
    cpu_seconds: float
    output: bytes = b""


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
