"""What a row should say: pictures are added, or put as the catalogue has them, and nothing else is lost."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.composition import Composition, Images, Pictures, Rules, compose
from daemon.naming import file_name

PLACEHOLDER = "products/placeholder.png"
APPEND = Rules("products", PLACEHOLDER)
MIRROR = Rules("products", PLACEHOLDER, Composition.MIRROR)


def is_own(name: str) -> bool:
    """Return whether a name is one of a picture of the product, whose key is 12."""
    return name.startswith("12_")


def pictures(*names: str, named: Sequence[str] | None = None) -> Pictures:
    """Return pictures of the product; those that the catalogue names come first."""
    others = [name for name in names if name not in (named or ())]
    return Pictures([*(named or ()), *others], named, "products/12", is_own)


def appended(main: str | None, gallery: Sequence[object], *names: str) -> Images:
    """Return what becomes of a row when there are these pictures."""
    return compose(Images(main, tuple(gallery)), pictures(*names), APPEND)


def mirrored(
    main: str | None, gallery: Sequence[object], named: Sequence[str] | None, *others: str
) -> Images:
    """Return what becomes of a row when the catalogue names these pictures, and there are others."""
    return compose(Images(main, tuple(gallery)), pictures(*others, named=named), MIRROR)


# Rows and pictures of every kind: few names, so that they meet.
NAMES = [f"12_{letter}.jpg" for letter in "abcd"]
FOREIGN = ["13_a.jpg", "banner.png", ""]
DIRECTORIES = ["products/12/", "products/", "products/main/12/", "uploads/", "", "https://cdn.example/"]
paths = st.builds("{}{}".format, st.sampled_from(DIRECTORIES), st.sampled_from([*NAMES, *FOREIGN]))
texts = paths | st.just(PLACEHOLDER) | st.text(max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
rows = st.builds(
    Images,
    st.sampled_from([None, "", PLACEHOLDER]) | texts,
    st.lists(paths | json_values, max_size=6).map(tuple),
)
unordered = st.lists(st.sampled_from(NAMES), unique=True)
found = st.builds(lambda names: pictures(*names), unordered)
named = st.builds(lambda names, others: pictures(*others, named=names), unordered.filter(bool), unordered)


def as_json(entries: Iterable[object]) -> str:
    """Return entries as the database stores them, where true is not 1."""
    return json.dumps(list(entries))


def is_known(entry: object, offered: Pictures) -> bool:
    """Return whether an entry is a path of one of the pictures, in any form, where product images are."""
    return isinstance(entry, str) and entry.startswith("products/") and file_name(entry) in offered.names


def names_in(gallery: Iterable[object]) -> Counter[str]:
    """Return how often each file name stands in a gallery."""
    return Counter(file_name(entry) for entry in gallery if isinstance(entry, str))


# Appending


def test_the_first_picture_becomes_main_and_the_others_follow_in_order() -> None:
    assert appended(None, [], "12_b.jpg", "12_a.jpg", "12_c.jpg") == Images(
        "products/12/12_b.jpg", ("products/12/12_a.jpg", "products/12/12_c.jpg")
    )


@pytest.mark.parametrize("main", [None, "", PLACEHOLDER])
def test_null_empty_and_the_placeholder_are_no_main_image(main: str | None) -> None:
    assert APPEND.is_unset(main)
    assert appended(main, [], "12_a.jpg").main == "products/12/12_a.jpg"


def test_the_placeholder_is_the_one_configured() -> None:
    rules = Rules("products", "none.png")
    assert rules.is_unset("none.png")
    assert not rules.is_unset(PLACEHOLDER)


def test_a_product_without_pictures_keeps_its_row() -> None:
    assert appended(PLACEHOLDER, ["products/12/12_a.jpg", 1]) == Images(
        PLACEHOLDER, ("products/12/12_a.jpg", 1)
    )


def test_a_main_image_that_is_set_is_never_changed() -> None:
    images = appended("uploads/staff.png", [], "12_a.jpg")
    assert images == Images("uploads/staff.png", ("products/12/12_a.jpg",))


def test_the_main_image_is_not_put_into_the_gallery() -> None:
    assert appended("products/12/12_a.jpg", [], "12_a.jpg", "12_b.jpg").gallery == ("products/12/12_b.jpg",)


def test_a_main_image_in_an_old_form_keeps_its_text_and_is_no_second_picture() -> None:
    assert appended("products/12_a.jpg", [], "12_a.jpg") == Images("products/12_a.jpg", ())


def test_a_picture_in_the_gallery_is_not_added_again() -> None:
    gallery = ["products/12/12_b.jpg", "products/12/12_a.jpg"]
    assert appended("m.png", gallery, "12_a.jpg", "12_b.jpg").gallery == tuple(gallery)


def test_an_old_path_of_a_picture_is_given_the_product_image_where_it_stands() -> None:
    gallery = ["x", "products/12_b.jpg", {"y": 1}, "products/main/12/12_a.jpg"]
    assert appended("m.png", gallery, "12_a.jpg", "12_b.jpg", "12_c.jpg").gallery == (
        "x",
        "products/12/12_b.jpg",
        {"y": 1},
        "products/12/12_a.jpg",
        "products/12/12_c.jpg",
    )


def test_a_path_outside_the_prefix_keeps_its_text_and_is_the_same_picture() -> None:
    gallery = ("uploads/12_a.jpg", "productsale/12_b.jpg")
    assert appended("m.png", gallery, "12_a.jpg", "12_b.jpg").gallery == gallery


def test_an_old_path_of_a_picture_that_is_not_there_stays() -> None:
    assert appended("m.png", ["products/12_a.jpg"], "12_b.jpg").gallery == (
        "products/12_a.jpg",
        "products/12/12_b.jpg",
    )


def test_a_prefix_of_several_parts_is_one_prefix() -> None:
    rules = Rules("shop/products", PLACEHOLDER)
    offered = Pictures(["12_a.jpg"], None, "shop/products/12", is_own)
    row = Images("m.png", ("shop/products/12_a.jpg", "shop/12_b.jpg"))
    assert compose(row, offered, rules).gallery == ("shop/products/12/12_a.jpg", "shop/12_b.jpg")


def test_a_gallery_entry_that_becomes_main_leaves_the_gallery() -> None:
    assert appended(None, ["products/12_a.jpg", "z"], "12_a.jpg") == Images("products/12/12_a.jpg", ("z",))


def test_what_the_catalogue_names_comes_first_when_appended_too() -> None:
    offered = pictures("12_a.jpg", "12_b.jpg", named=["12_b.jpg"])
    assert compose(Images(None, ()), offered, APPEND) == Images(
        "products/12/12_b.jpg", ("products/12/12_a.jpg",)
    )


@pytest.mark.parametrize(
    "entry", [None, True, 0, 1.5, {"url": "products/12/12_a.jpg"}, ["12_a.jpg", [None]], "", "x"]
)
def test_entries_of_any_type_survive(entry: object) -> None:
    after = appended("m.png", [entry, entry], "12_a.jpg").gallery
    assert as_json(after) == as_json([entry, entry, "products/12/12_a.jpg"])
    after = mirrored("m.png", [entry, entry], ["12_a.jpg"]).gallery
    assert as_json(after) == as_json(["m.png", entry, entry])


@given(rows, found | named)
def test_appending_again_changes_nothing(row: Images, offered: Pictures) -> None:
    after = compose(row, offered, APPEND)
    assert compose(after, offered, APPEND) == after


@given(rows, found | named)
def test_main_is_the_first_picture_where_it_was_unset_and_never_touched_where_it_was_set(
    row: Images, offered: Pictures
) -> None:
    after = compose(row, offered, APPEND)
    if APPEND.is_unset(row.main) and offered.names:
        assert after.main == offered.path(offered.names[0])
    else:
        assert after.main == row.main


@given(rows, found | named)
def test_unknown_entries_are_neither_dropped_nor_reordered(row: Images, offered: Pictures) -> None:
    after = compose(row, offered, APPEND)
    before = [entry for entry in row.gallery if not is_known(entry, offered)]
    assert as_json(entry for entry in after.gallery if not is_known(entry, offered)) == as_json(before)


@given(rows, found | named)
@example(Images("products/12_a.jpg", ("products/12/12_a.jpg",)), pictures("12_a.jpg"))
def test_known_entries_are_product_images_each_once_without_the_main_image(
    row: Images, offered: Pictures
) -> None:
    after = compose(row, offered, APPEND)
    known = [str(entry) for entry in after.gallery if is_known(entry, offered)]
    assert known == [offered.path(file_name(entry)) for entry in known]
    assert len(set(known)) == len(known)
    assert file_name(after.main or "") not in map(file_name, known)


@given(rows, found | named)
@example(Images(None, ("uploads/12_a.jpg",)), pictures("12_a.jpg"))
def test_every_picture_is_on_the_row_and_none_is_added_a_second_time(row: Images, offered: Pictures) -> None:
    after = compose(row, offered, APPEND)
    main = file_name(after.main or "")
    before, then = names_in(row.gallery), names_in(after.gallery)
    assert all(1 <= then[name] <= max(1, before[name]) for name in offered.names if name != main)
    assert then[main] <= before[main]


@given(rows, found | named)
def test_what_is_new_stands_at_the_end_in_the_order_of_the_pictures(row: Images, offered: Pictures) -> None:
    after = compose(row, offered, APPEND)
    there = {file_name(entry) for entry in row.gallery if isinstance(entry, str)} | {
        file_name(after.main or "")
    }
    new = [offered.path(name) for name in offered.names if name not in there]
    assert list(after.gallery[len(after.gallery) - len(new) :]) == new


# Mirroring


def test_main_and_gallery_follow_the_catalogue_in_its_order() -> None:
    gallery = ["products/12/12_b.jpg", "products/12/12_c.jpg"]
    assert mirrored("products/12/12_a.jpg", gallery, ["12_c.jpg", "12_a.jpg", "12_b.jpg"]) == Images(
        "products/12/12_c.jpg", ("products/12/12_a.jpg", "products/12/12_b.jpg")
    )


def test_a_picture_that_the_catalogue_replaced_is_replaced_main_included() -> None:
    assert mirrored("products/12/12_a.jpg", ["products/12/12_b.jpg"], ["12_d.jpg", "12_b.jpg"]) == Images(
        "products/12/12_d.jpg", ("products/12/12_b.jpg",)
    )


def test_a_picture_that_the_catalogue_removed_is_removed_in_every_form() -> None:
    gallery = ["products/12_a.jpg", "uploads/12_c.jpg", "products/12/12_b.jpg"]
    assert mirrored("products/12/12_d.jpg", gallery, ["12_b.jpg"]) == Images("products/12/12_b.jpg", ())


def test_a_picture_that_the_catalogue_does_not_name_is_not_added() -> None:
    assert mirrored(None, [], ["12_b.jpg"], "12_a.jpg") == Images("products/12/12_b.jpg", ())


def test_other_entries_stay_behind_in_their_order() -> None:
    gallery = ["uploads/x.png", "products/12/12_a.jpg", {"video": 1}, "products/13/13_a.jpg", None]
    assert mirrored("products/12/12_b.jpg", gallery, ["12_a.jpg", "12_b.jpg"]).gallery == (
        "products/12/12_b.jpg",
        "uploads/x.png",
        {"video": 1},
        "products/13/13_a.jpg",
        None,
    )


def test_a_main_image_of_the_staff_is_not_lost() -> None:
    assert mirrored("uploads/staff.png", ["y"], ["12_a.jpg"]) == Images(
        "products/12/12_a.jpg", ("uploads/staff.png", "y")
    )
    assert mirrored("uploads/staff.png", ["y", "uploads/staff.png"], ["12_a.jpg"]).gallery == (
        "y",
        "uploads/staff.png",
    )


@pytest.mark.parametrize("main", [None, "", PLACEHOLDER])
def test_no_main_image_is_nothing_to_keep(main: str | None) -> None:
    assert mirrored(main, [], ["12_a.jpg"]) == Images("products/12/12_a.jpg", ())


@given(rows, unordered)
def test_nothing_changes_if_none_of_the_named_pictures_is_there(row: Images, others: list[str]) -> None:
    assert compose(row, pictures(*others, named=[]), MIRROR) == row


@given(rows, found)
def test_a_product_that_the_catalogue_does_not_name_is_appended(row: Images, offered: Pictures) -> None:
    assert compose(row, offered, MIRROR) == compose(row, offered, APPEND)


@given(rows, named)
def test_mirroring_again_changes_nothing(row: Images, offered: Pictures) -> None:
    after = compose(row, offered, MIRROR)
    assert compose(after, offered, MIRROR) == after


@given(rows, named)
def test_what_1c_names_leads_and_every_entry_of_others_follows(row: Images, offered: Pictures) -> None:
    after = compose(row, offered, MIRROR)
    leading = [offered.path(name) for name in offered.named or ()]
    assert [after.main, *after.gallery[: len(leading) - 1]] == leading
    staff = (
        not APPEND.is_unset(row.main)
        and not is_own(file_name(row.main or ""))
        and row.main not in row.gallery
    )
    others = [entry for entry in row.gallery if not (isinstance(entry, str) and is_own(file_name(entry)))]
    assert as_json(after.gallery[len(leading) - 1 :]) == as_json([*([row.main] if staff else []), *others])
