"""Which pictures a product can show, and how files are counted that nobody sends any more."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.supplies import Supplied, Supply

from daemon.composition import Composition, Images, Pictures, Rules
from daemon.importer.figures import Figures
from daemon.importer.stock import Stock

PLACEHOLDER = "products/placeholder.png"
APPEND = Rules("products", PLACEHOLDER)
MIRROR = Rules("products", PLACEHOLDER, Composition.MIRROR)
EMPTY = Images(None, ())
UUID = "001a16a4-b810-11ed-860f-fa163edba792"

Catalogue = Mapping[str, tuple[str, ...]]


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    """Return an exchange and a shop with nothing in them."""
    return Supply(tmp_path)


def counted(figures: Figures) -> tuple[int, int]:
    """Return how many files are skipped and how many are missing."""
    return figures.skipped_files, figures.missing


def looked_at(
    supplied: Supplied, rows: Sequence[Images], catalogue: Catalogue, rules: Rules = APPEND
) -> tuple[list[Pictures], Figures]:
    """Return what products, of which the rows say this, can show, and what was counted."""
    figures = Figures()
    stock = Stock(supplied.section, supplied.media, catalogue, rules, figures)
    of_rows = zip(supplied.section.products, rows, strict=True)
    return [stock.pictures(each, row, supplied.deliveries[each.key]) for each, row in of_rows], figures


def pictures(
    supply: Supply, row: Images = EMPTY, catalogue: Catalogue | None = None, onec_id: str = "12", **terms: Any
) -> tuple[Pictures, Figures]:
    """Return what one product can show, and what was counted."""
    with supply.supplied(onec_id, **terms) as supplied:
        (found,), figures = looked_at(supplied, [row], catalogue or {})
        return found, figures


def names(supply: Supply, row: Images = EMPTY, catalogue: Catalogue | None = None, **terms: Any) -> list[str]:
    """Return the names of the pictures that one product can show."""
    return list(pictures(supply, row, catalogue, **terms)[0].names)


# Order


def test_pictures_come_in_the_order_of_their_names_bytes(supply: Supply) -> None:
    for path in ("12_b.jpg", "12/12_a.jpg", "12_B.jpg", "12_я.jpg", "12_é.jpg", "12_10.jpg", "12_9.jpg"):
        supply.send(path)
    assert names(supply) == [
        "12_10.jpg",
        "12_9.jpg",
        "12_B.jpg",
        "12_a.jpg",
        "12_b.jpg",
        "12_é.jpg",
        "12_я.jpg",
    ]


def test_those_that_the_catalogue_names_come_first_in_its_order(supply: Supply) -> None:
    for letter in "abcd":
        supply.send(f"12_{letter}.jpg")
    found, _ = pictures(supply, catalogue={"12": ("12_d.jpg", "12_b.jpg")})
    assert found.names == ["12_d.jpg", "12_b.jpg", "12_a.jpg", "12_c.jpg"]
    assert found.named == ["12_d.jpg", "12_b.jpg"]


@pytest.mark.parametrize("known_as, first", [("12#1", "12_b.jpg"), ("12", "12_b.jpg"), ("12#2", "12_a.jpg")])
def test_a_catalogue_may_name_a_product_by_its_id_or_by_its_key(
    supply: Supply, known_as: str, first: str
) -> None:
    for letter in "ab":
        supply.send(f"12_{letter}.jpg")
    found = names(supply, catalogue={known_as: ("12_b.jpg",)}, onec_id="12#1")
    assert found[0] == first


def test_what_a_catalogue_says_of_the_id_counts_before_what_it_says_of_the_key(supply: Supply) -> None:
    for letter in "abc":
        supply.send(f"12_{letter}.jpg")
    catalogue = {"12": ("12_b.jpg",), "12#1": ("12_c.jpg",)}
    assert names(supply, catalogue=catalogue, onec_id="12#1")[0] == "12_c.jpg"


def test_a_product_is_looked_for_in_the_catalogue_with_its_uuid_in_lower_case(supply: Supply) -> None:
    for letter in "ab":
        supply.send(f"{UUID}_{letter}.jpg")
    catalogue = {UUID: (f"{UUID}_b.jpg",)}
    assert names(supply, catalogue=catalogue, onec_id=UUID.upper())[0] == f"{UUID}_b.jpg"


def test_only_the_products_own_pictures_are_taken_from_the_catalogue(supply: Supply) -> None:
    for name in ("12_a.jpg", "12_3_b.jpg", "34_a.jpg"):
        supply.send(name)
        supply.hold(f"products/12/{name}")
    catalogue = {"12": ("34_a.jpg", "12_3_b.jpg", "12_a.jpg", "12_a.pdf")}
    found, _ = pictures(supply, catalogue=catalogue, inactive=["12_3"])
    assert (found.names, found.named) == (["12_a.jpg"], ["12_a.jpg"])


def test_a_product_that_the_catalogue_does_not_name_is_told_apart_from_one_without_pictures(
    supply: Supply,
) -> None:
    supply.send("12_a.jpg")
    assert pictures(supply)[0].named is None
    assert pictures(supply, catalogue={"12": ()})[0].named == []


def test_pictures_are_stored_in_the_directory_of_the_key(supply: Supply) -> None:
    supply.send("1_a.jpg")
    found, _ = pictures(supply, onec_id="1")
    assert found.path("1_a.jpg") == "products/00/1_a.jpg"


def test_a_name_belongs_to_the_product_if_it_carries_its_key(supply: Supply) -> None:
    found, _ = pictures(supply, inactive=["12_3"])
    assert found.belongs("12_a.jpg")
    assert not any(map(found.belongs, ["12_3_a.jpg", "13_a.jpg", "12_a.txt", "banner.png", ""]))


# What is no longer sent


def test_a_picture_that_only_the_media_hold_is_shown_where_the_row_names_it(supply: Supply) -> None:
    supply.hold("products/12/12_a.jpg")
    supply.hold("products/12/12_b.jpg")
    found, figures = pictures(supply, Images("products/12/12_a.jpg", ()))
    assert found.names == ["12_a.jpg"]
    assert counted(figures) == (1, 0)


def test_a_picture_that_only_the_media_hold_is_shown_where_the_catalogue_names_it(supply: Supply) -> None:
    supply.send("12_a.jpg")
    supply.hold("products/12/12_b.jpg")
    found, figures = pictures(supply, catalogue={"12": ("12_b.jpg", "12_a.jpg")})
    assert found.names == found.named == ["12_b.jpg", "12_a.jpg"]
    assert counted(figures) == (1, 0)


def test_a_picture_that_only_the_media_hold_is_otherwise_not_shown_and_not_counted(supply: Supply) -> None:
    supply.hold("products/12/12_a.jpg")
    found, figures = pictures(supply)
    assert found.names == []
    assert counted(figures) == (0, 0)


def test_named_by_both_it_is_counted_once(supply: Supply) -> None:
    supply.hold("products/12/12_a.jpg")
    row = Images("products/12/12_a.jpg", ("products/12_a.jpg", "products/12/12_a.jpg"))
    _, figures = pictures(supply, row, {"12": ("12_a.jpg",)})
    assert counted(figures) == (1, 0)


def test_a_picture_that_is_nowhere_is_not_shown(supply: Supply) -> None:
    supply.send("12_a.jpg")
    row = Images("products/12/12_b.jpg", ())
    found, _ = pictures(supply, row, {"12": ("12_c.jpg", "12_a.jpg")})
    assert (found.names, found.named) == (["12_a.jpg"], ["12_a.jpg"])


def test_a_picture_that_is_sent_is_not_counted_here(supply: Supply) -> None:
    supply.send("12_a.jpg")
    _, figures = pictures(supply, Images("products/12/12_a.jpg", ()), {"12": ("12_a.jpg",)})
    assert counted(figures) == (0, 0)


def test_what_vanished_between_listing_and_reading_is_as_good_as_not_sent(supply: Supply) -> None:
    gone = supply.send("12_a.jpg")
    supply.hold("products/12/12_a.jpg")
    found, figures = pictures(supply, Images("products/12/12_a.jpg", ()), meanwhile=gone.unlink)
    assert found.names == ["12_a.jpg"]
    assert counted(figures) == (1, 0)


def test_an_old_path_of_a_stored_picture_is_that_picture(supply: Supply) -> None:
    supply.hold("products/12/12_a.jpg")
    found, figures = pictures(supply, Images(None, ("products/12_a.jpg",)))
    assert found.names == ["12_a.jpg"]
    assert counted(figures) == (1, 0)


def test_a_file_under_its_old_path_is_not_missing_but_is_no_product_image(supply: Supply) -> None:
    supply.hold("products/12_a.jpg")
    found, figures = pictures(supply, Images("products/12_a.jpg", ()))
    assert found.names == []
    assert counted(figures) == (1, 0)


# Missing


def test_what_a_row_names_and_nobody_has_is_missing(supply: Supply) -> None:
    row = Images(
        "products/12/12_a.jpg", ("products/12/12_b.jpg", "uploads/banner.png", "products/13/13_a.jpg")
    )
    found, figures = pictures(supply, row)
    assert found.names == []
    assert counted(figures) == (0, 4)


def test_what_the_exchange_has_is_not_missing_even_where_it_is_refused(supply: Supply) -> None:
    supply.send("12_a.jpg", b"")
    _, figures = pictures(supply, Images("products/12/12_a.jpg", ()))
    assert counted(figures) == (0, 0)


def test_files_of_others_are_not_missing_where_they_are_and_are_not_counted_as_skipped(
    supply: Supply,
) -> None:
    supply.hold("uploads/banner.png")
    found, figures = pictures(supply, Images("uploads/banner.png", ("uploads/banner.png",)))
    assert found.names == []
    assert counted(figures) == (0, 0)


def test_a_file_outside_the_media_is_missing(supply: Supply) -> None:
    (supply.directory / "secret.png").write_bytes(b"secret")
    row = Images("../secret.png", (str(supply.directory / "secret.png"),))
    assert counted(pictures(supply, row)[1]) == (0, 2)


def test_what_a_catalogue_alone_names_is_not_missing(supply: Supply) -> None:
    supply.send("12_b.jpg")
    assert counted(pictures(supply, catalogue={"12": ("12_a.jpg",)})[1]) == (0, 0)


@pytest.mark.parametrize("main", [None, "", PLACEHOLDER])
def test_no_main_image_is_not_missing(supply: Supply, main: str | None) -> None:
    supply.send("13_a.jpg")
    assert counted(pictures(supply, Images(main, ()))[1]) == (0, 0)


@pytest.mark.parametrize(
    "entry", [None, 5, True, {"url": "a.jpg"}, ["a.jpg"], "https://cdn.example/12_a.jpg"]
)
def test_entries_that_name_no_file_of_ours_are_not_missing(supply: Supply, entry: object) -> None:
    assert counted(pictures(supply, Images("https://cdn.example/a.jpg", (entry,)))[1]) == (0, 0)


@pytest.mark.parametrize(
    "entry", ["products/12/12_\udcff.jpg", "12_\ud800.jpg", "a\0b", "x" * 5000, "a/" * 5000]
)
def test_entries_of_any_text_do_no_harm(supply: Supply, entry: str) -> None:
    supply.send("12_a.jpg")
    found, figures = pictures(supply, Images(None, (entry,)))
    assert found.names == ["12_a.jpg"]
    assert counted(figures) == (0, 1)


def test_a_file_is_counted_once_however_many_products_share_it(supply: Supply) -> None:
    supply.hold("products/12/12_a.jpg")
    row = Images("products/12/12_a.jpg", ("products/12/12_b.jpg", "uploads/gone.png"))
    with supply.supplied("12#1", "12#2", "12") as supplied:
        found, figures = looked_at(supplied, [row] * 3, {"12": ("12_a.jpg",)})
    assert [list(shown.names) for shown in found] == [["12_a.jpg"]] * 3
    assert counted(figures) == (1, 2)


# Refused


def test_a_refused_picture_stays_on_a_row_that_named_it(supply: Supply) -> None:
    supply.send("12_a.jpg", b"")
    supply.hold("products/12/12_a.jpg")
    assert names(supply, Images(None, ("products/12/12_a.jpg",))) == ["12_a.jpg"]


def test_a_refused_picture_comes_to_no_row(supply: Supply) -> None:
    supply.send("12_a.jpg", b"")
    supply.send("12_b.jpg")
    supply.hold("products/12/12_a.jpg")
    assert names(supply, catalogue={"12": ("12_a.jpg", "12_b.jpg")}) == ["12_b.jpg"]


def test_a_refused_picture_of_which_there_is_no_copy_is_not_shown(supply: Supply) -> None:
    supply.send("12_a.jpg", b"")
    assert names(supply, Images("products/12/12_a.jpg", ())) == []


# Taken up from the media


def test_stored_files_that_no_row_names_are_taken_up_when_asked_for(supply: Supply) -> None:
    supply.send("12_b.jpg")
    for path in ("12/12_a.jpg", "12/12_3_a.jpg", "34/12_c.jpg", "12_d.jpg", "12/34_a.jpg"):
        supply.hold(f"products/{path}")
    assert names(supply, inactive=["12_3"], from_media=True) == ["12_a.jpg", "12_b.jpg"]
    assert names(supply, inactive=["12_3"]) == ["12_b.jpg"]


def test_a_stored_name_that_is_not_utf_8_is_not_taken_up(supply: Supply) -> None:
    supply.hold("products/12/12_\udcff.jpg")
    supply.hold("products/12/12_a.jpg")
    assert names(supply, from_media=True) == ["12_a.jpg"]


def test_a_stored_directory_is_not_taken_up(supply: Supply) -> None:
    (supply.media / "products" / "12" / "12_a.jpg").mkdir(parents=True)
    assert names(supply, from_media=True) == []
