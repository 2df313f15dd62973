"""Who delivers: one process or several, it must come to the same."""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from support.bringers import Dying, DyingNames, Failing, Interrupted
from support.descriptors import none_left_open
from support.supplies import NAMES, ROOT, TERMS, Supply

from daemon.composition import Rules
from daemon.errors import ImportFailedError, MediaError
from daemon.exchange import Exchange, Place
from daemon.images import decoder
from daemon.importer import porter
from daemon.importer.courier import courier
from daemon.importer.delivery import Carrier, Found, Terms
from daemon.importer.listing import Listing, Piece
from daemon.importer.section import Surveyed
from daemon.media import Media
from daemon.packed import Packed, pack
from daemon.storing import Result, Store

PORTERS = pytest.mark.parametrize("porters", [0, 2])


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    """Return an exchange and a shop with nothing in them."""
    return Supply(tmp_path)


#: What became of a picture that is not current, the reason, and the path to show.
Became = tuple[Result, str, str]


def became(supply: Supply, porters: int, *onec_ids: str, terms: Terms = TERMS) -> dict[str, Became | None]:
    """Return what became of each picture, None where it was current."""
    told: dict[str, Became | None] = {}
    with none_left_open(), supply.supplied(*onec_ids, terms=terms, porters=porters) as supplied:
        for delivery in supplied.deliveries.values():
            told |= dict.fromkeys(delivery.current)
            told |= {
                name: (outcome.result, outcome.reason, path)
                for name, (outcome, path) in delivery.outcomes.items()
            }
    return told


ALL = Listing(Place(0, ""), NAMES, follows=True)


def listed(
    supply: Supply, porters: int, *listings: Listing, meanwhile: Callable[[], bool] = lambda: False
) -> list[Piece]:
    """Return the pieces of some listings, of the whole exchange by default."""
    with (
        none_left_open(),
        supply.supplied("12") as supplied,
        courier(supplied.carrier, 1_000_000 if porters else 1, porters, sweeps=False) as chosen,
    ):
        return list(chosen.listed(listings or [ALL], meanwhile))


def names(pieces: Iterable[Piece]) -> list[str]:
    """Return the names in some pieces, sorted."""
    packed: Packed[tuple[Place, list[str]]] = Packed(
        [data for piece in pieces for _, data in piece.pictures.values()]
    )
    return sorted(name for _, some in packed for name in some)


# Listing


@PORTERS
def test_each_directory_of_an_image_root_is_listed_once(supply: Supply, porters: int) -> None:
    sent = {f"{number:02x}/{number:02x}_a.jpg" for number in range(256)}
    for path in (*sent, "flat.jpg", "00/note.txt"):
        supply.send(path)
    pieces = listed(supply, porters)
    assert names(pieces) == sorted(["flat.jpg", *(Path(path).name for path in sent)])
    assert sum(number for piece in pieces for number, _ in piece.pictures.values()) == 257
    assert len({piece.place for piece in pieces}) == 257


@PORTERS
def test_a_directory_of_any_size_comes_piece_by_piece(supply: Supply, porters: int) -> None:
    sent = [f"12_{number:05}.jpg" for number in range(25_000)]
    (supply.exchange / ROOT / "12").mkdir(parents=True)
    for name in sent:
        (supply.exchange / ROOT / "12" / name).touch()
    pieces = listed(supply, porters)
    assert len([piece for piece in pieces if piece.place == Place(0, "12")]) == 3
    assert names(pieces) == sent


@PORTERS
def test_a_directory_that_cannot_be_listed_is_told_and_the_others_go_on(supply: Supply, porters: int) -> None:
    for path in ("12/12_a.jpg", "56/56_a.jpg"):
        supply.send(path)
    (supply.exchange / ROOT / "34").symlink_to("12")
    places = [Place(0, directory) for directory in ("12", "34", "56", "78")]
    pieces = listed(supply, porters, *(Listing(place, NAMES, follows=False) for place in places))
    assert [(piece.place, piece.trouble) for piece in pieces if piece.trouble] == [
        (Place(0, "34"), "cannot be listed: Not a directory")
    ]
    assert names(pieces) == ["12_a.jpg", "56_a.jpg"]


@PORTERS
def test_what_lies_below_is_listed_only_if_it_is_asked_for(supply: Supply, porters: int) -> None:
    supply.send("12/12_a.jpg")
    supply.send("34_a.jpg")
    assert names(listed(supply, porters, replace(ALL, follows=False))) == ["34_a.jpg"]


def test_a_porter_that_dies_ends_the_listing(supply: Supply) -> None:
    supply.send("12_a.jpg")
    with pytest.raises(ImportFailedError, match="has ended with status -9"):
        listed(supply, 2, replace(ALL, names=DyingNames(frozenset(), None)))


@PORTERS
def test_other_work_is_done_to_its_end_meanwhile(supply: Supply, porters: int) -> None:
    for number in range(100):
        supply.send(f"{number:02}/{number:02}_a.jpg")
    steps = iter([True] * 50)
    assert len(names(listed(supply, porters, meanwhile=lambda: next(steps, False)))) == 100
    assert next(steps, None) is None


# Sifting


@PORTERS
def test_portions_come_back_in_their_order_without_what_is_settled(supply: Supply, porters: int) -> None:
    keys = [f"{number:02}" for number in range(50)]
    for key in keys:
        supply.send(f"{key}_a.jpg", key.encode())
    with none_left_open(), supply.supplied(*keys) as supplied:
        portions = [replace(supplied.portion, products=rows(key)) for key in keys]
        with courier(supplied.carrier, 1_000_000 if porters else 1, porters, sweeps=False) as chosen:
            found = list(chosen.sifted(portions, Rules("products", "")))
    assert [sifted.products for sifted in found] == [1] * 50
    assert [[product.onec_id for product in sifted.section.products] for sifted in found] == [["x"]] * 50
    assert [len(sifted.section.unmatched) for sifted in found] == [49] * 50


def rows(key: str) -> Packed[list[Surveyed]]:
    """Return two products, of which the first names its picture and the other says nothing that can be read."""
    settled: Surveyed = (1, key, key, True, (f"products/{key}/{key}_a.jpg", "[]"), None)
    return Packed([pack([settled, (2, "x", "x", True, None, None)])])


# Delivering


@PORTERS
def test_many_products_are_all_delivered_and_current_afterwards(supply: Supply, porters: int) -> None:
    keys = [f"{index:03}" for index in range(500)]
    for key in keys:
        for letter in "ab":
            supply.send(f"{key[:2]}/{key}_{letter}.jpg", key.encode())
    assert became(supply, porters, *keys) == {
        f"{key}_{letter}.jpg": (Result.COPIED, "", f"goods/import_files/{key[:2]}/{key}_{letter}.jpg")
        for key in keys
        for letter in "ab"
    }
    assert supply.stored == {
        f"products/{key[:2]}/{key}_{letter}.jpg": key.encode() for key in keys for letter in "ab"
    }
    assert set(became(supply, porters, *keys).values()) == {None}


@PORTERS
def test_whatever_becomes_of_pictures_is_told(supply: Supply, porters: int) -> None:
    supply.send("12_current.jpg")
    supply.send("12_replaced.jpg", b"old")
    became(supply, porters, "12")
    supply.send("12_replaced.jpg", b"newer")
    supply.send("12_new.jpg")
    supply.send("12_empty.jpg", b"")
    (supply.exchange / "goods/import_files/34_link.jpg").symlink_to("12_new.jpg")
    assert became(supply, porters, "12", "34", "56") == {
        "12_current.jpg": None,
        "12_replaced.jpg": (Result.REPLACED, "", "goods/import_files/12_replaced.jpg"),
        "12_new.jpg": (Result.COPIED, "", "goods/import_files/12_new.jpg"),
        "12_empty.jpg": (Result.ERROR, "is empty", "goods/import_files/12_empty.jpg"),
        "34_link.jpg": (
            Result.ERROR,
            "is a symbolic link, not a regular file",
            "goods/import_files/34_link.jpg",
        ),
    }
    assert supply.stored["products/12/12_replaced.jpg"] == b"newer"
    assert set(became(supply, porters, "12").values()) == {
        None,
        (Result.ERROR, "is empty", "goods/import_files/12_empty.jpg"),
    }


@PORTERS
def test_what_dead_importers_have_left_is_swept_where_that_is_wanted(supply: Supply, porters: int) -> None:
    supply.hold("products/00/.onec-images-dead-1")
    with supply.supplied("12", porters=porters):
        pass
    assert supply.stored
    with supply.supplied("12", porters=porters, sweeps=True):
        pass
    assert not supply.stored


@PORTERS
def test_nothing_is_touched_on_trial(supply: Supply, porters: int) -> None:
    supply.send("12_a.jpg")
    assert became(supply, porters, "12", terms=replace(TERMS, dry_run=True)) == {
        "12_a.jpg": (Result.COPIED, "", "goods/import_files/12_a.jpg")
    }
    assert not supply.media.exists()


@PORTERS
def test_a_picture_that_cannot_be_decoded_is_refused(supply: Supply, porters: int) -> None:
    supply.send("12_a.jpg", b"no picture")
    with supply.supplied(
        "12", store=lambda media: Store(media, 1 << 20, decoder(["jpg"])), porters=porters
    ) as supplied:
        [(outcome, _)] = supplied.deliveries["12"].outcomes.values()
    assert outcome.reason == "is no picture of a known format (JPEG)"


@PORTERS
def test_a_product_with_thousands_of_pictures_is_like_any_other(supply: Supply, porters: int) -> None:
    for number in range(3000):
        supply.send(f"12_{number:0150}.jpg")
    assert len(became(supply, porters, "12")) == 3000
    assert len(supply.stored) == 3000


@PORTERS
def test_an_error_of_the_media_ends_the_delivery(supply: Supply, porters: int) -> None:
    keys = [f"{index:03}" for index in range(300)]
    for key in keys:
        supply.send(f"{key}_a.jpg")
    with (
        none_left_open(),
        pytest.raises(MediaError, match="full"),
        supply.supplied(*keys, store=lambda _: Failing(100), porters=porters),
    ):
        pass


@PORTERS
def test_an_error_of_the_media_is_raised_in_the_end_and_what_came_before_is_told(
    supply: Supply, porters: int
) -> None:
    keys = [f"{index:03}" for index in range(300)]
    pictures: dict[str, Found] = {key: {f"{key}_a.jpg": [Place(0, "")]} for key in keys}
    for key in keys:
        supply.send(f"{key}_a.jpg")
    with (
        none_left_open(),
        Exchange(supply.exchange, [ROOT]) as exchange,
        Media(supply.media, "products", file_mode=0o644, dir_mode=0o755, min_free=0, durable=False) as media,
    ):
        media.prepare()
        carrier = Carrier(exchange, media, Failing(100), TERMS)
        with courier(carrier, 1_000_000 if porters else 1, porters, sweeps=False) as chosen:
            deliveries = [chosen.deliver(key, found) for key, found in pictures.items()]
            sent = chosen.send()
            with pytest.raises(MediaError, match="full"):
                sent.finish()
    assert any(delivery.has_copied for delivery in deliveries)


def test_a_porter_that_dies_ends_the_delivery(supply: Supply) -> None:
    supply.send("12_a.jpg")
    with (
        none_left_open(),
        pytest.raises(ImportFailedError, match="a process that delivers pictures has ended with status -9"),
        supply.supplied("12", store=lambda _: Dying(), porters=2),
    ):
        pass


def test_porters_leave_signals_to_whoever_orders(supply: Supply) -> None:
    supply.send("12_a.jpg")
    with supply.supplied("12", store=lambda _: Interrupted(), porters=2) as supplied:
        assert supplied.deliveries["12"].delivered == {"12_a.jpg"}


def test_porters_leave_signals_to_whoever_orders_from_their_first_moment_on(
    supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Signalled(Popen[bytes]):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            self.send_signal(signal.SIGINT)

    monkeypatch.setattr(porter, "Popen", Signalled)
    supply.send("12_a.jpg")
    assert became(supply, 2, "12") == {"12_a.jpg": (Result.COPIED, "", "goods/import_files/12_a.jpg")}


def test_a_porter_that_cannot_start_ends_the_delivery_with_the_remedy(
    supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", os.devnull)
    with (
        none_left_open(),
        pytest.raises(ImportFailedError, match=r"cannot be started: .*; \[import\] workers = 1 needs none"),
        supply.supplied("12", porters=2),
    ):
        pass
