"""A service that is played: states, and a process that tells them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.commands import Command

from daemon.state import Current, State

_PROGRAM = Path(__file__).with_name("state_publisher.py")

MOMENT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
IMPORT = Current("Full import", 42, "images", "trigger", 1, 41, 100, 7, 30, 2, MOMENT, 90.0)
WATCHING = State("watching", 4711, MOMENT, 0, None, 0, False, (), "inotify", None, None, MOMENT)
IMPORTING = replace(WATCHING, state="importing", current=IMPORT)


class Service:
    """A process that tells states."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def tells(self, told: State, **changes: Any) -> None:
        """Have it tell a state, with some changes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(replace(told, **changes).as_json()) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "told\n"

    def is_killed(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()


@contextmanager
def service(file: Path) -> Iterator[Service]:
    """Have another process tell states in a file during the block, and end in order after it."""
    with subprocess.Popen(
        [sys.executable, _PROGRAM, file],
        env=Command((), Path()).whole_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Service(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
