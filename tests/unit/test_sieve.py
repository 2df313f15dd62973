"""What is taken out of a section needs nothing; everything else is left in it."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support.supplies import TERMS, Supplied, Supply

from daemon.composition import Composition, Images, Rules, Said, compose
from daemon.importer import sieve
from daemon.importer.figures import Figures
from daemon.importer.sieve import Sifted, sift
from daemon.importer.stock import Stock
from daemon.packed import Packed, pack

PLACEHOLDER = "products/placeholder.png"
APPEND = Rules("products", PLACEHOLDER)
MIRROR = Rules("products", PLACEHOLDER, Composition.MIRROR)
BOTH: Said = ("products/12/12_b.jpg", '["products/12/12_a.jpg"]')

MAINS = [
    None,
    "",
    PLACEHOLDER,
    "products/12/12_a.jpg",
    "products/12/12_b.jpg",
    "products/12_a.jpg",
    "uploads/x.png",
]
ENTRIES: list[object] = [*MAINS, {}]
CATALOGUES: list[tuple[str, ...] | None] = [
    None,
    *((), ("12_b.jpg",), ("12_c.jpg",), ("12_d.jpg",), ("34_e.jpg",)),
]


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    """Return a supply of which two pictures are current and one is only in the media."""
    supply = Supply(tmp_path)
    supply.hold("products/12/12_c.jpg")
    for letter in "ab":
        supply.send(f"12_{letter}.jpg")
    with supply.supplied("12"):
        return supply


def sifted(
    supplied: Supplied,
    *rows: tuple[str, Said],
    named: tuple[str, ...] | None = None,
    rules: Rules = APPEND,
) -> Sifted:
    """Return what is left of a section whose rows say this."""
    products = [
        (number, onec_id, onec_id.partition("#")[0], True, said, named)
        for number, (onec_id, said) in enumerate(rows)
    ]
    portion = replace(supplied.portion, products=Packed([pack(products)]), limit=len(rows))
    return sift(portion, supplied.carrier, rules)


def counted(sifted: Sifted) -> tuple[int, int, list[str]]:
    """Return how many products and pictures are settled, and the onec_ids of the others."""
    return sifted.products, sifted.pictures, [product.onec_id for product in sifted.section.products]


def upshot(
    supplied: Supplied, row: Images, catalogue: Mapping[str, tuple[str, ...]], rules: Rules
) -> tuple[Images, int, int]:
    """Return what becomes of a row by the long way, and how many files are counted as skipped and as missing."""
    figures = Figures()
    stock = Stock(supplied.section, supplied.media, catalogue, rules, figures)
    (only,) = supplied.section.products
    after = compose(row, stock.pictures(only, row, supplied.deliveries["12"]), rules)
    return after, figures.skipped_files, figures.missing


@pytest.mark.parametrize("rules", [APPEND, MIRROR])
def test_a_product_is_settled_only_if_nothing_would_change_or_be_counted(
    supply: Supply, rules: Rules
) -> None:
    galleries = [gallery for length in range(3) for gallery in product(ENTRIES, repeat=length)]
    settled = 0
    with supply.supplied("12") as supplied:
        for main, gallery, named in product(MAINS, galleries, CATALOGUES):
            found = sifted(supplied, ("12", (main, json.dumps(gallery))), named=named, rules=rules)
            if found.products:
                settled += 1
                row = Images(main, gallery)
                catalogue = {} if named is None else {"12": named}
                assert upshot(supplied, row, catalogue, rules) == (row, 0, 0)
    assert settled == (0 if rules is MIRROR else 8)


def test_the_everyday_case_is_settled_with_its_pictures(supply: Supply) -> None:
    with supply.supplied("12") as supplied:
        found = sifted(supplied, ("12", BOTH), named=("12_a.jpg",))
    assert counted(found) == (1, 2, [])
    assert found.section.pictures == {}


@pytest.mark.parametrize("said", [None, ("", None), ("", "[]"), ("products/12/12_a.jpg", "[]"), ("", "{")])
def test_a_product_whose_row_says_less_is_left_with_its_pictures(supply: Supply, said: Said) -> None:
    with supply.supplied("12") as supplied:
        found = sifted(supplied, ("12", said))
        assert found.section.belongs("12_c.jpg", "12")
    assert counted(found) == (0, 0, ["12"])
    assert set(found.section.pictures["12"]) == {"12_a.jpg", "12_b.jpg"}


def test_of_products_that_share_a_key_none_is_settled_unless_all_are(supply: Supply) -> None:
    with supply.supplied("12") as supplied:
        assert counted(sifted(supplied, ("12", BOTH), ("12#1", BOTH))) == (2, 2, [])
        assert counted(sifted(supplied, ("12", BOTH), ("12#1", None))) == (0, 0, ["12", "12#1"])


def test_others_are_settled_all_the_same(supply: Supply) -> None:
    with supply.supplied("12") as supplied:
        assert counted(sifted(supplied, ("12", BOTH), ("34", None))) == (1, 2, ["34"])


@pytest.mark.parametrize("main", [None, "", PLACEHOLDER])
def test_a_product_of_which_there_is_no_picture_is_settled_and_told(supply: Supply, main: str | None) -> None:
    with supply.supplied("34") as supplied:
        found = sifted(supplied, ("34", (main, "[]")), ("34#1", (main, None)), named=())
    assert counted(found) == (2, 0, [])
    assert found.bare == [(0, "34"), (1, "34#1")]


@pytest.mark.parametrize(
    "said, named",
    [(None, None), (("x.jpg", "[]"), None), (("", '["x.jpg"]'), None), (("", "[]"), ("34_a.jpg",))],
)
def test_a_product_whose_row_or_catalogue_names_a_picture_that_nobody_sends_is_left(
    supply: Supply, said: Said, named: tuple[str, ...] | None
) -> None:
    with supply.supplied("34") as supplied:
        assert counted(sifted(supplied, ("34", said), named=named)) == (0, 0, ["34"])


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: sent.write_bytes(b"another"),
        os.utime,
        lambda sent: sent.unlink(),
        lambda sent: sent.write_bytes(b""),
    ],
)
def test_a_product_with_a_picture_that_is_not_current_is_left(supply: Supply, change: Any) -> None:
    with supply.supplied("12") as supplied:
        change(supply.exchange / "goods/import_files/12_a.jpg")
        assert counted(sifted(supplied, ("12", BOTH))) == (0, 0, ["12"])


def test_a_product_whose_copy_is_gone_is_left(supply: Supply) -> None:
    with supply.supplied("12") as supplied:
        (supply.media / "products/12/12_a.jpg").unlink()
        assert counted(sifted(supplied, ("12", BOTH))) == (0, 0, ["12"])


def test_nothing_is_settled_where_contents_are_to_be_compared(supply: Supply) -> None:
    with supply.supplied("12", terms=replace(TERMS, checksum=True)) as supplied:
        assert counted(sifted(supplied, ("12", BOTH))) == (0, 0, ["12"])


def test_nothing_is_settled_where_stored_files_are_taken_up(supply: Supply) -> None:
    with supply.supplied("12", from_media=True) as supplied:
        assert counted(sifted(supplied, ("12", BOTH))) == (0, 0, ["12"])


def test_what_takes_too_long_is_left(supply: Supply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "_LONG", 0.0)
    with supply.supplied("12") as supplied:
        assert counted(sifted(supplied, ("12", BOTH))) == (0, 0, ["12"])
