"""What happens in the exchange directory is on the rows soon afterwards, however it happens."""

import os
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from support.daemon_process import daemon, eventually
from support.workshop import Workshop, paths

_UUID = "001a16a4-b810-11ed-860f-fa163edba792"
_OTHER = "001a16a5-b810-11ed-860f-fa163edba792"

_SETTLE = 0.3
_SOON = _SETTLE + 1


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    """Return a shop in which pictures settle quickly."""
    workshop.configure("watch", settle=_SETTLE, max_wait=3, retry_unmatched=0.5)
    assert workshop.run("init-db").status == 0
    return workshop


def outside(workshop: Workshop, name: str = "stage") -> Path:
    """Return a directory beside the exchange on the same file system."""
    place = workshop.place / name
    place.mkdir(exist_ok=True)
    return place


def watch_sessions(workshop: Workshop) -> list[dict[str, object]]:
    return [session for session in workshop.sessions() if session["trigger"] == "watch"]


# Pictures -------------------------------------------------------------------------------------------------


def test_a_new_picture_is_on_its_product_soon_after_it_was_written(workshop: Workshop) -> None:
    workshop.products("7")
    with daemon(workshop):
        workshop.picture("00/7_a.jpg")
        eventually(lambda: workshop.named("7") == paths("7", "7_a.jpg"), within=_SOON)
        assert workshop.contents() == {"products/00/7_a.jpg": b"the picture 00/7_a.jpg"}


def test_only_the_product_of_a_picture_is_imported(workshop: Workshop) -> None:
    workshop.products("7", "8", "9")
    with daemon(workshop) as service:
        workshop.picture("7_a.jpg")
        details = service.wait_for_session(trigger="watch")["report_details"]
        assert (details["total_products"], details["processed"], details["copied"]) == (1, 1, 1)


def test_a_picture_that_comes_in_pieces_is_imported_once_and_whole(workshop: Workshop) -> None:
    workshop.products("7")
    with daemon(workshop) as service:
        for piece in range(6):
            with open(workshop.root / "7_a.jpg", "ab") as file:
                file.write(b"piece %d" % piece)
            time.sleep(_SETTLE / 3)
        service.wait_until_in_step()
        service.wait_for_session(trigger="watch")
        assert workshop.contents()["products/00/7_a.jpg"] == b"".join(b"piece %d" % n for n in range(6))
        assert [session["report_details"]["copied"] for session in watch_sessions(workshop)] == [1]  # type: ignore[index]


def test_a_picture_that_grows_without_end_is_imported_when_it_has_waited_long_enough(
    workshop: Workshop,
) -> None:
    workshop.configure("watch", max_wait=1)
    workshop.products("7")
    with daemon(workshop) as service:
        until = time.monotonic() + 4
        while time.monotonic() < until:
            with open(workshop.root / "7_a.jpg", "ab") as file:
                file.write(b"more")
            time.sleep(0.1)
        assert workshop.named("7") == paths("7", "7_a.jpg")
        service.wait_until_in_step()


def test_a_picture_that_is_renamed_into_place_is_imported(workshop: Workshop) -> None:
    workshop.products("7")
    stage = outside(workshop)
    with daemon(workshop):
        (stage / "x").write_bytes(b"renamed")
        (stage / "x").rename(workshop.root / "7_a.jpg")
        eventually(lambda: workshop.named("7") == paths("7", "7_a.jpg"), within=_SOON)


def test_other_content_with_the_size_and_the_time_of_the_former_is_noticed(workshop: Workshop) -> None:
    workshop.products("7")
    workshop.picture("7_a.jpg", "one", mtime_ns=10**18)
    stage = outside(workshop)
    with daemon(workshop) as service:
        service.wait_until_in_step()
        (stage / "x").write_bytes(b"two")
        os.utime(stage / "x", ns=(10**18, 10**18))
        (stage / "x").rename(workshop.root / "7_a.jpg")
        eventually(lambda: workshop.contents() == {"products/00/7_a.jpg": b"two"}, within=_SOON)


def test_pictures_that_are_unpacked_with_old_times_are_imported(workshop: Workshop) -> None:
    workshop.products(_UUID, _OTHER)
    packed = outside(workshop) / "x.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(20):
            for product in (_UUID, _OTHER):
                name = zipfile.ZipInfo(f"00/{product}_{number:02}.jpg", (2020, 1, 1, 0, 0, 0))
                archive.writestr(name, f"{product} {number}")
    with daemon(workshop) as service:
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(workshop.root)
        service.wait_until_in_step()
        assert len(workshop.named(_UUID)) == len(workshop.named(_OTHER)) == 20


def test_pictures_that_rsync_brings_are_imported_and_its_temporaries_are_not(workshop: Workshop) -> None:
    workshop.products(_UUID, _OTHER)
    source = outside(workshop)
    (source / "00").mkdir()
    for number in range(20):
        (source / "00" / f"{_UUID}_{number:02}.jpg").write_bytes(os.urandom(100_000))
    with daemon(workshop) as service:
        subprocess.run(["rsync", "-a", f"{source}/", f"{workshop.root}/"], check=True)
        service.wait_until_in_step()
        (source / "00" / f"{_UUID}_03.jpg").write_bytes(b"changed")
        subprocess.run(["rsync", "-a", "--inplace", f"{source}/", f"{workshop.root}/"], check=True)
        eventually(lambda: b"changed" in workshop.contents().values())
        service.wait_until_in_step()
        assert len(workshop.named(_UUID)) == 20


def test_a_second_name_of_a_file_elsewhere_is_imported(workshop: Workshop) -> None:
    workshop.products("7")
    (outside(workshop) / "x").write_bytes(b"linked")
    with daemon(workshop):
        os.link(outside(workshop) / "x", workshop.root / "7_a.jpg")
        eventually(lambda: workshop.named("7") == paths("7", "7_a.jpg"), within=_SOON)


def test_what_is_no_picture_makes_no_session(workshop: Workshop) -> None:
    workshop.products("7")
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        for name in (".7_a.jpg.Xy12", "7_a.jpg.tmp", "7_a.txt", ".exchange_complete"):
            workshop.picture(name)
        workshop.picture("8_a.jpg")  # of no product
        workshop.picture("7_b.jpg")
        service.wait_for_session(trigger="watch")
        assert len(workshop.sessions()) == 2


def test_odd_names_are_imported_like_others(workshop: Workshop) -> None:
    onec_ids = ["Код-001", "12_3", "7 %", "x\ny"]
    workshop.products(*onec_ids)
    with daemon(workshop) as service:
        for onec_id in onec_ids:
            workshop.picture(f"{onec_id}_é.JPG")
        workshop.picture("12_3.png")
        service.wait_until_in_step()
        assert workshop.named("12_3") == paths("12_3", "12_3.png", "12_3_é.JPG")
        assert all(map(workshop.named, onec_ids))


def test_a_name_that_is_no_text_is_on_record_and_does_not_hold_the_others_up(workshop: Workshop) -> None:
    workshop.products("7")
    with daemon(workshop) as service:
        for place in (workshop.root, workshop.root / "00"):
            place.mkdir(exist_ok=True)
            (place / os.fsdecode(b"\xff_a.jpg")).write_bytes(b"a")
            (place / os.fsdecode(b"7_\xff.jpg")).write_bytes(b"a")
        workshop.picture("00/7_b.jpg")
        eventually(lambda: workshop.named("7") == paths("7", "7_b.jpg"), within=_SOON + 1)
        workshop.picture("00/7_c.jpg")
        eventually(lambda: len(workshop.named("7")) == 2, within=_SOON + 1)
        assert service.status["degraded"] is False


# Directories ----------------------------------------------------------------------------------------------


def test_a_directory_that_is_made_and_filled_at_once_is_imported_as_a_whole(workshop: Workshop) -> None:
    workshop.products(_UUID)
    with daemon(workshop):
        (workshop.root / "00").mkdir()
        for number in range(50):
            workshop.picture(f"00/{_UUID}_{number:02}.jpg")
        eventually(lambda: len(workshop.named(_UUID)) == 50, within=_SOON + 1)


def test_a_directory_that_is_moved_in_is_imported_as_a_whole(workshop: Workshop) -> None:
    workshop.products(_UUID)
    stage = outside(workshop)
    (stage / f"{_UUID}_a.jpg").write_bytes(b"moved in")
    with daemon(workshop) as service:
        stage.rename(workshop.root / "00")
        eventually(lambda: workshop.named(_UUID) == paths(_UUID, f"{_UUID}_a.jpg"), within=_SOON)
        workshop.picture(f"00/{_UUID}_b.jpg")
        eventually(lambda: len(workshop.named(_UUID)) == 2, within=_SOON)
        service.wait_until_in_step()


def test_a_directory_that_is_removed_and_made_again_is_watched_again(workshop: Workshop) -> None:
    workshop.products(_UUID)
    workshop.picture(f"00/{_UUID}_0.jpg")
    with daemon(workshop) as service:
        for number in range(1, 20):
            shutil.rmtree(workshop.root / "00")
            workshop.picture(f"00/{_UUID}_{number}.jpg")
        eventually(lambda: f"products/00/{_UUID}_19.jpg" in workshop.named(_UUID), within=_SOON)
        workshop.picture(f"00/{_UUID}_last.jpg")
        eventually(lambda: f"products/00/{_UUID}_last.jpg" in workshop.named(_UUID), within=_SOON)
        assert service.status["degraded"] is False


def test_a_directory_that_is_moved_out_and_made_again_is_watched_again(workshop: Workshop) -> None:
    """The sequence of which watchdog's own observers die."""
    workshop.products(_UUID)
    workshop.picture(f"00/{_UUID}_0.jpg")
    stage = outside(workshop)
    with daemon(workshop) as service:
        (workshop.root / "00").rename(stage / "a")
        (workshop.root / "00").mkdir()
        shutil.rmtree(workshop.root / "00")
        shutil.rmtree(stage / "a")
        workshop.picture(f"00/{_UUID}_1.jpg")
        eventually(lambda: f"products/00/{_UUID}_1.jpg" in workshop.named(_UUID), within=_SOON)
        workshop.picture(f"00/{_UUID}_2.jpg")
        eventually(lambda: f"products/00/{_UUID}_2.jpg" in workshop.named(_UUID), within=_SOON)
        assert service.status["degraded"] is False


def test_directories_that_are_renamed_into_each_other_are_all_watched(workshop: Workshop) -> None:
    workshop.products(_UUID)
    for name in ("aa", "bb", "cc"):
        workshop.picture(f"{name}/{_UUID}_{name}.jpg")
    with daemon(workshop) as service:
        service.wait_until_in_step()
        (workshop.root / "cc").rename(workshop.root / "dd")
        (workshop.root / "bb").rename(workshop.root / "cc")
        (workshop.root / "aa").rename(workshop.root / "bb")
        (workshop.root / "dd").rename(workshop.root / "aa")
        for name in ("aa", "bb", "cc"):
            workshop.picture(f"{name}/{_UUID}_new_{name}.jpg")
        eventually(lambda: len(workshop.named(_UUID)) == 6, within=_SOON)


# Image roots ----------------------------------------------------------------------------------------------


def test_the_exchange_removes_its_tree_and_makes_it_again_for_a_day(workshop: Workshop) -> None:
    workshop.products(_UUID)
    workshop.picture(f"00/{_UUID}_start.jpg")
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        for cycle in range(8):
            workshop.picture(f"00/{_UUID}_{cycle}.jpg")
            name = f"products/00/{_UUID}_{cycle}.jpg"
            eventually(lambda name=name: name in workshop.named(_UUID), within=_SOON + 1)  # type: ignore[misc]
            shutil.rmtree(workshop.exchange / "goods")
        eventually(lambda: service.status["state"] == "waiting")
        assert service.status["degraded"] is False
        assert len(service.entries("root_awaited")) >= 1
        assert not [s for s in workshop.sessions() if s["status"] != "completed"]


def test_a_root_that_is_not_there_at_start_is_waited_for(workshop: Workshop) -> None:
    workshop.products("7")
    shutil.rmtree(workshop.exchange / "goods")
    with daemon(workshop) as service:
        assert service.status["state"] == "waiting"
        assert service.status["degraded"] is False
        assert workshop.sessions() == []
        workshop.root.mkdir(parents=True)
        workshop.picture("7_a.jpg")
        service.wait_until_in_step()
        assert len(service.entries("root_awaited")) == 1


def test_a_root_in_whose_place_another_one_is_put_is_imported_and_watched(workshop: Workshop) -> None:
    workshop.products("7")
    stage = outside(workshop)
    (stage / "7_b.jpg").write_bytes(b"b")
    workshop.picture("7_a.jpg")
    with daemon(workshop) as service:
        service.wait_until_in_step()
        workshop.root.rename(workshop.place / "former")
        stage.rename(workshop.root)
        eventually(lambda: len(workshop.named("7")) == 2, within=10)
        workshop.picture("7_c.jpg")
        eventually(lambda: len(workshop.named("7")) == 3, within=10)
        eventually(lambda: not service.status["degraded"])


def test_an_exchange_directory_that_is_gone_is_a_trouble_until_it_is_back(workshop: Workshop) -> None:
    workshop.products("7")
    with daemon(workshop) as service:
        workshop.exchange.rename(workshop.place / "away")
        eventually(lambda: "exchange directory" in service.status["why"], within=5)
        (workshop.place / "away").rename(workshop.exchange)
        workshop.picture("7_a.jpg")
        service.wait_until_in_step()
        eventually(lambda: not service.status["degraded"], within=5)


def test_every_image_root_is_watched(workshop: Workshop) -> None:
    workshop.configure("exchange", image_roots=["goods/import_files", "import_files"])
    workshop.products("7")
    with daemon(workshop) as service:
        (workshop.exchange / "import_files").mkdir()
        (workshop.exchange / "import_files" / "7_b.jpg").write_bytes(b"b")
        workshop.picture("7_a.jpg")
        eventually(lambda: len(workshop.named("7")) == 2, within=_SOON + 1)
        assert service.status["degraded"] is False


# Products -------------------------------------------------------------------------------------------------


def test_a_picture_that_comes_before_its_product_waits_for_it(workshop: Workshop) -> None:
    with daemon(workshop) as service:
        workshop.picture(f"00/{_UUID}_a.jpg")
        eventually(lambda: service.status["unmatched"] == 1, within=5)
        workshop.products(_UUID)
        eventually(lambda: workshop.named(_UUID) == paths(_UUID, f"{_UUID}_a.jpg"), within=5)
        eventually(lambda: service.status["unmatched"] == 0, within=5)


def test_a_picture_of_a_product_that_is_not_active_waits_until_it_is(workshop: Workshop) -> None:
    workshop.product("7", is_active=False)
    with daemon(workshop):
        workshop.picture("7_a.jpg")
        time.sleep(_SOON)
        assert workshop.named("7") == []
        workshop.database.execute("UPDATE products SET is_active = ? WHERE onec_id = '7'", True)
        eventually(lambda: workshop.named("7") == paths("7", "7_a.jpg"), within=5)


def test_pictures_that_lay_there_without_a_product_at_start_are_waited_for(workshop: Workshop) -> None:
    workshop.picture("7_a.jpg")
    with daemon(workshop) as service:
        eventually(lambda: service.status["unmatched"] == 1, within=5)
        workshop.products("7")
        eventually(lambda: workshop.named("7") == paths("7", "7_a.jpg"), within=5)


def test_a_row_that_another_transaction_holds_is_written_when_it_is_free(workshop: Workshop) -> None:
    workshop.products("7", "8")
    connection = workshop.database.connect()
    with daemon(workshop):
        connection.execute("BEGIN IMMEDIATE" if workshop.database.is_sqlite else "BEGIN")
        connection.execute("UPDATE products SET name = 'x' WHERE onec_id = '7'")
        workshop.pictures("7_a.jpg", "8_a.jpg")
        if not workshop.database.is_sqlite:
            eventually(lambda: workshop.named("8") == paths("8", "8_a.jpg"), within=_SOON)
        time.sleep(_SOON)
        assert workshop.named("7") == []
        connection.execute("COMMIT")
        connection.close()
        eventually(lambda: workshop.named("7") == paths("7", "7_a.jpg"), within=5)
        assert workshop.row("7").name == "x"


# The catalogue --------------------------------------------------------------------------------------------


def test_a_catalogue_that_lies_there_at_start_is_loaded_before_the_pictures(workshop: Workshop) -> None:
    workshop.pictures("7_a.jpg", "7_b.jpg")
    workshop.catalogue({"7": ["7_b.jpg", "7_a.jpg"]})
    with daemon(workshop) as service:
        service.wait_for_session(import_type="images", trigger="startup")
        eventually(lambda: workshop.named("7") == paths("7", "7_b.jpg", "7_a.jpg"))
        kinds = [(s["import_type"], s["trigger"]) for s in workshop.sessions()]
        assert kinds[:2] == [("catalog", "startup"), ("images", "startup")]


def test_a_catalogue_that_arrives_is_loaded_and_its_products_get_their_pictures(workshop: Workshop) -> None:
    with daemon(workshop) as service:
        service.wait_for_session(import_type="images", trigger="startup")
        workshop.pictures("7_a.jpg", "7_b.jpg")
        workshop.catalogue({"7": ["7_b.jpg", "7_a.jpg"]})
        eventually(lambda: workshop.rows() and workshop.named("7"), within=10)
        assert workshop.named("7") == paths("7", "7_b.jpg", "7_a.jpg")
        assert service.wait_for_session(import_type="catalog")["trigger"] == "watch"


def test_a_catalogue_that_changes_is_loaded_again(workshop: Workshop) -> None:
    workshop.catalogue({"7": []})
    with daemon(workshop) as service:
        service.wait_for_session(import_type="catalog", trigger="startup")
        workshop.catalogue({"8": []}, date="2026-01-01T00:00:00")
        eventually(lambda: len(workshop.rows()) == 2, within=10)


def test_a_catalogue_that_cannot_be_read_is_on_record_and_does_not_hold_the_service_up(
    workshop: Workshop,
) -> None:
    workshop.products("7")
    (workshop.exchange / "goods" / "goods.xml").write_text("<broken")
    with daemon(workshop) as service:
        service.wait_for_session(import_type="catalog", status="failed")
        workshop.picture("7_a.jpg")
        service.wait_until_in_step()
        assert len([s for s in workshop.sessions() if s["import_type"] == "catalog"]) == 1


# Much at once ---------------------------------------------------------------------------------------------


def test_more_products_than_may_be_pending_become_a_full_import(workshop: Workshop) -> None:
    workshop.configure("watch", max_pending=20)
    names = [f"p{number:03}" for number in range(100)]
    workshop.products(*names)
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        for name in names:
            workshop.picture(f"{name}_a.jpg")
        service.wait_until_in_step()
        assert all(map(workshop.named, names))


def test_a_picture_that_settles_during_a_full_import_does_not_wait_for_its_end(workshop: Workshop) -> None:
    names = [f"{number:05}" for number in range(6000)]
    workshop.configure("media", durable=True)
    workshop.configure("import", chunk_size=20)  # so that it takes a while on a quick machine too
    workshop.products("late", *names)
    for name in names:
        workshop.picture(f"{name[-2:]}/{name}_a.jpg")
    time.sleep(_SETTLE)
    with daemon(workshop) as service:
        eventually(lambda: (service.status["current"] or {}).get("processed"), within=20)
        workshop.picture("late_a.jpg")
        eventually(lambda: workshop.named("late"), within=_SOON + 1)
        [full] = [s for s in workshop.sessions() if s["trigger"] == "startup"]
        assert full["status"] == "in_progress"
        service.wait_for_session(trigger="startup", within=60)
        service.wait_until_in_step()
