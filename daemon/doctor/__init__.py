"""The doctor: looks at everything an import needs, changes nothing, and names the remedy for what is amiss."""

from collections.abc import Iterator
from pathlib import Path

from daemon.config import Settings
from daemon.doctor import configuration, database, exchange, hooks, media, system, unit
from daemon.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]


def examine(settings: Settings, file: Path) -> Iterator[Finding]:
    """Given the settings and the file they were read from, yield what is found, as soon as it is.

    Nothing is written anywhere. What an operator can cause is a finding, never an exception.
    """
    yield from configuration.examine(settings, file)
    yield from exchange.examine(settings)
    yield from media.examine(settings)
    yield from database.examine(settings, file)
    yield from hooks.examine(settings, file)
    yield from unit.examine(settings, file)
    yield from system.examine(settings)
