"""What is refused, with a reason, while all else goes on."""

import io
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from support.commands import AS_ANY_USER
from support.workshop import Workshop, paths


def encoded(image_format: str, size: int = 64) -> bytes:
    """Return a picture that decodes."""
    image = Image.effect_noise((size, size), 60)
    file = io.BytesIO()
    image.convert("RGB").save(file, image_format)
    return file.getvalue()


def refuse(workshop: Workshop, name: str, *arguments: str, without: Sequence[int] = ()) -> str:
    """Import a refused picture beside good ones, see that all else goes on, and return the reason."""
    workshop.products("12", "13")
    workshop.pictures("12_good.jpg", "13_good.jpg")
    result = workshop.imported(*arguments, status=3, without=without)
    figures = result.figures
    assert result.json["status"] == "completed"
    assert (figures["errors"], figures["copied"]) == (1, 2)
    assert workshop.named("12") == paths("12", "12_good.jpg")
    assert workshop.named("13") == paths("13", "13_good.jpg")
    assert set(workshop.contents()) == {"products/12/12_good.jpg", "products/13/13_good.jpg"}
    [sample] = figures["error_samples"]
    assert set(sample) == {"path", "reason"}
    assert name in sample["path"]
    reason = sample["reason"]
    assert isinstance(reason, str)
    assert reason
    assert "Traceback" not in result.stderr
    return reason


def test_an_empty_file_is_refused(lite: Workshop) -> None:
    lite.picture("12/12_a.jpg", "")
    assert "empty" in refuse(lite, "12_a.jpg")


def test_a_symlink_is_refused_even_to_a_picture(lite: Workshop) -> None:
    outside = lite.place / "outside.jpg"
    outside.write_text("not for everyone")
    (lite.root / "12_a.jpg").symlink_to(outside)
    refuse(lite, "12_a.jpg")


def test_a_dangling_symlink_is_refused(lite: Workshop) -> None:
    (lite.root / "12_a.jpg").symlink_to("nowhere")
    refuse(lite, "12_a.jpg")


def test_a_fifo_is_refused_and_not_waited_for(lite: Workshop) -> None:
    os.mkfifo(lite.root / "12_a.jpg")
    refuse(lite, "12_a.jpg")


def test_a_socket_is_refused(lite: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lite.root)  # an address has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("12_a.jpg")
        refuse(lite, "12_a.jpg")


def test_a_directory_with_a_picture_s_name_is_refused(lite: Workshop) -> None:
    (lite.root / "12_a.jpg").mkdir()
    refuse(lite, "12_a.jpg")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_refused(lite: Workshop) -> None:
    try:
        os.mknod(lite.root / "12_a.jpg", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("no devices can be made here")
    refuse(lite, "12_a.jpg")


def test_a_file_larger_than_configured_is_refused_and_one_as_large_is_not(lite: Workshop) -> None:
    lite.configure("import", max_file_size="1 KiB")
    lite.picture("12_a.jpg", b"x" * 1025)
    lite.picture("12_good.jpg", b"x" * 1024)
    lite.products("12")
    figures = lite.figures(status=3)
    assert (figures["errors"], figures["copied"]) == (1, 1)
    assert "12_a.jpg" in figures["error_samples"][0]["path"]


def test_a_file_larger_than_64_mib_is_refused_by_default(lite: Workshop) -> None:
    with (lite.root / "12_a.jpg").open("wb") as file:
        file.truncate((64 << 20) + 1)
    refuse(lite, "12_a.jpg")


def test_a_name_that_is_not_utf_8_is_refused(workshop: Workshop) -> None:
    with open(os.path.join(os.fsencode(workshop.root), b"12_\xff\xfe.jpg"), "wb") as file:
        file.write(b"content")
    refuse(workshop, "12_")


def test_a_name_that_does_not_fit_the_column_is_refused(workshop: Workshop) -> None:
    name = f"12_{'a' * 237}.jpg"
    assert len(f"products/12/{name}") == 256
    workshop.picture(name)
    refuse(workshop, "12_aaa")


def test_a_name_that_just_fits_the_column_is_taken(workshop: Workshop) -> None:
    names = [f"12_{'a' * 236}.jpg", f"12_{'я' * 124}.jpg"]
    assert len(f"products/12/{names[0]}") == 255
    workshop.products("12")
    workshop.pictures(*names)
    workshop.imported()
    assert workshop.named("12") == paths("12", *names)


def test_a_file_that_may_not_be_read_is_refused(lite: Workshop) -> None:
    lite.picture("12_a.jpg").chmod(0)
    refuse(lite, "12_a.jpg", without=AS_ANY_USER)


def test_a_directory_that_may_not_be_read_is_an_error_of_its_own(lite: Workshop) -> None:
    lite.pictures("zz/12_a.jpg")
    (lite.root / "zz").chmod(0)
    try:
        refuse(lite, "zz", without=AS_ANY_USER)
    finally:
        (lite.root / "zz").chmod(0o755)


def test_a_refused_picture_leaves_the_copy_and_the_row_as_they_are(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.pictures("12_a.jpg", "12_b.jpg")
    workshop.imported()
    before, stored = workshop.row("12"), workshop.stored()
    workshop.picture("12_a.jpg", "")
    (workshop.root / "12_b.jpg").unlink()
    (workshop.root / "12_b.jpg").mkdir()
    figures = workshop.figures(status=3)
    assert (figures["errors"], figures["missing"]) == (2, 0)
    assert workshop.row("12") == before
    assert workshop.stored() == stored


def test_a_refused_picture_of_products_that_share_it_is_one_error(workshop: Workshop) -> None:
    workshop.products("12", "12#1", "12#2")
    workshop.picture("12_a.jpg", "")
    assert workshop.figures(status=3)["errors"] == 1


def test_a_refused_main_picture_gives_way_to_the_next(lite: Workshop) -> None:
    lite.products("12")
    lite.picture("12_a.jpg", "")
    lite.pictures("12_b.jpg", "12_c.jpg")
    lite.imported(status=3)
    assert lite.named("12") == paths("12", "12_b.jpg", "12_c.jpg")


def test_at_most_twenty_errors_are_shown_and_all_are_counted(workshop: Workshop) -> None:
    workshop.products("12")
    for number in range(25):
        workshop.picture(f"12_{number:02}.jpg", "")
    figures = workshop.figures(status=3)
    assert figures["errors"] == 25
    assert len(figures["error_samples"]) == 20
    assert len({sample["path"] for sample in figures["error_samples"]}) == 20
    [session] = workshop.sessions()
    assert session["report_details"]["error_samples"] == figures["error_samples"]
    assert (session["status"], session["error_message"]) == ("completed", "")


@pytest.mark.parametrize("by", ["option", "configuration"])
def test_pictures_that_do_not_decode_are_refused_when_they_are_validated(lite: Workshop, by: str) -> None:
    jpeg, png = encoded("JPEG", 256), encoded("PNG", 256)
    lite.products("12")
    lite.picture("12_good.jpg", jpeg)
    lite.picture("12_good.png", png)
    lite.picture("12_truncated.jpg", jpeg[: len(jpeg) // 2])
    lite.picture("12_cut.png", png[: len(png) // 2])
    lite.picture("12_lacks_its_end.jpg", jpeg[:-100])
    lite.picture("12_lacks_its_end.png", png[:-20])
    lite.picture("12_text.jpg", "no picture at all")
    changed = bytearray(png)
    changed[len(png) // 2] ^= 0xFF
    lite.picture("12_changed.png", bytes(changed))
    if by == "configuration":
        lite.configure("import", validate_images=True)
    figures = lite.figures(*(["--validate-images"] if by == "option" else []), status=3)
    assert figures["errors"] == 6
    assert lite.named("12") == paths("12", "12_good.jpg", "12_good.png")
    assert len(lite.contents()) == 2


def test_pictures_are_not_decoded_by_default(lite: Workshop) -> None:
    lite.products("12")
    lite.picture("12_truncated.jpg", encoded("JPEG")[:200])
    assert lite.figures()["copied"] == 1


def test_a_bomb_of_pixels_is_refused(lite: Workshop) -> None:
    png = bytearray(encoded("PNG"))
    png[16:24] = struct.pack(">II", 40_000, 40_000)  # what it says of itself
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    lite.picture("12_a.png", bytes(png))
    lite.products("12")
    lite.picture("12_good.png", encoded("PNG"))
    figures = lite.figures("--validate-images", status=3)
    assert (figures["errors"], figures["copied"]) == (1, 1)


def test_errors_of_pictures_of_no_product_do_not_count_as_pictures(lite: Workshop) -> None:
    lite.products("12")
    (lite.root / "99_a.jpg").mkdir()
    lite.pictures("12_a.jpg")
    assert lite.figures()["unmatched"] == 0


def mounted(media: Path, options: str) -> list[str]:
    """Return how to call a command to which `media` is a file system of its own."""
    mount = f"mount -t tmpfs -o {options} none '{media}'"
    return ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh"]


def can_mount(media: Path) -> bool:
    """Return whether a file system can be mounted for a command alone."""
    command = [*mounted(media, "size=1m"), "true"]
    return bool(shutil.which("unshare")) and not subprocess.run(command, check=False).returncode


@pytest.mark.parametrize("options,says", [("size=256k", "No space left"), ("ro", "Read-only")])
def test_a_media_directory_that_takes_nothing_ends_the_session(
    lite: Workshop, options: str, says: str
) -> None:
    lite.media.mkdir()
    if not can_mount(lite.media):
        pytest.skip("no file system can be mounted here")
    lite.products("12", "13")
    for name in ("12_a.jpg", "12_b.jpg", "13_a.jpg"):
        lite.picture(name, os.urandom(150_000))
    result = lite.run("import", "--json", through=mounted(lite.media, options))
    assert result.status == 1
    assert says in result.json["error_message"]
    [session] = lite.sessions()
    assert session["status"] == "failed"
    assert session["finished_at"] is not None
    assert lite.named("13") == []


def test_too_little_free_space_ends_the_session(workshop: Workshop) -> None:
    workshop.configure("media", min_free="1000 TiB")
    workshop.products("12")
    workshop.pictures("12_a.jpg")
    result = workshop.imported(status=1)
    assert result.json["status"] == "failed"
    assert result.json["error_message"]
    assert workshop.contents() == {}
    assert workshop.named("12") == []
    assert workshop.figures(status=1)["copied"] == 0


def test_what_is_printed_of_strange_names_is_one_line_of_text(lite: Workshop) -> None:
    lite.products("12")
    lite.picture("12_\n\x1b[31m.jpg", "")
    result = lite.run("import")
    assert result.status == 3
    assert "\x1b" not in result.stdout + result.stderr
    [session] = lite.sessions()
    assert json.dumps(session["report_details"]["error_samples"])
