"""Blocks that are too many for memory, kept by section."""

import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.descriptors import none_left_open
from support.files import tree
from support.filesystems import small

from daemon.spool import Spool


@pytest.fixture
def spool() -> Iterator[Spool[object]]:
    """Return an empty spool."""
    with closing(Spool[object]()) as empty:
        yield empty


def blocks_of(size: int, number: int) -> Iterator[bytes]:
    """Yield different blocks."""
    return (number.to_bytes(8, "big") * (size // 8) for number in range(number))


def test_blocks_come_back_in_the_order_in_which_they_were_put(spool: Spool[object]) -> None:
    for block in ([1, "a"], [2, "b"], [3, "c"]):
        spool.put("00", block)
    assert list(spool.blocks(["00"])) == [[1, "a"], [2, "b"], [3, "c"]]


def test_sections_are_kept_apart_and_given_in_the_order_asked_for(spool: Spool[object]) -> None:
    for section, block in (("00", 1), ("ff", 2), ("00", 3), ("ff", 4)):
        spool.put(section, block)
    assert list(spool.blocks(["ff", "00"])) == [2, 4, 1, 3]


def test_a_section_in_which_nothing_was_put_has_no_blocks(spool: Spool[object]) -> None:
    spool.put("00", 1)
    assert list(spool.blocks(["01"])) == []
    assert list(spool.blocks([])) == []


def test_blocks_can_be_read_again_and_put_while_others_are_read(spool: Spool[object]) -> None:
    spool.put("00", 1)
    spool.put("00", 2)
    reading = iter(spool.blocks(["00"]))
    assert next(reading) == 1
    spool.put("00", 3)
    assert next(reading) == 2
    assert list(spool.blocks(["00"])) == [1, 2, 3]


def test_names_that_are_not_utf_8_come_back_as_they_were(spool: Spool[object]) -> None:
    spool.put("00", ["12_\udcff.jpg"])
    assert list(spool.blocks(["00"])) == [["12_\udcff.jpg"]]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=400_000))))
def test_however_large_blocks_are_each_comes_back(puts: list[tuple[str, bytes]]) -> None:
    with closing(Spool[bytes]()) as spool:
        for section, block in puts:
            spool.put(section, block)
        for section in "abc":
            assert list(spool.blocks(section)) == [block for where, block in puts if where == section]


def test_sections_of_any_number_take_little_memory(spool: Spool[object]) -> None:
    tracemalloc.start()
    try:
        for number, block in enumerate(blocks_of(100_000, 500)):
            spool.put(f"{number % 50}", block)
        sections = (spool.blocks([f"{number}"]) for number in range(50))
        total = sum(len(block) for section in sections for block in section if isinstance(block, bytes))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 50_000_000
    assert peak < 4_000_000


def test_nobody_sees_a_file_and_none_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with none_left_open(), closing(Spool[bytes]()) as spool:
        for block in blocks_of(1_000_000, 3):
            spool.put("00", block)
        assert list(spool.blocks(["00"])) == list(blocks_of(1_000_000, 3))
        assert tree(tmp_path) == {}


def test_a_full_temporary_directory_is_an_error_that_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small(tmp_path / "small", "2m") as directory:
        monkeypatch.setattr(tempfile, "tempdir", str(directory))
        with closing(Spool[bytes]()) as spool:
            for letter in (b"a", b"b"):  # one in the file, one that waits for the next
                spool.put("00", letter * 1_500_000)
            with pytest.raises(OSError, match="No space left on device"):
                spool.put("00", b"c")
            assert list(spool.blocks(["00"])) == [b"a" * 1_500_000, b"b" * 1_500_000]
