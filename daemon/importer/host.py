"""Who an import works for: what must not wait for its end, when it is to stop, how long it waits for the database."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class Patience(Protocol):
    """Runs work that speaks to the database, and may run it again when the database has come back."""

    def __call__(self, work: Callable[[], Result], /) -> Result:
        """Given work that can be repeated, return its result. Raises DatabaseUnavailableError."""


def at_once(work: Callable[[], Result]) -> Result:
    """Given work, do it now: a database that is away is not waited for."""
    return work()


@dataclass(frozen=True, slots=True)
class Host:
    """What an import asks of whoever runs it. By default it is alone, and nobody cares.

    should_stop: whether the import is to end now.
    attend: does what must not wait for the import's end, between two of its chunks; returns the seconds it took.
    is_waiting: whether there is something of the kind, so that the chunk is ended early.
    keeps: given the onec_id of a product whose row another transaction holds, and the directories of the image roots
        where its pictures lie, returns whether the host has it done later; it is an error of the import otherwise.
    patiently: what speaks to the database.
    """

    should_stop: Callable[[], bool] = lambda: False
    attend: Callable[[], float] = lambda: 0.0
    is_waiting: Callable[[], bool] = lambda: False
    keeps: Callable[[str, Collection[str]], bool] = lambda _onec_id, _directories: False
    patiently: Patience = at_once
