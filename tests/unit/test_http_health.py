import time

import pytest
from support.snapshots import snapshot, state

from daemon.http.health import LONGEST_SILENCE, ailments


@pytest.mark.parametrize("name", ["watching", "importing", "waiting", "standby"])
def test_a_service_that_works_or_waits_for_its_turn_is_well(name: str) -> None:
    assert ailments(snapshot(state=state(state=name)), time.monotonic()) == ()


def test_a_degraded_service_tells_all_its_reasons() -> None:
    told = snapshot(state=state(degraded=True, why=("the disk is full", "events may be missed")))
    assert ailments(told, time.monotonic()) == ("the disk is full", "events may be missed")


def test_a_degraded_service_without_a_reason_is_unwell_all_the_same() -> None:
    assert ailments(snapshot(state=state(degraded=True)), time.monotonic()) == ("the service is degraded",)


def test_a_service_that_has_told_nothing_yet_is_starting() -> None:
    assert ailments(snapshot(state=None), time.monotonic()) == ("the service is starting",)


def test_a_service_that_falls_silent_is_taken_for_hung() -> None:
    told = snapshot(told_at=1000.0)
    assert ailments(told, 1000.0 + LONGEST_SILENCE) == ()
    assert ailments(told, 1001.0 + LONGEST_SILENCE) == ("the service has told nothing for 301 s",)
