"""Several porters do what they are ordered, whoever is free, and end together."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.descriptors import none_left_open
from support.supplies import Supply

from daemon.errors import ImportFailedError
from daemon.importer.crew import Crew
from daemon.importer.delivery import Carrier
from daemon.importer.porter import Order


@dataclass(frozen=True)
class Echo:
    """Tells who does the task, so many times."""

    times: int

    def __call__(self, _carrier: Carrier) -> Iterator[int]:
        """Yield the id of the process."""
        for _ in range(self.times):
            yield os.getpid()


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    """Return two porters that have not been started."""
    with (
        none_left_open(),
        Supply(tmp_path).supplied("12") as supplied,
        closing(Crew(supplied.carrier, 2)) as crew,
    ):
        yield crew


@pytest.mark.parametrize("times", [0, 1, 1000])
def test_any_number_of_answers_comes_back(crew: Crew, times: int) -> None:
    order = crew.give(Order(Echo(times)), 1)
    crew.finish(order)
    answers = list(order.answers())
    assert len(answers) == times
    assert os.getpid() not in answers


def test_each_answer_is_had_once(crew: Crew) -> None:
    order = crew.give(Order(Echo(3)), 1)
    crew.finish(order)
    assert len([*order.answers(), *order.answers()]) == 3


def test_orders_are_shared_out(crew: Crew) -> None:
    orders = [crew.give(Order(Echo(1)), 50) for _ in range(100)]
    for order in orders:
        crew.finish(order)
    assert len({pid for order in orders for pid in order.answers()}) == 2


def test_there_is_room_until_all_have_as_much_as_they_may(crew: Crew) -> None:
    crew.start()
    for _ in range(4):
        assert crew.has_room(2)
        crew.give(Order(Echo(1)), 2)
        crew.receive(0)


def test_an_order_that_nobody_does_any_more_is_done_with_an_error(crew: Crew) -> None:
    order = crew.give(Order(_end), 1)
    crew.finish(order)
    with pytest.raises(ImportFailedError, match="has ended with status 3"):
        list(order.answers())


def _end(_carrier: Carrier) -> Iterator[None]:
    os._exit(3)


def test_nothing_is_started_before_there_is_an_order(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", os.devnull)
    crew.receive(0)
    with pytest.raises(ImportFailedError, match="cannot be started"):
        crew.give(Order(Echo(1)), 1)
