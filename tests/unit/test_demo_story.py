"""What the demonstration says when the service does not do its part."""

from pathlib import Path

import pytest

from daemon.demo.exchange import Exchange
from daemon.demo.process import Process
from daemon.demo.sight import Sight
from daemon.demo.story import DemoFailedError, Story


class Blind(Sight):
    """Sees nothing happen."""

    def __init__(self) -> None:
        pass

    def has_started(self) -> bool:
        return False


class Idle(Process):
    """Is there, says one thing, and does nothing."""

    def __init__(self, log: Path) -> None:
        log.write_text("what it said\nwhat it has not said to the end")
        self.log = log
        self._told = 0

    @property
    def status(self) -> None:
        """It never ends."""
        return


class Notes:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    log = say

    def suggest(self, *command: str) -> None:
        self.lines.append(" ".join(command))

    type = suggest


def test_what_does_not_happen_in_time_fails_the_demonstration_and_shows_the_log(tmp_path: Path) -> None:
    """The log is shown once, as far as its lines are whole."""
    notes, log = Notes(), tmp_path / "daemon.log"
    exchange = Exchange((), tmp_path / "goods.xml", tmp_path)
    story = Story(exchange, tmp_path / "trigger", Blind(), Idle(log), notes, patience=0.1)
    with pytest.raises(DemoFailedError, match=rf"within 0.1 s that the service has started; .*{log}"):
        story.tell()
    assert notes.lines == ["what it said"]
