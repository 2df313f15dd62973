"""Whether an image root is there, and still the same directory."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.descriptors import none_left_open
from support.filesystems import small
from support.rights import as_owner

from daemon.watcher.roots import Identity, Roots


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Path]:
    """An exchange directory with an image root; no descriptor of it may be left open."""
    (tmp_path / "exchange" / "goods" / "pictures").mkdir(parents=True)
    with none_left_open():
        yield tmp_path / "exchange"


def identity(exchange: Path, name: str = "goods/pictures") -> Identity | None:
    return Roots(exchange, [name]).identity(0)


def test_roots_are_numbered_as_they_are_configured() -> None:
    roots = Roots(Path("/srv/exchange"), ["goods/pictures", "/mnt/pictures"])
    assert roots.paths == {0: Path("/srv/exchange/goods/pictures"), 1: Path("/mnt/pictures")}


def test_a_root_is_its_device_and_inode(exchange: Path) -> None:
    status = (exchange / "goods" / "pictures").stat()
    assert identity(exchange) == Identity(status.st_dev, status.st_ino)


def test_an_absolute_root_lies_where_it_says(exchange: Path) -> None:
    assert identity(Path("/nowhere"), str(exchange / "goods" / "pictures")) == identity(exchange)


def test_a_root_that_is_not_there_is_none(exchange: Path) -> None:
    shutil.rmtree(exchange / "goods")
    assert identity(exchange) is None


def test_a_root_of_an_exchange_directory_that_is_not_there_is_none(exchange: Path) -> None:
    assert identity(exchange / "missing") is None


def test_a_root_that_is_a_file_is_none(exchange: Path) -> None:
    (exchange / "goods" / "pictures").rmdir()
    (exchange / "goods" / "pictures").touch()
    assert identity(exchange) is None


@pytest.mark.parametrize("part", ["goods", "goods/pictures"])
def test_a_root_behind_a_link_is_none_since_imports_follow_none(exchange: Path, part: str) -> None:
    (exchange / part).rename(exchange / "real")
    (exchange / part).symlink_to(exchange / "real")
    assert identity(exchange) is None


def test_the_exchange_directory_may_be_a_link(exchange: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(exchange)
    assert identity(tmp_path / "link") == identity(exchange)


def test_an_absolute_root_may_be_a_link_and_is_what_that_leads_to(exchange: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(exchange / "goods" / "pictures")
    assert identity(exchange, str(tmp_path / "link")) == identity(exchange)
    (tmp_path / "new").symlink_to(exchange)
    (tmp_path / "new").rename(tmp_path / "link")
    assert identity(exchange, str(tmp_path / "link")) == identity(exchange, "")


@pytest.mark.parametrize("part", ["", "goods", "goods/pictures"])
def test_a_root_that_may_not_be_opened_is_none(exchange: Path, part: str) -> None:
    mode = (exchange / part).stat().st_mode
    (exchange / part).chmod(0)
    with as_owner():
        assert identity(exchange) is None
    (exchange / part).chmod(mode)


def test_a_directory_in_the_place_of_another_is_another(exchange: Path) -> None:
    before = identity(exchange)
    (exchange / "goods" / "pictures").rename(exchange / "former")
    (exchange / "goods" / "pictures").mkdir()
    assert identity(exchange) not in {None, before}


def test_a_renamed_root_is_the_same_when_it_is_back(exchange: Path) -> None:
    before = identity(exchange)
    (exchange / "goods").rename(exchange / "former")
    assert identity(exchange) is None
    (exchange / "former").rename(exchange / "goods")
    assert identity(exchange) == before


def test_a_file_system_mounted_over_a_root_is_another(exchange: Path) -> None:
    before = identity(exchange)
    assert before is not None
    with small(exchange / "goods" / "pictures", "1m"):
        after = identity(exchange)
        assert after is not None
        assert after.device != before.device
    assert identity(exchange) == before


def test_what_a_root_holds_does_not_matter(exchange: Path) -> None:
    before = identity(exchange)
    (exchange / "goods" / "pictures" / "aa").mkdir()
    os.utime(exchange / "goods" / "pictures", (1, 1))
    assert identity(exchange) == before
