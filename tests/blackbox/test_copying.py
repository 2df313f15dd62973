"""How a picture comes to the media directory."""

import os
import stat
import threading
from pathlib import Path

import pytest
from support.workshop import Workshop, paths

SECOND = 10**9
OLD = 1_000_000_000 * SECOND + 123_456_789  # ns, in 2001
STORED = "products/12/12_a.jpg"
_CAP_FOWNER = 3


@pytest.fixture
def shop(lite: Workshop) -> Workshop:
    """A shop whose one picture is imported."""
    lite.products("12")
    lite.picture("12/12_a.jpg", "the first content", mtime_ns=OLD)
    assert lite.figures()["copied"] == 1
    return lite


def later(than: Path, path: Path) -> None:
    """Wait until a change of the file at `path` has a later ctime than the file `than` has."""
    while path.stat().st_ctime_ns <= than.stat().st_ctime_ns:
        found = path.stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def send_again(source: Path, content: str, mtime_ns: int) -> None:
    """Send a picture as rsync and unzip do: under a name of the way, with the mtime it had at its origin."""
    way = source.with_name(f".{source.name}.Xy12")
    way.write_text(content)
    os.utime(way, ns=(mtime_ns, mtime_ns))
    way.rename(source)


@pytest.mark.parametrize("mtime_ns", [OLD, 315_532_800 * SECOND + 1, 4_000_000_000 * SECOND + 999_999_999])
def test_a_copy_has_the_mtime_of_its_source_to_the_nanosecond(lite: Workshop, mtime_ns: int) -> None:
    lite.products("12")
    lite.picture("12/12_a.jpg", mtime_ns=mtime_ns)
    lite.imported()
    assert lite.stored()[STORED].mtime_ns == mtime_ns
    assert lite.figures()["skipped_files"] == 1


@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize("file_mode,dir_mode", [("", ""), ("0640", "2775"), ("0666", "0777")])
def test_modes_are_those_configured_whatever_the_umask(
    lite: Workshop, umask: int, file_mode: str, dir_mode: str
) -> None:
    if file_mode:
        lite.configure("media", file_mode=file_mode, dir_mode=dir_mode)
    lite.products("12")
    lite.picture("12_a.jpg").chmod(0o600)
    lite.imported(umask=umask)
    assert lite.stored()[STORED].mode == int(file_mode or "0644", 8)
    for directory in ("products", "products/12"):
        mode = stat.S_IMODE((lite.media / directory).stat().st_mode)
        assert mode == int(dir_mode or "0755", 8)


def test_a_replaced_picture_has_the_mode_configured(shop: Workshop) -> None:
    (shop.media / STORED).chmod(0o600)
    shop.picture("12/12_a.jpg", "something longer than before")
    shop.imported(umask=0o077)
    assert shop.stored()[STORED].mode == 0o644


@pytest.mark.parametrize("durable", [True, False])
def test_nothing_is_done_where_nothing_changed(lite: Workshop, durable: bool) -> None:
    lite.configure("media", durable=durable)
    lite.products("12", "13")
    lite.pictures("12/12_a.jpg", "12_b.jpg", "13.jpg")
    lite.imported()
    stored = lite.stored()
    changed = (lite.media / STORED).stat().st_ctime_ns
    figures = lite.figures()
    assert (figures["copied"], figures["skipped"], figures["skipped_files"]) == (0, 3, 3)
    assert (figures["compared_files"], figures["bytes_copied"]) == (0, 0)
    assert lite.stored() == stored
    assert (lite.media / STORED).stat().st_ctime_ns == changed


def test_the_bytes_copied_are_counted(lite: Workshop) -> None:
    lite.products("12", "12#1")
    lite.picture("12_a.jpg", b"x" * 70_000)
    lite.picture("12_b.jpg", b"x" * 3)
    assert lite.figures()["bytes_copied"] == 70_003


def test_other_content_of_the_same_size_with_the_old_mtime_replaces(shop: Workshop) -> None:
    inode = shop.stored()[STORED].inode
    source = shop.picture("12/12_a.jpg", "the other content", mtime_ns=OLD)
    later(shop.media / STORED, source)
    assert shop.figures()["copied"] == 1
    stored = shop.stored()
    assert list(stored) == [STORED]  # no second name
    assert stored[STORED].content == b"the other content"
    assert stored[STORED].mtime_ns == OLD
    assert stored[STORED].inode != inode  # by rename


@pytest.mark.parametrize("content", ["short", "much longer than the first content was"])
@pytest.mark.parametrize("mtime_ns", [OLD, OLD + 1])
def test_content_of_another_size_replaces(shop: Workshop, content: str, mtime_ns: int) -> None:
    shop.picture("12/12_a.jpg", content, mtime_ns=mtime_ns)
    figures = shop.figures()
    assert (figures["copied"], figures["skipped"]) == (1, 0)
    assert {path: (file.content, file.mtime_ns) for path, file in shop.stored().items()} == {
        STORED: (content.encode(), mtime_ns)
    }


@pytest.mark.parametrize("mtime_ns", [OLD, OLD + 1, OLD - 3600 * SECOND])
def test_equal_content_sent_again_is_compared_once_and_keeps_its_inode(shop: Workshop, mtime_ns: int) -> None:
    inode = shop.stored()[STORED].inode
    send_again(shop.root / "12/12_a.jpg", "the first content", mtime_ns)
    later(shop.media / STORED, shop.root / "12/12_a.jpg")
    first, second = shop.figures(), shop.figures()
    assert (first["copied"], first["skipped_files"], first["compared_files"]) == (0, 1, 1)
    assert (second["copied"], second["skipped_files"], second["compared_files"]) == (0, 1, 0)
    assert shop.stored()[STORED].inode == inode
    assert shop.stored()[STORED].mtime_ns == mtime_ns


@pytest.mark.parametrize("mtime_ns", [OLD, OLD - SECOND])
def test_changed_content_sent_again_replaces_whatever_its_mtime(shop: Workshop, mtime_ns: int) -> None:
    send_again(shop.root / "12/12_a.jpg", "the other content", mtime_ns)
    later(shop.media / STORED, shop.root / "12/12_a.jpg")
    assert shop.figures()["copied"] == 1
    assert shop.contents() == {STORED: b"the other content"}


def test_a_copy_that_somebody_touched_is_compared_once(shop: Workshop) -> None:
    inode = shop.stored()[STORED].inode
    os.utime(shop.media / STORED)
    first, second = shop.figures(), shop.figures()
    assert (first["compared_files"], second["compared_files"]) == (1, 0)
    assert (first["copied"], second["copied"]) == (0, 0)
    assert shop.stored()[STORED].inode == inode
    assert shop.stored()[STORED].mtime_ns == OLD


def test_a_silent_difference_is_found_by_checksum_only(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.picture("12_a.jpg", "the first content", mtime_ns=OLD)
    workshop.picture("12_b.jpg", "another", mtime_ns=OLD)
    workshop.imported()
    before = workshop.row("12")
    copy = workshop.media / STORED
    copy.write_text("the worst content")
    os.utime(copy, ns=(OLD, OLD))
    assert workshop.figures()["copied"] == 0
    assert workshop.contents()[STORED] == b"the worst content"
    assert workshop.row("12") == before
    figures = workshop.figures("--checksum")
    assert (figures["copied"], figures["skipped_files"]) == (1, 1)
    assert workshop.contents()[STORED] == b"the first content"
    assert workshop.row("12").updated_at > before.updated_at
    assert workshop.row("12").pictures == before.pictures


def test_a_copy_that_was_lost_comes_back(shop: Workshop) -> None:
    (shop.media / STORED).unlink()
    figures = shop.figures()
    assert (figures["copied"], figures["missing"]) == (1, 0)
    assert shop.contents() == {STORED: b"the first content"}


def test_a_picture_that_left_the_exchange_stays(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.pictures("12_a.jpg", "12/12_b.jpg")
    workshop.imported()
    before, stored = workshop.row("12"), workshop.stored()
    (workshop.root / "12_a.jpg").unlink()
    (workshop.root / "12" / "12_b.jpg").unlink()
    (workshop.root / "12").rmdir()
    figures = workshop.figures()
    assert (figures["errors"], figures["copied"], figures["missing"]) == (0, 0, 0)
    assert figures["skipped_files"] == 2
    assert workshop.row("12") == before
    assert workshop.stored() == stored


def test_a_picture_that_left_is_skipped_where_the_catalogue_names_it(workshop: Workshop) -> None:
    workshop.catalogue({"12": ["12_a.jpg"]})
    assert workshop.run("catalog").status == 0
    workshop.pictures("12_a.jpg")
    workshop.imported()
    (workshop.root / "12_a.jpg").unlink()
    workshop.set_row("12", "", [])
    figures = workshop.figures()
    assert (figures["skipped_files"], figures["errors"]) == (1, 0)


def test_a_picture_that_is_nowhere_any_more_is_counted_as_missing(workshop: Workshop) -> None:
    workshop.product("12", "products/12/12_a.jpg", ["products/12/12_b.jpg", "products/12/12_c.jpg"])
    workshop.pictures("12_c.jpg")
    before = workshop.row("12")
    figures = workshop.figures()
    assert (figures["missing"], figures["errors"], figures["copied"]) == (2, 0, 1)
    assert workshop.row("12").pictures == before.pictures


def test_media_of_others_are_left_alone(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("12_a.jpg")
    others = ["products/12/99_a.jpg", "products/12/12_z.jpg", "products/placeholder.png", "logo.png"]
    others += ["products/.keep", "products/12/.12_a.jpg.Xy12", "products/12/12_a.jpg.tmp"]
    for other in others:
        (lite.media / other).parent.mkdir(parents=True, exist_ok=True)
        (lite.media / other).write_text(other)
    lite.imported()
    assert set(lite.contents()) == {*others, STORED}


def test_temporaries_of_a_dead_import_are_removed(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("12_a.jpg")
    for directory in ("12", "zz", "13"):
        (lite.media / "products" / directory).mkdir(parents=True)
        (lite.media / "products" / directory / ".onec-images-0123456789ab-0").write_text("a part of")
    lite.imported()
    assert set(lite.contents()) == {STORED}


@pytest.mark.parametrize("durable", [True, False])
def test_no_temporaries_are_left(lite: Workshop, durable: bool) -> None:
    lite.configure("media", durable=durable)
    lite.products("12")
    lite.pictures("12_a.jpg", "12_b.jpg")
    lite.picture("12_c.jpg", "")
    lite.imported(status=3)
    assert set(os.listdir(lite.media / "products/12")) == {"12_a.jpg", "12_b.jpg"}


def test_a_symlinked_directory_of_the_media_is_not_followed(lite: Workshop) -> None:
    lite.products("12", "13")
    lite.pictures("12_a.jpg", "13_a.jpg")
    outside = lite.place / "outside"
    outside.mkdir()
    (lite.media / "products").mkdir(parents=True)
    (lite.media / "products" / "12").symlink_to(outside)
    figures = lite.figures(status=3)
    assert (figures["errors"], figures["copied"]) == (1, 1)
    assert list(outside.iterdir()) == []
    assert lite.named("12") == []
    assert lite.named("13") == paths("13", "13_a.jpg")


def test_a_symlink_in_the_place_of_a_copy_is_not_written_through(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("12_a.jpg")
    (lite.media / "products/12").mkdir(parents=True)
    outside = lite.place / "outside.jpg"
    outside.write_text("nobody's business")
    (lite.media / STORED).symlink_to(outside)
    lite.run("import")
    assert outside.read_text() == "nobody's business"


def test_a_directory_in_the_place_of_a_copy_is_an_error_of_that_picture(lite: Workshop) -> None:
    lite.products("12", "13")
    lite.pictures("12_a.jpg", "12_b.jpg", "13_a.jpg")
    (lite.media / STORED / "full").mkdir(parents=True)
    figures = lite.figures(status=3)
    assert (figures["errors"], figures["copied"]) == (1, 2)
    assert lite.named("12") == paths("12", "12_b.jpg")


def test_a_file_in_the_place_of_a_shard_is_an_error_of_its_pictures(lite: Workshop) -> None:
    lite.products("12", "13")
    lite.pictures("12_a.jpg", "12_b.jpg", "13_a.jpg")
    (lite.media / "products").mkdir(parents=True)
    (lite.media / "products/12").write_text("in the way")
    figures = lite.figures(status=3)
    assert (figures["errors"], figures["copied"]) == (2, 1)
    assert lite.named("12") == []
    assert lite.named("13") == paths("13", "13_a.jpg")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_copy_whose_times_another_user_owns_is_replaced_once(shop: Workshop) -> None:
    (shop.media / STORED).chmod(0o666)
    os.chown(shop.media / STORED, 65534, 65534)
    os.utime(shop.root / "12/12_a.jpg", ns=(OLD + SECOND, OLD + SECOND))
    first = shop.imported(without=[_CAP_FOWNER]).figures
    second = shop.imported(without=[_CAP_FOWNER]).figures
    assert (first["copied"], first["errors"]) == (1, 0)
    assert (second["copied"], second["skipped_files"], second["compared_files"]) == (0, 1, 0)
    assert shop.stored()[STORED].mtime_ns == OLD + SECOND


def test_a_picture_that_does_not_stop_changing_is_an_error_until_it_does(lite: Workshop) -> None:
    lite.products("12", "13")
    lite.pictures("13_a.jpg")
    source = lite.picture("12_a.jpg", b"x" * (32 << 20))
    ended = threading.Event()

    def change() -> None:
        with source.open("r+b") as file:
            while not ended.wait(0.0005):
                file.write(b"y")
                file.flush()

    writer = threading.Thread(target=change)
    writer.start()
    try:
        figures = lite.figures(status=3)
    finally:
        ended.set()
        writer.join()
    assert (figures["errors"], figures["copied"]) == (1, 1)
    [sample] = figures["error_samples"]
    assert "still being written" in sample["reason"]
    assert lite.named("12") == []
    lite.imported()
    assert lite.contents()[STORED] == source.read_bytes()
    assert lite.named("12") == paths("12", "12_a.jpg")


def test_the_prefix_is_a_part_of_every_path(lite: Workshop) -> None:
    lite.configure("media", prefix="catalog/products")
    lite.products("12")
    lite.pictures("12_a.jpg")
    lite.imported()
    assert set(lite.contents()) == {"catalog/products/12/12_a.jpg"}
    assert lite.named("12") == ["catalog/products/12/12_a.jpg"]


def test_many_workers_and_one_bring_over_the_same(lite: Workshop) -> None:
    lite.products(*(f"{number:03}" for number in range(150)))
    for number in range(150):
        lite.picture(f"{number:03}_a.jpg", f"{number}" * 50)
        lite.picture(f"{number:03}/{number:03}_not.jpg")
    contents = []
    for workers in ("1", "8"):
        lite.imported(environment={"ONEC_IMAGES_IMPORT__WORKERS": workers})
        contents.append(lite.contents())
        for path in lite.contents():
            (lite.media / path).unlink()
    assert len(contents[0]) == 150
    assert contents[0] == contents[1]
