"""What hooks are told: each session that has ended, and trouble when it comes, grows and has gone for good."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.services import MOMENT, WATCHING

from daemon.config import Settings
from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger, begun, ended
from daemon.service.notices import Notices
from daemon.state import State

Told = Callable[[], list[dict[str, Any]]]

DEGRADED = replace(WATCHING, degraded=True, why=("the disk is gone",))
WORSE = replace(WATCHING, degraded=True, why=("the disk is gone", "the database is away"))
STARTING = replace(WATCHING, state="starting")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """Notices whose hooks write down what they are told."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.clock = Clock()
        self.notices = Notices({"PATH": os.environ["PATH"]}, self.clock)
        self.follow("told")

    def follow(self, name: str) -> None:
        command = ["sh", "-c", f"cat >> {self.place / name}; echo , >> {self.place / name}"]
        settings = {"hooks": {"on_session_end": command, "on_degraded": command}}
        self.notices.follow(Settings.model_validate(settings).anchored(self.place))

    def sees(self, *states: State) -> None:
        for state in states:
            self.notices.state(state)

    def told(self, name: str = "told") -> list[Any]:
        with capture_logs():
            self.notices.close(10)
        file = self.place / name
        told: list[Any] = json.loads(f"[{file.read_text().rstrip().rstrip(',')}]") if file.exists() else []
        return told


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def session(row: int | None = 42) -> SessionRecord:
    return replace(begun(ImportType.IMAGES, Trigger.WATCH, {"copied": 1}), id=row, started_at=MOMENT)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_a_session_that_has_ended_is_told_as_the_command_session_has_it(
    watched: Watched, status: Status
) -> None:
    record = ended(session(), status, {"copied": 2}, "диск полон")
    watched.notices.session_ended(record)
    assert watched.told() == [record.as_json()]


def test_a_session_that_goes_on_is_not_told(watched: Watched) -> None:
    watched.notices.session_ended(session())
    assert watched.told() == []


def test_a_session_without_a_row_is_not_told(watched: Watched) -> None:
    watched.notices.session_ended(ended(session(None), Status.COMPLETED, {}))
    assert watched.told() == []


def test_trouble_is_told_once_with_its_reasons_and_where_it_is(watched: Watched) -> None:
    watched.sees(WATCHING, DEGRADED, DEGRADED)
    [told] = watched.told()
    assert told == {
        "degraded": True,
        "why": ["the disk is gone"],
        "host": os.uname().nodename,
        "exchange": os.path.realpath(watched.place / "data/import_1c"),
    }


def test_more_trouble_is_told_and_less_is_not(watched: Watched) -> None:
    watched.sees(DEGRADED, WORSE, DEGRADED)
    assert [told["why"] for told in watched.told()] == [list(DEGRADED.why), list(WORSE.why)]


def test_another_wording_of_the_same_trouble_is_no_news(watched: Watched) -> None:
    watched.sees(DEGRADED, replace(DEGRADED, why=("the disk is still gone",)))
    assert len(watched.told()) == 1


def test_the_end_of_trouble_is_told_when_it_has_lasted(watched: Watched) -> None:
    watched.sees(DEGRADED, WATCHING)
    watched.clock.now += 1.9
    watched.sees(WATCHING)
    watched.clock.now += 0.2
    watched.sees(WATCHING, WATCHING)
    assert [(told["degraded"], told["why"]) for told in watched.told()] == [
        (True, [*DEGRADED.why]),
        (False, []),
    ]


def test_trouble_that_comes_and_goes_is_one_trouble(watched: Watched) -> None:
    for _ in range(5):
        watched.sees(DEGRADED, WATCHING)
        watched.clock.now += 1
    assert len(watched.told()) == 1


def test_trouble_that_comes_back_after_its_end_is_told_again(watched: Watched) -> None:
    for _ in range(2):
        watched.sees(DEGRADED, WATCHING)
        watched.clock.now += 3
        watched.sees(WATCHING)
    assert [told["degraded"] for told in watched.told()] == [True, False] * 2


def test_a_service_that_starts_anew_says_nothing_of_its_trouble(watched: Watched) -> None:
    watched.sees(DEGRADED, STARTING)
    watched.clock.now += 3
    watched.sees(STARTING, DEGRADED)
    assert len(watched.told()) == 1


def test_a_new_configuration_has_its_own_hooks(watched: Watched) -> None:
    watched.sees(DEGRADED)
    watched.follow("other")
    watched.notices.session_ended(ended(session(), Status.COMPLETED, {}))
    assert [told["degraded"] for told in watched.told()] == [True]
    assert [told["id"] for told in watched.told("other")] == [42]


def test_no_hooks_are_the_default(tmp_path: Path) -> None:
    notices = Notices({})
    notices.state(DEGRADED)
    notices.follow(Settings().anchored(tmp_path))
    notices.session_ended(ended(session(), Status.COMPLETED, {}))
    notices.close(0)
