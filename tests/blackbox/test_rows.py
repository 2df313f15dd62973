"""When a product's row is written, and what others write at the same time."""

import contextlib
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.workshop import Workshop, paths, wait_until


def age(workshop: Workshop) -> datetime:
    """Give all rows an old time of change, and return it."""
    old = datetime(2020, 2, 29, 12, tzinfo=UTC)
    workshop.database.execute(
        "UPDATE products SET updated_at = ?", old.isoformat() if workshop.database.is_sqlite else old
    )
    return old


def test_the_time_of_change_is_set_when_a_row_is_written(workshop: Workshop) -> None:
    workshop.products("12", "13")
    old = age(workshop)
    workshop.pictures("12_a.jpg")
    before = datetime.now(UTC)
    workshop.imported()
    assert before - timedelta(seconds=1) <= workshop.row("12").updated_at <= datetime.now(UTC)
    assert workshop.row("13").updated_at == old


def test_a_row_that_would_not_change_is_not_written(workshop: Workshop) -> None:
    workshop.products("12", "13", "12#1")
    workshop.pictures("12_a.jpg", "12_b.jpg")
    workshop.imported()
    age(workshop)
    rows = workshop.rows()
    versions = [workshop.database.version(row.id) for row in rows]
    workshop.pictures("12_a.jpg")  # sent again
    workshop.imported()
    workshop.imported("--checksum")
    workshop.imported("12", "--from-media")
    assert workshop.rows() == rows
    assert [workshop.database.version(row.id) for row in rows] == versions


def test_the_time_of_change_is_set_on_all_products_of_a_replaced_picture(workshop: Workshop) -> None:
    workshop.products("12", "12#1", "13")
    workshop.pictures("12_a.jpg", "13_a.jpg")
    workshop.imported()
    old = age(workshop)
    workshop.picture("12_a.jpg", "other content")
    before = workshop.rows()
    workshop.imported()
    assert [row.updated_at > old for row in workshop.rows()] == [True, True, False]
    assert [row.pictures for row in workshop.rows()] == [row.pictures for row in before]


@pytest.mark.parametrize("gallery", ['{"main": "x.jpg"}', '"uploads/x.jpg"', "7"])
def test_a_gallery_that_is_no_list_stops_nothing(workshop: Workshop, gallery: str) -> None:
    workshop.products("12", "13")
    workshop.database.execute(f"UPDATE products SET gallery_images = '{gallery}' WHERE onec_id = '12'")  # noqa: S608
    workshop.pictures("12_a.jpg", "12_b.jpg", "13_a.jpg")
    result = workshop.run("import", "--json")
    assert result.status in {0, 3}, result.stderr
    statement = "SELECT main_image FROM products WHERE onec_id = '13'"
    assert workshop.database.execute(statement) == [("products/13/13_a.jpg",)]


def test_a_gallery_that_is_no_json_stops_nothing(lite: Workshop) -> None:
    lite.products("12", "13")
    lite.database.execute("UPDATE products SET gallery_images = 'uploads/x.jpg' WHERE onec_id = '12'")
    lite.pictures("12_a.jpg", "12_b.jpg", "13_a.jpg")
    result = lite.run("import", "--json")
    assert result.status in {0, 3}, result.stderr
    [(gallery,)] = lite.database.execute("SELECT gallery_images FROM products WHERE onec_id = '12'")
    assert "uploads/x.jpg" in gallery
    statement = "SELECT main_image FROM products WHERE onec_id = '13'"
    assert lite.database.execute(statement) == [("products/13/13_a.jpg",)]


def test_columns_that_are_not_ours_are_left_alone(workshop: Workshop) -> None:
    workshop.product("12", name="Коврик для йоги")
    workshop.database.execute("ALTER TABLE products ADD COLUMN price integer DEFAULT 100 NOT NULL")
    workshop.pictures("12_a.jpg")
    workshop.imported()
    assert workshop.row("12").name == "Коврик для йоги"
    assert workshop.database.execute("SELECT price FROM products") == [(100,)]


def test_a_row_held_by_another_transaction_is_an_error_and_the_others_are_done(served: Workshop) -> None:
    served.products("11", "12", "13")
    served.pictures("11_a.jpg", "12_a.jpg", "13_a.jpg")
    with contextlib.closing(served.database.connect()) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM products WHERE onec_id = '12' FOR UPDATE")
        began = time.monotonic()
        result = served.imported(status=3)
        took = time.monotonic() - began
        other.execute("ROLLBACK")
    assert took < 20
    assert result.json["status"] == "completed"
    assert result.figures["errors"] == 1
    assert result.figures["processed"] == result.figures["total_products"] == 3
    assert served.named("11") == paths("11", "11_a.jpg")
    assert served.named("12") == []
    assert served.named("13") == paths("13", "13_a.jpg")
    served.imported()
    assert served.named("12") == paths("12", "12_a.jpg")


def test_a_row_that_is_let_go_in_time_is_tried_again_at_the_end(served: Workshop) -> None:
    count = 120
    served.configure("import", chunk_size=1)
    ids = [f"{number:03}" for number in range(count)]
    served.products(*ids)
    served.pictures(*(f"{onec_id}_a.jpg" for onec_id in ids))
    with contextlib.closing(served.database.connect()) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM products WHERE onec_id = '000' FOR UPDATE")
        running = served.start("import", "--json")
        wait_until(lambda: sum(bool(row.pictures) for row in served.rows()) > 5)
        other.execute("ROLLBACK")
        result = running.result()
    assert result.status == 0, result.stderr
    assert result.figures["errors"] == 0
    assert all(row.pictures for row in served.rows())


def test_a_replaced_picture_is_noted_on_every_row_that_has_it(workshop: Workshop) -> None:
    workshop.configure("import", chunk_size=10)
    workshop.products(*(f"12#{number}" for number in range(45)))
    workshop.pictures("12_a.jpg", "12_b.jpg")
    assert workshop.figures()["copied"] == 2
    assert {tuple(row.pictures) for row in workshop.rows()} == {tuple(paths("12", "12_a.jpg", "12_b.jpg"))}
    old = age(workshop)
    workshop.picture("12_b.jpg", "other content")
    assert workshop.figures()["copied"] == 1
    assert all(row.updated_at > old for row in workshop.rows())


def test_what_the_shop_writes_into_a_row_at_the_same_time_is_kept(workshop: Workshop) -> None:
    workshop.configure("import", chunk_size=5)
    ids = [f"{number:03}" for number in range(300)]
    workshop.products(*ids)
    workshop.pictures(*(f"{onec_id}_{letter}.jpg" for onec_id in ids for letter in "ab"))
    written: dict[str, str] = {}
    running = workshop.start("import", "--json")
    wait_until((workshop.media / "products").exists)
    position = 0
    while len(written) < len(ids) and not workshop.sessions()[-1]["finished_at"]:
        onec_id = ids[position % len(ids)]
        position += 7
        if onec_id not in written:
            with committed(workshop, onec_id):
                written[onec_id] = onec_id
    result = running.result()
    assert result.status in {0, 3}, result.stderr
    if result.status:
        workshop.imported()
    assert len(written) > 3
    for row in workshop.rows():
        assert row.onec_id
        pictures = paths(row.onec_id, f"{row.onec_id}_a.jpg", f"{row.onec_id}_b.jpg")
        assert set(pictures) <= set(row.pictures)
        assert row.name == ("written by the shop" if row.onec_id in written else "")
        assert ("uploads/by_the_shop.jpg" in row.pictures) == (row.onec_id in written)


@contextlib.contextmanager
def committed(workshop: Workshop, onec_id: str) -> Iterator[None]:
    """Append a picture of the shop's own to a product's gallery, reading before writing."""
    lock = "" if workshop.database.is_sqlite else " FOR UPDATE"
    with contextlib.closing(workshop.database.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE" if workshop.database.is_sqlite else "BEGIN")
        cursor.execute(f"SELECT id FROM products WHERE onec_id = '{onec_id}'{lock}")  # noqa: S608
        append = (
            "json_insert(gallery_images, '$[#]', 'uploads/by_the_shop.jpg')"
            if workshop.database.is_sqlite
            else "gallery_images || '[\"uploads/by_the_shop.jpg\"]'::jsonb"
        )
        cursor.execute(
            f"UPDATE products SET name = 'written by the shop', gallery_images = {append} "  # noqa: S608
            f"WHERE onec_id = '{onec_id}'"
        )
        yield
        cursor.execute("COMMIT")


def test_a_row_that_changes_after_the_products_were_read_keeps_the_change(workshop: Workshop) -> None:
    """The import is stopped in its middle, the shop writes, and the import goes on."""
    count = 150
    workshop.configure("import", chunk_size=1)
    ids = [f"{number:03}" for number in range(count)]
    workshop.products(*ids)
    workshop.pictures(*(f"{onec_id}_a.jpg" for onec_id in ids))
    running = workshop.start("import", "--json")
    wait_until(lambda: list(workshop.media.rglob("*.jpg")))
    workshop.halt(running)
    untouched = [row.onec_id for row in workshop.rows() if not row.pictures]
    for onec_id in untouched:
        workshop.set_row(str(onec_id), "uploads/main.jpg", ["uploads/x.jpg"])
    running.signal(signal.SIGCONT)
    result = running.result()
    assert result.status == 0, result.stderr
    assert len(untouched) > 10
    rows = {row.onec_id: row for row in workshop.rows()}
    for onec_id in untouched:
        row = rows[onec_id]
        assert row.main_image == "uploads/main.jpg"
        assert row.gallery_images == ["uploads/x.jpg", f"products/{str(onec_id)[:2]}/{onec_id}_a.jpg"]


@pytest.mark.parametrize("held_for", [1.0])
def test_a_writer_that_holds_the_whole_database_for_a_moment_is_waited_out(
    lite: Workshop, held_for: float
) -> None:
    lite.products("12")
    lite.pictures("12_a.jpg")
    with contextlib.closing(lite.database.connect()) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE products SET name = 'by the shop'")
        running = lite.start("import", "--json")
        time.sleep(held_for)
        other.execute("COMMIT")
        result = running.result()
    assert result.status == 0, result.stderr
    assert lite.row("12").name == "by the shop"
    assert lite.named("12") == paths("12", "12_a.jpg")


def test_a_product_that_is_deleted_meanwhile_is_no_error(workshop: Workshop) -> None:
    workshop.configure("import", chunk_size=1)
    ids = [f"{number:03}" for number in range(300)]
    workshop.products(*ids)
    workshop.pictures(*(f"{onec_id}_a.jpg" for onec_id in ids))
    running = workshop.start("import", "--json")
    wait_until(lambda: list(workshop.media.rglob("*.jpg")))
    workshop.database.execute("DELETE FROM products WHERE onec_id > '200'")
    result = running.result()
    assert result.status == 0, result.stderr
    assert result.figures["processed"] == result.figures["total_products"]
    assert len(workshop.rows()) == 201
    assert all(row.pictures for row in workshop.rows())
