"""The exchange directory stays watched, whatever happens to it, and whoever asks learns what may have been missed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EMFILE, ENOSPC
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.daemon_process import eventually
from support.filesystems import small
from support.rights import as_owner
from support.watching import Box, nothing_left, watches_and_threads
from watchdog.observers.inotify_c import CallbackId, InotifyFD, Mask, WatchDescriptor

from daemon.watcher.inotify import Watcher
from daemon.watcher.lookout import Change, Lookout
from daemon.watcher.roots import Roots

DIES = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

MINUTE = 60.0


class Post:
    """A lookout over an exchange directory with one image root, looked at as time goes by."""

    def __init__(self, exchange: Path, *names: str, polls: bool = False) -> None:
        self.exchange = exchange
        self.root = exchange / "goods" / "pictures"
        self.trigger = exchange / "t"
        self.box = Box()
        self.lookout = Lookout(
            Roots(exchange, names or ("goods/pictures",)), self.trigger, self.box, polls=polls
        )
        self.now = 1000.0

    def look(self, after: float = 1.0) -> Change:
        """Take in what has come, and look so many seconds later."""
        self.now += after
        seen = self.box.look()
        self.lookout.report(seen.gone, seen.trouble, self.now)
        self.box.heard.gone, self.box.heard.trouble = set(), []
        return self.lookout.check(self.now)

    def put(self, path: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(b"picture")

    def is_watched(self, name: str) -> None:
        """Assert that a new picture in the root and one in a directory of it are told."""
        (self.root / "aa").mkdir(exist_ok=True)
        self.put(f"{name}_a.jpg")
        self.box.wait_for(f"/{name}_a")
        self.put(f"aa/{name}_b.jpg")
        self.box.wait_for(f"aa/{name}_b")

    def mend(self) -> None:
        """Wait until the time to watch everything anew, and see that this happens."""
        assert self.look(MINUTE).renewed
        self.lookout.settled()
        assert self.lookout.trouble == ""
        assert self.look() == Change()


@contextmanager
def posted(post: Post) -> Iterator[Post]:
    """Set the watches for the block; nothing of them may be left afterwards."""
    with nothing_left():
        post.lookout.start(post.now)
        try:
            yield post
        finally:
            post.lookout.close()


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    """An exchange directory whose image root is there."""
    (tmp_path / "exchange" / "goods" / "pictures" / "aa").mkdir(parents=True)
    return tmp_path / "exchange"


@pytest.fixture
def post(exchange: Path) -> Iterator[Post]:
    with posted(Post(exchange)) as post:
        yield post


# At the start ---------------------------------------------------------------------------------------------


def test_a_root_that_is_there_is_watched_from_the_start(post: Post) -> None:
    assert (post.lookout.has_roots, post.lookout.missing, post.lookout.trouble) == (True, [], "")
    post.is_watched("7")
    assert post.look() == Change()


def test_a_root_that_is_not_there_is_waited_for_and_watched_when_it_comes(exchange: Path) -> None:
    shutil.rmtree(exchange / "goods")
    with capture_logs() as logged, posted(Post(exchange)) as post:
        assert (post.lookout.has_roots, post.lookout.missing) == (False, ["goods/pictures"])
        assert post.look() == post.look() == Change()
        (post.root / "aa").mkdir(parents=True)
        assert post.look() == Change(appeared=[0])
        post.is_watched("7")
        assert post.look() == Change()
        assert (post.lookout.has_roots, post.lookout.missing, post.lookout.trouble) == (True, [], "")
    assert [(entry["event"], entry["path"]) for entry in logged] == [("root_awaited", "goods/pictures")]


def test_of_several_roots_those_that_are_there_are_watched(exchange: Path) -> None:
    with posted(Post(exchange, "missing", "goods/pictures")) as post:
        assert (post.lookout.has_roots, post.lookout.missing) == (True, ["missing"])
        post.is_watched("7")
        (exchange / "missing").mkdir()
        assert post.look() == Change(appeared=[0])
        (exchange / "missing" / "8_a.jpg").touch()
        post.box.wait_for("/8_a")


def test_without_events_roots_are_still_waited_for(exchange: Path) -> None:
    before = watches_and_threads()
    with posted(Post(exchange, polls=True)) as post:
        assert watches_and_threads() == before
        shutil.rmtree(post.root)
        assert post.look() == Change()
        assert post.lookout.missing == ["goods/pictures"]
        post.root.mkdir()
        assert post.look() == Change(appeared=[0])


# Roots that come and go -----------------------------------------------------------------------------------


def test_the_exchange_removes_its_root_and_makes_it_again_for_a_day(post: Post) -> None:
    with capture_logs() as logged:
        for cycle in range(10):
            shutil.rmtree(post.exchange / "goods")
            assert post.look() == Change()
            assert post.lookout.missing == ["goods/pictures"]
            (post.root / "aa").mkdir(parents=True)
            assert post.look() == Change(appeared=[0])
            post.is_watched(f"{cycle}")
    assert post.lookout.trouble == ""
    assert {entry["event"] for entry in logged} == {"root_awaited"}


def test_a_root_that_is_made_again_between_two_looks_has_appeared(post: Post) -> None:
    for cycle in range(10):
        shutil.rmtree(post.root)
        (post.root / "aa").mkdir(parents=True)
        eventually(lambda: post.box.look().gone)
        assert post.look() == Change(appeared=[0])
        post.is_watched(f"{cycle}")
    assert post.lookout.trouble == ""


def test_a_root_that_is_made_again_while_it_is_held_open_has_appeared_without_trouble(post: Post) -> None:
    """An import under way holds it; only when it lets go does the kernel tell."""
    held = os.open(post.root, os.O_RDONLY)
    shutil.rmtree(post.root)
    (post.root / "aa").mkdir(parents=True)
    assert post.look() == Change(appeared=[0])
    os.close(held)
    post.is_watched("7")
    assert post.look() == Change()
    assert post.lookout.trouble == ""


def test_a_root_in_whose_place_another_one_is_put_has_appeared(post: Post, tmp_path: Path) -> None:
    (tmp_path / "stage" / "aa").mkdir(parents=True)
    post.root.rename(tmp_path / "former")
    (tmp_path / "stage").rename(post.root)
    assert post.look() == Change(appeared=[0])
    post.is_watched("7")
    post.box.empty()
    (tmp_path / "former" / "8_a.jpg").touch()
    post.is_watched("9")
    assert "8_a" not in {hint.text for hint in post.box.look().pictures}


def test_a_root_that_is_renamed_and_back_has_appeared_or_was_never_away(post: Post, tmp_path: Path) -> None:
    (post.exchange / "goods").rename(tmp_path / "away")
    (tmp_path / "away").rename(post.exchange / "goods")
    assert post.look() == Change()
    (post.exchange / "goods").rename(tmp_path / "away")
    assert post.look() == Change()
    (tmp_path / "away").rename(post.exchange / "goods")
    assert post.look() == Change(appeared=[0])
    post.is_watched("7")


@pytest.mark.parametrize("moved", ["goods/pictures", "goods"])
def test_a_directory_made_in_a_root_that_is_elsewhere_for_the_moment_is_found(
    post: Post, tmp_path: Path, moved: str
) -> None:
    pictures = tmp_path / "away" / os.path.relpath("goods/pictures", moved)
    (post.exchange / moved).rename(tmp_path / "away")
    (pictures / "bb").mkdir()
    eventually(lambda: post.box.look().gone == {0})
    (tmp_path / "away").rename(post.exchange / moved)
    assert post.look() == Change(appeared=[0])
    post.put("bb/9_a.jpg")
    post.box.wait_for("bb/9_a")


def test_an_absolute_root_whose_link_leads_elsewhere_now_has_appeared(exchange: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / "aa").mkdir(parents=True)
    (tmp_path / "link").symlink_to(exchange / "goods" / "pictures")
    with posted(Post(exchange, str(tmp_path / "link"))) as post:
        post.is_watched("7")
        (tmp_path / "new").symlink_to(tmp_path / "other")
        (tmp_path / "new").replace(tmp_path / "link")
        assert post.look() == Change(appeared=[0])
        (tmp_path / "other" / "aa" / "8_a.jpg").touch()
        post.box.wait_for("aa/8_a")


def test_a_root_that_goes_in_the_moment_it_is_to_be_watched_is_waited_for(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watcher.watch

    def too_late(watcher: Watcher, root: int) -> bool:
        shutil.rmtree(post.root)
        return watch(watcher, root)

    other = post.root.with_name("other")  # made while the root is there, which it cannot be taken for then
    other.mkdir()
    shutil.rmtree(post.root)
    other.rename(post.root)
    with monkeypatch.context() as patch, capture_logs() as logged:
        patch.setattr(Watcher, "watch", too_late)
        assert post.look() == Change()
    assert [entry["event"] for entry in logged] == ["root_awaited"]
    (post.root / "aa").mkdir(parents=True)
    assert post.look() == Change(appeared=[0])
    post.is_watched("7")


def test_a_root_that_may_no_longer_be_opened_is_waited_for(post: Post) -> None:
    with as_owner():
        post.root.chmod(0)
        assert post.look() == Change()
        assert post.lookout.missing == ["goods/pictures"]
        post.root.chmod(0o755)
        assert post.look() == Change(appeared=[0])
    post.is_watched("7")
    assert post.lookout.trouble == ""


# Mounts ---------------------------------------------------------------------------------------------------


def test_a_file_system_that_is_mounted_over_a_root_is_trouble_and_watched_anew(post: Post) -> None:
    with small(post.root, "1m"):
        assert post.look() == Change()
        assert "another file system is at the image root goods/pictures" in post.lookout.trouble
        post.mend()
        post.is_watched("7")
        subprocess.run(["umount", post.root], check=True)
        eventually(lambda: post.box.look().gone)
        post.look()
        assert post.lookout.trouble
        post.mend()
        post.is_watched("8")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", post.root], check=True)  # for the end of the block


def test_a_root_whose_file_system_is_detached_while_it_is_in_use_is_watched_anew(exchange: Path) -> None:
    with small(exchange / "goods", "1m"):
        (exchange / "goods" / "pictures" / "aa").mkdir(parents=True)
        with posted(Post(exchange)) as post:
            with open(post.root / "busy", "wb"):
                subprocess.run(["umount", "--lazy", exchange / "goods"], check=True)
                post.look()
                post.look(MINUTE)
            (post.root / "aa").mkdir(parents=True, exist_ok=True)
            post.look()
            post.is_watched("7")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", exchange / "goods"], check=True)  # for the end


# Trouble --------------------------------------------------------------------------------------------------


def test_trouble_has_everything_watched_anew_and_lasts_until_what_was_missed_is_found(post: Post) -> None:
    with capture_logs() as logged:
        post.box.trouble("the kernel dropped events")
        assert post.look() == Change()
        assert post.lookout.trouble == "the kernel dropped events"
        assert post.look() == Change(renewed=True)
        assert post.lookout.trouble == "the kernel dropped events"
        post.lookout.settled()
        assert post.lookout.trouble == ""
    assert [entry["event"] for entry in logged] == ["watching_troubled", "watching_recovered"]
    post.is_watched("7")


def test_what_was_found_before_everything_is_watched_anew_does_not_end_the_trouble(post: Post) -> None:
    post.box.trouble("why")
    post.look()
    post.lookout.settled()
    assert post.lookout.trouble == "why"
    post.mend()


def test_nothing_is_missed_while_everything_is_watched_anew(post: Post) -> None:
    for cycle in range(5):
        for number in range(20):
            post.put(f"aa/{cycle}x{number}_before.jpg")
        post.box.trouble("why")
        post.look()
        assert post.look(MINUTE).renewed
        for number in range(20):
            post.put(f"aa/{cycle}x{number}_after.jpg")
        post.box.wait_for(*(f"aa/{cycle}x{number}_after" for number in range(20)))


def test_the_new_watches_stand_before_the_former_ones_end(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = []
    close = Watcher.close

    def counted(watcher: Watcher) -> None:
        instances.append(watches_and_threads()[0])
        post.is_watched("during")
        close(watcher)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "close", counted)
        post.box.trouble("why")
        post.look()
        assert post.look(MINUTE).renewed
    assert instances == [3]  # of the roots, the former ones too, and of the trigger


def test_trouble_that_comes_back_is_mended_less_and_less_often(post: Post) -> None:
    pauses = []
    for _ in range(9):
        post.box.trouble("why")
        post.look(0.0)
        pauses.append(0)
        while not post.look().renewed:
            pauses[-1] += 1
    assert [pause + 1 for pause in pauses] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_trouble_after_a_quiet_time_is_mended_soon(post: Post) -> None:
    for _ in range(5):
        post.box.trouble("why")
        post.look(0.0)
        while not post.look().renewed:
            pass
    post.look(MINUTE + 1)
    post.box.trouble("why")
    post.look(0.0)
    assert post.look().renewed


def test_a_hundred_renewals_leave_nothing_behind(post: Post) -> None:
    before = watches_and_threads()
    for _ in range(100):
        post.box.trouble("why")
        post.look(0.0)
        assert post.look(MINUTE).renewed
        assert watches_and_threads() == before
    post.is_watched("7")


@DIES
def test_a_reader_that_dies_is_replaced(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    before = watches_and_threads()
    with monkeypatch.context() as patch:
        patch.setattr(InotifyFD, "handle_event", lambda _reader, _event: 1 / 0)
        post.put("7_a.jpg")
        eventually(lambda: post.look(0.0) == Change() and post.lookout.trouble)
    assert post.lookout.trouble == "nobody reads the events of the file system"
    post.mend()
    post.is_watched("7")
    assert watches_and_threads() == before


def test_an_overflow_of_the_kernels_queue_is_mended(post: Post) -> None:
    watcher = post.lookout._watcher  # noqa: SLF001  its lock is what the reader waits for
    assert watcher
    with watcher._lock:  # noqa: SLF001
        for number in range(20_000):
            (post.root / "aa" / f"{number}_x.jpg").touch()
    eventually(lambda: post.look(0.0) == Change() and post.lookout.trouble)
    assert "the kernel dropped events" in post.lookout.trouble
    post.mend()
    post.is_watched("7")


def test_a_directory_that_may_not_be_watched_is_trouble_until_it_may(post: Post) -> None:
    (post.root / "bb").mkdir(mode=0)
    with as_owner():
        post.box.trouble("why")
        post.look(0.0)
        assert post.look(MINUTE).renewed
        post.lookout.settled()
        post.look(0.0)
        assert "bb may not be watched" in post.lookout.trouble
        post.is_watched("7")
        assert post.look(MINUTE).renewed
        post.look(0.0)
        assert post.lookout.trouble
        (post.root / "bb").chmod(0o755)
        post.mend()
    post.put("bb/7_b.jpg")
    post.box.wait_for("bb/7_b")


def test_a_limit_of_watches_is_trouble_until_it_is_raised(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Watcher._add  # noqa: SLF001  stands for the kernel

    def limited(watcher: Watcher, path: Path, mask: Mask) -> tuple[WatchDescriptor, CallbackId]:
        if path == post.root / "aa":
            raise OSError(ENOSPC, "inotify watch limit reached")
        return add(watcher, path, mask)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "_add", limited)
        post.box.trouble("why")
        post.look(0.0)
        assert post.look(MINUTE).renewed
        post.lookout.settled()
        post.look(0.0)
        assert "max_user_watches" in post.lookout.trouble
    post.mend()
    post.is_watched("7")


def test_a_limit_of_instances_is_trouble_until_it_is_raised(
    exchange: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_reader: InotifyFD) -> None:
        raise OSError(EMFILE, "inotify instance limit reached")

    with monkeypatch.context() as patch:
        patch.setattr(InotifyFD, "__init__", none_left)
        post = Post(exchange)
        post.lookout.start(post.now)
        assert post.lookout.has_roots
        assert "inotify instance limit reached" in post.lookout.trouble
        assert "max_user_instances" in post.lookout.trouble
        assert post.look(MINUTE).renewed
        post.lookout.settled()
        assert post.lookout.trouble
    post.mend()
    post.is_watched("7")
    post.lookout.close()


def test_the_former_watches_stay_where_no_new_ones_can_be_had(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_reader: InotifyFD) -> None:
        raise OSError(EMFILE, "inotify instance limit reached")

    post.box.trouble("why")
    post.look(0.0)
    with monkeypatch.context() as patch:
        patch.setattr(InotifyFD, "__init__", none_left)
        assert post.look(MINUTE).renewed
        post.is_watched("7")
    assert post.lookout.trouble
    post.mend()
    post.is_watched("8")


# Triggers -------------------------------------------------------------------------------------------------


def test_a_trigger_is_told(post: Post) -> None:
    post.trigger.touch()
    eventually(lambda: post.box.look().trigger)


def test_a_trigger_is_told_again_after_its_directory_was_removed_and_made_again(tmp_path: Path) -> None:
    with posted(Post(tmp_path / "exchange")) as post:
        for _ in range(3):
            assert post.look() == Change()
            (post.exchange).mkdir()
            eventually(lambda: post.look() == Change() and told(post))
            shutil.rmtree(post.exchange)
            post.box.empty()
        assert post.lookout.trouble == ""


def told(post: Post) -> bool:
    """Return whether a trigger that is dropped is told, or another one was."""
    post.trigger.write_bytes(b"")  # one that is there already is written again, which touching it is not
    return post.box.look().trigger


def test_a_directory_for_triggers_that_may_not_be_entered_does_not_end_the_service(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with as_owner(), posted(Post(tmp_path / "closed" / "exchange")) as post:
        assert post.look() == Change()
    (tmp_path / "closed").chmod(0o755)
