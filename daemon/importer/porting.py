"""What a porter does all its life: it is given tasks, and answers what came of them.

It takes only what it needs: each module more is held as often as there are porters.
"""

import gc
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from struct import Struct
from typing import cast

from daemon.importer.delivery import Carrier
from daemon.packed import pack

#: What there is to do, as plain values. What comes of it is plain values too, any number of answers.
Task = Callable[[Carrier], Iterator[object]]

#: What stands before each answer: how many bytes it has (0: there is none), and whether the task is done.
HEAD = Struct("!I?")

#: Objects made before cycles are looked for: a task makes many objects and few cycles.
_GARBAGE = 100_000

#: What a terminal and a service manager send to all processes at once; whoever gives tasks ends us.
FOR_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Do the tasks that come by standard input, and answer on standard output, until whoever gives them has gone."""
    for number in FOR_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    with suppress(EOFError, BrokenPipeError):
        carrier, sweeps = cast("tuple[Carrier, bool]", pickle.load(sys.stdin.buffer))  # noqa: S301  of our own parent
        if sweeps:
            carrier.sweep()
        while True:
            _do(cast("Task", pickle.load(sys.stdin.buffer)), carrier)  # noqa: S301


def _do(task: Task, carrier: Carrier) -> None:
    """Do a task, and answer what comes of it, if anything; that there is no more is told with the last answer."""
    data = b""
    for answer in task(carrier):
        if data:
            _tell(data, is_last=False)
        data = pack(answer)
    carrier.trim()
    _tell(data, is_last=True)


def _tell(data: bytes, *, is_last: bool) -> None:
    sys.stdout.buffer.write(HEAD.pack(len(data), is_last) + data)
    sys.stdout.buffer.flush()
