"""What a porter does all its life: it is given orders, and answers what became of them.

It takes only what it needs: each module more is held as often as there are porters.
"""

import pickle
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier, Delivery, Found

#: Pictures of some keys, each with the directory of the key's product images.
Order = Sequence[tuple[str, Found]]

#: What became of the pictures of each key, None where all are current; and the error that ended the order early.
Answer = tuple[Sequence[Delivery | None], ImportFailedError | None]

#: What a terminal and a service manager send to all processes at once; whoever orders ends us.
FOR_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Deliver what standard input orders, and answer on standard output, until whoever orders has gone."""
    for number in FOR_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        carrier: Carrier = pickle.load(sys.stdin.buffer)  # noqa: S301  of our own parent
        while True:
            answer = _answer(carrier, pickle.load(sys.stdin.buffer))  # noqa: S301
            pickle.dump(answer, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
            sys.stdout.buffer.flush()


def _answer(carrier: Carrier, order: Order) -> Answer:
    deliveries: list[Delivery] = []
    try:
        for directory, pictures in order:
            deliveries.append(Delivery(directory))
            carrier.deliver(pictures, deliveries[-1])
    except ImportFailedError as error:
        return deliveries, error
    finally:
        carrier.trim()
    told = zip(deliveries, order, strict=True)
    return [delivery if len(delivery.current) < len(found) else None for delivery, (_, found) in told], None
