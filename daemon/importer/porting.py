"""What a porter does all its life: it is given tasks, and answers what came of them.

It takes only what it needs: each module more is held as often as there are porters.
"""

import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from daemon.importer.delivery import Carrier
from daemon.packed import pack

#: What there is to do, as plain values; what comes of it is plain values too.
Task = Callable[[Carrier], object]

#: Bytes before each answer that say how many it has: whoever gave the task must know whether there is another one.
LENGTH = 4

#: What a terminal and a service manager send to all processes at once; whoever gives tasks ends us.
FOR_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Do the tasks that come by standard input, and answer on standard output, until whoever gives them has gone."""
    for number in FOR_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        carrier, sweeps = cast("tuple[Carrier, bool]", pickle.load(sys.stdin.buffer))  # noqa: S301  of our own parent
        if sweeps:
            carrier.sweep()
        while True:
            task = cast("Task", pickle.load(sys.stdin.buffer))  # noqa: S301
            answer = pack(task(carrier))
            carrier.trim()
            sys.stdout.buffer.write(len(answer).to_bytes(LENGTH) + answer)
            sys.stdout.buffer.flush()
