"""What the catalogue of 1C makes of the products and of the order of their pictures."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.workshop import Workshop, catalogue_text, paths

SAMPLE = Path(__file__).parents[1] / "data" / "goods_sample.xml"


def loaded(workshop: Workshop, *files: str, status: int = 0) -> dict[str, Any]:
    """Load the catalogue and return the session."""
    result = workshop.run("catalog", "--json", *files)
    assert result.status == status, result.stderr
    assert "Traceback" not in result.stderr
    session: dict[str, Any] = result.json
    return session


def active(workshop: Workshop) -> dict[str | None, bool]:
    """Return which products are active."""
    return {row.onec_id: row.is_active for row in workshop.rows()}


def order_of(workshop: Workshop, onec_id: str) -> list[str]:
    """Import and return the names on a product, the main one first."""
    workshop.imported()
    return [path.rpartition("/")[2] for path in workshop.named(onec_id)]


def test_a_catalogue_makes_products(workshop: Workshop) -> None:
    workshop.catalogue({"12": ["12/12_a.jpg"], "Код-1": [], "13#red": []})
    session = loaded(workshop)
    assert active(workshop) == {"12": True, "Код-1": True, "13#red": True}
    assert [row.name for row in workshop.rows()] == ["Товар 12", "Товар Код-1", "Товар 13#red"]
    assert session["import_type"] == "catalog"
    assert (session["status"], session["trigger"], session["error_message"]) == ("completed", "manual", "")
    [stored] = workshop.sessions()
    assert stored["id"] == session["session_id"] == session["id"]
    assert (stored["import_type"], stored["status"]) == ("catalog", "completed")
    report = stored["report_details"]
    assert report["total_products"] == report["processed"] == 3
    assert report["errors"] == 0


def test_a_real_catalogue_is_read(workshop: Workshop) -> None:
    shutil.copy(SAMPLE, workshop.exchange / "goods/goods_1.xml")
    loaded(workshop)
    ids = ["ff26507c-3024-11e9-819a-00155d87f90d", "8204be26-15b9-11ea-81b8-00155d3cae02"]
    assert [row.onec_id for row in workshop.rows()] == ids
    names = [
        "8204be26-15b9-11ea-81b8-00155d3cae02_6d10eb15-b940-11eb-81eb-00155d3cae02.jpg",
        "8204be26-15b9-11ea-81b8-00155d3cae02_6e5703e9-b023-11ea-81c3-00155d3cae02.jpg",
        "8204be26-15b9-11ea-81b8-00155d3cae02_bf7d42fa-b646-11ea-81c3-00155d3cae02.jpg",
        "8204be26-15b9-11ea-81b8-00155d3cae02_6d10eb14-b940-11eb-81eb-00155d3cae02.jpg",
    ]
    workshop.pictures(*(f"82/{name}" for name in names))
    assert order_of(workshop, ids[1]) == names


def test_a_mark_of_deletion_decides_both_ways(workshop: Workshop) -> None:
    workshop.product("12")
    workshop.product("13", is_active=False)
    workshop.product("14", is_active=False)
    workshop.product("15")
    workshop.catalogue({"12": [], "13": []}, deleted=["12"], restored=["13"])
    loaded(workshop)
    assert active(workshop) == {"12": False, "13": True, "14": False, "15": True}


def test_a_product_that_is_absent_stays_as_it_is(workshop: Workshop) -> None:
    workshop.catalogue({"12": ["12_b.jpg", "12_a.jpg"], "13": []})
    loaded(workshop)
    workshop.catalogue({"13": []})
    before = workshop.row("12")
    loaded(workshop)
    assert workshop.row("12") == before
    workshop.pictures("12_a.jpg", "12_b.jpg")
    assert order_of(workshop, "12") == ["12_b.jpg", "12_a.jpg"]


def test_pictures_on_a_row_are_not_the_catalogue_s_to_change(workshop: Workshop) -> None:
    workshop.product("12", "uploads/main.jpg", ["uploads/x.jpg"], name="Старое имя")
    workshop.catalogue({"12": ["12_a.jpg"]})
    loaded(workshop)
    assert workshop.row("12").pictures == ["uploads/main.jpg", "uploads/x.jpg"]
    assert workshop.row("12").name == "Товар 12"
    assert len(workshop.rows()) == 1


def test_a_catalogue_loaded_twice_changes_nothing(workshop: Workshop) -> None:
    workshop.catalogue({"12": ["12_a.jpg"], "13": []})
    loaded(workshop)
    before = workshop.rows()
    loaded(workshop)
    after = workshop.rows()
    assert [(row.id, row.onec_id, row.name, row.is_active) for row in after] == [
        (row.id, row.onec_id, row.name, row.is_active) for row in before
    ]


def test_the_order_is_remembered_when_the_exchange_has_removed_its_files(workshop: Workshop) -> None:
    file = workshop.catalogue({"12": ["12/12_c.jpg", "12/12_a.jpg"]})
    loaded(workshop)
    file.unlink()
    workshop.pictures("12/12_a.jpg", "12/12_b.jpg", "12/12_c.jpg")
    assert order_of(workshop, "12") == ["12_c.jpg", "12_a.jpg", "12_b.jpg"]
    tables = workshop.database.execute("SELECT count(*) FROM onec_images_catalogue")
    assert tables == [(1,)]


def test_the_pictures_of_a_product_are_recorded_as_a_whole(workshop: Workshop) -> None:
    workshop.catalogue({"12": ["12_c.jpg", "12_b.jpg"]})
    loaded(workshop)
    workshop.catalogue({"12": ["12_b.jpg"]})
    loaded(workshop)
    workshop.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    assert order_of(workshop, "12") == ["12_b.jpg", "12_a.jpg", "12_c.jpg"]


def test_a_product_that_is_named_without_pictures_has_no_order(lite: Workshop) -> None:
    lite.catalogue({"12": ["12_c.jpg", "12_b.jpg"]})
    loaded(lite)
    lite.catalogue({"12": []})
    loaded(lite)
    lite.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    assert order_of(lite, "12") == ["12_a.jpg", "12_b.jpg", "12_c.jpg"]


@pytest.mark.parametrize("newest", ["goods.xml", "goods_1.xml", "goods_2.xml"])
def test_several_files_are_read_oldest_first(lite: Workshop, newest: str) -> None:
    dates = {"goods.xml": "2025-03-01T10:00:00", "goods_1.xml": "2025-01-01T10:00:00"}
    dates["goods_2.xml"] = "2025-02-01T10:00:00"
    dates[newest] = "2025-12-01T10:00:00"
    for file, date in dates.items():
        is_newest = file == newest
        names = ["12_b.jpg", "12_a.jpg"] if is_newest else ["12_a.jpg", "12_b.jpg"]
        path = lite.catalogue(
            {"12": names}, file=file, date=date, **{"restored" if is_newest else "deleted": ["12"]}
        )
        age = 10**9 if is_newest else 2 * 10**9  # what the file system says does not count
        os.utime(path, (age, age))
    loaded(lite)
    assert active(lite) == {"12": True}
    lite.pictures("12_a.jpg", "12_b.jpg")
    assert order_of(lite, "12") == ["12_b.jpg", "12_a.jpg"]


def test_files_without_a_date_are_read_in_the_order_of_their_mtimes(lite: Workshop) -> None:
    for position, (file, names) in enumerate(
        {"goods_2.xml": ["12_a.jpg"], "goods_1.xml": ["12_b.jpg"]}.items()
    ):
        path = lite.catalogue({"12": names}, file=file)
        path.write_text(path.read_text().replace(' ДатаФормирования="2025-11-26T12:20:30"', ""))
        os.utime(path, (10**9 + position, 10**9 + position))
    loaded(lite)
    lite.pictures("12_a.jpg", "12_b.jpg")
    assert order_of(lite, "12") == ["12_b.jpg", "12_a.jpg"]


def test_files_named_on_the_command_line_are_read_instead(lite: Workshop) -> None:
    lite.catalogue({"12": []})
    given = lite.place / "given.xml"
    given.write_text(catalogue_text({"13": []}))
    loaded(lite, str(given))
    assert active(lite) == {"13": True}


def test_other_files_are_no_catalogue(lite: Workshop) -> None:
    lite.catalogue({"12": []})
    lite.catalogue({"13": []}, file="offers.xml")
    (lite.exchange / "goods.xml").write_text(catalogue_text({"14": []}))
    loaded(lite)
    assert active(lite) == {"12": True}


def broken(onec_ids: list[str]) -> str:
    """Return a catalogue that ends in the middle of the last product."""
    text = catalogue_text({onec_id: [f"{onec_id}_b.jpg", f"{onec_id}_a.jpg"] for onec_id in onec_ids})
    return text[: text.rindex("<Наименование>")]


def test_of_a_broken_file_alone_what_stood_before_the_break_is_kept(workshop: Workshop) -> None:
    (workshop.exchange / "goods/goods.xml").write_text(broken(["12", "13", "14"]))
    session = loaded(workshop, status=1)
    assert session["status"] == "failed"
    assert "goods.xml" in session["error_message"]
    assert set(active(workshop)) >= {"12", "13"}
    assert "14" not in active(workshop)


def test_a_broken_file_beside_a_good_one_is_an_error(workshop: Workshop) -> None:
    (workshop.exchange / "goods/goods_1.xml").write_text(broken(["12", "13", "14"]))
    workshop.catalogue({"15": []}, file="goods_2.xml")
    session = loaded(workshop, status=3)
    assert session["status"] == "completed"
    report = session["report_details"]
    assert report["errors"] == 1
    [sample] = report["error_samples"]
    assert "goods_1.xml" in sample["path"]
    assert sample["reason"]
    assert set(active(workshop)) == {"12", "13", "15"}


@pytest.mark.parametrize("text", ["", "no XML", "<html/>", "<?xml version='1.0' encoding='unheard-of'?><a/>"])
def test_a_file_that_is_no_catalogue_at_all_is_an_error(lite: Workshop, text: str) -> None:
    (lite.exchange / "goods/goods.xml").write_text(text)
    session = loaded(lite, status=1)
    assert session["status"] == "failed"
    assert lite.rows() == []


def test_a_file_that_is_not_there_is_an_error_of_its_own(lite: Workshop) -> None:
    good = lite.catalogue({"12": []})
    missing = str(lite.place / "missing.xml")
    report = loaded(lite, missing, str(good), status=3)["report_details"]
    assert report["errors"] == 1
    assert active(lite) == {"12": True}
    assert missing in loaded(lite, missing, status=1)["error_message"]


@pytest.mark.parametrize("kind", ["directory", "symlink", "fifo"])
def test_what_is_no_file_is_an_error_and_is_not_waited_for(lite: Workshop, kind: str) -> None:
    lite.catalogue({"12": []}, file="goods_1.xml")
    path = lite.exchange / "goods/goods_2.xml"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        outside = lite.place / "outside.xml"
        outside.write_text(catalogue_text({"13": []}))
        path.symlink_to(outside)
    assert loaded(lite, status=3)["report_details"]["errors"] == 1
    assert active(lite) == {"12": True}


HOSTILE = {
    "laughs": '<!DOCTYPE x [<!ENTITY a "ха-ха-ха-ха">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>",
    "outside": '<!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/hostname">]>',
    "parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p; <!ENTITY j "j">]>',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_xml_is_an_error_that_costs_nothing(lite: Workshop, kind: str) -> None:
    text = catalogue_text({"12": []}).replace("Товар 12", "&j;")
    declaration, _, rest = text.partition("\n")
    (lite.exchange / "goods/goods_1.xml").write_text(f"{declaration}\n{HOSTILE[kind]}\n{rest}")
    lite.catalogue({"13": []}, file="goods_2.xml")
    session = loaded(lite, status=3)
    assert session["report_details"]["errors"] == 1
    assert active(lite).get("13") is True
    assert all(len(row.name) < 100 for row in lite.rows())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "windows-1251", "utf-16", "koi8-r"])
def test_any_declared_encoding_is_read(lite: Workshop, encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = catalogue_text({"Код-1": ["Код-1_б.jpg", "Код-1_а.jpg"]}).replace("UTF-8", declared)
    (lite.exchange / "goods/goods.xml").write_bytes(text.encode(encoding))
    loaded(lite)
    assert lite.row("Код-1").name == "Товар Код-1"
    lite.pictures("Код-1_а.jpg", "Код-1_б.jpg")
    assert order_of(lite, "Код-1") == ["Код-1_б.jpg", "Код-1_а.jpg"]


@pytest.mark.parametrize(
    "namespace", ["", ' xmlns="urn:1C.ru:commerceml_3"', ' xmlns="http://example.org/x"']
)
def test_any_namespace_is_read(lite: Workshop, namespace: str) -> None:
    text = catalogue_text({"12": ["12_b.jpg"]}).replace(' xmlns="urn:1C.ru:commerceml_2"', namespace)
    (lite.exchange / "goods/goods.xml").write_text(text)
    loaded(lite)
    lite.pictures("12_a.jpg", "12_b.jpg")
    assert order_of(lite, "12") == ["12_b.jpg", "12_a.jpg"]


def test_an_id_that_does_not_fit_the_column_stops_nothing(workshop: Workshop) -> None:
    workshop.catalogue({"a" * 101: [], "12": [], "b" * 100: []})
    result = workshop.run("catalog", "--json")
    assert result.status in {0, 3}, result.stderr
    assert active(workshop).keys() >= {"12", "b" * 100}
    assert "a" * 101 not in active(workshop)


def test_a_name_of_any_length_is_taken(workshop: Workshop) -> None:
    file = workshop.catalogue({"12": [], "13": []})
    file.write_text(file.read_text().replace("Товар 12", "Очень длинное имя " * 200))
    loaded(workshop)
    assert active(workshop) == {"12": True, "13": True}
    assert workshop.row("12").name.startswith("Очень длинное имя")


def test_an_attached_shop_keeps_its_products_and_gets_the_order(workshop: Workshop) -> None:
    workshop.product("12", name="имя в магазине")
    workshop.configure("database", attach=True)
    workshop.catalogue({"12": ["12_b.jpg", "12_a.jpg"], "13": []}, deleted=["12"])
    before = workshop.rows()
    loaded(workshop)
    assert workshop.rows() == before
    workshop.pictures("12_a.jpg", "12_b.jpg")
    assert order_of(workshop, "12") == ["12_b.jpg", "12_a.jpg"]


def test_the_order_of_a_parent_holds_for_its_variants_that_have_none(workshop: Workshop) -> None:
    workshop.products("12#1", "12#2")
    workshop.catalogue({"12": ["12_c.jpg", "12_b.jpg"], "12#2": ["12_b.jpg"]})
    loaded(workshop)
    workshop.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg")
    assert order_of(workshop, "12#1") == ["12_c.jpg", "12_b.jpg", "12_a.jpg"]
    assert workshop.named("12#2") == paths("12", "12_b.jpg", "12_a.jpg", "12_c.jpg")


def test_pictures_named_in_any_form_are_known_by_their_names(lite: Workshop) -> None:
    lite.catalogue({"12": []})
    forms = [
        "import_files/12/12_d.jpg",
        "12_c.jpg",
        "goods/import_files/12_b.jpg",
        "import_files\\12\\12_e.jpg",
    ]
    file = lite.catalogue({"12": ["@"]})
    pictures = "".join(f"<Картинка>{form}</Картинка>" for form in forms)
    file.write_text(file.read_text().replace("<Картинка>import_files/@</Картинка>", pictures))
    loaded(lite)
    lite.pictures("12_a.jpg", "12_b.jpg", "12_c.jpg", "12_d.jpg")
    assert order_of(lite, "12") == ["12_d.jpg", "12_c.jpg", "12_b.jpg", "12_a.jpg"]


def test_where_there_is_no_catalogue_that_is_said(lite: Workshop) -> None:
    result = lite.run("catalog", "--json")
    assert result.status in {0, 1}
    assert "catalog" in result.stderr
    assert "Traceback" not in result.stderr
    assert isinstance(result.json, dict)


def test_a_large_catalogue_is_read(lite: Workshop) -> None:
    count = 3000
    lite.catalogue({f"{number:05}": [f"{number:05}_a.jpg"] for number in range(count)})
    report = loaded(lite)["report_details"]
    assert report["total_products"] == report["processed"] == count
    assert len(lite.rows()) == count
