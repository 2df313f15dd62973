"""What an examination finds, and what is to be done about it."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import NamedTuple

from daemon.errors import OnecImagesError


class State(StrEnum):
    """How good or bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    remedy: the exact thing to do, empty where all is well. The texts may hold anything that a path can.
    """

    state: State
    subject: str
    message: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding as values that JSON knows."""
        return asdict(self)


class Problem(NamedTuple):
    """What is in the way, and what is to be done, while it is open how bad that is."""

    message: str
    remedy: str


def ok(subject: str, message: str) -> Finding:
    """Given a subject and what was found, return that all is well."""
    return Finding(State.OK, subject, message)


def warning(subject: str, message: str, remedy: str) -> Finding:
    """Given a subject, what was found and the remedy, return that things work, but not as they could."""
    return Finding(State.WARNING, subject, message, remedy)


def error(subject: str, message: str, remedy: str) -> Finding:
    """Given a subject, what was found and the remedy, return that things cannot work."""
    return Finding(State.ERROR, subject, message, remedy)


def guarded(subject: str, remedy: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Given a subject and its findings, yield them; an examination that itself fails is one error more."""
    try:
        yield from findings
    except (OSError, OnecImagesError) as failure:
        yield error(subject, str(failure), remedy)
