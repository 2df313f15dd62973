"""Whatever threads see is kept until it is looked at, in bounded memory."""

import threading
import time
from itertools import pairwise

import pytest
from support.watching import NAMES

from daemon.agenda import Hint
from daemon.watcher.inbox import Inbox, Seen

UUID = "001a16a4-b810-11ed-860f-fa163edba792"


class Bell:
    """Counts how often the service is woken."""

    def __init__(self) -> None:
        self.rung = 0

    def __call__(self) -> None:
        self.rung += 1


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def inbox(bell: Bell) -> Inbox:
    return Inbox(NAMES, 3, bell)


def test_nothing_was_seen_at_first(inbox: Inbox) -> None:
    assert inbox.take() == Seen()


def test_what_was_taken_is_not_taken_again(inbox: Inbox) -> None:
    inbox.picture("aa", "7_a.jpg")
    inbox.directory(0, "aa")
    inbox.root_gone(0)
    inbox.trouble("why")
    inbox.trigger()
    assert inbox.take() != Seen()
    assert inbox.take() == Seen()


def test_a_picture_is_noted_with_when_it_was_first_and_last_heard_of(inbox: Inbox) -> None:
    before = time.monotonic()
    inbox.picture("aa", "7_a.jpg")
    between = time.monotonic()
    inbox.picture("aa", "7_a.jpg")
    times = (before, *inbox.take().pictures[Hint("7_a", "aa")], time.monotonic())
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[1] <= between <= times[2]


def test_the_pictures_of_a_uuid_are_one_hint_in_each_directory(inbox: Inbox) -> None:
    inbox.picture("00", f"{UUID}_a.jpg")
    inbox.picture("00", f"{UUID.upper()}_b.JPG")
    inbox.picture("", f"{UUID}.png")
    assert set(inbox.take().pictures) == {Hint(UUID, "00"), Hint(UUID, "")}


@pytest.mark.parametrize("name", [".7_a.jpg.x1", "7_a.jpg.tmp", "7_a", "7_a.txt", ".jpg", "", "x.tmp"])
def test_what_is_no_picture_is_not_noted(inbox: Inbox, name: str) -> None:
    inbox.picture("aa", name)
    assert inbox.take() == Seen()


def test_pictures_and_directories_wake_nobody_since_they_have_to_settle(inbox: Inbox, bell: Bell) -> None:
    inbox.picture("aa", "7_a.jpg")
    inbox.directory(0, "aa")
    assert bell.rung == 0


def test_what_is_urgent_wakes_the_service(inbox: Inbox, bell: Bell) -> None:
    inbox.root_gone(1)
    inbox.trouble("why")
    inbox.trigger()
    assert bell.rung == 3
    seen = inbox.take()
    assert (seen.gone, seen.trouble, seen.trigger) == ({1}, ["why"], True)


def test_as_many_pictures_as_may_be_are_kept_apart(inbox: Inbox) -> None:
    for number in range(3):
        inbox.picture("", f"{number}_a.jpg")
    seen = inbox.take()
    assert len(seen.pictures) == 3
    assert not seen.too_much


def test_more_pictures_than_may_be_are_too_much_and_forgotten(inbox: Inbox) -> None:
    for number in range(4):
        inbox.picture("", f"{number}_a.jpg")
    assert inbox.take() == Seen(too_much=True)


def test_directories_count_as_well(inbox: Inbox) -> None:
    inbox.picture("", "7_a.jpg")
    for number in range(3):
        inbox.directory(0, f"{number:02}")
    assert inbox.take() == Seen(too_much=True)


def test_the_memory_is_bounded_however_much_happens(inbox: Inbox) -> None:
    for number in range(1000):
        inbox.picture("", f"{number}_a.jpg")
        inbox.directory(0, f"{number % 100:02}")
        inbox.trouble(f"reason {number}")
    seen = inbox.take()
    assert len(seen.pictures) + len(seen.directories) <= 3
    assert len(seen.trouble) <= 10
    assert seen.too_much


def test_after_too_much_was_taken_all_is_as_before(inbox: Inbox) -> None:
    for number in range(4):
        inbox.picture("", f"{number}_a.jpg")
    inbox.take()
    inbox.picture("", "7_a.jpg")
    seen = inbox.take()
    assert (set(seen.pictures), seen.too_much) == ({Hint("7_a", "")}, False)


def test_the_same_trouble_is_told_once(inbox: Inbox) -> None:
    for reason in ("one", "other", "one"):
        inbox.trouble(reason)
    assert inbox.take().trouble == ["one", "other"]


def test_nothing_is_lost_between_threads() -> None:
    inbox = Inbox(NAMES, 100_000, lambda: None)
    found: set[str] = set()

    def tell(worker: int) -> None:
        for number in range(500):
            inbox.picture("", f"{worker}x{number}_a.jpg")

    workers = [threading.Thread(target=tell, args=(worker,)) for worker in range(4)]
    for thread in workers:
        thread.start()
    while any(thread.is_alive() for thread in workers):
        found |= {hint.text for hint in inbox.take().pictures}
    found |= {hint.text for hint in inbox.take().pictures}
    assert len(found) == 2000
