"""The pictures of a key are judged by their status, and those that are not current are brought over."""

import os
import socket
import stat
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest
from support.accounts import IS_ROOT, unprivileged
from support.audits import Arguments, before, told
from support.bringers import Failing
from support.descriptors import none_left_open
from support.files import change_status_after, put
from support.supplies import ROOT, TERMS, Supplied, Supply

from daemon.errors import MediaError
from daemon.importer.delivery import Delivery
from daemon.storing import Outcome, Result

UUID = "001a16a4-b810-11ed-860f-fa163edba792"


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    """Return an exchange and a shop with nothing in them."""
    return Supply(tmp_path)


def delivered(supplied: Supplied) -> dict[str, set[str]]:
    """Return by key the names whose copies are complete and current."""
    return {key: delivery.delivered for key, delivery in supplied.deliveries.items()}


def deliver(supply: Supply, key: str = "12") -> Delivery:
    """Return what becomes of one product's pictures."""
    with supply.supplied(key) as supplied:
        return supplied.deliveries[key]


def failures(delivery: Delivery) -> dict[str, str]:
    """Return the reasons why pictures could not be brought over, by the path to show."""
    return {
        path: outcome.reason for outcome, path in delivery.outcomes.values() if outcome.result is Result.ERROR
    }


# Left


def test_a_picture_that_has_changed_a_moment_ago_may_be_left_until_it_has_rested(supply: Supply) -> None:
    supply.send("12_a.jpg")
    with supply.supplied("12", terms=replace(TERMS, settle=3600)) as supplied:
        [(outcome, _)] = supplied.deliveries["12"].outcomes.values()
    assert outcome.result is Result.LEFT
    assert 3500 < outcome.rest <= 3600
    assert supplied.deliveries["12"].in_exchange == {"12_a.jpg"}
    assert supplied.deliveries["12"].delivered == set()
    assert supply.stored == {}


def test_a_picture_that_is_current_is_not_left_however_young_it_is(supply: Supply) -> None:
    supply.send("12_a.jpg")
    deliver(supply)
    with supply.supplied("12", terms=replace(TERMS, settle=3600)) as supplied:
        assert supplied.deliveries["12"].delivered == {"12_a.jpg"}


# Delivered


def test_pictures_are_brought_to_the_directory_of_their_key_wherever_they_lay(supply: Supply) -> None:
    for path in (
        "12_flat.jpg",
        "12/12_right.jpg",
        "ff/12_wrong.jpg",
        f"FF/{UUID.upper()}_a.JPG",
        "1_short.jpg",
    ):
        supply.send(path, path.encode())
    with supply.supplied("12", UUID.upper(), "1#2") as supplied:
        assert delivered(supplied) == {
            "12": {"12_flat.jpg", "12_right.jpg", "12_wrong.jpg"},
            UUID: {f"{UUID.upper()}_a.JPG"},
            "1": {"1_short.jpg"},
        }
    assert supply.stored == {
        "products/12/12_flat.jpg": b"12_flat.jpg",
        "products/12/12_right.jpg": b"12/12_right.jpg",
        "products/12/12_wrong.jpg": b"ff/12_wrong.jpg",
        f"products/00/{UUID.upper()}_a.JPG": f"FF/{UUID.upper()}_a.JPG".encode(),
        "products/00/1_short.jpg": b"1_short.jpg",
    }


def test_what_is_new_and_what_is_replaced_can_be_told(supply: Supply) -> None:
    supply.send("12_a.jpg")
    first = deliver(supply)
    assert (first.has_copied, first.has_replaced) == (True, False)
    supply.send("12_a.jpg", b"longer than that")
    second = deliver(supply)
    assert (second.has_copied, second.has_replaced) == (True, True)
    third = deliver(supply)
    assert (third.has_copied, third.has_replaced) == (False, False)
    assert third.delivered == third.in_exchange == {"12_a.jpg"}


def test_a_current_picture_is_not_opened(supply: Supply) -> None:
    for name in ("12_a.jpg", "12_Мяч.jpg"):
        supply.send(name)
    deliver(supply)
    with told("open") as opened:
        assert deliver(supply).delivered == {"12_a.jpg", "12_Мяч.jpg"}
    assert not [path for path, *_ in opened if str(path).endswith(".jpg")]


@pytest.mark.parametrize("name", ["12_a.jpg", "12_Мяч.jpg"])
def test_a_picture_that_is_sent_again_is_compared_once(supply: Supply, name: str) -> None:
    picture = supply.send(name)
    deliver(supply)
    change_status_after(picture, (supply.media / "products" / "12" / name).stat().st_ctime_ns)
    outcomes = [outcome for outcome, _ in deliver(supply).outcomes.values()]
    assert outcomes == [Outcome(Result.SKIPPED, compared=True)]
    assert deliver(supply).delivered == {name}
    assert not [outcome for outcome, _ in deliver(supply).outcomes.values() if outcome.compared]


def test_a_checksum_compares_the_contents_of_everything(supply: Supply) -> None:
    for name in ("12_a.jpg", "12_Мяч.jpg"):
        supply.send(name)
    deliver(supply)
    changed = supply.media / "products" / "12" / "12_a.jpg"
    before = changed.stat()
    put(changed, b"PICTURE", modified_ns=before.st_mtime_ns)
    assert deliver(supply).delivered == {"12_a.jpg", "12_Мяч.jpg"}
    assert changed.read_bytes() == b"PICTURE"
    with supply.supplied("12", terms=replace(TERMS, checksum=True)) as supplied:
        outcomes = {name: outcome for name, (outcome, _) in supplied.deliveries["12"].outcomes.items()}
    assert outcomes["12_a.jpg"].result is Result.REPLACED
    assert outcomes["12_Мяч.jpg"] == Outcome(Result.SKIPPED, compared=True)
    assert changed.read_bytes() == b"picture"


def test_a_dry_run_writes_nothing_and_tells_what_would_be_done(supply: Supply) -> None:
    supply.send("12_a.jpg")
    supply.send("34_a.jpg")
    deliver(supply)
    supply.send("12_b.jpg")
    stored = supply.stored
    with supply.supplied("12", "34", terms=replace(TERMS, dry_run=True)) as supplied:
        assert delivered(supplied) == {"12": {"12_a.jpg", "12_b.jpg"}, "34": {"34_a.jpg"}}
        assert supplied.deliveries["34"].has_copied
    assert supply.stored == stored
    assert [path.name for path in (supply.media / "products").iterdir()] == ["12"]


def test_a_dry_run_makes_no_media_directory(supply: Supply) -> None:
    supply.send("12_a.jpg")
    with supply.supplied("12", terms=replace(TERMS, dry_run=True)) as supplied:
        assert supplied.deliveries["12"].has_copied
    assert not supply.media.exists()


def test_a_key_without_pictures_has_none(supply: Supply) -> None:
    delivery = deliver(supply)
    assert (delivery.directory, delivery.delivered, delivery.in_exchange) == ("products/12", set(), set())
    assert supply.stored == {}


# The same name in several places


def test_of_the_same_name_in_several_places_the_one_that_changed_last_counts(supply: Supply) -> None:
    paths = ["12_a.jpg", "12/12_a.jpg", "ff/12_a.jpg"]
    for latest in paths:
        others = [supply.send(path, b"other") for path in paths if path != latest]
        change_status_after(supply.send(latest, b"latest"), max(other.stat().st_ctime_ns for other in others))
        delivery = deliver(supply)
        assert delivery.outcomes["12_a.jpg"][1] == f"{ROOT}/{latest}"
        assert supply.stored == {"products/12/12_a.jpg": b"latest"}


def test_the_latest_counts_in_another_image_root_too(supply: Supply) -> None:
    first = supply.send("12/12_a.jpg", b"earlier")
    change_status_after(supply.send("12_a.jpg", b"later", root="import_files"), first.stat().st_ctime_ns)
    with supply.supplied("12", roots=["import_files", ROOT]) as supplied:
        assert supplied.deliveries["12"].outcomes["12_a.jpg"][1] == "import_files/12_a.jpg"
    assert supply.stored == {"products/12/12_a.jpg": b"later"}


def test_of_several_places_one_that_is_gone_does_not_matter(supply: Supply) -> None:
    supply.send("12/12_a.jpg", b"kept")
    latest = supply.send("12_a.jpg", b"gone")
    with supply.supplied("12", meanwhile=latest.unlink) as supplied:
        assert delivered(supplied) == {"12": {"12_a.jpg"}}
    assert supply.stored == {"products/12/12_a.jpg": b"kept"}


def test_a_refused_picture_is_told_with_the_place_that_counts(supply: Supply) -> None:
    first = supply.send("12_a.jpg")
    change_status_after(supply.send("ff/12_a.jpg", b""), first.stat().st_ctime_ns)
    assert failures(deliver(supply)) == {f"{ROOT}/ff/12_a.jpg": "is empty"}


# Refused


@pytest.fixture
def crowded(supply: Supply, monkeypatch: pytest.MonkeyPatch) -> Supply:
    """Return an exchange in which a few pictures of a product are good and the others are not."""
    supply.send("12/12_good.jpg")
    supply.send("12/12_empty.jpg", b"")
    supply.send("12/12_large.jpg", bytes((1 << 20) + 1))
    supply.send("12/12_locked.jpg").chmod(0)
    supply.send("12/12_\udcff.jpg")
    supply.send("12/12_other.jpg")
    shard = supply.exchange / ROOT / "12"
    (shard / "12_link.jpg").symlink_to("12_good.jpg")
    (shard / "12_directory.jpg").mkdir()
    os.mkfifo(shard / "12_fifo.jpg")
    monkeypatch.chdir(shard)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("12_socket.jpg")
    if IS_ROOT:
        os.mknod(shard / "12_device.jpg", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return supply


def test_what_cannot_be_a_picture_is_refused_with_the_reason_and_the_others_go_on(crowded: Supply) -> None:
    crowded.hold("products/12/note.txt").parent.chmod(0o777)
    with crowded.supplied("12", acting=unprivileged()) as supplied:
        delivery = supplied.deliveries["12"]
    reasons = {
        "12_empty.jpg": "is empty",
        "12_large.jpg": "is larger than [import] max_file_size (1048577 bytes)",
        "12_locked.jpg": "cannot be read: Permission denied",
        "12_\udcff.jpg": "has a name that is not UTF-8",
        "12_link.jpg": "is a symbolic link, not a regular file",
        "12_directory.jpg": "is a directory, not a regular file",
        "12_fifo.jpg": "is a fifo, not a regular file",
        "12_socket.jpg": "is a socket, not a regular file",
        "12_device.jpg": "is a character device, not a regular file",
    }
    if not IS_ROOT:
        del reasons["12_device.jpg"]
    assert failures(delivery) == {f"{ROOT}/12/{name}": reason for name, reason in reasons.items()}
    assert delivery.delivered == {"12_good.jpg", "12_other.jpg"}
    assert delivery.in_exchange == {"12_good.jpg", "12_other.jpg", *reasons}
    stored = ["12_good.jpg", "12_other.jpg", "note.txt"]
    assert crowded.stored == {f"products/12/{name}": b"picture" for name in stored}


def test_a_refused_picture_leaves_the_stored_copy_as_it_is(supply: Supply) -> None:
    supply.send("12_a.jpg")
    deliver(supply)
    supply.send("12_a.jpg", b"")
    assert failures(deliver(supply)) == {f"{ROOT}/12_a.jpg": "is empty"}
    assert supply.stored == {"products/12/12_a.jpg": b"picture"}


def test_what_lies_in_a_directory_that_may_be_listed_but_not_entered_is_refused(supply: Supply) -> None:
    supply.send("12_a.jpg")
    locked = supply.send("12/12_b.jpg").parent
    supply.hold("products/12/note.txt").parent.chmod(0o777)
    with supply.supplied("12", meanwhile=lambda: locked.chmod(0o444), acting=unprivileged()) as supplied:
        locked.chmod(0o755)
        assert failures(supplied.deliveries["12"]) == {
            f"{ROOT}/12/12_b.jpg": "cannot be read: Permission denied"
        }
        assert delivered(supplied) == {"12": {"12_a.jpg"}}


@pytest.mark.parametrize("name", ["12_abc.jpg", "12_Мяч.jpg"])
def test_a_name_that_does_not_fit_the_column_is_refused_whatever_is_stored(supply: Supply, name: str) -> None:
    supply.send(name)
    length = len(f"products/12/{name}")
    with supply.supplied("12", terms=replace(TERMS, path_length=length)) as supplied:
        assert delivered(supplied) == {"12": {name}}
    with supply.supplied("12", terms=replace(TERMS, path_length=length - 1)) as supplied:
        reason = f"has too long a name: main_image takes {length - 1} characters"
        assert failures(supplied.deliveries["12"]) == {f"{ROOT}/{name}": reason}
        assert delivered(supplied) == {"12": set()}


def test_a_current_copy_of_what_has_become_too_large_is_refused(supply: Supply) -> None:
    supply.send("12_a.jpg")
    deliver(supply)
    with supply.supplied("12", terms=replace(TERMS, max_file_size=6)) as supplied:
        reason = "is larger than [import] max_file_size (7 bytes)"
        assert failures(supplied.deliveries["12"]) == {f"{ROOT}/12_a.jpg": reason}


def test_what_vanishes_between_listing_and_reading_is_no_error(supply: Supply) -> None:
    gone = supply.send("12/12_a.jpg")
    supply.send("12_b.jpg")
    with supply.supplied("12", meanwhile=gone.unlink) as supplied:
        delivery = supplied.deliveries["12"]
    assert (delivery.delivered, delivery.in_exchange, failures(delivery)) == ({"12_b.jpg"}, {"12_b.jpg"}, {})


def test_a_directory_that_vanishes_is_no_error(supply: Supply) -> None:
    gone = supply.send("12/12_a.jpg")
    with supply.supplied("12", meanwhile=lambda: rmtree(gone.parent)) as supplied:
        assert (delivered(supplied), failures(supplied.deliveries["12"])) == ({"12": set()}, {})


def test_a_linked_directory_of_the_media_is_not_followed(supply: Supply) -> None:
    for name in ("12_a.jpg", "34_a.jpg"):
        supply.send(name)
    outside = supply.directory / "outside"
    outside.mkdir()
    (supply.media / "products").mkdir(parents=True)
    (supply.media / "products" / "12").symlink_to(outside)
    with supply.supplied("12", "34") as supplied:
        assert failures(supplied.deliveries["12"]) == {
            f"{ROOT}/12_a.jpg": "cannot be stored: Not a directory"
        }
        assert delivered(supplied) == {"12": set(), "34": {"34_a.jpg"}}
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["12_a.jpg", "12_Мяч.jpg"])
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_directory_of_the_media_that_may_not_be_entered_is_an_error_of_its_pictures(
    supply: Supply, name: str, mode: int
) -> None:
    supply.send(name)
    supply.send("34_a.jpg")
    with supply.supplied("12", "34"):
        pass
    shard = supply.media / "products" / "12"
    with supply.supplied("12", "34", meanwhile=lambda: shard.chmod(mode), acting=unprivileged()) as supplied:
        shard.chmod(0o755)
        reason = "cannot be stored: Permission denied"
        assert failures(supplied.deliveries["12"]) == {f"{ROOT}/{name}": reason}
        assert delivered(supplied) == {"12": set(), "34": {"34_a.jpg"}}


# Errors that end the import


@pytest.mark.parametrize("number", [1, 100])
def test_an_error_of_the_media_ends_the_delivery(supply: Supply, number: int) -> None:
    keys = [f"{index:03}" for index in range(number)]
    for key in keys:
        supply.send(f"{key}_a.jpg")
    with (
        none_left_open(),
        pytest.raises(MediaError, match="full"),
        supply.supplied(*keys, store=lambda _: Failing()),
    ):
        pass


def test_a_read_only_media_directory_ends_the_delivery(supply: Supply) -> None:
    def fail(_: Arguments) -> None:
        raise OSError(30, os.strerror(30))

    supply.send("12_a.jpg")
    (supply.media / "products").mkdir(parents=True)
    with (
        before("os.mkdir", fail),
        pytest.raises(MediaError, match="Read-only file system"),
        supply.supplied("12"),
    ):
        pass


def test_many_products_are_all_delivered(supply: Supply) -> None:
    keys = [f"{index:03}" for index in range(300)]
    for key in keys:
        for letter in "ab":
            supply.send(f"{key[:2]}/{key}_{letter}.jpg", key.encode())
    with none_left_open(), supply.supplied(*keys) as supplied:
        assert delivered(supplied) == {key: {f"{key}_a.jpg", f"{key}_b.jpg"} for key in keys}
    assert supply.stored == {
        f"products/{key[:2]}/{key}_{letter}.jpg": key.encode() for key in keys for letter in "ab"
    }
