"""Commands at a terminal."""

import os
import pty
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.commands import Command, program


@dataclass(frozen=True)
class Shown:
    """What was seen of a command: at the terminal, and on a standard output that led elsewhere."""

    status: int
    terminal: str
    stdout: str


def shown(
    arguments: Sequence[str], directory: Path, *, stdout_too: bool = False, **environment: Any
) -> Shown:
    """Run a command whose standard error, and maybe standard output, is a terminal, and return what it shows."""
    ours, theirs = pty.openpty()
    command = Command(arguments, directory)
    with subprocess.Popen(
        [*program(), *command.arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout_too else subprocess.PIPE,
        stderr=theirs,
        env=command.whole_environment | {"TERM": "xterm", "COLUMNS": "100"} | environment,
        cwd=directory,
    ) as process:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 65536):
                told += part
        except OSError:  # the terminal's other end is closed
            pass
        elsewhere = process.stdout.read() if process.stdout else b""
    os.close(ours)
    return Shown(process.returncode, told.decode(), elsewhere.decode())
