"""Pictures that are whole decode, and nothing else does, however it begins."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.descriptors import none_left_open
from support.files import put
from support.pictures import picture, png_of

from daemon.images import decoder

CHECK = decoder(["jpg", "jpeg", "png"])
JPEG, PNG = picture("JPEG"), picture("PNG")
CHECKSUM = 4  # bytes at the end of a PNG, behind everything that can be seen


def defect(content: bytes, check: Callable[[int], str | None] = CHECK) -> str | None:
    """Return why a file with this content cannot be decoded."""
    with TemporaryFile() as file:
        file.write(content)
        file.flush()
        return check(file.fileno())


@pytest.mark.parametrize(
    "content",
    [JPEG, PNG, picture("JPEG", "L"), picture("JPEG", "CMYK"), picture("PNG", "RGBA"), picture("PNG", "LA")],
)
def test_whole_pictures_pass(content: bytes) -> None:
    assert defect(content) is None


def test_the_content_decides_and_not_which_of_the_extensions_the_name_has(tmp_path: Path) -> None:
    with put(tmp_path / "12_a.jpg", PNG).open("rb") as file:
        assert CHECK(file.fileno()) is None


@given(st.integers(0, len(JPEG) - 1))
def test_a_jpeg_that_is_cut_anywhere_cannot_be_decoded(length: int) -> None:
    assert defect(JPEG[:length])


@given(st.integers(0, len(PNG) - CHECKSUM - 1))
def test_a_png_that_is_cut_anywhere_cannot_be_decoded(length: int) -> None:
    assert defect(PNG[:length])


@given(st.integers(PNG.index(b"IDAT") + 4, PNG.index(b"IEND") - 5), st.integers(1, 255))
def test_a_png_of_which_one_byte_was_changed_cannot_be_decoded(where: int, change: int) -> None:
    assert defect(PNG[:where] + bytes([PNG[where] ^ change]) + PNG[where + 1 :])


@given(st.binary(max_size=100))
def test_garbage_cannot_be_decoded(content: bytes) -> None:
    assert defect(content)


@given(st.sampled_from([JPEG[:2], JPEG[:20], PNG[:8], PNG[:33]]), st.binary(max_size=100))
def test_garbage_behind_a_good_beginning_cannot_be_decoded(beginning: bytes, rest: bytes) -> None:
    assert defect(beginning + rest)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><body>404 Not Found</body></html>",
        b"PK\3\4" + JPEG,
        b"GIF89a" + JPEG,
        bytes(1000),
    ],
)
def test_other_kinds_of_files_are_no_pictures_of_a_known_format(content: bytes) -> None:
    assert defect(content) == "is no picture of a known format (JPEG, PNG)"


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "BMP", "TIFF", "ICO"])
def test_formats_of_other_extensions_are_not_tried(image_format: str) -> None:
    content = picture(image_format)
    assert defect(content) == "is no picture of a known format (JPEG, PNG)"
    if image_format in {"GIF", "WEBP"}:
        assert defect(content, decoder(["gif", "webp"])) is None


def test_an_extension_that_stands_for_no_format_adds_none() -> None:
    assert decoder(["jpg", "xyz"]) is not None
    assert defect(JPEG, decoder(["jpg", "xyz"])) is None
    assert defect(PNG, decoder(["jpg", "xyz"])) == "is no picture of a known format (JPEG)"


@pytest.mark.parametrize("width, height", [(100_000, 100_000), (1, 100_000_001), (10_001, 10_000)])
def test_more_pixels_than_memory_may_hold_are_refused_before_they_are_decoded(
    width: int, height: int
) -> None:
    assert defect(png_of(width, height)) == f"has too many pixels: {width} × {height}"


def test_as_many_pixels_as_memory_may_hold_are_not_refused_for_their_number() -> None:
    reason = defect(png_of(10_000, 10_000))
    assert reason is not None
    assert "pixels" not in reason


@pytest.mark.parametrize("position", [0, 5, len(JPEG), len(JPEG) + 5])
def test_the_position_in_the_file_does_not_matter(position: int) -> None:
    with TemporaryFile() as file:
        file.write(JPEG)
        file.flush()
        os.lseek(file.fileno(), position, os.SEEK_SET)
        assert CHECK(file.fileno()) is None


@pytest.mark.parametrize("content", [JPEG, PNG, JPEG[:-50], PNG[:-50], b"garbage", png_of(100_000, 100_000)])
def test_the_file_is_left_open_and_nothing_else_is(content: bytes) -> None:
    with TemporaryFile() as file, none_left_open():
        file.write(content)
        file.flush()
        CHECK(file.fileno())
        assert os.pread(file.fileno(), len(content), 0) == content


def test_a_file_that_cannot_be_read_cannot_be_decoded(tmp_path: Path) -> None:
    with put(tmp_path / "a.jpg", JPEG).open("ab") as file:
        reason = CHECK(file.fileno())
    assert reason is not None
    assert reason.startswith("cannot be decoded: ")
