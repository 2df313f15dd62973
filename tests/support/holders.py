"""Other processes that hold the lock."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.commands import Command

_PROGRAM = Path(__file__).with_name("lock_holder.py")


@contextmanager
def holder(url: str, exchange: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have another process hold the lock of a database and an exchange directory during the block."""
    with subprocess.Popen(
        [sys.executable, _PROGRAM, url, exchange],
        env=Command((), Path()).whole_environment,
        stdin=subprocess.PIPE,  # closed at the end of the block, or by the kernel
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()
