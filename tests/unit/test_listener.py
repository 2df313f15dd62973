"""What happens in the exchange directory is on the agenda, and trouble with the watches is known."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.descriptors import none_left_open
from support.files import put
from support.rights import as_owner
from support.watching import NAMES

from daemon.agenda import Agenda, Hint, Terms
from daemon.service.listener import Listener
from daemon.service.troubles import Troubles
from daemon.watcher.inbox import Inbox
from daemon.watcher.lookout import Lookout
from daemon.watcher.roots import Roots

UUID = "001a16a4-b810-11ed-860f-fa163edba792"
TERMS = Terms(
    settle=10, max_wait=60, max_pending=50, retry_unmatched=60, longest_unmatched=3600, reconcile_interval=0
)


class Ear:
    """A listener whose inbox is filled by hand; it looks at roots, without events."""

    def __init__(self, exchange: Path, *names: str) -> None:
        self.exchange = exchange
        self.inbox = Inbox(NAMES, 1000, lambda: None)
        roots = Roots(exchange, names or ("goods/pictures",))
        self.root = exchange / roots.names[0]
        self.lookout = Lookout(roots, exchange / "t", self.inbox, polls=True)
        self.now = 1_000_000.0
        self.agenda = Agenda(TERMS, self.now)
        self.troubles = Troubles()
        self.listener = Listener(roots, NAMES, self.inbox, self.lookout, self.agenda, self.troubles)

    def hear(self, after: float = 0.0) -> bool:
        """Listen so many seconds later."""
        self.now += after
        return self.listener.hear(self.now)

    def why(self) -> list[str]:
        """Return why the service is degraded."""
        return list(self.troubles.reasons)

    def wanted(self) -> tuple[str, float] | None:
        """Return why a full import is wanted, and not before when."""
        wish = self.agenda.wish
        return (wish.reason, wish.not_before) if wish else None

    @property
    def marked(self) -> set[Hint]:
        """What is on the agenda, which forgets it."""
        batch = self.agenda.take(self.now + TERMS.max_wait, 1000)
        return set(batch.hints) if batch else set()


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Path]:
    """An exchange directory with an image root; no descriptor of it may be left open."""
    (tmp_path / "goods" / "pictures").mkdir(parents=True)
    with none_left_open():
        yield tmp_path


@pytest.fixture
def ear(exchange: Path) -> Ear:
    ear = Ear(exchange)
    ear.listener.start(ear.now)
    return ear


# Events ---------------------------------------------------------------------------------------------------


def test_where_nothing_happens_nothing_is_to_be_done(ear: Ear) -> None:
    assert ear.hear() is False
    assert ear.hear(100) is False
    assert (ear.marked, ear.wanted(), ear.why()) == (set(), None, [])


def test_a_picture_is_marked_with_its_own_times(ear: Ear) -> None:
    ear.inbox.picture("aa", f"{UUID}_a.jpg")
    [(first, last)] = ear.inbox.take().pictures.values()
    ear.inbox.picture("aa", f"{UUID}_a.jpg")
    ear.hear()
    assert ear.agenda.oldest is not None
    assert last <= ear.agenda.oldest < ear.now
    assert first <= last
    assert ear.marked == {Hint(UUID, "aa")}


def test_a_trigger_is_told_once(ear: Ear) -> None:
    ear.inbox.trigger()
    assert ear.hear() is True
    assert ear.hear() is False


def test_a_new_directory_is_listed_as_a_whole(ear: Ear) -> None:
    for name in (f"{UUID}_a.jpg", "7_a.PNG", "7_b.tmp", ".7_c.jpg", "7.txt"):
        put(ear.root / "aa" / name)
    put(ear.root / "bb" / "8_a.jpg")
    ear.inbox.directory(0, "aa")
    ear.hear()
    assert ear.marked == {Hint(UUID, "aa"), Hint("7_a", "aa")}


def test_a_directory_that_is_gone_again_holds_nothing(ear: Ear) -> None:
    put(ear.root / "bb")
    (ear.root / "cc").symlink_to("/")
    for name in ("aa", "bb", "cc"):
        ear.inbox.directory(0, name)
    ear.hear()
    assert ear.marked == set()


def test_a_new_directory_that_cannot_be_listed_is_left_to_the_import(ear: Ear) -> None:
    put(ear.root / "aa" / "7_a.jpg")
    (ear.root / "aa").chmod(0)
    put(ear.root / "bb" / "8_a.jpg")
    with as_owner():
        ear.inbox.directory(0, "aa")
        ear.inbox.directory(0, "bb")
        ear.hear()
    (ear.root / "aa").chmod(0o755)
    assert ear.marked == {Hint("8_a", "bb")}


def test_what_is_listed_has_to_settle_from_now_on(ear: Ear) -> None:
    put(ear.root / "aa" / "7_a.jpg")
    ear.inbox.directory(0, "aa")
    ear.hear(5)
    assert ear.agenda.oldest == ear.now
    assert ear.agenda.take(ear.now + TERMS.settle - 1, 1) is None
    assert ear.agenda.take(ear.now + TERMS.settle, 1) is not None


def test_a_name_that_is_no_text_is_marked_like_any_other(ear: Ear) -> None:
    name = os.fsdecode(b"\xff_a.jpg")
    put(ear.root / "aa" / name)
    ear.inbox.directory(0, "aa")
    ear.inbox.picture("", name)
    ear.hear()
    stem = name.removesuffix(".jpg")
    assert ear.marked == {Hint(stem, "aa"), Hint(stem, "")}


def test_too_much_is_a_full_import(ear: Ear) -> None:
    for number in range(1001):
        ear.inbox.picture("aa", f"{number}_a.jpg")
    ear.hear()
    assert ear.wanted() == ("overflow", ear.now + TERMS.settle)
    assert ear.agenda.pending == 0


def test_a_directory_of_too_many_products_is_a_full_import(ear: Ear) -> None:
    for number in range(TERMS.max_pending + 1):
        put(ear.root / "aa" / f"{number}_a.jpg")
    ear.inbox.directory(0, "aa")
    ear.hear()
    assert ear.wanted() == ("overflow", ear.now + TERMS.settle)


# Roots ----------------------------------------------------------------------------------------------------


def test_a_root_that_appears_is_listed_as_a_whole(ear: Ear) -> None:
    shutil.rmtree(ear.root)
    ear.hear(1)
    put(ear.root / "7_a.jpg")
    put(ear.root / "aa" / f"{UUID}_a.jpg")
    put(ear.root / "aaa" / "8_a.jpg")
    put(ear.root / ".a" / "9_a.jpg")
    ear.hear(1)
    assert ear.marked == {Hint("7_a", ""), Hint(UUID, "aa")}
    assert ear.why() == []


def test_a_root_that_was_removed_is_looked_at_at_once(ear: Ear) -> None:
    shutil.rmtree(ear.root)
    put(ear.root / "7_a.jpg")
    ear.inbox.root_gone(0)
    ear.hear()
    assert ear.marked == {Hint("7_a", "")}


def test_roots_are_looked_at_once_a_second(ear: Ear) -> None:
    ear.hear(1)
    shutil.rmtree(ear.root)
    ear.hear(0.9)
    assert ear.lookout.missing == []
    ear.hear(0.2)
    assert ear.lookout.missing == ["goods/pictures"]


def test_the_pictures_of_a_root_whose_name_has_two_characters_lie_in_the_root(exchange: Path) -> None:
    ear = Ear(exchange, "1c")
    ear.listener.start(ear.now)
    put(ear.root / "7_a.jpg")
    put(ear.root / "aa" / "8_a.jpg")
    ear.hear(1)
    assert ear.marked == {Hint("7_a", ""), Hint("8_a", "aa")}


# Trouble --------------------------------------------------------------------------------------------------


def test_trouble_is_known_until_a_full_import_has_found_what_was_missed(ear: Ear) -> None:
    ear.inbox.trouble("the kernel dropped events")
    ear.hear()
    assert ear.why() == ["events may be missed: the kernel dropped events"]
    assert ear.wanted() is None
    ear.hear(1)
    assert ear.wanted() == ("recovery", ear.now)
    assert ear.why()
    ear.listener.settled()
    assert ear.why() == []


def test_trouble_that_stays_does_not_fill_the_day_with_imports(ear: Ear) -> None:
    ear.listener.rest(ear.now + 500)
    ear.inbox.trouble("why")
    ear.hear()
    ear.hear(1)
    assert ear.wanted() == ("recovery", ear.now + 499)


def test_an_exchange_directory_that_is_gone_is_trouble_until_it_is_back(ear: Ear, tmp_path: Path) -> None:
    elsewhere = tmp_path.with_name(f"{tmp_path.name}-away")
    ear.exchange.rename(elsewhere)
    ear.hear(1)
    assert ear.why() == [f"the exchange directory {ear.exchange} is not there"]
    elsewhere.rename(ear.exchange)
    ear.hear(1)
    assert ear.why() == []


def test_an_exchange_directory_that_may_not_be_entered_does_not_end_the_service(tmp_path: Path) -> None:
    exchange = tmp_path / "closed" / "exchange"
    (exchange / "goods" / "pictures").mkdir(parents=True)
    ear = Ear(exchange)
    (tmp_path / "closed").chmod(0)
    with as_owner():
        ear.listener.start(ear.now)
        ear.hear(1)
        assert len(ear.why()) == 1
    (tmp_path / "closed").chmod(0o755)
    ear.hear(1)
    assert ear.why() == []
