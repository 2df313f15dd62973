"""Killed at any moment, once or several times in a row, the service and the commands lose nothing, and show nothing
that is not whole.
"""

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from support import crashes, strace
from support.commands import WarmStarter
from support.crashes import STORIES, Batch, Crowd, Stopwatch, Story
from support.losses import Figures
from support.strace import Moment
from support.workshop import Workshop

NewShop = Callable[[], Workshop]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_shop(request: pytest.FixtureRequest, tmp_path: Path, starter: WarmStarter) -> Iterator[NewShop]:
    """What makes another shop whenever it is asked, the former one being done with; with each kind of database."""
    prepared = request.getfixturevalue("prepared_file" if request.param == "sqlite" else "prepared_server")
    numbers, made = count(), list[Workshop]()

    def make() -> Workshop:
        place = tmp_path / str(next(numbers))
        place.mkdir()
        url = prepared.copy_to(place) if request.param == "sqlite" else prepared.copy()
        made.append(Workshop(place, url, starter))
        return made[-1]

    yield make
    for shop in made:
        shop.close()


each_story = pytest.mark.parametrize("make_story", STORIES, ids=lambda story: story.__name__)


@pytest.mark.fault("kill -9 at a random moment")
@each_story
def test_nothing_is_lost_when_a_process_is_killed_at_a_random_moment(
    make_story: type[Story], new_shop: NewShop, figures: Figures, seed: int, is_long: bool
) -> None:
    chance, story = random.Random(seed), make_story(count=12, size=100_000)
    end = crashes.clean_end(story, new_shop(), lifetime := Stopwatch())
    wanted = 30 if is_long else math.ceil(2 * story.share)
    for _ in range(wanted * 3):
        if figures.cases == wanted:
            break
        first, *again = (chance.uniform(0, lifetime.took) for _ in range(chance.randint(1, 3)))
        if crashes.die_and_recover(story, new_shop(), crashes.killer(first), end, again=again):
            figures.tried()


@pytest.mark.fault("kill -9 at a random moment")
def test_nothing_is_lost_when_an_import_is_killed_whose_pictures_other_processes_bring(
    new_shop: NewShop, figures: Figures, seed: int, is_long: bool
) -> None:
    chance, story = random.Random(seed), Crowd(count=700, size=2_000)
    end = crashes.clean_end(story, new_shop(), lifetime := Stopwatch())
    wanted = 20 if is_long else 2
    for _ in range(wanted * 3):
        if figures.cases == wanted:
            break
        delay = chance.uniform(0, lifetime.took)
        if crashes.die_and_recover(story, new_shop(), crashes.killer(delay), end):
            figures.tried()


@pytest.mark.fault("kill -9 before a side effect")
@pytest.mark.usefixtures("_tracing")
@each_story
def test_nothing_is_lost_when_a_process_is_killed_before_any_of_its_side_effects(
    make_story: type[Story], new_shop: NewShop, figures: Figures, tmp_path: Path, is_long: bool
) -> None:
    story, log = make_story(), tmp_path / "log"
    end = crashes.clean_end(story, new_shop(), partial(strace.traced, log=log))
    moments = strace.moments(strace.calls(log))
    for moment in moments if is_long else sampled(moments, int(3 * story.share)):
        print(moment)  # noqa: T201  pytest shows it beside what failed
        if crashes.die_and_recover(story, new_shop(), partial(strace.doomed, moment=moment), end):
            figures.tried()


def sampled(moments: list[Moment], wanted: int) -> list[Moment]:
    """Return some of the moments, evenly apart."""
    return [moments[(2 * number + 1) * len(moments) // (2 * wanted)] for number in range(wanted)]


def test_half_a_picture_and_a_row_without_its_file_would_be_noticed(lite: Workshop) -> None:
    story = Batch()
    story.prepare(lite)
    crashes.assert_nothing_torn(story, lite)
    stored = lite.media / "products/00/002_a.jpg"
    whole = stored.read_bytes()
    stored.write_bytes(whole[:-1])
    with pytest.raises(AssertionError, match="half a picture"):
        crashes.assert_nothing_torn(story, lite)
    stored.unlink()
    with pytest.raises(AssertionError, match="not there"):
        crashes.assert_nothing_torn(story, lite)
