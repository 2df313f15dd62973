"""A trigger is claimed when it is complete, and answered whatever is in the way for a while."""

import json
import shutil
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.rights import as_owner

from daemon.service.desk import Desk
from daemon.service.troubles import Troubles
from daemon.triggers.order import Order
from daemon.triggers.spot import TriggerSpot, result_path, running_path

ANSWER = {"status": "completed"}
ONE = Order(onec_ids=frozenset({"7"}))


class Counter:
    """A desk, its place, and the time there."""

    def __init__(self, directory: Path) -> None:
        self.trigger = directory / "go"
        self.running = running_path(self.trigger)
        self.result = result_path(self.trigger)
        self.now = 1000.0
        self.troubles = Troubles()
        self.desk = Desk(TriggerSpot(self.trigger, 0o644), self.troubles, lambda: self.now)

    def after(self, seconds: float, *, is_open: bool = False) -> Order | None:
        """Look after a while."""
        self.now += seconds
        return self.desk.look(self.now, is_open=is_open)

    def drop(self, order: Order = ONE) -> None:
        """Drop a trigger of which an event tells."""
        self.trigger.write_bytes(order.content())
        self.desk.heard()

    def answer(self) -> Any:
        """Return the result that lies there."""
        return json.loads(self.result.read_bytes())


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """A desk that has seen to what was left."""
    with capture_logs():
        made = Counter(tmp_path)
        assert made.after(0) is None
        yield made


def test_a_trigger_of_which_an_event_tells_is_claimed_at_once(counter: Counter) -> None:
    counter.drop()
    assert counter.desk.next_at <= counter.now
    assert counter.after(0) == ONE
    assert not counter.trigger.exists()


def test_one_of_which_no_event_tells_is_claimed_when_it_is_unchanged_for_a_second(counter: Counter) -> None:
    counter.trigger.write_bytes(b"im")
    assert counter.after(0) is None
    assert counter.after(0.9) is None
    counter.trigger.write_bytes(b"images")
    assert counter.after(0.2) is None
    assert counter.after(0.9) is None
    assert counter.after(0.1) == Order()


def test_one_that_is_seen_is_looked_at_again_when_it_may_be_quiet_and_only_then(counter: Counter) -> None:
    counter.trigger.touch()
    assert counter.desk.next_at == inf
    assert counter.after(0, is_open=True) is None
    assert counter.desk.next_at == counter.now + 1
    assert counter.after(1, is_open=True) is None
    assert counter.desk.next_at == inf
    counter.trigger.unlink()
    assert counter.after(0) is None
    assert counter.desk.next_at == inf


def test_one_that_somebody_has_open_is_waited_for_a_minute(counter: Counter) -> None:
    counter.trigger.touch()
    assert counter.after(0, is_open=True) is None
    assert counter.after(59, is_open=True) is None
    assert counter.after(1, is_open=True) == Order()


def test_one_that_is_opened_again_after_it_was_complete_is_waited_for(counter: Counter) -> None:
    counter.drop()
    assert counter.after(0, is_open=True) is None
    assert counter.after(2, is_open=True) is None
    counter.drop()
    assert counter.after(0) == ONE


def test_what_is_heard_of_a_trigger_that_is_gone_is_forgotten(counter: Counter) -> None:
    counter.desk.heard()
    assert counter.after(0) is None
    counter.trigger.touch()
    assert counter.after(0.1) is None
    assert counter.after(1) == Order()


def test_a_result_is_left_for_a_second_before_the_next_claim(counter: Counter) -> None:
    counter.drop()
    assert counter.after(0)
    counter.now += 100
    counter.desk.answer(ANSWER)
    counter.drop()
    assert counter.desk.next_at == counter.now + 1
    assert counter.after(0.9) is None
    assert counter.answer() == ANSWER
    assert counter.after(0.1) == ONE
    assert not counter.result.exists()


def test_what_a_dead_process_had_claimed_comes_first(tmp_path: Path) -> None:
    counter = Counter(tmp_path)
    counter.running.write_bytes(ONE.content())
    counter.drop(Order())
    assert counter.after(0) == ONE
    counter.desk.answer(ANSWER)
    assert counter.after(1) == Order()


def test_what_was_left_and_cannot_be_looked_at_is_taken_up_later(tmp_path: Path) -> None:
    counter = Counter(tmp_path)
    counter.running.write_bytes(ONE.content())
    tmp_path.chmod(0)
    with as_owner(), capture_logs():
        assert counter.after(0) is None
    assert "cannot be cleaned up" in str(counter.troubles.reasons)
    tmp_path.chmod(0o700)
    assert counter.after(1) == ONE
    assert counter.troubles.reasons == ()


def test_what_is_no_order_is_answered_at_once(counter: Counter) -> None:
    counter.trigger.write_bytes(b"{")
    counter.desk.heard()
    assert counter.after(0) is None
    assert counter.answer()["status"] == "failed"
    assert not counter.running.exists()


def test_a_trigger_that_cannot_be_claimed_is_a_trouble_until_it_can(counter: Counter) -> None:
    counter.running.joinpath("x").mkdir(parents=True)
    counter.drop()
    assert counter.after(0) is None
    assert counter.desk.next_at > counter.now  # not again at once
    assert counter.after(1) is None
    assert "the trigger cannot be claimed" in str(counter.troubles.reasons)
    shutil.rmtree(counter.running)
    assert counter.after(1) == ONE
    assert counter.troubles.reasons == ()


def test_a_trigger_that_cannot_be_claimed_and_is_taken_away_is_no_trouble_any_more(counter: Counter) -> None:
    counter.running.joinpath("x").mkdir(parents=True)
    counter.drop()
    assert counter.after(0) is None
    counter.trigger.unlink()
    assert counter.after(1) is None
    assert counter.troubles.reasons == ()


def test_a_result_that_cannot_be_put_in_place_is_a_trouble_until_it_is(counter: Counter) -> None:
    counter.drop()
    assert counter.after(0) == ONE
    counter.result.joinpath("x").mkdir(parents=True)
    counter.desk.answer(ANSWER)
    for _ in range(3):
        assert counter.after(1) is None
        assert "the trigger cannot be answered" in str(counter.troubles.reasons)
    counter.drop(Order())
    assert counter.after(1) is None  # one at a time
    shutil.rmtree(counter.result)
    assert counter.after(1) is None
    assert counter.answer() == ANSWER
    assert counter.troubles.reasons == ()
    assert counter.after(1) == Order()
