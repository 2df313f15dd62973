"""Catalogue files are found when they have come or changed, and have settled."""

import os
import shutil
import time
from pathlib import Path

import pytest
from support.files import put, replace

from daemon.service.goods_files import GoodsFiles

SETTLE = 10.0


class Clock:
    """An exchange directory that is looked at as time goes by."""

    def __init__(self, directory: Path, *patterns: str) -> None:
        self.files = GoodsFiles(directory, patterns or ("goods/goods*.xml",), SETTLE)
        self.now = 1000.0

    def due(self, after: float = 0.0) -> list[str]:
        """Return what is due so many seconds later."""
        self.now += after
        return [file.path for file in self.files.due(self.now)]

    def load(self, after: float = 0.0) -> list[str]:
        """Load what is due so many seconds later."""
        self.now += after
        files = self.files.due(self.now)
        self.files.loaded(files)
        return [file.path for file in files]


@pytest.fixture
def goods(tmp_path: Path) -> Path:
    """The path of a catalogue file."""
    return put(tmp_path / "goods" / "goods.xml", b"<one/>")


@pytest.fixture
def clock(tmp_path: Path, goods: Path) -> Clock:
    assert goods.exists()
    return Clock(tmp_path)


def test_a_file_is_due_when_it_has_settled(clock: Clock) -> None:
    assert clock.due() == []
    assert clock.due(SETTLE - 1) == []
    assert clock.due(SETTLE) == ["goods/goods.xml"]


def test_a_file_stays_due_until_it_is_loaded(clock: Clock) -> None:
    clock.due()
    assert clock.due(SETTLE) == clock.load(SETTLE) == ["goods/goods.xml"]
    assert clock.due(SETTLE) == []


def test_a_file_that_still_changes_has_not_settled(clock: Clock, goods: Path) -> None:
    for _ in range(5):
        with goods.open("ab") as file:
            file.write(b" ")
        assert clock.due(SETTLE - 1) == []
    assert clock.due(SETTLE) == ["goods/goods.xml"]


def test_a_loaded_file_that_changes_is_due_again(clock: Clock, goods: Path) -> None:
    clock.due()
    clock.load(SETTLE)
    goods.write_bytes(b"<another/>")
    assert clock.due(SETTLE) == []
    assert clock.due(SETTLE) == ["goods/goods.xml"]


def test_another_file_with_the_size_and_the_time_of_the_former_is_due(clock: Clock, goods: Path) -> None:
    os.utime(goods, ns=(1, 1))
    clock.due()
    clock.load(SETTLE)
    replace(goods, b"<two/>")
    os.utime(goods, ns=(1, 1))
    clock.due(SETTLE)
    assert clock.due(SETTLE) == ["goods/goods.xml"]


def test_a_file_that_was_read_is_not_due(clock: Clock, goods: Path) -> None:
    clock.due()
    clock.load(SETTLE)
    goods.read_bytes()
    clock.due(SETTLE)
    assert clock.due(SETTLE) == []


def test_a_file_that_changes_while_it_is_loaded_is_due_again(clock: Clock, goods: Path) -> None:
    clock.due()
    clock.now += SETTLE
    files = clock.files.due(clock.now)
    goods.write_bytes(b"<another/>")
    clock.files.loaded(files)
    clock.due(SETTLE)
    assert clock.due(SETTLE) == ["goods/goods.xml"]


def test_a_file_that_is_removed_while_it_is_loaded_is_forgotten(clock: Clock, goods: Path) -> None:
    clock.due()
    clock.now += SETTLE
    files = clock.files.due(clock.now)
    goods.unlink()
    assert clock.due(SETTLE) == []
    clock.files.loaded(files)
    put(goods)
    clock.due(SETTLE)
    assert clock.due(SETTLE) == ["goods/goods.xml"]


def test_the_exchange_removes_its_files_and_sends_them_again(clock: Clock, goods: Path) -> None:
    for _ in range(3):
        clock.due(SETTLE)
        assert clock.load(SETTLE) == ["goods/goods.xml"]
        shutil.rmtree(goods.parent)
        assert clock.due(SETTLE) == []
        put(goods)


def test_files_settle_each_on_its_own(clock: Clock, goods: Path) -> None:
    clock.due()
    put(goods.with_name("goods_2.xml"))
    assert clock.load(SETTLE) == ["goods/goods.xml"]
    assert clock.load(SETTLE) == ["goods/goods_2.xml"]


def test_all_files_are_those_that_have_not_settled_as_well(clock: Clock, goods: Path) -> None:
    files = clock.files.all(clock.now)
    assert [file.path for file in files] == ["goods/goods.xml"]
    clock.files.loaded(files)
    assert clock.due(SETTLE) == []
    goods.write_bytes(b"<another/>")
    clock.due(SETTLE)
    assert clock.due(SETTLE) == ["goods/goods.xml"]


def test_a_file_that_fits_several_patterns_is_one(tmp_path: Path, goods: Path) -> None:
    assert goods.exists()
    clock = Clock(tmp_path, "goods/goods*.xml", "**/*.xml")
    assert [file.path for file in clock.files.all(0.0)] == ["goods/goods.xml"]


def test_other_files_are_not_looked_at(clock: Clock, goods: Path) -> None:
    put(goods.with_name("offers.xml"))
    put(goods.parent / "deeper" / "goods.xml")
    assert [file.path for file in clock.files.all(clock.now)] == ["goods/goods.xml"]


def test_an_exchange_directory_that_is_not_there_holds_none(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "missing")
    assert clock.due() == []
    assert clock.files.all(clock.now) == []


def test_two_looks_are_some_seconds_apart(clock: Clock, goods: Path) -> None:
    clock.due()
    clock.load(SETTLE)
    goods.write_bytes(b"<another/>")
    clock.due(1)  # not seen yet
    clock.due(1)
    assert clock.due(SETTLE - 1) == []
    assert clock.due(1) == []
    assert clock.due(1) == ["goods/goods.xml"]


def test_looking_that_takes_long_is_done_more_rarely(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []

    def slow(*_arguments: object) -> list[object]:
        looked_at.append(clock.now)
        time.sleep(0.1)
        return []

    monkeypatch.setattr("daemon.service.goods_files.goods.in_exchange", slow)
    start = clock.now
    for _ in range(10):
        clock.due(1)
    assert looked_at == [start + 1]
    clock.due(100)
    assert len(looked_at) == 2
