"""What the service tells of itself, in words and as a state."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket

import pytest
from support.services import IMPORT, IMPORTING, MOMENT, WATCHING

from daemon import publication
from daemon.agenda import Agenda, Hint, Terms
from daemon.http.board import Board
from daemon.naming import PictureNames
from daemon.notify import Supervisor
from daemon.publication import Publisher
from daemon.service.bulletin import Bulletin, Report, sentence
from daemon.service.full_imports import FullImports
from daemon.service.notices import Notices
from daemon.service.troubles import Troubles
from daemon.state import State
from daemon.watcher.inbox import Inbox
from daemon.watcher.lookout import Lookout
from daemon.watcher.roots import Roots

UNHEARD = Inbox(PictureNames.from_patterns(["jpg"], []), 1, lambda: None)
TERMS = Terms(10, 60, 100, 60, 3600, 0)


@pytest.mark.parametrize(
    "state, words",
    [
        (WATCHING, "Watching (inotify)"),
        (replace(WATCHING, state="waiting"), "Waiting for an image root"),
        (replace(WATCHING, pending=2, unmatched=3), "Watching (inotify); 2 products pending; 3 products awaited"),
        (
            replace(WATCHING, degraded=True, why=("no disk", "no luck")),
            "Watching (inotify); degraded: no disk; no luck",
        ),
        (IMPORTING, "Full import (trigger): 41 of 100 products, 41 %, 0:01:30 left"),
        (replace(IMPORTING, current=replace(IMPORT, total=None, left_s=None)), "Full import (trigger): 41 products"),
    ],
)  # fmt: skip
def test_a_state_is_one_line(state: State, words: str) -> None:
    assert sentence(state) == words


class Imports(FullImports):
    """Full imports of which none has been done."""

    def __init__(self) -> None:
        self.last_completed = None


def report(agenda: Agenda, troubles: Troubles, clock: Callable[[], float]) -> Report:
    lookout = Lookout(Roots(Path("/"), ["proc"]), Path("/nowhere"), UNHEARD, polls=True)
    lookout.start(0)
    return Report(agenda, [], troubles, clock, lookout, Imports(), backend="inotify")


def test_what_waits_and_what_is_wrong_is_told() -> None:
    agenda, troubles = Agenda(TERMS, 0), Troubles()
    agenda.mark(Hint("7_a", ""), 2, 3)
    agenda.seek("8", [Hint("8_a", "")], 3)
    troubles.set("disk", "the disk is full")
    told = report(agenda, troubles, lambda: 5.04).state(MOMENT)
    assert (told.state, told.since) == ("watching", MOMENT)
    assert (told.pending, told.oldest_pending_s, told.unmatched) == (1, 3.0, 1)
    assert (told.degraded, told.why) == (True, ("the disk is full",))
    assert told.next_reconcile is None


def test_the_time_of_the_next_reconcile_is_told() -> None:
    agenda = Agenda(replace(TERMS, reconcile_interval=3600), 0)
    told = report(agenda, Troubles(), lambda: 600).state(MOMENT)
    assert told.next_reconcile is not None
    left = told.next_reconcile - datetime.now(UTC)
    assert timedelta(seconds=2998) < left < timedelta(seconds=3002)


@pytest.fixture
def manager(tmp_path: Path) -> socket:
    """Return where systemd would listen."""
    listening = socket(AF_UNIX, SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    listening.settimeout(5)
    return listening


def test_all_who_listen_are_told(tmp_path: Path, manager: socket) -> None:
    with manager, Publisher(tmp_path / "state") as publisher:
        supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"})
        bulletin = Bulletin(supervisor, publisher, Notices({}), MOMENT, Board())
        bulletin.waiting("standby", "Standing by: another one is at work")
        assert manager.recv(4096) == b"READY=1\nSTATUS=Standing by: another one is at work"
        waiting = publication.read(tmp_path / "state")
        assert waiting is not None
        assert (waiting.state, waiting.degraded) == ("standby", False)
        bulletin.tell(report(Agenda(TERMS, 0), Troubles(), lambda: 0))
        assert manager.recv(4096) == b"STATUS=Watching (inotify)"
        working = publication.read(tmp_path / "state")
        assert working is not None
        assert (working.state, working.since) == ("watching", MOMENT)
        bulletin.ready(report(Agenda(TERMS, 0), Troubles(), lambda: 0))
        assert manager.recv(4096) == b"READY=1\nSTATUS=Watching (inotify)"
        bulletin.ping()
        bulletin.ping()
        assert manager.recv(4096) == b"WATCHDOG=1"
        manager.settimeout(0)
        with pytest.raises(BlockingIOError):
            manager.recv(4096)


def test_that_nothing_happens_is_told_less_often_than_what_does(tmp_path: Path) -> None:
    agenda, troubles = Agenda(TERMS, 0), Troubles()
    asked: list[None] = []

    class Counted(Report):
        def state(self, since: datetime) -> State:
            asked.append(None)
            return super().state(since)

    lookout = Lookout(Roots(Path("/"), ["proc"]), Path("/nowhere"), UNHEARD, polls=True)
    lookout.start(0)
    told = Counted(agenda, [], troubles, lambda: 0, lookout, Imports(), backend="inotify")
    with Publisher(tmp_path / "state") as publisher:
        bulletin = Bulletin(Supervisor({}), publisher, Notices({}), MOMENT, Board())
        for _ in range(5):
            bulletin.tell(told)
        assert len(asked) == 1
        troubles.set("disk", "the disk is full")
        bulletin.tell(told)
        assert len(asked) == 2
        agenda.mark(Hint("7_a", ""), 0, 0)
        for _ in range(3):
            bulletin.tell(told)
        assert len(asked) == 5
