"""What every command is given: the configuration, read when it is first asked for, and the log set up by it."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.config import Settings


@dataclass
class Context:
    """Where this invocation finds its configuration."""

    explicit: Path | None
    environ: Mapping[str, str]
    directory: Path

    @cached_property
    def file(self) -> Path:
        """The configuration file. Raises ConfigurationError."""
        from daemon import config

        return config.find_file(self.explicit, self.environ, self.directory)

    @cached_property
    def settings(self) -> "Settings":
        """The settings; the log follows them from here on. Raises ConfigurationError."""
        from daemon import config, log

        settings = config.load(self.file, self.environ)
        log.configure(settings.log.level, settings.log.format)
        return settings


class Stop:
    """Whether the process was asked to stop."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        """Return whether a stop was asked for."""
        return self.requested

    def request(self, _signal: int, _frame: FrameType | None) -> None:
        """Ask for a stop, which comes within a second or two; asking again does not make it less orderly."""
        self.requested = True


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Yield whether SIGINT or SIGTERM asked for a stop, and put the former handlers back."""
    stop = Stop()
    former = {number: signal.signal(number, stop.request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
