"""What lies in the image roots: listed once, no link followed, and nothing in them ever changed."""

import os
import socket
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EIO
from itertools import islice
from pathlib import Path

import pytest
from support.accounts import unprivileged
from support.audits import told
from support.descriptors import none_left_open
from support.files import put, tree

from daemon.errors import RootsMissingError
from daemon.exchange import Exchange, Source, kind_of, status_of

ROOT = "goods/import_files"


def no_trouble(path: str, reason: str) -> None:
    """Fail: every directory can be listed."""
    raise AssertionError(path, reason)


def listed(exchange: Exchange, trouble: Callable[[str, str], None] = no_trouble) -> list[str]:
    """Return the paths that a listing yields, sorted."""
    return sorted(exchange.path(place, name) for place, names in exchange.listing(trouble) for name in names)


def names_in(directory: Path, roots: Sequence[str] = (ROOT,)) -> list[str]:
    """Return the paths that a listing of an exchange directory yields."""
    with Exchange(directory, roots) as exchange:
        return listed(exchange)


# Some directories only


def test_only_the_directories_asked_for_are_listed(tmp_path: Path) -> None:
    for path in ("00/a.jpg", "ff/b.jpg", "flat.jpg"):
        put(tmp_path / ROOT / path)
    with Exchange(tmp_path, [ROOT]) as exchange, told("open") as opened:
        found = {
            exchange.path(place, name)
            for place, names in exchange.listing(no_trouble, {"", "00", "zz"})
            for name in names
        }
    assert found == {f"{ROOT}/flat.jpg", f"{ROOT}/00/a.jpg"}
    assert not [path for path, *_ in opened if path == "ff"]


def test_of_no_directories_nothing_is_listed(tmp_path: Path) -> None:
    put(tmp_path / ROOT / "flat.jpg")
    with Exchange(tmp_path, [ROOT]) as exchange:
        assert list(exchange.listing(no_trouble, frozenset())) == []
        assert exchange.places(frozenset()) == []


def test_where_no_root_is_there_nothing_is_listed_if_that_may_be(tmp_path: Path) -> None:
    with Exchange(tmp_path, [ROOT], may_be_empty=True) as exchange:
        assert listed(exchange) == []
        assert list(exchange.missing) == [ROOT]


# Roots


def test_flat_and_sharded_files_are_listed(tmp_path: Path) -> None:
    for path in ("00/001_a.jpg", "ff/ff1_a.jpg", "Мя/Мяч_1.jpg", "12_flat.jpg", "00/.hidden"):
        put(tmp_path / ROOT / path)
    assert names_in(tmp_path) == [
        f"{ROOT}/{path}" for path in ("00/001_a.jpg", "12_flat.jpg", "ff/ff1_a.jpg", "Мя/Мяч_1.jpg")
    ]


def test_several_roots_are_listed_each_with_its_name(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "elsewhere" / "00" / "c.jpg").parent.parent
    for path in (f"{ROOT}/a.jpg", "import_files/00/b.jpg", "import_files/a.jpg"):
        put(tmp_path / "exchange" / path)
    assert names_in(tmp_path / "exchange", [ROOT, "import_files", str(elsewhere)]) == [
        f"{elsewhere}/00/c.jpg",
        f"{ROOT}/a.jpg",
        "import_files/00/b.jpg",
        "import_files/a.jpg",
    ]


def test_the_exchange_directory_itself_may_be_the_root(tmp_path: Path) -> None:
    put(tmp_path / "00" / "a.jpg")
    with Exchange(tmp_path, ["."]) as exchange:
        places = [(place, name) for place, names in exchange.listing(no_trouble) for name in names]
        assert [exchange.source(*where) is not None for where in places] == [True]


def test_a_root_that_is_missing_beside_another_is_recorded(tmp_path: Path) -> None:
    put(tmp_path / ROOT / "a.jpg")
    put(tmp_path / "file")
    with Exchange(tmp_path, ["import_files", ROOT, "file"]) as exchange:
        assert exchange.missing == {"import_files": "No such file or directory", "file": "Not a directory"}
        assert listed(exchange) == [f"{ROOT}/a.jpg"]


def test_if_no_root_is_there_their_paths_are_told_with_the_reasons(tmp_path: Path) -> None:
    put(tmp_path / "file")
    with none_left_open(), pytest.raises(RootsMissingError) as caught:
        Exchange(tmp_path, [ROOT, "file", "/nowhere/at/all"])
    assert f"{tmp_path}/{ROOT} (No such file or directory)" in str(caught.value)
    assert f"{tmp_path}/file (Not a directory)" in str(caught.value)
    assert ": /nowhere" in str(caught.value) or ", /nowhere" in str(caught.value)


def test_without_the_exchange_directory_no_root_is_there(tmp_path: Path) -> None:
    with pytest.raises(RootsMissingError, match=f"{tmp_path}/missing/{ROOT}"):
        Exchange(tmp_path / "missing", [ROOT])


def test_a_root_that_is_a_link_or_below_one_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "outside" / "import_files" / "secret.jpg")
    put(tmp_path / "exchange" / ROOT / "a.jpg")
    (tmp_path / "exchange" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "exchange" / "import_files").symlink_to(tmp_path / "outside" / "import_files")
    with Exchange(tmp_path / "exchange", ["link/import_files", "import_files", ROOT]) as exchange:
        assert set(exchange.missing) == {"link/import_files", "import_files"}
        assert listed(exchange) == [f"{ROOT}/a.jpg"]


def test_the_exchange_directory_may_be_reached_through_a_link(tmp_path: Path) -> None:
    put(tmp_path / "real" / ROOT / "a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert names_in(tmp_path / "link") == [f"{ROOT}/a.jpg"]


# Listing


def test_a_directory_of_another_length_than_two_characters_is_not_entered(tmp_path: Path) -> None:
    for path in ("0/a.jpg", "000/b.jpg", "МячА/c.jpg", "00/11/d.jpg", "00/e.jpg"):
        put(tmp_path / ROOT / path)
    pictures = [path for path in names_in(tmp_path) if path.endswith(".jpg")]
    assert pictures == [f"{ROOT}/00/e.jpg"]


def test_two_characters_of_any_kind_name_a_directory(tmp_path: Path) -> None:
    directories = ["00", "fF", "Мя", "日本", "~x", "a ", "-_", "\udcff\udcfe"]
    for name in directories:
        (tmp_path / ROOT / name).mkdir(parents=True)
        put(tmp_path / ROOT / name / "a.jpg")
    assert names_in(tmp_path) == sorted(f"{ROOT}/{name}/a.jpg" for name in directories)


def test_hidden_directories_are_not_entered(tmp_path: Path) -> None:
    put(tmp_path / ROOT / ".a" / "a.jpg")
    assert names_in(tmp_path) == []


def test_a_link_to_a_directory_is_not_entered(tmp_path: Path) -> None:
    put(tmp_path / "outside" / "a.jpg")
    put(tmp_path / ROOT / "00" / "b.jpg")
    (tmp_path / ROOT / "11").symlink_to(tmp_path / "outside")
    (tmp_path / ROOT / "22").symlink_to("00")
    assert names_in(tmp_path) == [f"{ROOT}/00/b.jpg"]


def test_a_link_that_takes_the_place_of_a_directory_is_not_entered(tmp_path: Path) -> None:
    put(tmp_path / "outside" / "a.jpg")
    put(tmp_path / ROOT / "00" / "b.jpg")
    put(tmp_path / ROOT / "11" / "c.jpg")
    troubles = []
    with Exchange(tmp_path, [ROOT]) as exchange:
        listing = exchange.listing(lambda path, reason: troubles.append((path, reason)))
        next(listing)
        (tmp_path / ROOT / "00" / "b.jpg").unlink()
        (tmp_path / ROOT / "00").rmdir()
        (tmp_path / ROOT / "00").symlink_to(tmp_path / "outside")
        assert [name for _, names in listing for name in names] == ["c.jpg"]
    assert troubles == [(f"{ROOT}/00", "cannot be listed: Not a directory")]


def test_a_file_of_two_characters_is_neither_a_directory_nor_a_picture(tmp_path: Path) -> None:
    put(tmp_path / ROOT / "00")
    assert names_in(tmp_path) == []


def test_a_directory_with_more_names_than_are_held_at_once_is_listed_whole(tmp_path: Path) -> None:
    expected = [f"{number:05}.jpg" for number in range(10_003)]
    directory = tmp_path / ROOT / "00"
    directory.mkdir(parents=True)
    for name in expected:
        os.mknod(directory / name)
    with Exchange(tmp_path, [ROOT]) as exchange:
        lists = [
            names for place, names in exchange.listing(no_trouble) if exchange.path(place).endswith("/00")
        ]
    assert len(lists) > 1
    assert sorted(name for names in lists for name in names) == expected


def test_each_directory_is_listed_once(tmp_path: Path) -> None:
    directories = [f"{number:02x}" for number in range(200)]
    for name in directories:
        for picture in ("a.jpg", "b.jpg"):
            put(tmp_path / ROOT / name / picture)
    put(tmp_path / "import_files" / "00" / "a.jpg")
    scanned: Counter[str] = Counter()
    with Exchange(tmp_path, [ROOT, "import_files"]) as exchange, told("os.scandir") as calls:
        listing = exchange.listing(no_trouble)
        found = 0
        for place, names in listing:
            for descriptor, *_ in calls:
                scanned[os.readlink(f"/proc/self/fd/{descriptor}")] += 1
            calls.clear()
            found += sum(source is not None for source in (exchange.source(place, name) for name in names))
    assert found == 401
    assert scanned == Counter(
        [
            *(str(tmp_path / ROOT / name) for name in ["", *directories]),
            str(tmp_path / "import_files"),
            str(tmp_path / "import_files" / "00"),
        ]
    )


def test_a_directory_that_goes_during_the_listing_is_no_trouble(tmp_path: Path) -> None:
    for name in ("00", "11", "22"):
        put(tmp_path / ROOT / name / f"{name}.jpg")
    with Exchange(tmp_path, [ROOT]) as exchange:
        listing = exchange.listing(no_trouble)
        next(listing)
        (tmp_path / ROOT / "11" / "11.jpg").unlink()
        (tmp_path / ROOT / "11").rmdir()
        assert [name for _, names in listing for name in names] == ["00.jpg", "22.jpg"]


def test_a_root_that_goes_before_the_listing_is_empty(tmp_path: Path) -> None:
    (tmp_path / ROOT).mkdir(parents=True)
    put(tmp_path / "import_files" / "a.jpg")
    with Exchange(tmp_path, [ROOT, "import_files"]) as exchange:
        (tmp_path / ROOT).rmdir()
        assert listed(exchange) == ["import_files/a.jpg"]


def test_a_directory_that_may_not_be_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    for name in ("00", "11", "22"):
        put(tmp_path / ROOT / name / "a.jpg")
    (tmp_path / ROOT / "11").chmod(0)
    troubles = []
    with Exchange(tmp_path, [ROOT]) as exchange, unprivileged():
        found = listed(exchange, lambda path, reason: troubles.append((path, reason)))
    (tmp_path / ROOT / "11").chmod(0o755)
    assert found == [f"{ROOT}/00/a.jpg", f"{ROOT}/22/a.jpg"]
    assert troubles == [(f"{ROOT}/11", "cannot be listed: Permission denied")]


def test_an_exchange_is_only_read(tmp_path: Path) -> None:
    put(tmp_path / ROOT / "00" / "a.jpg")
    before = tree(tmp_path), [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))]
    with Exchange(tmp_path, [ROOT]) as exchange:
        for place, names in exchange.listing(no_trouble):
            for source in filter(None, (exchange.source(place, name) for name in names)):
                os.close(source.open())
    assert (tree(tmp_path), [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))]) == before


# Sources


def source_of(exchange: Exchange, wanted: str) -> Source:
    """Return a picture that is listed, by its path."""
    for place, names in exchange.listing(no_trouble):
        for name in names:
            if exchange.path(place, name) == wanted:
                source = exchange.source(place, name)
                assert source is not None
                return source
    raise AssertionError(wanted)


def test_a_source_is_opened_for_reading_where_it_lies(tmp_path: Path) -> None:
    put(tmp_path / ROOT / "00" / "a.jpg", b"one")
    put(tmp_path / ROOT / "a.jpg", b"three")
    with Exchange(tmp_path, [ROOT]) as exchange:
        source = source_of(exchange, f"{ROOT}/00/a.jpg")
        status = source.status()
        assert status is not None
        assert status.st_size == 3
        descriptor = source.open()
        assert os.read(descriptor, 10) == b"one"
        os.close(descriptor)


def test_a_source_that_is_gone_has_no_status(tmp_path: Path) -> None:
    path = put(tmp_path / ROOT / "00" / "a.jpg")
    with Exchange(tmp_path, [ROOT]) as exchange:
        source = source_of(exchange, f"{ROOT}/00/a.jpg")
        path.unlink()
        assert source.status() is None


def test_a_source_whose_directory_is_gone_is_none(tmp_path: Path) -> None:
    for number in range(200):  # more than are kept open
        put(tmp_path / ROOT / f"{number:02x}" / "a.jpg")
    with Exchange(tmp_path, [ROOT]) as exchange:
        places = [place for place, names in exchange.listing(no_trouble) if names]
        exchange.trim()
        (tmp_path / ROOT / "00" / "a.jpg").unlink()
        (tmp_path / ROOT / "00").rmdir()
        sources = [exchange.source(place, "a.jpg") for place in places]
        assert [place for place, source in zip(places, sources, strict=True) if source is None] == [
            place for place in places if exchange.path(place) == f"{ROOT}/00"
        ]


def test_a_link_has_the_status_of_a_link_and_is_not_opened(tmp_path: Path) -> None:
    put(tmp_path / "secret.jpg")
    (tmp_path / ROOT).mkdir(parents=True)
    (tmp_path / ROOT / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    with Exchange(tmp_path, [ROOT]) as exchange:
        source = source_of(exchange, f"{ROOT}/a.jpg")
        status = source.status()
        assert status is not None
        assert stat.S_ISLNK(status.st_mode)
        with pytest.raises(OSError, match="symbolic links"):
            source.open()


def test_a_fifo_is_opened_without_waiting_for_a_writer(tmp_path: Path) -> None:
    (tmp_path / ROOT).mkdir(parents=True)
    os.mkfifo(tmp_path / ROOT / "a.jpg")
    with Exchange(tmp_path, [ROOT]) as exchange:
        os.close(source_of(exchange, f"{ROOT}/a.jpg").open())


def test_what_cannot_be_told_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / ROOT / "00" / "a.jpg")
    with Exchange(tmp_path, [ROOT]) as exchange:
        source = source_of(exchange, f"{ROOT}/00/a.jpg")
        (tmp_path / ROOT / "00").chmod(0)
        with unprivileged(), pytest.raises(PermissionError):
            source.status()
    (tmp_path / ROOT / "00").chmod(0o755)


def test_nothing_is_left_open(tmp_path: Path) -> None:
    for number in range(200):
        put(tmp_path / ROOT / f"{number:02x}" / "a.jpg")
    put(tmp_path / "import_files" / "a.jpg")
    with none_left_open():
        with Exchange(tmp_path, [ROOT, "import_files", "missing"]) as exchange:
            for place, names in exchange.listing(no_trouble):
                for name in names:
                    exchange.source(place, name)
        with Exchange(tmp_path, [ROOT]) as exchange:
            listing = exchange.listing(no_trouble)
            next(listing)
            next(listing)
            del listing  # before its end


# Kinds


def test_a_kind_of_file_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    put(Path("regular"))
    Path("link").symlink_to("regular")
    Path("directory").mkdir()
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        kinds = {
            name: kind_of(status)
            for name in ("regular", "link", "directory", "fifo", "socket", "missing")
            if (status := status_of(name, descriptor))
        }
    finally:
        os.close(descriptor)
    assert kinds == {
        "regular": "a regular file",
        "link": "a symbolic link",
        "directory": "a directory",
        "fifo": "a fifo",
        "socket": "a socket",
    }
    assert kind_of(os.stat("/dev/null")) == "a character device"


def test_names_that_came_before_a_listing_broke_off_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ROOT).mkdir(parents=True)
    for name in ("1_a.jpg", "2_a.jpg", "3_a.jpg"):
        (tmp_path / ROOT / name).touch()

    @contextmanager
    def breaking_off(directory: int) -> Iterator[Iterator[os.DirEntry[str]]]:
        def two() -> Iterator[os.DirEntry[str]]:
            yield from islice(entries, 2)
            raise OSError(EIO, "Input/output error")

        with scandir(directory) as entries:
            yield two()

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", breaking_off)
    told: list[tuple[str, str]] = []
    with Exchange(tmp_path, [ROOT]) as exchange:
        names = [name for _, some in exchange.listing(lambda *trouble: told.append(trouble)) for name in some]
    assert len(names) == 2
    assert told == [(ROOT, "cannot be listed: Input/output error")]
