"""One picture is brought over whole or not at all, whatever its writer, the disk or another account does."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from errno import EACCES, EDQUOT, EIO, ENOSPC, EPERM, EROFS
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.accounts import IS_ROOT, umask, unprivileged
from support.audits import Arguments, before, told
from support.descriptors import none_left_open
from support.files import change_status_after, mode, put, replace, tree
from support.filesystems import small

from daemon.errors import MediaError
from daemon.exchange import Source
from daemon.media import TEMPORARY_PREFIX, Media
from daemon.storing import (
    Outcome,
    Preview,
    Refused,
    Result,
    Store,
    Validate,
    copy,
    is_current,
    refusal,
)

NAME = "12_a.jpg"
LARGE = 3 * (1 << 20) + 7  # more than is read at once
MOMENT = 1_700_000_000_123_456_789

COPIED = Outcome(Result.COPIED, bytes_copied=7)
REPLACED = Outcome(Result.REPLACED, bytes_copied=7)
REPLACED_AFTER_COMPARISON = Outcome(Result.REPLACED, bytes_copied=7, compared=True)
EQUAL = Outcome(Result.SKIPPED, compared=True)
GONE = Outcome(Result.GONE)


class Bench:
    """One picture in an exchange, and the place in the media where it belongs."""

    def __init__(self, exchange: Path, media: Path) -> None:
        exchange.mkdir()
        self.media_directory = media
        self.picture = exchange / NAME
        self.stored = media / "products" / "12" / NAME
        self.source = Source(os.open(exchange, os.O_RDONLY), NAME)
        self.media = Media(media, "products", file_mode=0o644, dir_mode=0o755, min_free=0, durable=True)
        self.media.prepare()
        target = self.media.target(f"products/12/{NAME}", make=True)
        assert target is not None
        self.target = target

    def close(self) -> None:
        """Leave nothing open."""
        os.close(self.source.directory)
        self.media.__exit__(None, None, None)

    def bring(self, *, validate: Validate | None = None, max_file_size: int = 64 << 20) -> Outcome:
        """Bring the picture over, and tell of it if it was replaced."""
        store = Store(self.media, max_file_size, validate)
        outcome = store.bring(self.source, self.target)
        if outcome.seen:
            store.tell(self.source, self.target, outcome.seen)
        return outcome

    def is_current(self) -> bool:
        """Return whether the stored copy is current by its times."""
        source = self.source.status()
        assert source is not None
        return is_current(source, self.target.status())

    @property
    def content(self) -> bytes:
        """What is stored, there being nothing else in the media."""
        assert list(tree(self.media_directory)) == [f"products/12/{NAME}"]
        return self.stored.read_bytes()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return an exchange without the picture, and media that are prepared."""
    bench = Bench(tmp_path / "exchange", tmp_path / "media")
    yield bench
    bench.close()


def failing(number: int) -> OSError:
    """Return the error of the operating system with this number."""
    return OSError(number, os.strerror(number))


# By their times

seconds = st.integers(1, 3)


def status(kind: int = stat.S_IFREG, size: int = 1, modified: int = 1, changed: int = 1) -> os.stat_result:
    """Return a status."""
    times = {"st_mtime_ns": modified, "st_ctime_ns": changed}
    return os.stat_result((kind | 0o644, 1, 1, 1, 0, 0, size, 0, 0, 0), times)


@given(*[st.builds(status, size=seconds, modified=seconds, changed=seconds)] * 2)
def test_a_copy_is_current_by_size_modification_and_no_later_change_of_the_source(
    source: os.stat_result, stored: os.stat_result
) -> None:
    assert is_current(source, stored) == (
        source.st_size == stored.st_size
        and source.st_mtime_ns == stored.st_mtime_ns
        and source.st_ctime_ns <= stored.st_ctime_ns
    )


def test_no_copy_is_not_current() -> None:
    assert not is_current(status(), None)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO])
def test_what_is_no_regular_file_is_not_current(kind: int) -> None:
    assert not is_current(status(), status(kind))


@pytest.mark.parametrize(
    "kind, words",
    [
        (stat.S_IFLNK, "is a symbolic link, not a regular file"),
        (stat.S_IFDIR, "is a directory, not a regular file"),
        (stat.S_IFIFO, "is a fifo, not a regular file"),
        (stat.S_IFSOCK, "is a socket, not a regular file"),
        (stat.S_IFCHR, "is a character device, not a regular file"),
        (stat.S_IFBLK, "is a block device, not a regular file"),
    ],
)
def test_what_is_no_regular_file_is_refused(kind: int, words: str) -> None:
    assert refusal(status(kind), 10) == words


def test_empty_and_too_large_files_are_refused() -> None:
    assert refusal(status(size=0), 10) == "is empty"
    assert refusal(status(size=1), 10) is None
    assert refusal(status(size=10), 10) is None
    assert refusal(status(size=11), 10) == "is larger than [import] max_file_size (11 bytes)"


# Copied


@pytest.mark.parametrize("size", [1, 1 << 20, LARGE])
def test_a_new_picture_is_copied_with_its_time(bench: Bench, size: int) -> None:
    content = os.urandom(size)
    put(bench.picture, content, modified_ns=MOMENT)
    assert bench.bring() == Outcome(Result.COPIED, bytes_copied=size)
    assert bench.content == content
    assert bench.stored.stat().st_mtime_ns == MOMENT
    assert bench.is_current()


def test_the_source_is_left_as_it_is(bench: Bench) -> None:
    put(bench.picture, modified_ns=MOMENT)
    before = bench.picture.stat()
    bench.bring()
    after = bench.picture.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )
    assert tree(bench.picture.parent) == {NAME: b"picture"}


def test_the_mode_is_that_of_the_media_whatever_the_source_and_the_umask_say(bench: Bench) -> None:
    put(bench.picture).chmod(0o600)
    with umask(0o077):
        bench.bring()
    assert mode(bench.stored) == 0o644


def test_a_picture_of_another_file_system_is_copied_too(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm") as memory:
        bench = Bench(Path(memory) / "exchange", tmp_path / "media")
        content = os.urandom(LARGE)
        put(bench.picture, content)
        assert bench.bring() == Outcome(Result.COPIED, bytes_copied=LARGE)
        assert bench.content == content
        bench.close()


def test_a_picture_needs_a_directory_to_be_stored_in(bench: Bench) -> None:
    put(bench.picture)
    with pytest.raises(ValueError, match="directory"):
        Store(bench.media, 10).bring(bench.source, None)


# Compared


def test_equal_content_keeps_its_inode_and_is_given_the_time_of_the_source(bench: Bench) -> None:
    put(bench.picture, modified_ns=MOMENT)
    inode = put(bench.stored, modified_ns=1).stat().st_ino
    assert bench.bring() == EQUAL
    assert bench.content == b"picture"
    assert (bench.stored.stat().st_ino, bench.stored.stat().st_mtime_ns) == (inode, MOMENT)


def test_equal_content_is_compared_only_once(bench: Bench) -> None:
    put(bench.picture, modified_ns=MOMENT)
    bench.bring()
    change_status_after(bench.picture, bench.stored.stat().st_ctime_ns)  # as when it is sent again
    assert not bench.is_current()
    assert bench.bring() == EQUAL
    assert bench.is_current()


def test_another_content_of_the_same_size_and_time_is_replaced(bench: Bench) -> None:
    put(bench.picture, modified_ns=MOMENT)
    bench.bring()
    change_status_after(bench.picture, bench.stored.stat().st_ctime_ns)
    put(bench.picture, b"PICTURE", modified_ns=MOMENT)
    assert not bench.is_current()
    assert bench.bring() == REPLACED_AFTER_COMPARISON
    assert bench.content == b"PICTURE"


@pytest.mark.parametrize("where", [0, 1 << 20, LARGE - 1])
def test_a_difference_anywhere_is_found(bench: Bench, where: int) -> None:
    content = bytes(LARGE)
    put(bench.stored, content)
    put(bench.picture, content[:where] + b"\1" + content[where + 1 :])
    assert bench.bring() == Outcome(Result.REPLACED, bytes_copied=LARGE, compared=True)
    assert bench.content[where] == 1


@pytest.mark.parametrize("stored", [b"pict", b"", b"picture and more"])
def test_a_copy_of_another_size_is_replaced(bench: Bench, stored: bytes) -> None:
    put(bench.stored, stored)
    put(bench.picture)
    assert bench.bring() == REPLACED
    assert bench.content == b"picture"


def test_a_reader_of_the_old_copy_still_reads_the_old_content(bench: Bench) -> None:
    inode = put(bench.stored, b"former!").stat().st_ino
    put(bench.picture)
    with bench.stored.open("rb") as reader:
        assert bench.bring() == REPLACED_AFTER_COMPARISON
        assert reader.read() == b"former!"
    assert bench.content == b"picture"
    assert bench.stored.stat().st_ino != inode


def test_a_link_in_the_place_of_the_copy_is_replaced_and_not_followed(bench: Bench, tmp_path: Path) -> None:
    secret = put(tmp_path / "secret", b"picture")
    bench.stored.symlink_to(secret)
    put(bench.picture)
    assert bench.bring() == REPLACED
    assert bench.content == b"picture"
    put(bench.picture, b"PICTURE")
    bench.bring()
    assert secret.read_bytes() == b"picture"


def test_a_directory_in_the_place_of_the_copy_is_an_error(bench: Bench) -> None:
    bench.stored.mkdir()
    put(bench.picture)
    assert bench.bring() == Outcome(Result.ERROR, "cannot be stored: Is a directory")
    assert tree(bench.media_directory) == {}


@pytest.mark.skipif(not IS_ROOT, reason="only root can make files of another user")
def test_a_copy_of_another_user_is_replaced_once_where_its_times_cannot_be_set(bench: Bench) -> None:
    put(bench.picture, modified_ns=MOMENT)
    put(bench.stored, modified_ns=1)
    bench.stored.parent.chmod(0o777)
    with unprivileged():
        assert bench.bring() == REPLACED_AFTER_COMPARISON
        assert bench.is_current()
        assert bench.bring() == EQUAL
    assert bench.content == b"picture"
    assert bench.stored.stat().st_uid != 0


# Changed meanwhile


def test_a_source_replaced_before_the_copy_gets_its_name_is_brought_over_again(bench: Bench) -> None:
    put(bench.picture, b"former!", modified_ns=MOMENT)
    with before("os.rename", lambda _: replace(bench.picture, b"picture"), number=1):
        assert bench.bring() == COPIED
    assert bench.content == b"picture"
    assert bench.is_current()


def test_a_replacement_with_the_same_size_and_times_is_noticed(bench: Bench) -> None:
    put(bench.picture, b"former!", modified_ns=MOMENT)
    waiting = put(bench.picture.with_name("waiting"), b"picture", modified_ns=MOMENT)
    with before("os.rename", lambda _: waiting.replace(bench.picture), number=1):
        assert bench.bring() == COPIED
    assert bench.content == b"picture"


def test_a_source_written_to_before_the_copy_gets_its_name_is_brought_over_again(bench: Bench) -> None:
    put(bench.picture, b"former!", modified_ns=MOMENT)

    def write(_: Arguments) -> None:
        with bench.picture.open("r+b") as file:
            file.write(b"picture")
        os.utime(bench.picture, ns=(MOMENT, MOMENT))

    with before("os.rename", write, number=1):
        assert bench.bring() == COPIED
    assert bench.content == b"picture"


@pytest.mark.parametrize("content", [b"pict", b"picture and more", b"PICTURE"])
def test_a_source_changed_while_it_is_read_is_read_again(bench: Bench, content: bytes) -> None:
    put(bench.picture)
    opened = count(1)

    def change(arguments: Arguments) -> None:
        if str(arguments[0]).startswith(TEMPORARY_PREFIX) and next(opened) == 1:
            put(bench.picture, content)

    with before("open", change), told("os.rename") as renamed:
        assert bench.bring() == Outcome(Result.COPIED, bytes_copied=len(content))
    assert len(renamed) == 1  # what was read first is given no name
    assert bench.content == content


def test_a_source_changed_while_it_is_validated_is_noticed(bench: Bench) -> None:
    put(bench.picture)
    contents = iter([b"second!", b"third!!"])

    def change(_: int) -> None:
        with suppress(StopIteration):
            replace(bench.picture, next(contents))

    assert bench.bring(validate=change) == COPIED
    assert bench.content == b"third!!"


def test_a_copy_found_equal_is_looked_at_again_when_the_source_changes(bench: Bench) -> None:
    put(bench.picture, modified_ns=MOMENT)
    put(bench.stored, modified_ns=1)
    with before("os.utime", lambda _: replace(bench.picture, b"PICTURE"), number=1):
        assert bench.bring() == REPLACED_AFTER_COMPARISON
    assert bench.content == b"PICTURE"


def test_a_new_picture_counts_as_copied_when_it_is_only_touched_meanwhile(bench: Bench) -> None:
    put(bench.picture, modified_ns=1)
    with before("os.rename", lambda _: os.utime(bench.picture, ns=(MOMENT, MOMENT)), number=1):
        assert bench.bring() == COPIED
    assert bench.content == b"picture"
    assert bench.is_current()


def test_a_replaced_picture_counts_as_replaced_when_it_is_only_touched_meanwhile(bench: Bench) -> None:
    put(bench.picture, modified_ns=1)
    put(bench.stored, b"former!")
    with before("os.rename", lambda _: os.utime(bench.picture, ns=(MOMENT, MOMENT)), number=1):
        assert bench.bring() == REPLACED_AFTER_COMPARISON
    assert bench.content == b"picture"


def test_three_changes_in_a_row_are_an_error(bench: Bench) -> None:
    put(bench.picture, b"1")
    numbers = count(2)
    with before("os.rename", lambda _: replace(bench.picture, b"%d" % next(numbers))):
        assert bench.bring() == Outcome(Result.ERROR, "is still being written")
    assert next(numbers) == 5
    assert bench.bring().result is not Result.ERROR
    assert bench.content == b"4"


def test_two_changes_in_a_row_are_none(bench: Bench) -> None:
    put(bench.picture, b"1")
    contents = iter([b"2", b"3"])

    def change(_: Arguments) -> None:
        with suppress(StopIteration):
            replace(bench.picture, next(contents))

    with before("os.rename", change):
        assert bench.bring() == Outcome(Result.COPIED, bytes_copied=1)
    assert bench.content == b"3"


def test_a_source_that_vanishes_after_it_was_read_has_been_copied(bench: Bench) -> None:
    put(bench.picture)
    with before("os.rename", lambda _: bench.picture.unlink(), number=1):
        assert bench.bring() == COPIED
    assert bench.content == b"picture"


def test_a_source_that_cannot_be_looked_at_again_is_said_to_be_at_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_source: Source) -> NoReturn:
        raise OSError(EIO, os.strerror(EIO))

    put(bench.picture)
    monkeypatch.setattr(Source, "status", broken)
    assert bench.bring() == Outcome(Result.ERROR, "cannot be read: Input/output error")


def test_a_source_that_changes_and_then_vanishes_has_been_copied_as_it_was(bench: Bench) -> None:
    put(bench.picture)
    opened = count(1)

    def vanish(arguments: Arguments) -> None:
        if arguments[0] == NAME and next(opened) == 2:
            bench.picture.unlink()

    with before("os.rename", lambda _: replace(bench.picture, b"PICTURE"), number=1), before("open", vanish):
        assert bench.bring() == COPIED
    assert bench.content == b"picture"


def test_a_copy_that_is_there_when_its_source_is_gone_is_left_alone(bench: Bench) -> None:
    put(bench.stored)
    before = bench.stored.stat()
    assert bench.bring() == GONE
    assert bench.stored.stat() == before


# Never partial


def test_nobody_ever_sees_a_part_under_the_final_name(bench: Bench) -> None:
    seen: set[bytes] = set()
    looks = threading.Semaphore(0)
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            with suppress(FileNotFoundError):
                content = bench.stored.read_bytes()
                seen.add(content[:1] if content == content[:1] * LARGE else b"a part")
            looks.release()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for letter in b"abcdefgh":
            put(bench.picture, bytes([letter]) * LARGE)
            assert bench.bring().result in {Result.COPIED, Result.REPLACED}
            for _ in range(2):  # the second look began after the picture was stored
                while looks.acquire(blocking=False):
                    pass
                looks.acquire()
    finally:
        is_over.set()
        watcher.join()
    assert seen == {bytes([letter]) for letter in b"abcdefgh"}


def test_the_copy_is_whole_and_has_its_time_and_mode_before_it_gets_its_name(bench: Bench) -> None:
    put(bench.picture, b"x" * LARGE, modified_ns=MOMENT)
    found = []

    def look(arguments: Arguments) -> None:
        copied = bench.stored.with_name(arguments[0])
        found.append((copied.read_bytes(), copied.stat().st_mtime_ns, mode(copied), bench.stored.exists()))

    with before("os.rename", look):
        bench.bring()
    assert found == [(b"x" * LARGE, MOMENT, 0o644, False)]


# Refused


def refused(bench: Bench, reason: str) -> None:
    """Assert that the picture is refused for this reason, and what is stored stays as it is."""
    before = tree(bench.media_directory)
    with none_left_open():
        assert bench.bring(max_file_size=10) == Outcome(Result.ERROR, reason)
    assert tree(bench.media_directory) == before


@pytest.fixture(params=["nothing is stored", "a copy is stored"])
def stocked(request: pytest.FixtureRequest, bench: Bench) -> Bench:
    """Return a bench without and with a stored copy."""
    if request.param == "a copy is stored":
        put(bench.stored, b"former!")
    return bench


def test_an_empty_file_is_refused(stocked: Bench) -> None:
    put(stocked.picture, b"")
    refused(stocked, "is empty")


def test_too_large_a_file_is_refused(stocked: Bench) -> None:
    put(stocked.picture, bytes(11))
    refused(stocked, "is larger than [import] max_file_size (11 bytes)")


def test_a_link_is_refused(stocked: Bench, tmp_path: Path) -> None:
    stocked.picture.symlink_to(put(tmp_path / "secret"))
    refused(stocked, "cannot be read: Too many levels of symbolic links")


def test_a_fifo_is_refused_without_waiting_for_a_writer(stocked: Bench) -> None:
    os.mkfifo(stocked.picture)
    refused(stocked, "is a fifo, not a regular file")


def test_a_socket_is_refused(stocked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stocked.picture.parent)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(NAME)
        refused(stocked, "cannot be read: No such device or address")


def test_a_directory_is_refused(stocked: Bench) -> None:
    stocked.picture.mkdir()
    refused(stocked, "is a directory, not a regular file")


@pytest.mark.skipif(not IS_ROOT, reason="only root can make devices")
def test_a_device_is_refused(stocked: Bench) -> None:
    os.mknod(stocked.picture, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    refused(stocked, "is a character device, not a regular file")


def test_a_file_that_may_not_be_read_is_refused(stocked: Bench) -> None:
    put(stocked.picture).chmod(0)
    before = tree(stocked.media_directory)
    with none_left_open(), unprivileged():
        outcome = stocked.bring()
    assert outcome == Outcome(Result.ERROR, "cannot be read: Permission denied")
    assert tree(stocked.media_directory) == before


def test_a_file_that_is_gone_is_no_error(stocked: Bench) -> None:
    before = tree(stocked.media_directory)
    assert stocked.bring() == GONE
    assert tree(stocked.media_directory) == before


def test_a_file_that_cannot_be_decoded_is_refused(stocked: Bench) -> None:
    put(stocked.picture)
    before = tree(stocked.media_directory)
    outcome = stocked.bring(validate=lambda _: "cannot be decoded")
    assert outcome == Outcome(Result.ERROR, "cannot be decoded")
    assert tree(stocked.media_directory) == before


def test_the_copy_is_what_is_validated(bench: Bench) -> None:
    put(bench.picture)
    seen = []
    assert bench.bring(validate=lambda copied: seen.append(os.pread(copied, 100, 0))) == COPIED
    assert seen == [b"picture"]


def test_a_picture_that_is_not_copied_is_not_validated(bench: Bench) -> None:
    put(bench.picture)
    put(bench.stored)
    assert bench.bring(validate=lambda _: "cannot be decoded") == EQUAL


# Errors of the media


@pytest.mark.parametrize("number", [ENOSPC, EDQUOT, EROFS, EIO])
@pytest.mark.parametrize("event", ["os.rename", "os.utime", "os.chmod", "fcntl.flock"])
def test_an_error_of_the_media_that_no_picture_would_escape_ends_the_import(
    stocked: Bench, event: str, number: int
) -> None:
    def fail(_: Arguments) -> None:
        raise failing(number)

    put(stocked.picture)
    stored = tree(stocked.media_directory)
    with none_left_open(), before(event, fail), pytest.raises(MediaError, match=os.strerror(number)):
        stocked.bring()
    assert tree(stocked.media_directory) == stored


@pytest.mark.parametrize("number", [EACCES, EPERM])
def test_another_error_of_the_media_is_that_of_the_picture(stocked: Bench, number: int) -> None:
    def fail(_: Arguments) -> None:
        raise failing(number)

    put(stocked.picture)
    stored = tree(stocked.media_directory)
    with none_left_open(), before("os.rename", fail):
        assert stocked.bring() == Outcome(Result.ERROR, f"cannot be stored: {os.strerror(number)}")
    assert tree(stocked.media_directory) == stored


def test_a_directory_that_may_not_be_written_to_is_an_error_of_the_picture(stocked: Bench) -> None:
    put(stocked.picture)
    stocked.stored.parent.chmod(0o555)
    with unprivileged():
        assert stocked.bring() == Outcome(Result.ERROR, "cannot be stored: Permission denied")
    stocked.stored.parent.chmod(0o755)


def test_a_full_disk_ends_the_import_and_leaves_no_part(tmp_path: Path) -> None:
    with small(tmp_path / "media", "256k") as media:
        bench = Bench(tmp_path / "exchange", media)
        put(bench.picture)
        bench.bring()
        put(bench.picture, bytes(1 << 20))
        with none_left_open(), pytest.raises(MediaError, match="No space left on device"):
            bench.bring()
        assert bench.content == b"picture"
        put(bench.picture, b"PICTURE")
        assert bench.bring() == REPLACED_AFTER_COMPARISON
        bench.close()


def test_nothing_is_left_open(bench: Bench) -> None:
    put(bench.picture)
    with none_left_open():
        assert bench.bring() == COPIED
        assert bench.bring() == EQUAL
        replace(bench.picture, b"PICTURE")
        assert bench.bring() == REPLACED_AFTER_COMPARISON
        bench.bring(validate=lambda _: "cannot be decoded")
        bench.picture.unlink()
        assert bench.bring() == GONE


# Copying


@pytest.mark.parametrize("size", [1, 1 << 20, LARGE])
def test_as_much_as_asked_for_is_copied(size: int) -> None:
    content = os.urandom(LARGE)
    with TemporaryFile() as source, TemporaryFile() as target:
        source.write(content)
        source.flush()
        assert copy(source.fileno(), target.fileno(), size) == size
        assert os.pread(target.fileno(), LARGE, 0) == content[:size]


def test_a_shorter_source_is_copied_to_its_end() -> None:
    with TemporaryFile() as source, TemporaryFile() as target:
        os.write(source.fileno(), b"picture")
        assert copy(source.fileno(), target.fileno(), LARGE) == 7
        assert os.pread(target.fileno(), 100, 0) == b"picture"


def test_what_the_kernel_does_not_copy_is_copied_by_hand() -> None:
    version = Path("/proc/version").read_bytes()  # of a file system that has nothing to share
    with Path("/proc/version").open("rb") as source, TemporaryFile() as target:
        assert copy(source.fileno(), target.fileno(), len(version)) == len(version)
        assert os.pread(target.fileno(), LARGE, 0) == version


def test_a_source_that_cannot_be_read_is_refused() -> None:
    reading, writing = os.pipe()
    with (
        open(reading, "rb") as source,
        open(writing, "wb"),
        TemporaryFile() as target,
        pytest.raises(Refused, match="cannot be read: Illegal seek"),
    ):
        copy(source.fileno(), target.fileno(), 7)


def test_a_target_that_cannot_be_written_is_an_error_of_its_own(tmp_path: Path) -> None:
    with (
        put(tmp_path / "source").open("rb") as source,
        put(tmp_path / "target").open("rb") as target,
        pytest.raises(OSError, match="Bad file descriptor"),
    ):
        copy(source.fileno(), target.fileno(), 7)


def test_a_target_without_room_is_an_error_of_its_own(tmp_path: Path) -> None:
    with (
        put(tmp_path / "source").open("rb") as source,
        Path("/dev/full").open("wb", buffering=0) as target,
        pytest.raises(OSError, match="No space left on device"),
    ):
        copy(source.fileno(), target.fileno(), 7)


# Previewed


def everything(directory: Path) -> dict[Path, tuple[int, int, int]]:
    """Return every path below a directory with what tells whether anything was changed there."""
    statuses = {path: path.lstat() for path in (directory, *directory.rglob("*"))}
    return {path: (found.st_ino, found.st_mtime_ns, found.st_ctime_ns) for path, found in statuses.items()}


@pytest.mark.parametrize(
    "source", [None, b"", b"picture", b"PICTURE", b"longer than that", "link", "directory", "fifo"]
)
@pytest.mark.parametrize("stored", [None, b"picture", b"", "link"])
@pytest.mark.parametrize("validate", [None, lambda _: "cannot be decoded"])
def test_a_preview_tells_what_would_become_of_a_picture_and_writes_nothing(
    bench: Bench, source: bytes | str | None, stored: bytes | str | None, validate: Validate | None
) -> None:
    for path, kind in ((bench.picture, source), (bench.stored, stored)):
        if isinstance(kind, bytes):
            put(path, kind)
        elif kind == "link":
            path.symlink_to("elsewhere")
        elif kind == "directory":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
    before = everything(bench.picture.parent), everything(bench.media_directory)
    with none_left_open():
        previewed = Preview(10, validate).bring(bench.source, bench.target)
    assert (everything(bench.picture.parent), everything(bench.media_directory)) == before
    assert previewed == bench.bring(max_file_size=10, validate=validate)


def test_a_preview_needs_no_directory_to_store_in(bench: Bench) -> None:
    put(bench.picture)
    assert Preview(10).bring(bench.source, None) == COPIED


def test_a_preview_by_one_who_may_not_read_the_copy_says_that_it_would_be_replaced(bench: Bench) -> None:
    put(bench.picture)
    put(bench.stored).chmod(0)
    with unprivileged():
        outcome = Preview(10).bring(bench.source, bench.target)
    assert outcome.result is Result.REPLACED


# Replaced, and told


def test_a_replaced_copy_is_replaced_once_more_until_it_is_told_of(bench: Bench) -> None:
    put(bench.picture, b"new one", modified_ns=MOMENT)
    put(bench.stored, b"the old")
    store = Store(bench.media, 1 << 20)
    assert store.bring(bench.source, bench.target) == Outcome(Result.REPLACED, bytes_copied=7, compared=True)
    assert not bench.is_current()
    again = store.bring(bench.source, bench.target)
    assert again == Outcome(Result.REPLACED, compared=True)
    assert again.seen is not None
    store.tell(bench.source, bench.target, again.seen)
    assert bench.is_current()
    assert bench.stored.stat().st_mtime_ns == MOMENT


def test_a_source_that_changed_before_its_copy_was_told_of_is_compared_again(bench: Bench) -> None:
    put(bench.picture, b"new one", modified_ns=MOMENT)
    put(bench.stored, b"the old")
    store = Store(bench.media, 1 << 20)
    outcome = store.bring(bench.source, bench.target)
    replace(bench.picture, b"another")
    os.utime(bench.picture, ns=(MOMENT, MOMENT))
    assert outcome.seen is not None
    store.tell(bench.source, bench.target, outcome.seen)
    assert not bench.is_current()


def test_a_copy_that_is_gone_before_it_is_told_of_is_no_error(bench: Bench) -> None:
    put(bench.picture, b"new one")
    put(bench.stored, b"the old")
    store = Store(bench.media, 1 << 20)
    outcome = store.bring(bench.source, bench.target)
    bench.stored.unlink()
    assert outcome.seen is not None
    store.tell(bench.source, bench.target, outcome.seen)
    assert not bench.stored.exists()
