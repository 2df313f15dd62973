"""What porters are asked to do."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daemon.composition import Rules
from daemon.errors import ImportFailedError
from daemon.importer.delivery import Carrier, Delivery, Found
from daemon.importer.section import Portion
from daemon.importer.sieve import Sifted, sift


class Delivered(NamedTuple):
    """What became of the pictures of each key, None where all are current.

    error: that ended the deliveries early.
    """

    deliveries: Sequence[Delivery | None]
    error: ImportFailedError | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Deliver:
    """Deliver the pictures of some keys, each with the directory of the key's product images."""

    wanted: Sequence[tuple[str, Found]]

    def __call__(self, carrier: Carrier) -> Iterator[Delivered]:
        """Given who delivers, have it done, and yield what came of it."""
        deliveries: list[Delivery] = []
        error, began = None, time.monotonic()
        try:
            for directory, pictures in self.wanted:
                deliveries.append(Delivery(directory))
                carrier.deliver(pictures, deliveries[-1])
        except ImportFailedError as failed:
            error = failed
        told = [
            delivery if len(delivery.current) < len(found) else None
            for delivery, (_, found) in zip(deliveries, self.wanted, strict=error is None)
        ]
        yield Delivered(told, error, time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Sift:
    """Join a portion, and take out what needs nothing."""

    portion: Portion
    rules: Rules

    def __call__(self, carrier: Carrier) -> Iterator[Sifted]:
        """Given who can look at pictures, have it done, and yield what is left."""
        yield sift(self.portion, carrier, self.rules)
