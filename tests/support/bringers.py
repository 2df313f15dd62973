"""What stands for a store, in this process or in a porter."""

import os
import signal
from dataclasses import dataclass

from daemon.errors import MediaError
from daemon.exchange import Source
from daemon.media import Target
from daemon.naming import PictureNames
from daemon.storing import Outcome, Result


class Teller:
    """Stands for a store in which nothing is replaced."""

    def tell(self, _source: Source | None, _target: Target, _seen: os.stat_result) -> None:
        """Fail the test."""
        raise AssertionError


@dataclass(frozen=True)
class Failing(Teller):
    """Stands for a store whose media have room for some pictures, and no more."""

    room: int = -1  #: the number of the last picture that can be copied

    def bring(self, source: Source, _target: Target | None) -> Outcome:
        """Copy a picture, whose name begins with its number."""
        if int(source.name.partition("_")[0]) > self.room:
            raise MediaError("full")
        return Outcome(Result.COPIED)


@dataclass(frozen=True)
class Dying(Teller):
    """Stands for a store in a process that the kernel ends for want of memory."""

    def bring(self, _source: Source, _target: Target | None) -> Outcome:
        """End the process."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@dataclass(frozen=True)
class Interrupted(Teller):
    """Stands for a store in a process that gets the signals of whoever ordered the work."""

    def bring(self, _source: Source, _target: Target | None) -> Outcome:
        """Send the signals of a terminal and of a service manager, and go on."""
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
        return Outcome(Result.COPIED)


class DyingNames(PictureNames):
    """Stands for a rule that is applied in a process that the kernel ends for want of memory."""

    def stem(self, _name: str) -> str | None:
        """End the process."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError
