"""Products and pictures are joined by name alone, wherever pictures lie, and in little memory."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import large_survey
from support.descriptors import none_left_open

from daemon.exchange import Place
from daemon.importer.listing import piece
from daemon.importer.section import Product, Section
from daemon.importer.selection import Selection
from daemon.importer.survey import Survey
from daemon.naming import PictureNames, key_of

UUID = "001a16a4-b810-11ed-860f-fa163edba792"
VARIANT = "24062354-2f7b-11ee-998f-fa163e775e1f"
NAMES = PictureNames.from_patterns(["jpg", "png"], ["*_draft.jpg"])
ALL = Selection()
HERE, THERE, ELSEWHERE = Place(0, "00"), Place(0, "01"), Place(1, "")
BARE = ("", "[]")  # what the row of a new product says

Products = Iterable[tuple[str | None, bool]]


def sections_of(survey: Survey) -> list[Section]:
    """Return all sections, joined."""
    return [portion.joined() for portion in survey.portions()]


def surveyed(
    products: Products,
    pictures: Mapping[Place, list[str]],
    selection: Selection = ALL,
    stored: Mapping[str, list[str]] | None = None,
) -> Section:
    """Return products and the pictures listed at some places, joined; few are one section."""
    with closing(Survey(NAMES, selection)) as survey:
        listed = [(number, onec_id, active, BARE) for number, (onec_id, active) in enumerate(products)]
        survey.add_products(listed, {}, lambda _id, _onec_id: None)
        for place, names in pictures.items():
            survey.add_pictures(piece(place, names, NAMES))
        for shard, names in (stored or {}).items():
            survey.add_stored(shard, names)
        (section,) = sections_of(survey)
        return section


def active(*onec_ids: str | None) -> list[tuple[str | None, bool]]:
    """Return active products."""
    return [(onec_id, True) for onec_id in onec_ids]


def unexpected(_id: Any, onec_id: str | None) -> None:
    """Fail: every product has a key."""
    raise AssertionError(onec_id)


def ids(section: Section) -> list[Any]:
    """Return the ids of a section's products."""
    return [product.id for product in section.products]


# Joining


def test_pictures_are_found_by_name_wherever_they_lie() -> None:
    names = {
        HERE: [f"{UUID}_flat.jpg"],
        THERE: [f"{UUID}_right.jpg"],
        ELSEWHERE: [f"{UUID}_wrong.jpg", "12_a.jpg"],
    }
    section = surveyed(active(UUID, "12"), names)
    assert section.pictures == {
        UUID: {f"{UUID}_flat.jpg": [HERE], f"{UUID}_right.jpg": [THERE], f"{UUID}_wrong.jpg": [ELSEWHERE]},
        "12": {"12_a.jpg": [ELSEWHERE]},
    }
    assert section.unmatched == {}


@pytest.mark.parametrize("onec_id, name", [(UUID, f"{UUID.upper()}_A.JPG"), (UUID.upper(), f"{UUID}_a.Jpg")])
def test_uuids_and_extensions_are_found_in_any_case(onec_id: str, name: str) -> None:
    assert surveyed(active(onec_id), {HERE: [name]}).pictures == {UUID: {name: [HERE]}}


def test_a_name_in_two_places_is_one_picture() -> None:
    section = surveyed(active("12"), {HERE: ["12_a.jpg"], ELSEWHERE: ["12_b.jpg", "12_a.jpg"]})
    assert section.pictures == {"12": {"12_a.jpg": [HERE, ELSEWHERE], "12_b.jpg": [ELSEWHERE]}}


def test_a_place_may_be_listed_in_pieces() -> None:
    with closing(Survey(NAMES, ALL)) as survey:
        survey.add_products([(1, "12", True, BARE)], {}, lambda _id, _onec_id: None)
        for name in ("12_a.jpg", "12_b.jpg"):
            survey.add_pictures(piece(HERE, [name], NAMES))
        (section,) = sections_of(survey)
    assert section.pictures == {"12": {"12_a.jpg": [HERE], "12_b.jpg": [HERE]}}


def test_what_is_no_picture_is_left_out() -> None:
    names = ["12_a.txt", ".12_a.jpg", "12_draft.jpg", "12.lock", "12"]
    section = surveyed(active("12"), {HERE: names})
    assert (section.pictures, section.unmatched) == ({}, {})


@pytest.mark.parametrize("is_active", [True, False])
def test_a_rival_with_the_longer_key_has_its_pictures_active_or_not(is_active: bool) -> None:
    section = surveyed([("12", True), ("12_3", is_active)], {HERE: ["12_3_a.jpg", "12_4.jpg"]})
    assert section.pictures["12"] == {"12_4.jpg": [HERE]}
    assert section.pictures.get("12_3") == ({"12_3_a.jpg": [HERE]} if is_active else None)
    assert section.unmatched == ({} if is_active else {"12_3_a.jpg": [HERE]})


def test_a_rival_has_its_pictures_even_where_the_import_is_not_about_it() -> None:
    section = surveyed(active("12", "12_3"), {HERE: ["12_3_a.jpg", "12_4.jpg"]}, Selection.of(["12"]))
    assert section.pictures == {"12": {"12_4.jpg": [HERE]}}
    assert (ids(section), section.unmatched) == ([0], {})


@pytest.mark.parametrize(
    "name, is_own",
    [
        ("12_4.jpg", True),
        ("12.png", True),
        ("12_3_a.jpg", False),
        ("123_a.jpg", False),
        ("12_a.txt", False),
        ("12_draft.jpg", False),
        ("", False),
    ],
)
def test_a_name_belongs_to_the_product_of_which_it_could_be_a_picture(name: str, is_own: bool) -> None:
    section = surveyed([("12", True), ("12_3", False)], {})
    assert section.belongs(name, "12") == is_own


def test_products_that_share_a_key_share_its_pictures_and_stand_together() -> None:
    section = surveyed(active("12#2", "34", "12", "12#1"), {HERE: ["12_a.jpg"]})
    assert [product.onec_id for product in section.products] == ["12", "12#1", "12#2", "34"]
    assert section.pictures == {"12": {"12_a.jpg": [HERE]}}


def test_a_key_of_which_one_product_is_active_has_its_pictures() -> None:
    section = surveyed([("12#1", False), ("12#2", True)], {HERE: ["12_a.jpg"]})
    assert (ids(section), section.pictures, section.unmatched) == ([1], {"12": {"12_a.jpg": [HERE]}}, {})


def test_a_product_is_known_to_a_catalogue_by_its_own_id_and_by_its_key() -> None:
    assert Product(1, f"{UUID.upper()}#{VARIANT.upper()}", UUID, None).known_as == (f"{UUID}#{VARIANT}", UUID)


# Unmatched


def test_pictures_of_no_active_product_are_unmatched() -> None:
    names = {HERE: ["12_a.jpg", "13_a.jpg"], THERE: ["13_a.jpg", "14_a.jpg", "1.jpg"]}
    section = surveyed([("12", True), ("14", False), (None, True), ("", True)], names)
    assert section.unmatched == {"13_a.jpg": [HERE, THERE], "14_a.jpg": [THERE], "1.jpg": [THERE]}


def test_an_import_of_some_products_finds_none_unmatched() -> None:
    assert surveyed(active("12"), {HERE: ["12_a.jpg", "13_a.jpg"]}, Selection.of(["12"])).unmatched == {}


def test_an_import_of_some_shards_finds_those_there_unmatched() -> None:
    names = ["12_a.jpg", "12x_a.jpg", "34_a.jpg", "35_a.jpg"]
    section = surveyed(active("12", "34"), {HERE: names}, Selection.of(shards=["12"]))
    assert section.unmatched == {"12x_a.jpg": [HERE]}
    assert section.pictures == {"12": {"12_a.jpg": [HERE]}}


# Taking up what is stored


def test_stored_files_are_taken_up_where_they_are_product_images() -> None:
    stored = {
        "12": ["12_a.jpg", "123_b.jpg", ".onec-images-1-1.jpg"],
        "34": ["12_c.jpg", "34_a.txt"],
        "00": [f"{UUID}_a.jpg"],
    }
    section = surveyed(active("12", "34", UUID), {}, stored=stored)
    assert section.stored == {"12": {"12_a.jpg"}, UUID: {f"{UUID}_a.jpg"}}
    assert section.unmatched == {}


# Products without a key


def test_active_products_without_a_key_are_told_and_counted() -> None:
    told = []
    products = [
        (1, None, True, BARE),
        (2, "", True, BARE),
        (3, ".x", True, BARE),
        (4, "a/b", True, BARE),
        (5, None, False, BARE),
        (6, "12", True, BARE),
    ]
    with closing(Survey(NAMES, ALL)) as survey:
        survey.add_products(products, {}, lambda id_, onec_id: told.append((id_, onec_id)))
        assert (survey.total, survey.keyless) == (5, 4)
        (section,) = sections_of(survey)
    assert told == [(1, None), (2, ""), (3, ".x"), (4, "a/b")]
    assert ids(section) == [6]


@pytest.mark.parametrize("selection", [Selection.of(["12"]), Selection.of(shards=["12"])])
def test_an_import_of_some_is_not_about_products_without_a_key(selection: Selection) -> None:
    with closing(Survey(NAMES, selection)) as survey:
        survey.add_products([(1, None, True, BARE), (2, "12", True, BARE)], {}, unexpected)
        assert (survey.total, survey.keyless) == (1, 0)


def test_without_products_and_pictures_there_is_nothing_to_do() -> None:
    with closing(Survey(NAMES, ALL)) as survey:
        survey.add_products([], {}, unexpected)
        survey.add_pictures(piece(HERE, ["note.txt"], NAMES))
        assert survey.total == 0
        assert sections_of(survey) == []


# Limits and selections


@pytest.mark.parametrize("limit, keyless, keyed", [(None, 2, 3), (9, 2, 3), (4, 2, 2), (2, 2, 0), (1, 1, 0)])
def test_a_limit_is_that_of_all_products(limit: int | None, keyless: int, keyed: int) -> None:
    with closing(Survey(NAMES, Selection(limit=limit))) as survey:
        products = [
            (number, onec_id, True, BARE) for number, onec_id in enumerate([None, "a1", "", "b1", "c1"])
        ]
        survey.add_products(products, {}, lambda _id, _onec_id: None)
        assert (survey.keyless, survey.total) == (keyless, keyless + keyed)
        assert sum(len(section.products) for section in sections_of(survey)) == keyed


def test_a_limit_makes_no_picture_unmatched() -> None:
    section = surveyed(active("12", "34"), {HERE: ["12_a.jpg", "34_a.jpg"]}, Selection(limit=1))
    assert (len(section.products), section.unmatched) == (1, {})


def test_a_limit_holds_over_all_sections() -> None:
    with closing(Survey(NAMES, Selection(limit=7_000))) as survey:
        survey.add_products(((number, f"{number}", True, BARE) for number in range(20_000)), {}, unexpected)
        sizes = [len(section.products) for section in sections_of(survey)]
    assert survey.total == sum(sizes) == 7_000
    assert len(sizes) > 2


def test_an_import_of_some_products_is_about_them_alone() -> None:
    section = surveyed(
        active("12", "12#1", "34", "34#1"), {HERE: ["12_a.jpg", "34_a.jpg"]}, Selection.of(["12", "34#1"])
    )
    assert [product.onec_id for product in section.products] == ["12", "12#1", "34#1"]
    assert set(section.pictures) == {"12", "34"}


def test_an_import_of_some_shards_is_about_their_products() -> None:
    section = surveyed(active("12", "1", UUID, "34"), {}, Selection.of(shards=["00", "34"]))
    assert sorted(product.onec_id for product in section.products) == sorted(["1", UUID, "34"])


# Cutting into sections

KEYS = st.sampled_from(
    ["1", "12", "12_3", "_1", "Мяч", UUID, UUID.upper(), f"{UUID}_1", VARIANT, "12#1", ".x", "", "a/b"]
)
STEMS = st.builds(
    "{}{}".format,
    st.sampled_from(["1", "12", "12_3", "_1", "Мяч", UUID, UUID.upper(), VARIANT]),
    st.sampled_from(["", "_a", "_1", "_1_a", "x"]),
)


@given(st.lists(st.tuples(KEYS, st.booleans()), min_size=1), st.lists(STEMS), st.integers(1, 3))
def test_however_products_and_pictures_come_each_picture_is_of_one_product_or_unmatched(
    products: list[tuple[str, bool]], stems: list[str], at_once: int
) -> None:
    names = list(dict.fromkeys(f"{stem}.jpg" for stem in stems))
    with closing(Survey(NAMES, ALL)) as survey:
        listed = [(number, *product, BARE) for number, product in enumerate(products)]
        for start in range(0, len(listed), at_once):
            survey.add_products(listed[start : start + at_once], {}, lambda _id, _onec_id: None)
        for place, name in enumerate(names):
            survey.add_pictures(piece(Place(place, ""), [name], NAMES))
        sections = sections_of(survey)
    matched = {name: key for section in sections for key, found in section.pictures.items() for name in found}
    unmatched = {name for section in sections for name in section.unmatched}
    keys = {key: False for onec_id, _ in products if (key := key_of(onec_id))}
    keys |= {key: True for onec_id, is_active in products if is_active and (key := key_of(onec_id))}
    for name in names:
        stem = name.removesuffix(".jpg")
        parts = [stem[:end] for end in range(len(stem) + 1) if end == len(stem) or stem[end] == "_"]
        owners = [key for part in reversed(parts) if (key := key_of(part)) in keys]
        expected = owners[0] if owners and keys[owners[0] or ""] else None
        assert matched.get(name) == expected
        assert (name in unmatched) == (expected is None)


def test_nothing_is_left_open() -> None:
    with none_left_open(), closing(Survey(NAMES, ALL)) as survey:
        survey.add_products(((number, f"{number}", True, BARE) for number in range(50_000)), {}, unexpected)
        next(survey.portions())


def test_hundreds_of_thousands_of_products_and_pictures_take_little_memory() -> None:
    program = Path(large_survey.__file__)
    run = subprocess.run([sys.executable, program, "200000"], capture_output=True, check=True)
    found, peak = map(int, run.stdout.split())
    assert found == 200_000
    assert peak < 25_000_000
