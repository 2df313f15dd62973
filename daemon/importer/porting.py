"""What a porter does all its life: it is given orders, and answers what became of them.

It takes only what it needs: each module more is held as often as there are porters.
"""

import pickle
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier, Delivery, Found

#: Pictures of some keys, each with the directory of the key's product images.
Order = Sequence[tuple[str, Found]]

#: What became of the pictures of each key, None where all are current; the error that ended the order early; seconds.
Answer = tuple[Sequence[Delivery | None], ImportFailedError | None, float]

#: Bytes before each answer that say how many it has: whoever orders must know whether there is another one.
LENGTH = 4

#: What a terminal and a service manager send to all processes at once; whoever orders ends us.
FOR_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Deliver what standard input orders, and answer on standard output, until whoever orders has gone."""
    for number in FOR_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        carrier, sweeps = cast("tuple[Carrier, bool]", pickle.load(sys.stdin.buffer))  # noqa: S301  of our own parent
        if sweeps:
            carrier.sweep()
        while True:
            answer = pickle.dumps(_answer(carrier, pickle.load(sys.stdin.buffer)), pickle.HIGHEST_PROTOCOL)  # noqa: S301
            sys.stdout.buffer.write(len(answer).to_bytes(LENGTH) + answer)
            sys.stdout.buffer.flush()


def _answer(carrier: Carrier, order: Order) -> Answer:
    deliveries: list[Delivery] = []
    error, began = None, time.monotonic()
    try:
        for directory, pictures in order:
            deliveries.append(Delivery(directory))
            carrier.deliver(pictures, deliveries[-1])
    except ImportFailedError as failed:
        error = failed
    carrier.trim()
    told = [
        delivery if len(delivery.current) < len(found) else None
        for delivery, (_, found) in zip(deliveries, order, strict=error is None)
    ]
    return told, error, time.monotonic() - began
