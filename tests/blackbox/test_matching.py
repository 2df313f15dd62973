"""Which product a picture belongs to."""

import os

import pytest
from support.workshop import Workshop, paths

LOWER = "8204be24-15b9-11ea-81b8-00155d3cae02"
UPPER = LOWER.upper()
NEIGHBOUR = "8204be25-15b9-11ea-81b8-00155d3cae02"
OTHER = "24062354-2f7b-11ee-998f-fa163e775e1f"


def test_a_picture_in_the_image_root_and_one_in_its_shard_are_found(workshop: Workshop) -> None:
    workshop.products(LOWER)
    workshop.pictures(f"{LOWER}_1.jpg", f"82/{LOWER}_2.jpg")
    assert workshop.figures()["copied"] == 2
    assert workshop.named(LOWER) == paths(LOWER, f"{LOWER}_1.jpg", f"{LOWER}_2.jpg")
    assert workshop.contents() == {
        f"products/82/{LOWER}_1.jpg": f"the picture {LOWER}_1.jpg".encode(),
        f"products/82/{LOWER}_2.jpg": f"the picture 82/{LOWER}_2.jpg".encode(),
    }


def test_a_name_may_be_the_key_alone(lite: Workshop) -> None:
    lite.products(LOWER, "12")
    lite.pictures(f"82/{LOWER}.jpg", "12.png")
    lite.imported()
    assert lite.named(LOWER) == paths(LOWER, f"{LOWER}.jpg")
    assert lite.named("12") == paths("12", "12.png")


def test_the_real_form_of_a_name_is_found(lite: Workshop) -> None:
    lite.products(LOWER)
    lite.pictures(f"82/{LOWER}_{OTHER}.jpg")
    lite.imported()
    assert lite.named(LOWER) == [f"products/82/{LOWER}_{OTHER}.jpg"]


def test_any_directory_of_two_characters_may_hold_a_picture(lite: Workshop) -> None:
    lite.products(LOWER, "12")
    lite.pictures(f"zz/{LOWER}_a.jpg", "Ко/12_a.jpg")
    lite.imported()
    assert lite.named(LOWER) == paths(LOWER, f"{LOWER}_a.jpg")
    assert lite.named("12") == paths("12", "12_a.jpg")
    assert set(lite.contents()) == {f"products/82/{LOWER}_a.jpg", "products/12/12_a.jpg"}


def test_other_directories_are_no_part_of_an_image_root(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("1/12_a.jpg", "123/12_b.jpg", "12/12/12_c.jpg", "other/12_d.jpg")
    figures = lite.figures()
    assert (figures["copied"], figures["unmatched"], figures["errors"]) == (0, 0, 0)
    assert lite.contents() == {}


def test_pictures_of_several_roots_come_together(lite: Workshop) -> None:
    lite.configure("exchange", image_roots=["goods/import_files", "import_files"])
    lite.products("12")
    lite.pictures("12/12_b.jpg")
    second = lite.exchange / "import_files"
    (second / "12").mkdir(parents=True)
    (second / "12" / "12_a.jpg").write_bytes(b"in a shard of the second")
    (second / "12_c.jpg").write_bytes(b"in the second itself")
    lite.imported()
    assert lite.named("12") == paths("12", "12_a.jpg", "12_b.jpg", "12_c.jpg")


def test_an_image_root_may_be_an_absolute_path(lite: Workshop) -> None:
    elsewhere = lite.place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "12_a.jpg").write_bytes(b"from elsewhere")
    lite.configure("exchange", image_roots=[str(elsewhere)])
    lite.products("12")
    lite.imported()
    assert lite.contents() == {"products/12/12_a.jpg": b"from elsewhere"}


@pytest.mark.parametrize("latest", ["flat", "sharded", "wrong shard", "second root"])
def test_a_name_in_several_places_is_one_picture_the_last_changed(lite: Workshop, latest: str) -> None:
    lite.configure("exchange", image_roots=["goods/import_files", "import_files"])
    lite.products("12")
    places = {
        "flat": lite.root / "12_a.jpg",
        "sharded": lite.root / "12" / "12_a.jpg",
        "wrong shard": lite.root / "zz" / "12_a.jpg",
        "second root": lite.exchange / "import_files" / "12_a.jpg",
    }
    for place, path in places.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(place.encode())
        os.utime(path, ns=(10**18, 10**18 + len(place)))
    changed_last = max(path.stat().st_ctime_ns for path in places.values())
    while places[latest].stat().st_ctime_ns <= changed_last:
        os.utime(places[latest], ns=(10**17, 10**17))  # the oldest mtime with the latest ctime
    figures = lite.figures()
    assert (figures["copied"], figures["unmatched"]) == (1, 0)
    assert lite.contents() == {"products/12/12_a.jpg": latest.encode()}
    assert lite.stored()["products/12/12_a.jpg"].mtime_ns == 10**17


def test_the_whole_key_must_match(workshop: Workshop) -> None:
    workshop.products(LOWER, NEIGHBOUR, "12", "123", "1")
    workshop.pictures(f"82/{LOWER}_a.jpg", "12_a.jpg", "1234_a.jpg", "1234.jpg")
    figures = workshop.figures()
    assert (figures["copied"], figures["unmatched"]) == (2, 2)
    assert workshop.named(LOWER) == paths(LOWER, f"{LOWER}_a.jpg")
    assert workshop.named("12") == paths("12", "12_a.jpg")
    assert [row.onec_id for row in workshop.rows() if row.pictures] == [LOWER, "12"]


@pytest.mark.parametrize("longer_is_active", [True, False])
def test_the_longest_key_wins_even_of_an_inactive_product(workshop: Workshop, longer_is_active: bool) -> None:
    workshop.product("12")
    workshop.product("12_3", is_active=longer_is_active)
    workshop.pictures("12_3_a.jpg", "12_3.jpg", "12_4_a.jpg", "12_3a.jpg")
    figures = workshop.figures()
    assert workshop.named("12") == paths("12", "12_3a.jpg", "12_4_a.jpg")
    assert workshop.named("12_3") == (paths("12", "12_3.jpg", "12_3_a.jpg") if longer_is_active else [])
    assert figures["unmatched"] == (0 if longer_is_active else 2)


def test_the_longest_key_wins_even_of_a_product_that_is_not_selected(workshop: Workshop) -> None:
    workshop.products("12", "12_3")
    workshop.pictures("12_3_a.jpg", "12_a.jpg")
    workshop.imported("12")
    assert workshop.named("12") == paths("12", "12_a.jpg")
    assert workshop.named("12_3") == []
    assert set(workshop.contents()) == {"products/12/12_a.jpg"}


@pytest.mark.parametrize("in_row", [LOWER, UPPER])
@pytest.mark.parametrize("in_name", [LOWER, UPPER, f"{UPPER[:9]}{LOWER[9:]}"])
def test_uuids_match_whatever_their_case(workshop: Workshop, in_row: str, in_name: str) -> None:
    workshop.products(in_row)
    workshop.pictures(f"82/{in_name}_{OTHER}.JPG")
    workshop.imported()
    assert workshop.named(in_row) == [f"products/82/{in_name}_{OTHER}.JPG"]


def test_a_uuid_of_letters_is_stored_in_the_shard_of_its_lower_case(workshop: Workshop) -> None:
    onec_id = "FF26507C-3024-11E9-819A-00155D87F90D"
    workshop.products(onec_id)
    workshop.pictures(f"FF/{onec_id}_a.jpg")
    workshop.imported()
    assert workshop.named(onec_id) == [f"products/ff/{onec_id}_a.jpg"]
    workshop.imported(onec_id.lower())
    workshop.imported("--shard", "ff")


def test_other_keys_match_in_their_own_case_only(workshop: Workshop) -> None:
    workshop.products("Ab1")
    workshop.pictures("ab1_a.jpg", "AB1_b.jpg", "Ab1_c.jpg")
    assert workshop.figures()["unmatched"] == 2
    assert workshop.named("Ab1") == ["products/Ab/Ab1_c.jpg"]


def test_cyrillic_keys_and_keys_of_one_character_match(workshop: Workshop) -> None:
    workshop.products("Код-001", "Я", "7", "ЦБ")
    workshop.pictures("Ко/Код-001_вид_1.jpg", "Я_a.jpg", "00/7.png", "ЦБ.jpg")
    workshop.imported()
    assert workshop.named("Код-001") == ["products/Ко/Код-001_вид_1.jpg"]
    assert workshop.named("Я") == ["products/00/Я_a.jpg"]
    assert workshop.named("7") == ["products/00/7.png"]
    assert workshop.named("ЦБ") == ["products/ЦБ/ЦБ.jpg"]


def test_products_that_share_a_key_all_get_its_pictures(workshop: Workshop) -> None:
    ids = [LOWER, f"{LOWER}#{OTHER}", f"{LOWER}#red#large", f"{UPPER}#upper"]
    workshop.products(*ids)
    workshop.product(f"{LOWER}#inactive", is_active=False)
    workshop.pictures(f"82/{LOWER}_a.jpg", f"82/{LOWER}_b.jpg")
    figures = workshop.figures()
    assert (figures["copied"], figures["processed"]) == (2, 4)
    for onec_id in ids:
        assert workshop.named(onec_id) == paths(LOWER, f"{LOWER}_a.jpg", f"{LOWER}_b.jpg")
    assert workshop.named(f"{LOWER}#inactive") == []


def test_keys_that_cannot_name_a_file_match_nothing_and_stop_nothing(workshop: Workshop) -> None:
    workshop.products("12/34", "../12", ".hidden", "..", ".", "/etc/passwd", "12")
    workshop.pictures("12/34_a.jpg", "34_a.jpg", "12_a.jpg", ".hidden_a.jpg", "passwd_a.jpg")
    figures = workshop.figures()
    assert figures["copied"] == 1
    assert [row.onec_id for row in workshop.rows() if row.pictures] == ["12"]
    assert set(workshop.contents()) == {"products/12/12_a.jpg"}


def test_a_nul_in_an_onec_id_matches_nothing(lite: Workshop) -> None:
    lite.products("12\0", "12")
    lite.pictures("12_a.jpg")
    lite.imported()
    assert [row.pictures for row in lite.rows()] == [[], paths("12", "12_a.jpg")]


def test_wildcards_of_sql_and_of_the_shell_are_letters_like_others(workshop: Workshop) -> None:
    ids = ["5%", "5_", "a_c", "*", "[1]", "?b", "\\%"]
    workshop.products(*ids)
    workshop.pictures("5%_1.jpg", "5x_1.jpg", "50_1.jpg", "abc_1.jpg", "a_c_1.jpg", "*_1.jpg", "1_1.jpg")
    workshop.pictures("[1]_1.jpg", "?b_1.jpg", "xb_1.jpg", "\\%_1.jpg", "5__1.jpg")
    figures = workshop.figures()
    assert (figures["copied"], figures["unmatched"]) == (7, 5)
    for onec_id in ids:
        assert workshop.named(onec_id) == paths(onec_id, f"{onec_id}_1.jpg")


def test_selecting_with_wildcards_selects_nothing_else(workshop: Workshop) -> None:
    workshop.products("5%", "50", "5_", "51", "5_1")
    workshop.pictures("50_a.jpg", "51_a.jpg", "5%_a.jpg", "5__a.jpg", "5_1_a.jpg")
    assert workshop.figures("5%", "5_")["total_products"] == 2
    assert set(workshop.contents()) == {"products/5%/5%_a.jpg", "products/5_/5__a.jpg"}


def test_products_without_an_onec_id_are_counted_and_left_alone(workshop: Workshop) -> None:
    workshop.product(None)
    workshop.product(None)
    workshop.product("")
    workshop.product("12")
    workshop.pictures("12_a.jpg", "_a.jpg", "None_a.jpg")
    figures = workshop.figures()
    assert (figures["total_products"], figures["processed"]) == (4, 4)
    assert (figures["copied"], figures["skipped_products"]) == (1, 3)
    assert [row.pictures for row in workshop.rows()] == [[], [], [], paths("12", "12_a.jpg")]


def test_products_that_are_not_active_get_nothing(workshop: Workshop) -> None:
    workshop.product("12", is_active=False)
    workshop.product("13")
    workshop.pictures("12_a.jpg", "13_a.jpg")
    figures = workshop.figures()
    assert (figures["total_products"], figures["unmatched"], figures["copied"]) == (1, 1, 1)
    assert workshop.named("12") == []
    assert set(workshop.contents()) == {"products/13/13_a.jpg"}


def test_names_that_programs_use_on_the_way_are_ignored_silently(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures(
        *(
            ".12_a.jpg.Xy12",
            ".12_a.jpg",
            ".exchange_complete",
            ".dry_run",
            ".stale-12/12_a.jpg",
            ".s/12_b.jpg",
        ),
        *(
            "12_a.jpg.tmp",
            "12_a.tmp",
            "12_a.jpg.part",
            "12_a.part",
            "12_a.jpg~",
            "12_a.jpg.lock",
            "12_a.lock",
        ),
        *("12_a.txt", "12_a", "12_a.gif", "12_a.jpg.bak", "12/12_a.webp", "12_jpg", "12_a.jpg.TMP"),
    )
    figures = lite.figures()
    counted = ("copied", "errors", "unmatched", "skipped_files", "missing")
    assert [figures[name] for name in counted] == [0, 0, 0, 0, 0]
    assert figures["error_samples"] == []
    assert lite.contents() == {}
    assert lite.named("12") == []


def test_patterns_to_ignore_take_names_of_files(lite: Workshop) -> None:
    lite.configure("exchange", ignore=["*_draft.jpg", "13_?.png"])
    lite.products("12", "13")
    lite.pictures("12_draft.jpg", "12/12_b_draft.jpg", "12_final.jpg", "13_a.png", "13_ab.png")
    figures = lite.figures()
    assert (figures["copied"], figures["errors"], figures["unmatched"]) == (2, 0, 0)
    assert set(lite.contents()) == {"products/12/12_final.jpg", "products/13/13_ab.png"}


def test_extensions_are_those_configured_in_any_case(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("12_a.jpg", "12_b.JPEG", "12_c.Png", "12_d.gif", "12_e.WEBP")
    lite.imported()
    assert lite.named("12") == paths("12", "12_a.jpg", "12_b.JPEG", "12_c.Png")
    lite.configure("exchange", extensions=["gif", "webp"])
    lite.imported()
    assert lite.named("12") == paths("12", "12_a.jpg", "12_b.JPEG", "12_c.Png", "12_d.gif", "12_e.WEBP")


def test_pictures_of_no_product_are_counted_once_and_not_copied(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("99_a.jpg", "99/99_a.jpg", "zz/99_a.jpg", "99/99_b.jpg", "12_a.jpg")
    assert lite.figures()["unmatched"] == 2
    assert set(lite.contents()) == {"products/12/12_a.jpg"}


def test_a_symlinked_directory_of_the_exchange_is_not_followed(lite: Workshop) -> None:
    lite.products("12")
    outside = lite.place / "outside"
    outside.mkdir()
    (outside / "12_a.jpg").write_bytes(b"not part of the exchange")
    (lite.root / "12").symlink_to(outside)
    assert lite.figures()["copied"] == 0
    assert lite.contents() == {}
    assert lite.named("12") == []


def test_names_with_spaces_and_signs_are_taken_as_they_are(workshop: Workshop) -> None:
    names = ["12_a b.jpg", "12_-n.jpg", "12_'\".jpg", "12_\n.jpg", "12_é.jpg", "12_e\u0301.jpg", "12_😀.jpg"]
    workshop.products("12")
    workshop.pictures(*names)
    assert workshop.figures()["copied"] == len(names)
    assert workshop.named("12") == paths("12", *sorted(names, key=str.encode))


def test_the_key_is_looked_for_in_the_stem_not_in_the_extension(lite: Workshop) -> None:
    lite.products("12", "12.5", "12_a")
    lite.pictures("12.5_b.jpg", "12.5.jpg", "12.6.jpg", "12_a.b.jpg")
    figures = lite.figures()
    assert lite.named("12.5") == paths("12.5", "12.5.jpg", "12.5_b.jpg")
    assert lite.named("12") == paths("12", "12_a.b.jpg")
    assert figures["unmatched"] == 1
