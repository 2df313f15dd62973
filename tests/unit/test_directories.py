"""Descriptors of directories below a base, which no symbolic link leads out of."""

import os
from errno import EMFILE
from pathlib import Path

import pytest
from support.accounts import umask
from support.audits import before, told
from support.descriptors import held, none_left_open
from support.files import mode, put

from daemon.directories import Directories, Nowhere


def names(descriptor: int) -> list[str]:
    """Return what lies in an open directory."""
    return sorted(os.listdir(descriptor))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a directory with directories, a file and links in it."""
    put(tmp_path / "base" / "a" / "b" / "file")
    put(tmp_path / "outside" / "secret")
    (tmp_path / "base" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "base" / "a" / "inner").symlink_to("b")
    return tmp_path / "base"


def test_a_directory_is_opened_by_its_path_and_the_base_by_none(base: Path) -> None:
    with Directories(base) as directories:
        assert names(directories.open("")) == ["a", "link"]
        assert names(directories.open("a/b")) == ["file"]


def test_each_directory_is_opened_once(base: Path) -> None:
    with Directories(base) as directories, told("open") as opened:
        descriptors = {path: directories.open(path) for path in ("a", "a/b", "a")}
        assert [path for path, *_ in opened] == ["a", "b"]
        assert all(directories.open(path) == descriptor for path, descriptor in descriptors.items())


@pytest.mark.parametrize("path", ["link", "a/inner", "link/deeper", "a/b/file", "a/b/file/x"])
def test_links_and_files_are_no_directories(base: Path, path: str) -> None:
    with Directories(base) as directories, pytest.raises(NotADirectoryError):
        directories.open(path)


def test_a_link_that_takes_the_place_of_an_open_directory_is_not_followed(base: Path) -> None:
    with Directories(base) as directories:
        directories.open("a")
        (base / "a").rename(base / "moved")
        (base / "a").symlink_to(base.parent / "outside")
        assert names(directories.open("a")) == ["b", "inner"]


@pytest.mark.parametrize("path", ["missing", "a/missing", "missing/b", "a//b", "a/", "/a"])
def test_a_directory_that_is_not_there_is_an_error(base: Path, path: str) -> None:
    with Directories(base) as directories, pytest.raises(FileNotFoundError):
        directories.open(path)


def test_a_path_of_any_number_of_parts_is_only_an_error_of_the_operating_system(base: Path) -> None:
    with Directories(base) as directories, pytest.raises(FileNotFoundError):
        directories.open("missing" + "/x" * 50_000)


def test_a_directory_that_appears_later_is_found(base: Path) -> None:
    with Directories(base) as directories:
        with pytest.raises(FileNotFoundError):
            directories.open("late")
        put(base / "late" / "x")
        assert names(directories.open("late")) == ["x"]


def test_the_base_may_be_reached_through_links(base: Path) -> None:
    (base.parent / "shortcut").symlink_to(base)
    with Directories(base.parent / "shortcut") as directories:
        assert names(directories.open("a")) == ["b", "inner"]


def test_the_base_may_be_a_directory_below_another_without_links_between(base: Path) -> None:
    with Directories(base, "a/b") as directories:
        assert names(directories.open("")) == ["file"]
    for path in ("link", "a/inner"):
        with pytest.raises(NotADirectoryError):
            Directories(base, path)


@pytest.mark.parametrize("below", ["", "a/missing", "link", "a/b/file"])
def test_a_base_that_cannot_be_opened_leaves_no_descriptor(base: Path, below: str) -> None:
    trusted = base if below else base / "missing"
    with none_left_open(), pytest.raises(OSError, match=r"No such|Not a"):
        Directories(trusted, below)


def test_what_was_opened_is_closed_at_the_end(base: Path) -> None:
    with none_left_open(), Directories(base) as directories:
        directories.open("a/b")
        directories.make("c/d", 0o755)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_missing_directories_are_made_with_the_mode_whatever_the_umask(base: Path, mask: int) -> None:
    with umask(mask), Directories(base) as directories:
        assert names(directories.make("c/d/e", 0o2751)) == []
    assert [mode(base / path) for path in ("c", "c/d", "c/d/e")] == [0o2751] * 3


def test_directories_that_are_there_keep_their_mode(base: Path) -> None:
    (base / "a").chmod(0o711)
    with Directories(base) as directories:
        directories.make("a/c", 0o755)
    assert mode(base / "a") == 0o711


def test_nothing_is_made_behind_a_link(base: Path) -> None:
    with Directories(base) as directories:
        for path in ("link", "link/new", "a/inner/new"):
            with pytest.raises(NotADirectoryError):
                directories.make(path, 0o755)
    assert [path.name for path in (base.parent / "outside").iterdir()] == ["secret"]
    assert [path.name for path in (base / "a" / "b").iterdir()] == ["file"]


def test_a_directory_that_another_process_makes_first_is_taken_as_it_is(base: Path) -> None:
    with Directories(base) as directories, before("os.mkdir", lambda _: (base / "c").mkdir(0o700)):
        assert names(directories.make("c", 0o755)) == []
    assert mode(base / "c") == 0o700


def test_a_link_that_another_process_makes_first_is_not_followed(base: Path) -> None:
    with (
        Directories(base) as directories,
        before("os.mkdir", lambda _: (base / "c").symlink_to("a")),
        pytest.raises(NotADirectoryError),
    ):
        directories.make("c", 0o755)
    assert [path.name for path in (base / "a").iterdir()] == ["b", "inner"]


@pytest.fixture
def many(base: Path) -> list[str]:
    """Return the paths of more directories than are kept open."""
    paths = [f"a/{number}" for number in range(300)]
    for path in paths:
        (base / path).mkdir()
    return paths


def test_few_descriptors_are_kept(base: Path) -> None:
    with Directories(base) as directories:
        opened = directories.open("a/b")
        directories.trim()
        assert directories.open("a/b") == opened
        assert names(opened) == ["file"]


def test_many_descriptors_are_closed_and_opened_again_when_asked_for(base: Path, many: list[str]) -> None:
    with Directories(base) as directories:
        without = len(held())
        for path in many:
            directories.open(path)
            directories.trim()
            assert len(held()) <= without + 200
        assert names(directories.open("a/b")) == ["file"]
        assert "a" in names(directories.open(""))


def test_too_many_descriptors_are_an_error_that_trimming_mends(base: Path, many: list[str]) -> None:
    def refuse(_: object) -> None:
        raise OSError(EMFILE, os.strerror(EMFILE))

    with Directories(base) as directories:
        for path in many:
            directories.open(path)
        with before("open", refuse), pytest.raises(OSError, match="Too many open files"):
            directories.open("a/b")
        directories.trim()
        assert names(directories.open("a/b")) == ["file"]


@pytest.mark.parametrize("path", ["", "a", "a/b"])
def test_in_a_base_that_does_not_exist_is_nothing(tmp_path: Path, path: str) -> None:
    with none_left_open(), Nowhere(tmp_path / "missing") as nowhere:
        nowhere.trim()
        with pytest.raises(FileNotFoundError):
            nowhere.open(path)
