"""Several porters do what they are ordered, whoever is free, and end together."""

import os
import time
from collections.abc import Callable, Iterator
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
    """Return two porters."""
    with (
        none_left_open(),
        Supply(tmp_path).supplied("12") as supplied,
        closing(Crew(supplied.carrier, 2, sweeps=False)) as crew,
    ):
        yield crew


def given(crew: Crew, task: Callable[[Carrier], Iterator[int]], most: int = 100) -> Order[int]:
    """Return the order for a task that was given."""
    order: Order[int] = Order()
    crew.give(task, order, most)
    return order


@pytest.mark.parametrize("times", [0, 1, 1000])
def test_any_number_of_answers_comes_back(crew: Crew, times: int) -> None:
    order = given(crew, Echo(times))
    crew.finish(order)
    answers = list(order.answers())
    assert len(answers) == times
    assert os.getpid() not in answers


def test_each_answer_is_had_once(crew: Crew) -> None:
    order = given(crew, Echo(3))
    crew.finish(order)
    assert len([*order.answers(), *order.answers()]) == 3


def test_tasks_are_shared_out(crew: Crew) -> None:
    orders = [given(crew, Echo(1)) for _ in range(100)]
    for order in orders:
        crew.finish(order)
    assert len({pid for order in orders for pid in order.answers()}) == 2


def test_there_is_room_until_all_have_as_much_as_they_may(crew: Crew) -> None:
    orders = []
    while crew.has_room(2):
        orders.append(given(crew, _wait))
    assert len(orders) == 4
    assert not any(order.is_done for order in orders)


def _wait(_carrier: Carrier) -> Iterator[int]:
    time.sleep(0.5)
    yield 0


def test_what_nobody_does_any_more_fails(crew: Crew) -> None:
    order = given(crew, _end)
    crew.finish(order)
    with pytest.raises(ImportFailedError, match="has ended with status 3"):
        list(order.answers())


def _end(_carrier: Carrier) -> Iterator[int]:
    os._exit(3)
