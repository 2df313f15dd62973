"""What the watches need of watchdog and its documentation does not promise: an upgrade that breaks it fails here."""

import ast
import os
import threading
from collections.abc import Callable, Iterator
from errno import EMFILE, ENOSPC
from importlib import metadata
from pathlib import Path
from typing import get_type_hints

import pytest
from support.daemon_process import eventually
from support.descriptors import held
from support.rights import as_owner
from support.watching import nothing_left
from watchdog.observers import inotify_c
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)

import daemon.watcher

DIES = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

ALL = Mask(
    InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
)
ONE, OTHER = CallbackId(1), CallbackId(2)

#: Every name of `inotify_c` that the package imports, and the test that says what is needed of it.
COVERED = {
    "CallbackId": "test_numbers_are_all_that_tells_callbacks_apart",
    "InotifyConstants": "test_the_constants_are_those_of_the_kernel",
    "InotifyEvent": "test_an_event_has_a_watch_a_mask_and_a_name_in_bytes",
    "InotifyFD": "test_a_reader_is_a_thread_that_lives_until_it_is_stopped",
    "Mask": "test_numbers_are_all_that_tells_callbacks_apart",
    "WatchCallback": "test_a_callback_is_told_by_these_three_methods",
    "WatchDescriptor": "test_numbers_are_all_that_tells_callbacks_apart",
}


class Callback(WatchCallback):
    """Remembers what it is told, and by which thread."""

    def __init__(self) -> None:
        self.events: list[InotifyEvent] = []
        self.deleted: list[WatchDescriptor] = []
        self.overflows = 0
        self.threads: set[threading.Thread] = set()
        self.work: Callable[[], object] = lambda: None

    def on_event(self, event: InotifyEvent) -> None:
        self.threads.add(threading.current_thread())
        self.work()
        self.events.append(event)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        self.threads.add(threading.current_thread())
        self.deleted.append(wd)

    def on_queue_overflow(self) -> None:
        self.overflows += 1

    @property
    def names(self) -> list[bytes]:
        return [event.name for event in self.events]


@pytest.fixture
def callback() -> Callback:
    return Callback()


@pytest.fixture
def reader() -> Iterator[InotifyFD]:
    """A reader that runs; nothing of it may be left afterwards."""
    with nothing_left():
        reader = made()
        reader.start()
        yield reader
        reader.stop()
        reader.join(5)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def made() -> InotifyFD:
    """Return a reader that closes its descriptors however soon it is stopped."""
    reader = InotifyFD()
    reader._is_reading = False  # noqa: SLF001
    return reader


def add(reader: InotifyFD, place: Path, callback: Callback, number: CallbackId = ONE) -> WatchDescriptor:
    return reader.add_callback(os.fsencode(place), ALL, callback, number)


# The names ------------------------------------------------------------------------------------------------


def test_the_installed_version_is_the_one_that_these_tests_were_written_for() -> None:
    assert metadata.version("watchdog").split(".")[:2] == ["7", "1"]


def test_every_name_that_the_package_takes_from_watchdog_is_tested_here() -> None:
    used = set()
    for module in Path(daemon.watcher.__file__).parent.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("watchdog"):
                assert node.module == inotify_c.__name__
                used |= {name.name for name in node.names}
            if isinstance(node, ast.Import):
                assert not [name.name for name in node.names if name.name.startswith("watchdog")]
    assert used == COVERED.keys()
    assert set(COVERED.values()) <= globals().keys()


def test_the_constants_are_those_of_the_kernel() -> None:
    values = {
        "IN_CLOSE_WRITE": 0x8,
        "IN_MOVED_FROM": 0x40,
        "IN_MOVED_TO": 0x80,
        "IN_CREATE": 0x100,
        "IN_MOVE_SELF": 0x800,
        "IN_ONLYDIR": 0x0100_0000,
        "IN_DONT_FOLLOW": 0x0200_0000,
        "IN_EXCL_UNLINK": 0x0400_0000,
        "IN_ISDIR": 0x4000_0000,
        "IN_Q_OVERFLOW": 0x4000,
    }
    assert {name: getattr(InotifyConstants, name) for name in values} == values


def test_numbers_are_all_that_tells_callbacks_apart() -> None:
    assert (CallbackId(7), Mask(7), WatchDescriptor(7)) == (7, 7, 7)


def test_a_callback_is_told_by_these_three_methods() -> None:
    methods = {name for name in vars(WatchCallback) if name.startswith("on_")}
    assert methods == {"on_event", "on_watch_deleted", "on_queue_overflow"}


def test_an_event_has_a_watch_a_mask_and_a_name_in_bytes() -> None:
    assert {"wd", "mask", "name"} <= get_type_hints(InotifyEvent, vars(inotify_c)).keys()
    event = InotifyEvent(WatchDescriptor(1), Mask(InotifyConstants.IN_CREATE), 0, b"x")
    assert not event.is_directory
    assert InotifyEvent(event.wd, Mask(event.mask | InotifyConstants.IN_ISDIR), 0, b"x").is_directory


def test_what_it_logs_is_below_one_name() -> None:
    assert inotify_c.logger.name.startswith("watchdog.")


# Watches --------------------------------------------------------------------------------------------------


def test_a_watch_that_is_added_tells_at_once_what_happens(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    watch = add(reader, place, callback)
    assert watch > 0
    (place / "x").touch()
    (place / os.fsdecode(b"\xff")).mkdir()
    eventually(lambda: len(callback.events) == 3)
    assert callback.names == [b"x", b"x", b"\xff"]
    assert {event.wd for event in callback.events} == {watch}
    assert [event.is_directory for event in callback.events] == [False, False, True]
    assert callback.threads == {reader}


def test_the_mask_is_the_kernels(reader: InotifyFD, place: Path, callback: Callback) -> None:
    mask = Mask(InotifyConstants.IN_ONLYDIR | InotifyConstants.IN_MOVED_TO)
    reader.add_callback(os.fsencode(place), mask, callback, ONE)
    (place / "x").touch()
    (place / "x").rename(place / "y")
    eventually(lambda: callback.events)
    assert callback.names == [b"y"]


def test_a_directory_under_another_name_is_the_same_watch(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    watch = add(reader, place, callback)
    place.rename(place.with_name("renamed"))
    assert add(reader, place.with_name("renamed"), callback, OTHER) == watch


def test_a_removed_callback_is_told_nothing_and_another_of_the_watch_goes_on(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    other = Callback()
    watch = add(reader, place, callback)
    add(reader, place, other, OTHER)
    reader.remove_callbacks([(watch, ONE)])
    (place / "x").touch()
    eventually(lambda: len(other.events) == 2)
    assert (callback.events, callback.deleted) == ([], [])


def test_the_watch_of_the_last_callback_is_removed_without_a_word(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    other = Callback()
    add(reader, place.parent, other)
    watch = add(reader, place, callback)
    reader.remove_callbacks([(watch, ONE)])
    (place / "x").touch()
    (place.parent / "last").touch()
    eventually(lambda: b"last" in other.names)
    assert (callback.events, callback.deleted, other.deleted) == ([], [], [])
    assert add(reader, place, callback) != watch  # numbers are not used again


def test_a_watch_that_the_kernel_has_ended_already_can_be_removed(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    watch = add(reader, place, callback)
    place.rmdir()
    eventually(lambda: callback.deleted == [watch])
    reader.remove_callbacks([(watch, ONE)])


def test_a_watch_can_be_removed_in_the_moment_the_kernel_ends_it(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    for _ in range(200):
        watch = add(reader, place, callback)
        place.rmdir()
        reader.remove_callbacks([(watch, ONE)])
        place.mkdir()
    assert reader.is_alive()


def test_the_end_of_a_watch_is_told_without_asking_for_it(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    watch = add(reader, place, callback)
    place.rmdir()
    eventually(lambda: callback.deleted == [watch])
    assert callback.events == []
    assert callback.threads == {reader}


def test_watches_can_be_added_and_removed_while_an_event_is_handled(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    watch = add(reader, place, callback)

    def work() -> None:
        add(reader, place, callback, OTHER)
        reader.remove_callbacks([(watch, OTHER)])

    callback.work = work
    (place / "x").touch()
    eventually(lambda: len(callback.events) == 2)


# What fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, error",
    [
        pytest.param(lambda _path: None, FileNotFoundError, id="nothing"),
        pytest.param(Path.touch, NotADirectoryError, id="file"),
        pytest.param(lambda path: path.symlink_to(path.parent), NotADirectoryError, id="link"),
        pytest.param(os.mkfifo, NotADirectoryError, id="fifo"),
    ],
)
def test_what_is_no_directory_is_refused(
    reader: InotifyFD, place: Path, callback: Callback, make: Callable[[Path], object], error: type[OSError]
) -> None:
    make(place / "x")
    mask = Mask(ALL | InotifyConstants.IN_DONT_FOLLOW)
    with pytest.raises(OSError, match=r"No such file|Not a directory") as caught:
        reader.add_callback(os.fsencode(place / "x"), mask, callback, ONE)
    assert type(caught.value) is error


def test_a_directory_without_rights_is_said_to_be_the_watch_minus_one(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    place.chmod(0)
    with as_owner():
        watch = add(reader, place, callback)
    assert watch == -1
    reader.remove_callbacks([(watch, ONE)])
    assert reader._watch_for_wd == {}  # noqa: SLF001  nothing is kept of it
    place.chmod(0o755)


def test_an_overflow_is_told_to_each_callback_once(
    reader: InotifyFD, place: Path, callback: Callback
) -> None:
    add(reader, place, callback)
    add(reader, place.parent, callback, OTHER)
    reader.handle_event(InotifyEvent(WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b""))
    assert callback.overflows == 1


def test_an_overflow_of_the_kernel_arrives(reader: InotifyFD, place: Path, callback: Callback) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    if most > 100_000:
        pytest.skip("the queue of events is too long to fill it here")
    go_on = threading.Event()
    callback.work = go_on.wait
    add(reader, place, callback)
    for number in range(most // 2 + 2000):  # each is two events
        (place / f"{number}").touch()
    go_on.set()
    eventually(lambda: callback.overflows)


@pytest.mark.parametrize("call, number", [("inotify_add_watch", ENOSPC), ("inotify_init", EMFILE)])
def test_a_limit_is_an_error_with_its_number(
    reader: InotifyFD, place: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    with monkeypatch.context() as patch, pytest.raises(OSError, match="limit reached") as caught:  # noqa: PT012
        patch.setattr(inotify_c, call, lambda *_arguments: -1)
        patch.setattr("ctypes.get_errno", lambda: number)
        add(reader, place, Callback()) if number == ENOSPC else InotifyFD()
    assert caught.value.errno == number


# The thread -----------------------------------------------------------------------------------------------


def test_a_reader_is_a_thread_that_lives_until_it_is_stopped() -> None:
    with nothing_left():
        reader = made()
        assert isinstance(reader, threading.Thread)
        assert reader.daemon  # it does not keep the process
        reader.start()
        assert reader.is_alive()
        reader.stop()
        reader.join(5)
        assert not reader.is_alive()


@pytest.mark.parametrize("said_to_read, left", [(True, 3), (False, 0)])
def test_a_reader_that_is_stopped_before_it_reads_closes_its_descriptors_only_if_it_does_not_say_that_it_reads(
    monkeypatch: pytest.MonkeyPatch, said_to_read: bool, left: int
) -> None:
    is_stopped = threading.Event()
    run = InotifyFD.run
    monkeypatch.setattr(InotifyFD, "run", lambda reader: is_stopped.wait() and run(reader))
    reader = InotifyFD()
    assert reader._is_reading  # noqa: SLF001  which it does not yet
    reader._is_reading = said_to_read  # noqa: SLF001
    reader.start()
    reader.stop()
    is_stopped.set()
    reader.join(5)
    assert not reader.is_alive()
    descriptors = {reader._inotify_fd, reader._kill_r, reader._kill_w} & held().keys()  # noqa: SLF001
    assert len(descriptors) == left
    for descriptor in descriptors:
        os.close(descriptor)


def test_every_reader_is_an_instance_of_its_own() -> None:
    with nothing_left():
        readers = [made() for _ in range(3)]
        assert len({reader._inotify_fd for reader in readers}) == 3  # noqa: SLF001  made private by us
        for reader in readers:
            reader.start()
            reader.stop()
            reader.join(5)


def test_the_descriptor_can_be_kept_from_children(reader: InotifyFD) -> None:
    descriptor = reader._inotify_fd  # noqa: SLF001
    assert os.readlink(f"/proc/self/fd/{descriptor}") == "anon_inode:inotify"
    os.set_inheritable(descriptor, False)
    assert not os.get_inheritable(descriptor)


def test_the_end_tells_every_watch_by_the_thread_that_ends_it(place: Path, callback: Callback) -> None:
    with nothing_left():
        reader = made()
        reader.start()
        watch = add(reader, place, callback)
        reader.stop()
        assert callback.deleted == [watch]
        assert callback.threads == {threading.current_thread()}
        reader.join(5)


def test_the_end_does_not_wait_for_an_event_that_is_handled(place: Path, callback: Callback) -> None:
    with nothing_left():
        go_on = threading.Event()
        callback.work = go_on.wait
        reader = made()
        reader.start()
        add(reader, place, callback)
        (place / "x").touch()
        eventually(lambda: callback.threads)
        reader.stop()
        assert reader.is_alive()
        go_on.set()
        reader.join(5)
        assert not reader.is_alive()


@DIES
def test_a_callback_that_fails_ends_the_thread_and_the_end_closes_all(
    place: Path, callback: Callback
) -> None:
    with nothing_left():
        reader = made()
        reader.start()
        callback.work = lambda: 1 / 0
        add(reader, place, callback)
        (place / "x").touch()
        eventually(lambda: not reader.is_alive())
        reader.stop()
        reader.join(5)


def test_the_end_of_a_reader_without_its_descriptor_may_fail_and_is_one(
    place: Path, callback: Callback
) -> None:
    reader = made()
    reader.start()
    add(reader, place, callback)
    os.close(reader._inotify_fd)  # noqa: SLF001  as nobody should
    (place / "x").touch()
    try:
        reader.stop()
    except OSError:
        for descriptor in (reader._kill_r, reader._kill_w):  # noqa: SLF001  left open by that
            os.close(descriptor)
    reader.join(5)
    assert not reader.is_alive()
