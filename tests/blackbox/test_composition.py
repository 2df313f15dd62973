"""What a product's row says after an import."""

from typing import Any

import pytest
from support.workshop import Workshop, paths

UUID = "8204be24-15b9-11ea-81b8-00155d3cae02"
PLACEHOLDER = "products/placeholder.png"


def catalogued(workshop: Workshop, *names: str, onec_id: str = "12") -> None:
    """Load a catalogue that names the pictures of one product."""
    workshop.catalogue({onec_id: [f"{onec_id[:2]}/{name}" for name in names]})
    result = workshop.run("catalog")
    assert result.status == 0, result.stderr


def test_the_first_picture_by_bytes_is_the_main_one_and_the_others_follow(workshop: Workshop) -> None:
    names = ["12.jpg", "12_10.jpg", "12_2.jpg", "12_B.jpg", "12_a.jpg", "12_é.jpg", "12_я.jpg"]
    workshop.products("12")
    workshop.pictures(*reversed(names))
    workshop.imported()
    row = workshop.row("12")
    assert row.main_image == "products/12/12.jpg"
    assert row.gallery_images == paths("12", *names[1:])


def test_the_order_of_the_catalogue_comes_first(workshop: Workshop) -> None:
    catalogued(workshop, "12_c.jpg", "12_gone.jpg", "12_a.jpg")
    workshop.pictures("12/12_a.jpg", "12/12_b.jpg", "12/12_c.jpg", "12/12_0.jpg")
    workshop.imported()
    assert workshop.named("12") == paths("12", "12_c.jpg", "12_a.jpg", "12_0.jpg", "12_b.jpg")


@pytest.mark.parametrize("unset", [None, "", PLACEHOLDER])
def test_an_unset_main_image_is_set(workshop: Workshop, unset: str | None) -> None:
    workshop.product("12", unset)
    workshop.pictures("12_a.jpg", "12_b.jpg")
    workshop.imported()
    row = workshop.row("12")
    assert row.main_image == "products/12/12_a.jpg"
    assert row.gallery_images == paths("12", "12_b.jpg")


def test_the_placeholder_is_the_one_configured(workshop: Workshop) -> None:
    workshop.configure("import", placeholder="img/none.svg")
    workshop.product("12", "img/none.svg")
    workshop.product("13", PLACEHOLDER)
    workshop.pictures("12_a.jpg", "13_a.jpg")
    workshop.imported()
    assert workshop.named("12") == paths("12", "12_a.jpg")
    assert workshop.named("13") == [PLACEHOLDER, *paths("13", "13_a.jpg")]


def test_the_placeholder_stays_where_there_is_no_picture(workshop: Workshop) -> None:
    workshop.product("12", PLACEHOLDER)
    workshop.product("13", None)
    before = workshop.rows()
    workshop.imported()
    assert workshop.rows() == before


@pytest.mark.parametrize("gallery", [None, []])
def test_an_empty_gallery_of_any_form_is_filled(workshop: Workshop, gallery: list[str] | None) -> None:
    workshop.product("12", None, gallery)
    workshop.product("13", None, gallery)
    workshop.pictures("12_a.jpg", "12_b.jpg", "13_a.jpg")
    workshop.imported()
    assert workshop.row("12").gallery_images == paths("12", "12_b.jpg")
    assert workshop.row("13").gallery_images in ([], gallery)


def test_main_is_never_replaced_once_it_is_set(workshop: Workshop) -> None:
    workshop.product("12", "uploads/by_staff.jpg")
    workshop.products("13")
    workshop.pictures("12_b.jpg", "13_b.jpg")
    workshop.imported()
    assert workshop.row("12").main_image == "uploads/by_staff.jpg"
    workshop.pictures("12_a.jpg", "13_a.jpg")
    workshop.imported()
    assert workshop.row("12").main_image == "uploads/by_staff.jpg"
    assert workshop.row("12").gallery_images == paths("12", "12_b.jpg", "12_a.jpg")
    assert workshop.row("13").main_image == "products/13/13_b.jpg"
    assert workshop.row("13").gallery_images == paths("13", "13_a.jpg")


def test_main_stays_where_its_file_is_gone(workshop: Workshop) -> None:
    workshop.product("12", "products/12/12_gone.jpg")
    workshop.pictures("12_a.jpg")
    assert workshop.figures()["missing"] == 1
    assert workshop.named("12") == paths("12", "12_gone.jpg", "12_a.jpg")


def test_what_staff_put_into_the_gallery_stays_where_it_is(workshop: Workshop) -> None:
    own = [
        "uploads/first.jpg",
        "https://cdn.example/12_a.png?w=1",
        "products/12/12_b.jpg",
        "products/12/99_z.jpg",
    ]
    workshop.product("12", "products/12/12_a.jpg", own)
    workshop.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    workshop.imported()
    assert workshop.row("12").gallery_images == [*own, "products/12/12_c.jpg"]


def test_entries_that_are_no_texts_stay_where_they_are(workshop: Workshop) -> None:
    own: list[Any] = [{"url": "12_b.jpg", "alt": "Вид"}, None, 7, ["12_c.jpg"], "uploads/x.jpg", ""]
    workshop.product("12", "uploads/main.jpg", own)
    workshop.pictures("12_a.jpg")
    workshop.imported()
    assert workshop.row("12").gallery_images == [*own, "products/12/12_a.jpg"]


def test_a_picture_that_staff_take_off_comes_back_while_the_exchange_holds_it(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    workshop.imported()
    workshop.set_row("12", "products/12/12_a.jpg", ["products/12/12_c.jpg"])
    workshop.imported()
    assert workshop.named("12") == paths("12", "12_a.jpg", "12_c.jpg", "12_b.jpg")


def test_a_picture_that_staff_take_off_stays_off_when_it_is_ignored_or_gone(workshop: Workshop) -> None:
    workshop.products("12")
    workshop.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    workshop.imported()
    workshop.set_row("12", "products/12/12_a.jpg", [])
    workshop.configure("exchange", ignore=["12_b.jpg"])
    (workshop.root / "12_c.jpg").unlink()
    workshop.imported()
    assert workshop.named("12") == paths("12", "12_a.jpg")
    assert "products/12/12_b.jpg" in workshop.contents()  # files are never deleted


def test_an_old_form_of_a_path_is_no_second_picture(workshop: Workshop) -> None:
    workshop.product("12", "products/12_a.jpg", ["products/12_b.jpg", "x.jpg", "products/old/12/12_c.jpg"])
    workshop.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    workshop.imported()
    row = workshop.row("12")
    assert row.main_image == "products/12_a.jpg"  # keeps its text
    assert row.gallery_images == ["products/12/12_b.jpg", "x.jpg", "products/12/12_c.jpg"]


def test_an_old_form_outside_the_prefix_is_no_second_picture_and_keeps_its_text(workshop: Workshop) -> None:
    gallery = ["import_files/12/12_b.jpg", "12_c.jpg", "/media/products/12/12_d.jpg", "productsx/12_e.jpg"]
    workshop.product("12", "import_files/12/12_a.jpg", gallery)
    workshop.pictures(*(f"12_{letter}.jpg" for letter in "abcde"))
    before = workshop.row("12")
    workshop.imported()
    assert workshop.row("12").pictures == before.pictures


def test_what_looks_like_a_picture_of_another_product_is_not_renamed(workshop: Workshop) -> None:
    workshop.product("12", "x.jpg", ["products/13_a.jpg", "products/12_3_a.jpg"])
    workshop.products("13", "12_3")
    workshop.pictures("13_a.jpg", "12_3_a.jpg", "12_a.jpg")
    workshop.imported()
    assert workshop.row("12").gallery_images == [
        "products/13_a.jpg",
        "products/12_3_a.jpg",
        "products/12/12_a.jpg",
    ]


def test_a_second_import_adds_nothing(workshop: Workshop) -> None:
    workshop.product("12", PLACEHOLDER, ["products/12_b.jpg", "uploads/x.jpg"])
    workshop.product("12#1", "uploads/main.jpg", None)
    workshop.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    workshop.imported()
    rows = workshop.rows()
    workshop.imported()
    assert workshop.rows() == rows


def test_a_changed_order_of_the_catalogue_changes_nothing_that_is_set(workshop: Workshop) -> None:
    catalogued(workshop, "12_b.jpg", "12_a.jpg")
    workshop.pictures("12/12_a.jpg", "12/12_b.jpg")
    workshop.imported()
    catalogued(workshop, "12_a.jpg", "12_b.jpg")
    workshop.imported()
    assert workshop.named("12") == paths("12", "12_b.jpg", "12_a.jpg")


@pytest.fixture
def mirror(workshop: Workshop) -> Workshop:
    """A shop whose rows follow the catalogue."""
    workshop.configure("import", composition="mirror")
    return workshop


def test_mirrored_rows_follow_the_order_of_the_catalogue_main_included(mirror: Workshop) -> None:
    catalogued(mirror, "12_b.jpg", "12_a.jpg")
    mirror.pictures("12/12_a.jpg", "12/12_b.jpg")
    mirror.imported()
    assert mirror.row("12").main_image == "products/12/12_b.jpg"
    catalogued(mirror, "12_a.jpg", "12_c.jpg", "12_b.jpg")
    mirror.pictures("12/12_c.jpg")
    mirror.imported()
    row = mirror.row("12")
    assert row.main_image == "products/12/12_a.jpg"
    assert row.gallery_images == paths("12", "12_c.jpg", "12_b.jpg")


def test_mirrored_rows_lose_what_the_catalogue_no_longer_names(mirror: Workshop) -> None:
    catalogued(mirror, "12_a.jpg", "12_b.jpg", "12_c.jpg")
    mirror.pictures("12/12_a.jpg", "12/12_b.jpg", "12/12_c.jpg")
    mirror.imported()
    catalogued(mirror, "12_c.jpg", "12_b.jpg")
    mirror.imported()
    assert mirror.named("12") == paths("12", "12_c.jpg", "12_b.jpg")
    assert "products/12/12_a.jpg" in mirror.contents()  # files are never deleted


def test_in_mirrored_rows_entries_of_staff_stay_behind_the_pictures_of_1c(mirror: Workshop) -> None:
    staff: list[Any] = ["uploads/1.jpg", {"video": "x"}, "uploads/2.jpg"]
    catalogued(mirror, "12_b.jpg", "12_a.jpg")
    gallery = [staff[0], "products/12/12_b.jpg", staff[1], "products/12/12_old.jpg", staff[2]]
    mirror.set_row("12", "products/12/12_a.jpg", gallery)
    mirror.pictures("12/12_a.jpg", "12/12_b.jpg")
    mirror.imported()
    row = mirror.row("12")
    assert row.main_image == "products/12/12_b.jpg"
    assert row.gallery_images == ["products/12/12_a.jpg", *staff]


def test_a_named_picture_that_is_nowhere_is_left_out_until_it_comes(mirror: Workshop) -> None:
    catalogued(mirror, "12_a.jpg", "12_b.jpg", "12_c.jpg")
    mirror.pictures("12/12_b.jpg", "12/12_c.jpg")
    mirror.imported()
    assert mirror.named("12") == paths("12", "12_b.jpg", "12_c.jpg")
    mirror.pictures("12/12_a.jpg")
    mirror.imported()
    assert mirror.named("12") == paths("12", "12_a.jpg", "12_b.jpg", "12_c.jpg")


def test_a_named_picture_that_only_the_media_hold_is_on_a_mirrored_row(mirror: Workshop) -> None:
    catalogued(mirror, "12_a.jpg", "12_b.jpg")
    mirror.pictures("12/12_a.jpg", "12/12_b.jpg")
    mirror.imported()
    (mirror.root / "12/12_b.jpg").unlink()
    catalogued(mirror, "12_b.jpg", "12_a.jpg")
    mirror.imported()
    assert mirror.named("12") == paths("12", "12_b.jpg", "12_a.jpg")


def test_a_mirrored_row_stays_where_none_of_the_named_pictures_is_there(mirror: Workshop) -> None:
    catalogued(mirror, "12_new.jpg")
    mirror.set_row("12", "products/12/12_old.jpg", ["uploads/x.jpg", "products/12/12_older.jpg"])
    before = mirror.row("12")
    mirror.imported()
    assert mirror.row("12") == before


def test_a_product_that_the_catalogue_does_not_name_is_composed_by_appending(mirror: Workshop) -> None:
    catalogued(mirror, "12_a.jpg")
    mirror.product("13", "uploads/main.jpg", ["uploads/x.jpg"])
    mirror.pictures("13_b.jpg", "13_a.jpg", "12/12_a.jpg")
    mirror.imported()
    assert mirror.named("13") == ["uploads/main.jpg", "uploads/x.jpg", *paths("13", "13_a.jpg", "13_b.jpg")]


def test_a_mirrored_row_that_follows_already_is_not_written(mirror: Workshop) -> None:
    catalogued(mirror, "12_b.jpg", "12_a.jpg")
    mirror.pictures("12/12_a.jpg", "12/12_b.jpg")
    mirror.imported()
    before, version = mirror.row("12"), mirror.database.version(mirror.row("12").id)
    mirror.imported()
    assert mirror.row("12") == before
    assert mirror.database.version(before.id) == version


def test_a_placeholder_gives_way_on_a_mirrored_row(mirror: Workshop) -> None:
    catalogued(mirror, "12_b.jpg", "12_a.jpg")
    mirror.set_row("12", PLACEHOLDER, [])
    mirror.pictures("12/12_a.jpg", "12/12_b.jpg")
    mirror.imported()
    assert mirror.named("12") == paths("12", "12_b.jpg", "12_a.jpg")


def test_stored_pictures_that_no_row_names_are_taken_up_on_demand(workshop: Workshop) -> None:
    workshop.products(UUID, f"{UUID}#1", "12")
    workshop.pictures(f"82/{UUID}_a.jpg", f"{UUID}_b.jpg", "12_a.jpg")
    workshop.imported()
    for onec_id in (UUID, f"{UUID}#1", "12"):
        workshop.set_row(onec_id, "", [])
    for path in [*workshop.root.glob("*.jpg"), *workshop.root.glob("*/*.jpg")]:
        path.unlink()
    workshop.imported()
    assert all(not row.pictures for row in workshop.rows())
    figures = workshop.figures("--from-media")
    assert (figures["copied"], figures["errors"]) == (0, 0)
    assert workshop.named(UUID) == paths(UUID, f"{UUID}_a.jpg", f"{UUID}_b.jpg")
    assert workshop.named(f"{UUID}#1") == paths(UUID, f"{UUID}_a.jpg", f"{UUID}_b.jpg")
    assert workshop.named("12") == paths("12", "12_a.jpg")


def test_stored_pictures_are_taken_up_in_the_order_of_the_catalogue(workshop: Workshop) -> None:
    catalogued(workshop, "12_c.jpg", "12_b.jpg")
    for name in ("12_a.jpg", "12_b.jpg", "12_c.jpg", "99_a.jpg", "12_d.gif", ".12_e.jpg"):
        (workshop.media / "products/12").mkdir(parents=True, exist_ok=True)
        (workshop.media / "products/12" / name).write_text(name)
    workshop.pictures("12_0.jpg")
    workshop.imported("--from-media")
    assert workshop.named("12") == paths("12", "12_c.jpg", "12_b.jpg", "12_0.jpg", "12_a.jpg")


def test_the_longest_key_decides_of_stored_pictures_too(workshop: Workshop) -> None:
    workshop.products("12", "12_3")
    (workshop.media / "products/12").mkdir(parents=True)
    for name in ("12_3_a.jpg", "12_4_a.jpg"):
        (workshop.media / "products/12" / name).write_text(name)
    workshop.imported("--from-media")
    assert workshop.named("12") == paths("12", "12_4_a.jpg")
    assert workshop.named("12_3") == paths("12_3", "12_3_a.jpg")
