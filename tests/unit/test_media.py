"""The media directory: made as configured, never left, and cleared of what dead importers leave behind."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from errno import EACCES, EDQUOT, EIO, ENOLCK, ENOSPC, EROFS
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.accounts import umask, unprivileged
from support.audits import Arguments, before
from support.descriptors import none_left_open
from support.files import mode, put, tree
from support.filesystems import small

from daemon.errors import MediaError
from daemon.media import TEMPORARY_PREFIX, Media, Target, fatal_errors

LEFTOVER = f"{TEMPORARY_PREFIX}0123456789ab-0"


def opened(
    directory: Path,
    prefix: str = "products",
    *,
    file_mode: int = 0o644,
    dir_mode: int = 0o755,
    min_free: int = 0,
    durable: bool = True,
) -> Media:
    """Return the media directory, open."""
    modes = {"file_mode": file_mode, "dir_mode": dir_mode}
    return Media(directory, prefix, **modes, min_free=min_free, durable=durable)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the path of a media directory that does not exist yet."""
    return tmp_path / "media"


@pytest.fixture
def media(directory: Path) -> Iterator[Media]:
    """Return media that are prepared."""
    with opened(directory) as media:
        media.prepare()
        yield media


def target(media: Media, path: str = "products/12/12_a.jpg") -> Target:
    """Return where a picture is to be stored."""
    found = media.target(path, make=True)
    assert found is not None
    return found


def store(media: Media, path: str, content: bytes = b"picture", modified_ns: int = 1) -> None:
    """Store a file as an importer does."""
    with media.temporary(target(media, path)) as temporary:
        os.write(temporary.descriptor, content)
        temporary.publish(modified_ns)


# Preparing


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o027])
def test_missing_directories_are_made_with_dir_mode_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    paths = [
        tmp_path / path
        for path in ("shop", "shop/media", "shop/media/a", "shop/media/a/b", "shop/media/a/b/12")
    ]
    with umask(mask), opened(tmp_path / "shop" / "media", "a/b", dir_mode=0o2751) as media:
        media.prepare()
        target(media, "a/b/12/12_a.jpg")
    assert [mode(path) for path in paths] == [0o2751] * 5


def test_directories_that_are_there_keep_their_mode(directory: Path) -> None:
    put(directory / "products" / "x")
    for path in (directory, directory / "products"):
        path.chmod(0o700)
    with opened(directory) as media:
        media.prepare()
    assert [mode(directory), mode(directory / "products")] == [0o700, 0o700]


def test_preparing_leaves_no_file(media: Media, directory: Path) -> None:
    media.prepare()
    assert tree(directory) == {}


def test_opening_alone_makes_nothing(directory: Path) -> None:
    with opened(directory) as media:
        with pytest.raises(FileNotFoundError):
            media.target("products/12/12_a.jpg", make=True)
        assert not media.holds("products/12/12_a.jpg")
        assert media.target("products/12/12_a.jpg") is None
        assert list(media.stored()) == []
        assert media.sweep() == 0
        media.trim()
    assert not directory.exists()


def test_media_that_are_a_file_cannot_be_opened(tmp_path: Path) -> None:
    with none_left_open(), pytest.raises(MediaError, match=f"{tmp_path}/media: .* Not a directory"):
        opened(put(tmp_path / "media"))


def test_media_that_may_not_be_written_to_cannot_be_prepared(directory: Path) -> None:
    put(directory / "products" / "x")
    (directory / "products").chmod(0o555)
    reason = f"{directory}/products: .* Permission denied"
    with opened(directory) as media, unprivileged(), pytest.raises(MediaError, match=reason):
        media.prepare()
    (directory / "products").chmod(0o755)


@pytest.mark.parametrize("prefix", ["products", "products/main"])
def test_a_prefix_that_is_a_link_is_not_followed(tmp_path: Path, directory: Path, prefix: str) -> None:
    (tmp_path / "outside").mkdir()
    directory.mkdir()
    (directory / "products").symlink_to(tmp_path / "outside")
    with opened(directory, prefix) as media, pytest.raises(MediaError, match="Not a directory"):
        media.prepare()
    assert list((tmp_path / "outside").iterdir()) == []


def test_media_that_are_a_link_to_nowhere_cannot_be_prepared(tmp_path: Path, directory: Path) -> None:
    directory.symlink_to(tmp_path / "missing")
    with opened(directory) as media, pytest.raises(MediaError):
        media.prepare()
    assert not (tmp_path / "missing").exists()


def test_the_media_directory_may_be_reached_through_a_link(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "real").mkdir()
    directory.symlink_to("real")
    with opened(directory) as media:
        media.prepare()
        store(media, "products/12/12_a.jpg")
    assert tree(tmp_path / "real") == {"products/12/12_a.jpg": b"picture"}


# Room


def test_less_room_than_min_free_is_told_with_both(directory: Path) -> None:
    with opened(directory, min_free=1 << 60) as media:
        media.prepare()
        with pytest.raises(MediaError, match=rf"{directory}: \d+ MiB are free, .* wants 1099511627776 MiB"):
            media.check_room()


def test_room_is_checked_as_it_is_at_that_moment(directory: Path) -> None:
    with small(directory, "4m"), opened(directory, min_free=3 << 20) as media:
        media.prepare()
        media.check_room()
        put(directory / "large", bytes(2 << 20))
        with pytest.raises(MediaError, match="2 MiB are free"):
            media.check_room()
        (directory / "large").unlink()
        media.check_room()


def test_without_min_free_any_room_is_enough(media: Media) -> None:
    media.check_room()


# Errors


@pytest.mark.parametrize("number", [ENOSPC, EDQUOT, EROFS, EIO])
def test_an_error_that_no_picture_would_escape_is_one_of_the_media(number: int) -> None:
    with pytest.raises(MediaError, match=os.strerror(number)), fatal_errors():
        raise OSError(number, os.strerror(number))


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(PermissionError), fatal_errors():
        raise OSError(EACCES, os.strerror(EACCES))


# What the media hold


def test_a_regular_file_below_the_media_directory_is_held(media: Media, directory: Path) -> None:
    for path in ("products/12/12_a.jpg", "products/12_a.jpg", "uploads/Мяч 1.png", "top.png"):
        put(directory / path)
        assert media.holds(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        ".",
        "..",
        "products",
        "products/",
        "products/12_a.jpg/",
        "products/missing.jpg",
        "products/12_a.jpg\0",
        "../outside.jpg",
        "products/../../outside.jpg",
        "products/../products/12_a.jpg",
        "link.jpg",
        "out/outside.jpg",
        "products/fifo",
        "\udcff/\ud800.jpg",
        "products/\ud800.jpg",
        "x" * 300,
        "x/" * 3000 + "12_a.jpg",
        "data:image/png;base64," + "iVBO/Rw0KG/" * 3000,
    ],
)
def test_nothing_else_is_held(media: Media, directory: Path, path: str) -> None:
    put(directory / "products" / "12_a.jpg")
    os.mkfifo(directory / "products" / "fifo")
    put(directory.parent / "outside.jpg")
    (directory / "link.jpg").symlink_to("products/12_a.jpg")
    (directory / "out").symlink_to(directory.parent)
    assert not media.holds(path)


def test_an_absolute_path_is_not_held_even_if_it_leads_into_the_media(media: Media, directory: Path) -> None:
    assert not media.holds(str(put(directory / "products" / "12_a.jpg")))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["..", ".", "", "a", "up", "/", "outside.jpg", "\0"])).map("/".join)
    | st.lists(st.characters() | st.sampled_from("\udcff./")).map("".join)
)
def test_no_path_leads_out_of_the_media(media: Media, directory: Path, path: str) -> None:
    put(directory.parent / "outside.jpg")
    (directory / "a").mkdir(exist_ok=True)
    if not (directory / "up").is_symlink():
        (directory / "up").symlink_to("..")
    assert not media.holds(path)


def test_targets_are_found_and_made(media: Media, directory: Path) -> None:
    assert media.target("products/12/12_a.jpg") is None
    assert target(media).status() is None
    put(directory / "products" / "12" / "12_a.jpg", b"four")
    found = media.target("products/12/12_a.jpg")
    assert found is not None
    status = found.status()
    assert status is not None
    assert status.st_size == 4
    descriptor = found.open()
    assert os.read(descriptor, 10) == b"four"
    os.close(descriptor)


def test_a_target_behind_a_link_is_an_error(media: Media, directory: Path) -> None:
    (directory.parent / "outside").mkdir()
    (directory / "products" / "12").symlink_to(directory.parent / "outside")
    for make in (False, True):
        with pytest.raises(NotADirectoryError):
            media.target("products/12/12_a.jpg", make=make)


def test_a_stored_link_is_not_opened(media: Media, directory: Path) -> None:
    found = target(media)
    (directory / "products" / "12" / "12_a.jpg").symlink_to(put(directory.parent / "secret"))
    with pytest.raises(OSError, match="symbolic links"):
        found.open()


# Temporary files


def test_a_published_file_has_its_name_mode_time_and_content(directory: Path) -> None:
    with opened(directory, file_mode=0o640) as media, umask(0o077):
        media.prepare()
        store(media, "products/12/12_a.jpg", b"content", modified_ns=1_234_567_890_123_456_789)
    path = directory / "products" / "12" / "12_a.jpg"
    assert tree(directory) == {"products/12/12_a.jpg": b"content"}
    assert path.stat().st_mtime_ns == 1_234_567_890_123_456_789
    assert mode(path) == 0o640


@pytest.mark.parametrize("file_mode", [0o666, 0o600, 0o444])
def test_file_mode_holds_whatever_the_umask(directory: Path, file_mode: int) -> None:
    with opened(directory, file_mode=file_mode) as media, umask(0o027):
        media.prepare()
        store(media, "products/12/12_a.jpg")
    assert mode(directory / "products" / "12" / "12_a.jpg") == file_mode


def test_until_it_is_published_a_file_has_a_hidden_name_beside_its_target(
    media: Media, directory: Path
) -> None:
    with media.temporary(target(media)) as temporary:
        os.write(temporary.descriptor, b"part")
        (path,) = tree(directory)
        assert path.startswith(f"products/12/{TEMPORARY_PREFIX}")
        temporary.publish(1)
        assert list(tree(directory)) == ["products/12/12_a.jpg"]


def test_what_is_not_published_is_removed(media: Media, directory: Path) -> None:
    with pytest.raises(KeyboardInterrupt), media.temporary(target(media)):
        raise KeyboardInterrupt
    with media.temporary(target(media)):
        pass
    assert tree(directory) == {}


def test_what_cannot_be_published_is_removed(media: Media, directory: Path) -> None:
    (directory / "products" / "12" / "12_a.jpg").mkdir(parents=True)
    with media.temporary(target(media)) as temporary, pytest.raises(IsADirectoryError):
        temporary.publish(1)
    assert tree(directory) == {}


@pytest.mark.parametrize("event", ["fcntl.flock", "os.chmod"])
def test_a_file_that_cannot_be_locked_or_opened_to_others_is_not_left_behind(
    media: Media, directory: Path, event: str
) -> None:
    def refuse(_: Arguments) -> None:
        raise OSError(ENOLCK, os.strerror(ENOLCK))

    where = target(media)
    with (
        none_left_open(),
        before(event, refuse),
        pytest.raises(OSError, match="No locks"),
        media.temporary(where),
    ):
        pass
    assert tree(directory) == {}


def test_several_threads_have_each_files_of_their_own(media: Media, directory: Path) -> None:
    def write(number: int) -> None:
        for picture in range(50):
            store(media, f"products/12/{number}_{picture}.jpg", b"%d %d" % (number, picture))

    target(media)  # directories are opened by one thread
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(8)))
    finally:
        sys.setswitchinterval(former)
    assert tree(directory) == {
        f"products/12/{number}_{picture}.jpg": b"%d %d" % (number, picture)
        for number in range(8)
        for picture in range(50)
    }


def test_two_importers_of_one_media_directory_do_not_meet(directory: Path) -> None:
    with opened(directory) as one, opened(directory) as other, ExitStack() as stack:
        one.prepare()
        other.prepare()
        for media in (one, other, one, other):
            stack.enter_context(media.temporary(target(media)))
        assert len(tree(directory)) == 4


# Sweeping


def test_leftovers_of_the_dead_are_removed_and_counted(media: Media, directory: Path) -> None:
    for path in (f"00/{LEFTOVER}", f"ff/{LEFTOVER}", f"ff/{TEMPORARY_PREFIX}x"):
        put(directory / "products" / path, b"part")
    assert media.sweep() == 3
    assert tree(directory) == {}
    assert media.sweep() == 0


def test_a_leftover_of_the_preparation_is_removed_too(media: Media, directory: Path) -> None:
    put(directory / "products" / LEFTOVER)
    assert media.sweep() == 1
    assert tree(directory) == {}


def test_a_leftover_of_a_killed_importer_is_removed_but_not_while_it_lives(
    media: Media, directory: Path
) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from daemon.media import Media
        with Media(Path(sys.argv[1]), "products", file_mode=0o444, dir_mode=0o755, min_free=0, durable=True) as media:
            with media.temporary(media.target("products/12/12_a.jpg", make=True)):
                print("written", flush=True)
                sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", program, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as importer:
        assert importer.stdout is not None
        assert importer.stdout.readline() == b"written\n"
        assert media.sweep() == 0
        assert len(tree(directory)) == 1
        importer.send_signal(signal.SIGKILL)
        importer.wait()
    assert media.sweep() == 1
    assert tree(directory) == {}


def test_a_temporary_that_another_importer_is_writing_is_left_alone(directory: Path) -> None:
    with opened(directory) as media, opened(directory) as other:
        media.prepare()
        other.prepare()
        with other.temporary(target(other)) as temporary:
            assert media.sweep() == 0
            temporary.publish(1)
        assert media.sweep() == 0
    assert list(tree(directory)) == ["products/12/12_a.jpg"]


def test_a_temporary_swept_away_before_it_was_locked_is_made_again(directory: Path) -> None:
    swept = []
    with opened(directory) as media, opened(directory) as other:
        media.prepare()
        other.prepare()
        with before("fcntl.flock", lambda _: swept.append(media.sweep()), number=1):
            store(other, "products/12/12_a.jpg", b"content")
    assert swept == [1]
    assert tree(directory) == {"products/12/12_a.jpg": b"content"}


def test_a_leftover_is_removed_while_it_is_locked(media: Media, directory: Path) -> None:
    leftover = put(directory / "products" / "12" / LEFTOVER)
    locked = []

    def try_to_lock(_: Arguments) -> None:
        descriptor = os.open(leftover, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked.append(True)
        except BlockingIOError:
            locked.append(False)
        finally:
            os.close(descriptor)

    with before("os.remove", try_to_lock):
        assert media.sweep() == 1
    assert locked == [False]


def test_other_files_are_never_swept_away(media: Media, directory: Path) -> None:
    others = [
        "12/12_a.jpg",
        "12/.hidden",
        "12/x.tmp",
        f"12/deeper/{LEFTOVER}",
        ".onec-images",
        "12/onec-images-1",
    ]
    for path in others:
        put(directory / "products" / path)
    put(directory / "uploads" / LEFTOVER)
    (directory / "products" / "12" / f"{TEMPORARY_PREFIX}directory").mkdir()
    before = tree(directory)
    assert media.sweep() == 0
    assert tree(directory) == before
    assert (directory / "products" / "12" / f"{TEMPORARY_PREFIX}directory").is_dir()


def test_a_linked_directory_is_not_swept(media: Media, directory: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / LEFTOVER)
    (directory / "products" / "12").symlink_to(tmp_path / "outside")
    assert media.sweep() == 0
    assert outside.exists()


def test_a_link_with_the_name_of_a_leftover_does_not_lead_the_sweep_away(
    media: Media, directory: Path
) -> None:
    secret = put(directory.parent / "secret")
    directory.joinpath("products", "12").mkdir()
    directory.joinpath("products", "12", LEFTOVER).symlink_to(secret)
    media.sweep()
    assert secret.read_bytes() == b"picture"


def test_a_fifo_with_the_name_of_a_leftover_does_not_stop_the_sweep(media: Media, directory: Path) -> None:
    (directory / "products" / "12").mkdir()
    os.mkfifo(directory / "products" / "12" / LEFTOVER)
    put(directory / "products" / "13" / LEFTOVER)
    media.sweep()
    assert tree(directory) == {}


def test_a_leftover_that_may_not_be_removed_does_not_stop_the_sweep(media: Media, directory: Path) -> None:
    for shard in ("11", "12", "13"):
        put(directory / "products" / shard / LEFTOVER).parent.chmod(0o777)
    (directory / "products" / "12").chmod(0o555)
    with unprivileged():
        assert media.sweep() == 2
    (directory / "products" / "12").chmod(0o755)
    assert list(tree(directory)) == [f"products/12/{LEFTOVER}"]


# Listing


def test_what_is_stored_is_listed_by_directory(media: Media, directory: Path) -> None:
    for number in range(300):  # more directories than are kept open
        put(directory / "products" / f"{number}" / "a.jpg")
    put(directory / "products" / "flat.jpg")
    put(directory / "uploads" / "b.jpg")
    listed = {shard: names for shard, names in media.stored() if names}
    assert listed == {f"{number}": ["a.jpg"] for number in range(300)}


def test_a_linked_directory_is_not_listed(media: Media, directory: Path, tmp_path: Path) -> None:
    put(tmp_path / "outside" / "a.jpg")
    (directory / "products" / "12").symlink_to(tmp_path / "outside")
    assert [names for _, names in media.stored() if names] == []


# Bringing to disk


@pytest.mark.parametrize("durable", [True, False])
def test_durable_media_that_cannot_be_brought_to_disk_are_an_error(directory: Path, durable: bool) -> None:
    with opened(directory, durable=durable) as media:
        media.prepare()
        media.sync()
    error = pytest.raises(MediaError, match="could not be brought to disk: Bad file descriptor")
    with error if durable else nullcontext():  # closed as they are; those that need not be are not asked
        media.sync()


# Descriptors


def test_nothing_is_left_open(directory: Path) -> None:
    put(directory / "products" / "12" / LEFTOVER)
    with none_left_open(), opened(directory) as media:
        media.prepare()
        media.sweep()
        store(media, "products/12/12_a.jpg")
        media.holds("products/12/12_a.jpg")
        media.holds("a/b/c.jpg")
        list(media.stored())
        media.check_room()
        media.sync()


def test_nothing_is_left_open_by_media_that_were_made_on_the_way(directory: Path) -> None:
    with none_left_open(), opened(directory) as media:
        media.prepare()
        store(media, "products/12/12_a.jpg")
