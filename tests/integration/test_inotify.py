"""What the kernel tells of image roots is told to the inbox, whatever is done to the directories."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path

import pytest
from support.daemon_process import eventually
from support.filesystems import small
from support.rights import as_owner
from support.watching import Box, exchange, nothing_left, watches_and_threads
from watchdog.observers.inotify_c import CallbackId, InotifyFD, Mask, WatchDescriptor

from daemon.watcher.inotify import TriggerWatcher, Watcher

DIES = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@contextmanager
def watching(*roots: Path, box: Box | None = None) -> Iterator[tuple[Watcher, Box]]:
    """Watch image roots during the block; nothing of it may be left afterwards."""
    box = box or Box()
    with nothing_left():
        watcher = Watcher(dict(enumerate(roots)), box)
        try:
            for number in range(len(roots)):
                watcher.watch(number)
            yield watcher, box
        finally:
            watcher.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image root with one directory in it."""
    (tmp_path / "root" / "aa").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A directory on the same file system that nobody watches."""
    (tmp_path / "stage").mkdir()
    return tmp_path / "stage"


@pytest.fixture
def box(root: Path) -> Iterator[Box]:
    """What is told of the image root, which is watched."""
    with watching(root) as (_, box):
        yield box
        assert box.look().trouble == []


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"picture")


def flush(box: Box, root: Path) -> None:
    """Wait until all that was done so far has been told."""
    mark = root / "flush_x.jpg"
    mark.touch()
    box.wait_for("/flush_x")
    mark.unlink()


# Pictures -------------------------------------------------------------------------------------------------


def rewritten(path: Path, _stage: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"other")


def appended(path: Path, _stage: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def emptied_and_filled(path: Path, _stage: Path) -> None:
    path.write_bytes(b"other")


def renamed_over(path: Path, stage: Path) -> None:
    put(stage / "x")
    (stage / "x").replace(path)


def renamed_within(path: Path, _stage: Path) -> None:
    put(path.parent / ".coming")
    (path.parent / ".coming").replace(path)


def linked(path: Path, stage: Path) -> None:
    put(stage / "x")
    path.unlink()
    os.link(stage / "x", path)


def exchanged(path: Path, stage: Path) -> None:
    put(stage / "x")
    exchange(stage / "x", path)


def copied_over(path: Path, stage: Path) -> None:
    put(stage / "x")
    shutil.copyfile(stage / "x", path)


def linked_from_nowhere(path: Path, _stage: Path) -> None:
    path.unlink()
    descriptors = os.open("/proc/self/fd", os.O_PATH)  # without it the link itself would be linked
    nameless = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY)
    os.link(str(nameless), path, src_dir_fd=descriptors)
    os.close(nameless)
    os.close(descriptors)


@pytest.mark.parametrize("directory", ["", "aa"])
@pytest.mark.parametrize(
    "change",
    [
        rewritten,
        appended,
        emptied_and_filled,
        renamed_over,
        renamed_within,
        linked,
        exchanged,
        copied_over,
        linked_from_nowhere,
    ],
)
def test_a_picture_that_changes_is_told_however_it_changes(
    root: Path, stage: Path, directory: str, change: Callable[[Path, Path], None]
) -> None:
    put(root / directory / "7_a.jpg")
    with watching(root) as (_, box):
        change(root / directory / "7_a.jpg", stage)
        box.wait_for(f"{directory}/7_a")


@pytest.mark.parametrize("directory", ["", "aa"])
def test_a_new_picture_is_told(box: Box, root: Path, directory: str) -> None:
    put(root / directory / "7_a.jpg")
    box.wait_for(f"{directory}/7_a")


def test_a_picture_that_moves_between_watched_directories_is_told_where_it_is(box: Box, root: Path) -> None:
    put(root / "7_a.jpg")
    flush(box, root)
    box.empty()
    (root / "7_a.jpg").rename(root / "aa" / "7_b.jpg")
    box.wait_for("aa/7_b")


def test_a_picture_that_is_written_through_a_mapping_is_told_when_it_is_closed(box: Box, root: Path) -> None:
    program = "import mmap, sys; f = open(sys.argv[1], 'r+b'); mmap.mmap(f.fileno(), 0)[0:1] = b'x'"
    put(root / "aa" / "7_a.jpg")
    flush(box, root)
    box.empty()
    subprocess.run([sys.executable, "-c", program, root / "aa" / "7_a.jpg"], check=True)
    box.wait_for("aa/7_a")


def test_reading_removing_and_touching_no_content_is_not_told(box: Box, root: Path) -> None:
    put(root / "aa" / "7_a.jpg")
    put(root / "7_b.jpg")
    flush(box, root)
    box.empty()
    (root / "aa" / "7_a.jpg").read_bytes()
    (root / "aa" / "7_a.jpg").chmod(0o600)
    (root / "aa" / "7_a.jpg").unlink()
    (root / "7_b.jpg").unlink()
    flush(box, root)
    assert {hint.text for hint in box.look().pictures} == {"flush_x"}


def test_a_root_of_many_pictures_is_emptied_without_a_flood_of_events(root: Path) -> None:
    pictures = [root / f"{number}_a.jpg" for number in range(20_000)]
    for picture in pictures:
        picture.touch()
    with watching(root) as (watcher, box):
        with as_slow(watcher):
            for picture in pictures:
                picture.unlink()
        flush(box, root)
        assert box.look().trouble == []


@contextmanager
def as_slow(watcher: Watcher) -> Iterator[None]:
    """Keep the reader from its work during the block, as a busy machine does."""
    with watcher._lock:  # noqa: SLF001  it waits for it at the first event
        yield


@pytest.mark.parametrize("name", [b"\xff_a.jpg", b"\xd0\x9a_a.jpg", b"7\n_a.jpg", b"a" * 250 + b"_.jpg"])
def test_any_name_is_told_as_the_operating_system_has_it(box: Box, root: Path, name: bytes) -> None:
    for directory in (root, root / "aa"):
        with open(os.fsencode(directory) + b"/" + name, "wb"):
            pass
    stem = os.fsdecode(name).rpartition(".")[0]
    box.wait_for(f"/{stem}", f"aa/{stem}")


def test_what_is_no_regular_file_harms_nobody(box: Box, root: Path) -> None:
    os.mkfifo(root / "aa" / "7_fifo.jpg")
    (root / "aa" / "7_link.jpg").symlink_to("nowhere")
    (root / "aa" / "7_directory.jpg").mkdir()
    os.mknod(root / "aa" / "7_socket.jpg", stat.S_IFSOCK | 0o600)
    put(root / "aa" / "7_last.jpg")
    box.wait_for("aa/7_fifo", "aa/7_link", "aa/7_socket", "aa/7_last")
    assert "7_directory" not in {hint.text for hint in box.look().pictures}


# Directories ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bb", "Ко", os.fsdecode(b"\xff\xfe"), "é7", "--"])
def test_a_new_directory_is_told_and_watched(box: Box, root: Path, name: str) -> None:
    (root / name).mkdir()
    box.wait_for_directories(name)
    put(root / name / "7_a.jpg")
    box.wait_for(f"{name}/7_a")


@pytest.mark.parametrize("name", ["b", "bbb", ".b", "К"])
def test_directories_of_other_names_are_not_watched(root: Path, name: str) -> None:
    (root / name).mkdir()
    with watching(root) as (_, box):
        (root / f"{name}x" / "y").mkdir(parents=True)
        put(root / name / "7_a.jpg")
        flush(box, root)
        assert {hint.text for hint in box.look().pictures} == {"flush_x"}


def test_a_directory_within_a_directory_is_not_watched(box: Box, root: Path) -> None:
    (root / "aa" / "bb").mkdir()
    put(root / "aa" / "bb" / "7_a.jpg")
    flush(box, root)
    assert box.look().directories == set()
    assert {hint.text for hint in box.look().pictures} == {"flush_x"}


def test_a_link_to_a_directory_is_not_watched(root: Path, stage: Path) -> None:
    (root / "bb").symlink_to(stage)
    with watching(root) as (_, box):
        (root / "cc").symlink_to(stage)
        shutil.rmtree(root / "aa")
        (root / "aa").symlink_to(stage)
        put(stage / "7_a.jpg")
        flush(box, root)
        assert {hint.text for hint in box.look().pictures} == {"flush_x"}
        assert box.look().trouble == []


def test_a_directory_that_is_moved_in_is_told_and_watched(box: Box, root: Path, stage: Path) -> None:
    put(stage / "7_a.jpg")
    stage.rename(root / "bb")
    box.wait_for_directories("bb")
    put(root / "bb" / "7_b.jpg")
    box.wait_for("bb/7_b")


def test_a_directory_that_is_renamed_is_told_and_watched_under_its_new_name(box: Box, root: Path) -> None:
    (root / "aa").rename(root / "bb")
    box.wait_for_directories("bb")
    put(root / "bb" / "7_a.jpg")
    box.wait_for("bb/7_a")


def test_a_directory_that_is_moved_out_is_no_longer_watched(box: Box, root: Path, stage: Path) -> None:
    (root / "aa").rename(stage / "aa")
    flush(box, root)
    put(stage / "aa" / "7_a.jpg")
    flush(box, root)
    assert {hint.text for hint in box.look().pictures} == {"flush_x"}


def test_a_directory_that_moves_between_roots_is_watched_where_it_is(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    put(one / "aa" / "7_a.jpg")
    other.mkdir()
    with watching(one, other) as (_, box):
        (one / "aa").rename(other / "aa")
        box.wait_for_directories("aa", root=1)
        put(other / "aa" / "7_b.jpg")
        box.wait_for("aa/7_b")
        shutil.rmtree(other / "aa")
        put(one / "aa" / "7_c.jpg")
        box.wait_for_directories("aa", root=0)


def test_directories_that_are_exchanged_are_watched_under_their_names(root: Path, stage: Path) -> None:
    (root / "bb").mkdir()
    with watching(root) as (_, box):
        for _ in range(5):
            exchange(root / "aa", root / "bb")
            exchange(root / "aa", stage)
        flush(box, root)
        box.empty()
        put(root / "aa" / "7_a.jpg")
        put(root / "bb" / "7_b.jpg")
        put(stage / "7_c.jpg")
        box.wait_for("aa/7_a", "bb/7_b")
        flush(box, root)
        texts = {hint for hint in box.look().pictures if hint.text != "flush_x"}
        assert texts == {("7_a", "aa"), ("7_b", "bb")}
        assert box.look().trouble == []


def test_directories_that_are_renamed_into_each_other_are_watched_under_their_names(root: Path) -> None:
    for name in ("aa", "bb", "cc"):
        (root / name).mkdir(exist_ok=True)
    with watching(root) as (_, box):
        for former, new in (("cc", "dd"), ("bb", "cc"), ("aa", "bb"), ("dd", "aa")):
            (root / former).rename(root / new)
        flush(box, root)
        box.empty()
        for name in ("aa", "bb", "cc"):
            put(root / name / f"7_{name}.jpg")
        box.wait_for("aa/7_aa", "bb/7_bb", "cc/7_cc")
        assert not any(hint.text[2:] != hint.directory for hint in box.look().pictures if hint.directory)


def test_a_directory_that_is_removed_and_made_again_is_watched_each_time(box: Box, root: Path) -> None:
    for cycle in range(50):
        shutil.rmtree(root / "aa")
        put(root / "aa" / f"{cycle}_a.jpg")
        box.wait_for_directories("aa")
        box.empty()
    put(root / "aa" / "7_last.jpg")
    box.wait_for("aa/7_last")


def test_a_directory_that_is_made_again_at_full_speed_is_watched_at_the_end(box: Box, root: Path) -> None:
    for _ in range(500):
        shutil.rmtree(root / "aa")
        (root / "aa").mkdir()
    flush(box, root)
    put(root / "aa" / "7_last.jpg")
    box.wait_for("aa/7_last")


def test_a_directory_that_is_moved_out_made_again_and_removed_twice_is_watched_again(
    box: Box, root: Path, stage: Path
) -> None:
    """The sequence of which watchdog's own observers die."""
    (root / "aa").rename(stage / "a")
    (root / "aa").mkdir()
    shutil.rmtree(root / "aa")
    shutil.rmtree(stage / "a")
    put(root / "aa" / "7_a.jpg")
    box.wait_for_directories("aa")
    flush(box, root)
    put(root / "aa" / "7_b.jpg")
    box.wait_for("aa/7_b")


def test_a_directory_that_is_moved_out_and_back_is_watched(box: Box, root: Path, stage: Path) -> None:
    for _ in range(20):
        (root / "aa").rename(stage / "aa")
        (stage / "aa").rename(root / "aa")
    box.wait_for_directories("aa")
    flush(box, root)
    put(root / "aa" / "7_a.jpg")
    box.wait_for("aa/7_a")


def test_a_file_that_becomes_a_directory_is_watched(box: Box, root: Path) -> None:
    shutil.rmtree(root / "aa")
    put(root / "aa")
    flush(box, root)
    (root / "aa").unlink()
    (root / "aa").mkdir()
    box.wait_for_directories("aa")
    put(root / "aa" / "7_a.jpg")
    box.wait_for("aa/7_a")


def test_a_directory_from_which_a_file_system_is_unmounted_is_watched_again(root: Path) -> None:
    with small(root / "aa", "1m") as mounted, watching(root) as (_, box):
        put(mounted / "7_a.jpg")
        box.wait_for("aa/7_a")
        subprocess.run(["umount", mounted], check=True)
        box.wait_for_directories("aa")
        put(root / "aa" / "7_b.jpg")
        box.wait_for("aa/7_b")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], check=True)  # for the end of the block


def test_an_overlay_is_watched_like_a_disk(tmp_path: Path) -> None:
    with small(tmp_path / "layers", "10m") as layers:
        lower, upper, work, root = (layers / name for name in ("lower", "upper", "work", "root"))
        for directory in (lower / "aa", upper, work, root):
            directory.mkdir(parents=True)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        mount = ["mount", "-t", "overlay", "-o", options, "overlay", str(root)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("the kernel mounts no overlays here")
        with undone("umount", root), watching(root) as (_, box):
            put(root / "aa" / "7_a.jpg")
            put(root / "bb" / "7_b.jpg")
            box.wait_for("aa/7_a")
            box.wait_for_directories("bb")
            shutil.rmtree(root / "aa")
            (root / "aa").mkdir()
            box.wait_for_directories("aa")
            put(root / "aa" / "7_c.jpg")
            box.wait_for("aa/7_c")
            with suppress(OSError):  # directories of the lower layer cannot be exchanged
                exchange(root / "aa", root / "bb")
            flush(box, root)
            put(root / "aa" / "7_d.jpg")
            box.wait_for("aa/7_d")


@contextmanager
def undone(*command: str | Path) -> Iterator[None]:
    """Run a command after the block."""
    try:
        yield
    finally:
        subprocess.run(command, check=True)


# Image roots ----------------------------------------------------------------------------------------------


def test_a_root_that_is_not_there_is_not_watched_and_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loose").symlink_to("nowhere")
    box = Box()
    with nothing_left():
        roots = {0: tmp_path / "missing", 1: tmp_path / "file", 2: tmp_path / "loose"}
        watcher = Watcher(roots, box)
        assert [watcher.watch(number) for number in roots] == [False, False, False]
        (tmp_path / "missing").mkdir()
        assert watcher.watch(0)
        put(tmp_path / "missing" / "7_a.jpg")
        box.wait_for("/7_a")
        watcher.close()
    assert box.look().trouble == []


def test_a_root_that_is_removed_is_told(root: Path) -> None:
    with watching(root) as (watcher, box):
        shutil.rmtree(root)
        eventually(lambda: box.look().gone == {0})
        watcher.forget(0)
        put(root / "aa" / "7_a.jpg")
        assert watcher.watch(0)
        put(root / "aa" / "7_b.jpg")
        box.wait_for("aa/7_b")
        assert box.look().trouble == []


def test_a_root_that_is_unmounted_is_told(tmp_path: Path) -> None:
    with small(tmp_path / "root", "1m") as root, watching(root) as (_, box):
        subprocess.run(["umount", root], check=True)
        eventually(lambda: box.look().gone == {0})
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root], check=True)  # for the end of the block


def test_a_root_that_is_forgotten_is_silent(root: Path, stage: Path) -> None:
    with watching(root, stage) as (watcher, box):
        watcher.forget(0)
        put(root / "aa" / "7_a.jpg")
        shutil.rmtree(root)
        put(stage / "7_b.jpg")
        box.wait_for("/7_b")
        assert (len(box.look().pictures), box.look().gone) == (1, set())


def test_a_root_that_is_watched_twice_is_told_once_more_and_no_worse(root: Path) -> None:
    with watching(root) as (watcher, box):
        assert watcher.watch(0)
        put(root / "aa" / "7_a.jpg")
        box.wait_for("aa/7_a")
        assert box.look().trouble == []


def test_a_directory_that_is_two_roots_is_watched(root: Path) -> None:
    with watching(root, root) as (_, box):
        put(root / "aa" / "7_a.jpg")
        put(root / "7_b.jpg")
        (root / "bb").mkdir()
        box.wait_for("aa/7_a", "/7_b")
        box.wait_for_directories("bb", root=1)
        assert box.look().trouble == []


# Limits and rights ----------------------------------------------------------------------------------------


class Limited(Watcher):
    """A watcher on a system that allows no more watches than these."""

    left = 2

    def _add(self, path: Path, mask: Mask) -> tuple[WatchDescriptor, CallbackId]:
        if not self.left:
            raise OSError(ENOSPC, "inotify watch limit reached")
        self.left -= 1
        return super()._add(path, mask)


def test_a_limit_of_watches_is_told_once_with_its_remedy_and_the_others_stay(root: Path) -> None:
    for number in range(10, 20):
        (root / str(number)).mkdir()
    box = Box()
    with nothing_left():
        watcher = Limited({0: root}, box)
        assert watcher.watch(0)
        put(root / "7_a.jpg")
        box.wait_for("/7_a")
        watcher.close()
    [trouble] = box.look().trouble
    assert "inotify watches is reached" in trouble
    assert "sysctl -w fs.inotify.max_user_watches=" in trouble


def test_a_limit_that_a_new_directory_meets_is_told(root: Path) -> None:
    box = Box()
    with nothing_left():
        watcher = Limited({0: root}, box)
        assert watcher.watch(0)
        assert box.look().trouble == []
        (root / "bb").mkdir()
        eventually(lambda: box.look().trouble)
        assert watcher.is_alive
        watcher.close()


def test_a_limit_that_the_kernel_sets_is_told(root: Path, tmp_path: Path) -> None:
    """In a process of its own that has a limit of its own."""
    program = """if True:
        import sys
        from pathlib import Path
        from support.watching import Box
        from daemon.watcher.inotify import Watcher
        limit = Path("/proc/sys/user/max_inotify_watches")
        limit.write_text("1")
        box = Box()
        watcher = Watcher({0: Path(sys.argv[1])}, box)
        print(watcher.watch(0), *box.look().trouble)
        watcher.close()
    """
    in_a_namespace = ["unshare", "--user", "--map-root-user", sys.executable]
    if subprocess.run([*in_a_namespace, "-c", ""], capture_output=True, check=False, cwd="/").returncode:
        pytest.skip("the kernel allows no user namespaces here")
    answer = subprocess.run(
        [*in_a_namespace, "-c", program, root],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
        cwd=tmp_path,
    )
    assert answer.stdout.startswith("True not all directories can be watched: the limit of "), answer.stderr


def test_a_limit_that_cannot_be_read_is_told_without_its_number(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("daemon.watcher.inotify._LIMIT", tmp_path / "hidden")
    monkeypatch.setattr(Limited, "left", 0)
    box = Box()
    watcher = Limited({0: root}, box)
    assert watcher.watch(0)
    watcher.close()
    assert "the limit fs.inotify.max_user_watches is reached" in box.look().trouble[0]


def test_a_directory_that_may_not_be_watched_is_told_and_the_others_are_watched(root: Path) -> None:
    names = [f"{number:02}" for number in range(20)]
    for name in names:
        (root / name).mkdir()
    (root / "07").chmod(0)
    with as_owner(), watching(root) as (watcher, box):
        assert box.look().trouble == [f"not all directories can be watched: {root}/07 may not be watched"]
        for name in names:
            if name != "07":
                put(root / name / "7_a.jpg")
        box.wait_for(*(f"{name}/7_a" for name in names if name != "07"))
        (root / "07").chmod(0o755)
        assert watcher.watch(0)
        put(root / "07" / "7_b.jpg")
        box.wait_for("07/7_b")


def test_directories_that_may_not_be_watched_leave_nothing_behind_however_often(root: Path) -> None:
    (root / "aa").chmod(0)
    with as_owner(), watching(root) as (watcher, box):
        for _ in range(10):
            watcher.watch(0)
            box.look()
        assert WatchDescriptor(-1) not in watcher._reader._watch_for_wd  # noqa: SLF001  what it would pile up in
        assert len(box.look().trouble) == 10
    (root / "aa").chmod(0o755)


# The reader -----------------------------------------------------------------------------------------------


def test_events_that_the_kernel_drops_are_told(root: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    if most > 100_000:
        pytest.skip("the queue of events is too long to fill it here")
    with watching(root) as (watcher, box):
        with as_slow(watcher):
            for number in range(most // 2 + 2000):  # each is two events
                (root / "aa" / f"{number}_x.jpg").touch()
        eventually(lambda: box.look().trouble)
        assert box.look().trouble == ["so much happened at once that the kernel dropped events"]
        put(root / "aa" / "7_after.jpg")
        box.wait_for("aa/7_after")


def test_a_queue_that_is_nearly_full_is_read_to_its_end(root: Path) -> None:
    with watching(root) as (watcher, box):
        with as_slow(watcher):
            for number in range(4000):
                put(root / "aa" / f"{number}_x.jpg")
        box.wait_for(*(f"aa/{number}_x" for number in range(4000)))
        assert box.look().trouble == []


class Broken(Box):
    """An inbox that breaks when it is told of a picture."""

    def picture(self, directory: str, name: str) -> None:
        raise ZeroDivisionError(f"{directory}/{name}")


def test_an_event_that_cannot_be_handled_is_trouble_and_not_the_end(root: Path) -> None:
    with watching(root, box=Broken()) as (watcher, box):
        put(root / "aa" / "7_a.jpg")
        eventually(lambda: box.look().trouble)
        (root / "bb").mkdir()
        box.wait_for_directories("bb")
        assert watcher.is_alive
        assert "could not be handled: ZeroDivisionError('aa/7_a.jpg')" in box.look().trouble[0]


@DIES
def test_a_reader_that_dies_is_not_alive_and_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(root) as (watcher, _):
        assert watcher.is_alive
        monkeypatch.setattr(watcher._reader, "handle_event", lambda _event: 1 / 0)  # noqa: SLF001
        put(root / "7_a.jpg")
        eventually(lambda: not watcher.is_alive)


def test_what_is_seen_while_the_watcher_is_closed_does_no_harm(root: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            (root / "zz").mkdir()
            (root / "zz").rmdir()

    churner = threading.Thread(target=churn)
    churner.start()
    try:
        for _ in range(30):
            box = Box()
            watcher = Watcher({0: root}, box)
            watcher.watch(0)
            box.wait_for_directories("zz")
            watcher.close()
            assert not watcher.is_alive
            assert (box.look().trouble, box.look().gone) == ([], set())
    finally:
        stop.set()
        churner.join()


def test_a_hundred_watchers_one_after_the_other_leave_nothing_behind(root: Path) -> None:
    with nothing_left():
        for _ in range(100):
            watcher = Watcher({0: root}, Box())
            watcher.watch(0)
            assert watches_and_threads()[0] == 1
            watcher.close()


def test_a_watcher_that_is_closed_before_its_thread_has_begun_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_closed = threading.Event()
    run = InotifyFD.run
    monkeypatch.setattr(InotifyFD, "run", lambda reader: is_closed.wait() and run(reader))
    with nothing_left():
        watcher = Watcher({0: root}, Box())
        watcher.watch(0)
        watcher._reader.stop()  # noqa: SLF001  the first thing that its end does
        is_closed.set()
        watcher.close()


def test_a_program_that_is_started_does_not_inherit_the_watches(root: Path) -> None:
    with watching(root):
        listing = subprocess.run(
            ["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True, check=True
        )
        assert "inotify" not in listing.stdout


def test_it_writes_nothing_on_standard_error_of_its_own(root: Path) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from support.watching import Box
        from daemon.watcher.inotify import Watcher
        watcher = Watcher({0: Path(sys.argv[1])}, Box())
        watcher.watch(0)
        from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent
        watcher._reader.handle_event(InotifyEvent(-1, InotifyConstants.IN_Q_OVERFLOW, 0, b""))
        watcher.close()
    """
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, root],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
    )
    assert answer.stderr == ""


# Triggers -------------------------------------------------------------------------------------------------


class Told:
    """Counts how often a trigger was told."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@contextmanager
def watching_for(trigger: Path) -> Iterator[tuple[TriggerWatcher, Told]]:
    """Watch for a trigger during the block; nothing of it may be left afterwards."""
    told = Told()
    with nothing_left():
        watcher = TriggerWatcher(trigger, told)
        try:
            yield watcher, told
        finally:
            watcher.close()


def test_a_trigger_is_told_when_it_is_closed_after_writing(stage: Path) -> None:
    with watching_for(stage / "t") as (_, told), open(stage / "t", "wb") as file:
        file.write(b"x")
        file.flush()
        (stage / "other").touch()
        assert told.times == 0
        file.close()
        eventually(lambda: told.times == 1)


def test_a_trigger_is_told_when_it_is_renamed_into_place(stage: Path, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with watching_for(stage / "t") as (_, told):
        (tmp_path / "x").rename(stage / "t")
        eventually(lambda: told.times == 1)


def test_other_files_are_not_told(stage: Path) -> None:
    with watching_for(stage / "t") as (_, told):
        for name in ("t.running", "t.result", "T", "tt"):
            (stage / name).touch()
        (stage / "t").touch()
        eventually(lambda: told.times)
        assert told.times == 1


def test_a_trigger_may_have_any_name(stage: Path) -> None:
    name = os.fsdecode(b"\xff \xd0\x9a")
    with watching_for(stage / name) as (_, told):
        (stage / name).touch()
        eventually(lambda: told.times == 1)


@pytest.mark.parametrize("is_file", [True, False])
def test_where_there_is_no_directory_for_triggers_nothing_is_left_open(stage: Path, is_file: bool) -> None:
    if is_file:
        (stage / "place").touch()
    with nothing_left(), pytest.raises(OSError, match="directory"):
        TriggerWatcher(stage / "place" / "t", Told())


def test_where_the_directory_for_triggers_may_not_be_read_nothing_is_left_open(stage: Path) -> None:
    stage.chmod(0)
    with nothing_left(), as_owner(), pytest.raises(PermissionError):
        TriggerWatcher(stage / "t", Told())
    stage.chmod(0o755)


def test_a_watcher_whose_directory_is_removed_is_not_alive(stage: Path) -> None:
    with watching_for(stage / "t") as (watcher, _):
        assert watcher.is_alive
        stage.rmdir()
        eventually(lambda: not watcher.is_alive)


def test_a_server_that_accepts_no_connections_is_no_trigger(stage: Path) -> None:
    with watching_for(stage / "t") as (_, told), socket.socket(socket.AF_UNIX) as server:
        server.bind(str(stage / "t"))
        (stage / "t").unlink()
        (stage / "t").touch()
        eventually(lambda: told.times == 1)
