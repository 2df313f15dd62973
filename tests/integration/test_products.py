"""The products table, read as a stream and written under row locks."""

import itertools
import json
import re
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from support import own_tables, sql
from support.own_tables import Tables, products_names
from support.workshop import Workshop, paths

from daemon.composition import Images, images_of
from daemon.db import products as module
from daemon.db.products import Listed, Products

UUID = "8204be24-15b9-11ea-81b8-00155d3cae02"
NEIGHBOUR = "8204be25-15b9-11ea-81b8-00155d3cae02"


def add(url: str, *onec_ids: str | None) -> None:
    """Insert products, whose ids count up from 1."""
    sql.insert(url, "products", [{"onec_id": onec_id} for onec_id in onec_ids])


def around(tables: Tables, *keys: str) -> list[str | None]:
    """Return the onec_ids of the products around some keys, each as often as it is told."""
    with tables.database.reading() as connection:
        return onec_ids(tables.products.around(connection, keys))


def with_keys(tables: Tables, *keys: str) -> list[str | None]:
    """Return the onec_ids of the products that have some keys, each as often as it is told."""
    with tables.database.reading() as connection:
        return onec_ids(tables.products.with_keys(connection, keys))


def onec_ids(batches: Iterable[list[Listed]]) -> list[str | None]:
    return sorted((onec_id for batch in batches for _, onec_id, *_ in batch), key=str)


def pages(tables: Tables) -> Iterator[list[Listed]]:
    last = None
    while page := next_page(tables, last):
        yield page
        last = page[-1][0]


def next_page(tables: Tables, last: Any) -> list[Listed]:
    with tables.database.reading() as connection:
        return tables.products.page(connection, last)


def every(tables: Tables) -> list[tuple[Any, str | None, bool]]:
    """Return the id, the onec_id and the activity of every product."""
    return [product[:3] for page in pages(tables) for product in page]


def read(tables: Tables, *ids: int) -> dict[Any, Images | None]:
    """Return what the rows of some products say, both where they are listed and where they are locked."""
    listed = {id_: images_of(said) for page in pages(tables) for id_, *_, said in page if id_ in ids}
    with tables.database.writing() as connection:
        assert {id_: row.images for id_, row in tables.products.lock(connection, ids).items()} == listed
    return listed


def locked(tables: Tables, *ids: int) -> tuple[set[int], set[int]]:
    """Return the ids of the rows that could be locked, and of those that exist."""
    with tables.database.writing() as connection:
        rows = tables.products.lock(connection, ids)
        return set(rows), tables.products.existing(connection, ids)


def write(tables: Tables, *images: tuple[int, Images]) -> None:
    with tables.database.writing() as connection:
        tables.products.write(connection, images)


# listing


def test_every_product_is_listed_whether_it_is_active_or_not(tables: Tables, url: str) -> None:
    add(url, "1", None, "3")
    sql.execute(url, "UPDATE products SET is_active = false WHERE onec_id = '3'")
    assert sorted(every(tables)) == [(1, "1", True), (2, None, True), (3, "3", False)]


def test_where_no_column_says_so_every_product_is_active(url: str) -> None:
    add(url, "1")
    sql.execute(url, "UPDATE products SET is_active = false")
    with own_tables.opened(url, products_names(is_active="")) as tables:
        assert every(tables) == [(1, "1", True)]


def fill(url: str, number: int, first: int = 1) -> None:
    """Insert products whose ids are as long as UUIDs."""
    last = first + number - 1
    series = (
        f"WITH RECURSIVE series(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n < {last})"  # noqa: S608
        if sql.is_sqlite(url)
        else f"WITH series(n) AS (SELECT generate_series({first}, {last}))"
    )
    sql.script(
        url,
        f"INSERT INTO products (onec_id) {series} SELECT '8204be24-15b9-11ea-81b8-' || n FROM series",  # noqa: S608
    )


PAGE = 2_500  # products


def memory_of_listing(tables: Tables) -> int:
    """List every product and return how many bytes that took at most."""
    tracemalloc.start()
    try:
        assert all(len(page) == PAGE for page in pages(tables))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_table_is_listed_in_the_memory_of_a_small_one(tables: Tables, url: str) -> None:
    fill(url, 2 * PAGE)
    small = memory_of_listing(tables)
    fill(url, 4 * PAGE, first=2 * PAGE + 1)
    assert memory_of_listing(tables) < 1.2 * small


def test_pages_follow_each_other_whatever_is_written_in_between(tables: Tables, url: str) -> None:
    fill(url, 2 * PAGE + 500)
    first = next_page(tables, None)
    assert [id_ for id_, *_ in first] == list(range(1, PAGE + 1))
    sql.execute(url, f"DELETE FROM products WHERE id IN (1, {PAGE}, {PAGE + 1})")  # noqa: S608
    add(url, "new")
    second = next_page(tables, first[-1][0])
    assert [id_ for id_, *_ in second] == list(range(PAGE + 2, 2 * PAGE + 2))
    third = next_page(tables, second[-1][0])
    assert [id_ for id_, *_ in third] == list(range(2 * PAGE + 2, 2 * PAGE + 502))
    assert third[-1] == (2 * PAGE + 501, "new", True, ("", "[]"))
    assert next_page(tables, third[-1][0]) == []


def plan_of_page(tables: Tables, last: Any) -> str:
    with tables.database.reading() as connection:
        return plan(connection, lambda: tables.products.page(connection, last))


def test_a_page_is_found_by_the_index_of_the_ids(tables: Tables, url: str) -> None:
    fill(url, 5_000)
    if sql.is_sqlite(url):
        assert "rowid>?" in plan_of_page(tables, 100)
        assert "TEMP B-TREE" not in plan_of_page(tables, None) + plan_of_page(tables, 100)
    else:
        sql.script(url, "ANALYZE products")
        assert "Index Scan using products_pkey" in plan_of_page(tables, 4_900)


def shop_of_ids(url: str, kind: str, ids: Sequence[object]) -> None:
    """Make a shop's table with ids of a type; the onec_ids of its products count up from 0."""
    is_sqlite = sql.is_sqlite(url)
    columns = f"id {kind}, onec_id text, main_image text, gallery_images {'text' if is_sqlite else 'jsonb'}"
    sql.script(url, "DROP TABLE products", f"CREATE TABLE products ({columns})")
    sql.insert(url, "products", [{"id": id_, "onec_id": str(number)} for number, id_ in enumerate(ids)])


@pytest.mark.parametrize("key", ["PRIMARY KEY", "NOT NULL"])
@pytest.mark.parametrize(
    "served, lite, form",
    [
        ("integer", "integer", ""),
        ("smallint", "smallint", ""),
        ("uuid", "char(36)", "00000000-0000-4000-8000-{:012}"),
        (None, "text", "Ю{}"),
        (None, "text", "\0{}"),
        (None, "uuid", "{}e5"),  # a number to SQLite
        (None, "uuid", "00000000-0000-4000-8000-{:012}"),
    ],
)
def test_ids_of_a_shop_may_be_of_any_type(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    served: str | None,
    lite: str,
    form: str,
    key: str,
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    kinds = {"lite_url": lite} | ({"served_url": served} if served else {})
    for fixture, kind in kinds.items():
        url = request.getfixturevalue(fixture)
        shop_of_ids(url, f"{kind} {key}", [form.format(n) if form else n for n in range(1, 12)])
        with own_tables.opened(url, products_names(is_active="", updated_at="")) as tables:
            assert [len(page) for page in pages(tables)] == [3, 3, 3, 2]
            assert sorted(onec_id or "" for _, onec_id, _ in every(tables)) == sorted(map(str, range(11)))
            ids = {id_ for id_, _, _ in every(tables)}
            with tables.database.writing() as connection:
                assert tables.products.lock(connection, list(ids)).keys() == ids
                assert tables.products.existing(connection, ids) == ids


def test_an_id_that_is_null_in_sqlite_is_no_end(lite_url: str) -> None:
    shop_of_ids(lite_url, "text PRIMARY KEY", [None, "a", None])
    with own_tables.opened(lite_url, products_names(is_active="", updated_at="")) as tables:
        assert every(tables) == [("a", "1", True)]


def test_listing_does_not_wait_for_writers(tables: Tables, url: str) -> None:
    add(url, "1")
    with sql.transaction(url, "UPDATE products SET is_active = false"):
        assert every(tables) == [(1, "1", True)]


# the products around a key

ALPHABET = "1_#%\\/"


def belongs_around(onec_id: str, key: str) -> bool:
    return onec_id == key or onec_id.startswith((f"{key}#", f"{key}_"))


def test_exactly_the_owners_and_rivals_of_a_key_are_found_whatever_its_characters(
    tables: Tables, url: str
) -> None:
    words = ["".join(word) for length in (1, 2, 3) for word in itertools.product(ALPHABET, repeat=length)]
    add(url, *words)
    for key in words:
        if len(key) < 3:
            assert around(tables, key) == sorted(word for word in words if belongs_around(word, key))


def test_letters_match_exactly(tables: Tables, url: str) -> None:
    add(url, "Аб1", "аб1", "аб1_2", "АБ1_2", "ab1", "AB1", "aB1#2")
    assert around(tables, "аб1", "ab1") == ["ab1", "аб1", "аб1_2"]


def test_a_uuid_is_found_in_lower_and_upper_case_with_its_variants_and_rivals(
    tables: Tables, url: str
) -> None:
    add(url, UUID, UUID.upper(), f"{UUID}#{NEIGHBOUR}", f"{UUID.upper()}#X", f"{UUID}_2", f"{UUID.upper()}_3")
    add(url, NEIGHBOUR, f"{NEIGHBOUR}#{UUID}", UUID[:-1], f"{UUID}2", UUID[:8])
    found = {UUID, UUID.upper(), f"{UUID}#{NEIGHBOUR}", f"{UUID.upper()}#X", f"{UUID}_2", f"{UUID.upper()}_3"}
    assert set(around(tables, UUID)) == found


def test_each_product_is_told_once_however_many_keys_it_is_around(tables: Tables, url: str) -> None:
    chain = ["_".join("1" * length) for length in range(1, 48)]  # each a rival of all before it
    add(url, *chain)
    others = [f"x{number}" for number in range(60)]  # more keys than one statement takes
    keys = [key for pair in itertools.zip_longest(chain, others, fillvalue="y") for key in pair]
    assert around(tables, *keys) == sorted(chain)


def test_of_very_many_keys_all_are_found(tables: Tables, url: str) -> None:
    keys = [f"{number}" for number in range(1_000)]
    add(url, *keys)
    assert around(tables, *keys) == sorted(keys)


@pytest.mark.parametrize("key", ["\udcff", "1\udcff", "'; DROP TABLE products; --", "%", "_", ""])
def test_a_key_that_nobody_has_finds_nothing(tables: Tables, url: str, key: str) -> None:
    add(url, "1", "12")
    assert around(tables, key) == []


def test_no_key_finds_nothing(tables: Tables, url: str) -> None:
    add(url, "1")
    assert around(tables) == []


def plan(connection: Connection, ask: Callable[[], object]) -> str:
    """Return how the database answers some questions."""
    asked: list[tuple[str, Any]] = []

    def remember(*arguments: Any) -> None:
        asked.append(arguments[2:4])

    event.listen(connection, "before_cursor_execute", remember)
    ask()
    event.remove(connection, "before_cursor_execute", remember)
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    answers = [connection.exec_driver_sql(f"{explain} {statement}", values) for statement, values in asked]
    return "\n".join(str(row) for answer in answers for row in answer)


@pytest.mark.parametrize("ask", [Products.around, Products.with_keys])
def test_an_index_finds_the_products_of_a_key(tables: Tables, url: str, ask: Any) -> None:
    fill(url, 5_000)
    keys = [UUID, "12", "50%_off"]
    with tables.database.reading() as connection:
        if not sql.is_sqlite(url):
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        shown = plan(connection, lambda: list(ask(tables.products, connection, keys)))
    assert "Seq Scan" not in shown
    assert not re.search(r"SCAN products", shown)
    assert re.search(r"Index Cond: .*onec_id\)::text (~>=~|>=) |onec_id>\?", shown)


# the products that have a key


def test_exactly_the_owners_of_a_key_are_found_whatever_its_characters(tables: Tables, url: str) -> None:
    words = ["".join(word) for length in (1, 2, 3) for word in itertools.product(ALPHABET, repeat=length)]
    add(url, *words)
    for key in words:
        if len(key) < 3 and "#" not in key:
            owned = sorted(word for word in words if word == key or word.startswith(f"{key}#"))
            assert with_keys(tables, key) == owned


def test_the_owners_of_a_uuid_are_found_in_lower_and_upper_case(tables: Tables, url: str) -> None:
    ours = [UUID, UUID.upper(), f"{UUID}#{NEIGHBOUR}", f"{UUID.upper()}#X"]
    add(url, *ours, f"{UUID}_2", f"{UUID.upper()}_3", NEIGHBOUR, f"{NEIGHBOUR}#{UUID}", UUID[:-1], f"{UUID}2")
    assert with_keys(tables, UUID) == sorted(ours)


def test_each_owner_of_very_many_keys_is_told_once_active_or_not(tables: Tables, url: str) -> None:
    keys = [f"{number}" for number in range(1_000)]
    add(url, *keys, *(f"{key}_1" for key in keys))
    sql.execute(url, "UPDATE products SET is_active = false WHERE onec_id = '7'")
    assert with_keys(tables, *keys) == sorted(keys)
    with tables.database.reading() as connection:
        assert list(tables.products.with_keys(connection, ["7"])) == [[(8, "7", False, ("", "[]"))]]


@pytest.mark.parametrize("keys", [[], [""], ["\udcff"], ["%"], ["1_"], ["'; DROP TABLE products; --"]])
def test_keys_that_nobody_has_find_nothing(tables: Tables, url: str, keys: list[str]) -> None:
    add(url, "1", "1_2", "12")
    assert with_keys(tables, *keys) == []


# reading rows


def test_a_row_is_read_as_it_is(tables: Tables, url: str) -> None:
    sql.insert(
        url,
        "products",
        [
            {"onec_id": "1", "main_image": "products/11/1.jpg", "gallery_images": '["a", {"url": "б"}, 3]'},
            {"onec_id": "2", "main_image": None, "gallery_images": None},
            {"onec_id": "3", "main_image": "", "gallery_images": "[]"},
            {"onec_id": "4", "main_image": "", "gallery_images": "null"},
        ],
    )
    assert read(tables, 1, 2, 3, 4, 5) == {
        1: Images("products/11/1.jpg", ("a", {"url": "б"}, 3)),
        2: Images(None, ()),
        3: Images("", ()),
        4: Images("", ()),
    }


@pytest.mark.parametrize("gallery", ['{"a": 1}', '"products/a.jpg"', "5", "true"])
def test_a_gallery_that_is_no_list_cannot_be_composed(tables: Tables, url: str, gallery: str) -> None:
    sql.insert(url, "products", [{"onec_id": "1", "gallery_images": gallery}])
    assert read(tables, 1) == {1: None}


@pytest.mark.parametrize("gallery", [f"[{'9' * 5_000}]", "[" * 2_000 + "]" * 2_000])
def test_a_gallery_beyond_python_cannot_be_composed(tables: Tables, url: str, gallery: str) -> None:
    sql.insert(url, "products", [{"onec_id": "1", "gallery_images": gallery}])
    assert read(tables, 1) == {1: None}


def test_many_rows_are_locked_at_once(tables: Tables, url: str) -> None:
    fill(url, 2_500)
    with tables.database.writing() as connection:
        assert len(tables.products.lock(connection, range(1, 3_000))) == 2_500


# writing rows


def test_what_is_written_is_read_again(tables: Tables, url: str) -> None:
    add(url, "1", "2", "3")
    ours = Images("products/11/1_ё.jpg", ("products/11/1_b.jpg", {"деталь": None}, 1.5))
    write(tables, (1, ours), (2, Images(None, ())))
    assert read(tables, 1, 2, 3) == {1: ours, 2: Images(None, ()), 3: Images("", ())}


def test_the_time_of_the_change_is_written_in_utc(tables: Tables, url: str) -> None:
    add(url, "1", "2")
    sql.execute(url, "UPDATE products SET updated_at = '2020-01-01T00:00:00+00:00'")
    write(tables, (1, Images("a", ())))
    found = [time for (time,) in sql.execute(url, "SELECT updated_at FROM products ORDER BY id")]
    changed, unchanged = (datetime.fromisoformat(str(time)) for time in found)
    assert datetime.now(UTC) - changed < timedelta(minutes=1)
    assert changed.utcoffset() == timedelta(0)
    assert unchanged == datetime(2020, 1, 1, tzinfo=UTC)


def test_where_there_is_no_column_for_it_no_time_is_written(url: str) -> None:
    add(url, "1")
    sql.execute(url, "UPDATE products SET updated_at = '2020-01-01T00:00:00+00:00'")
    with own_tables.opened(url, products_names(updated_at="")) as tables:
        write(tables, (1, Images("a", ())))
        assert read(tables, 1) == {1: Images("a", ())}
    [(unchanged,)] = sql.execute(url, "SELECT updated_at FROM products")
    assert datetime.fromisoformat(str(unchanged)) == datetime(2020, 1, 1, tzinfo=UTC)


def test_rows_are_written_together_in_one_call(tables: Tables, url: str) -> None:
    fill(url, 300)
    calls: list[bool] = []

    def remember(*arguments: Any) -> None:
        calls.append(arguments[-1])

    event.listen(tables.database.connection, "before_cursor_execute", remember)
    write(tables, *((number, Images(f"{number}", ())) for number in range(1, 301)))
    assert calls[-1] is True  # executemany, after the BEGIN of SQLite
    assert len(calls) <= 2
    assert read(tables, 300) == {300: Images("300", ())}


def test_a_row_that_is_gone_is_written_to_no_one(tables: Tables, url: str) -> None:
    add(url, "1")
    write(tables, (1, Images("a", ())), (2, Images("b", ())))
    assert read(tables, 1, 2) == {1: Images("a", ())}


def test_nothing_is_written_for_nothing(tables: Tables) -> None:
    write(tables)


# locks


def test_a_row_that_another_holds_is_not_waited_for_and_told_from_one_that_is_gone(served_url: str) -> None:
    add(served_url, "1", "2", "3")
    sql.execute(served_url, "DELETE FROM products WHERE id = 3")
    held = sql.transaction(served_url, "SELECT 1 FROM products WHERE id = 2 FOR UPDATE")
    with own_tables.opened(served_url) as tables, held:
        assert locked(tables, 1, 2, 3) == ({1}, {1, 2})


def test_a_row_about_to_be_deleted_is_held_until_it_is(served_url: str) -> None:
    add(served_url, "1")
    with own_tables.opened(served_url) as tables:
        with sql.transaction(served_url, "DELETE FROM products"):
            assert locked(tables, 1) == (set(), {1})
        assert locked(tables, 1) == ({1}, {1})
        sql.execute(served_url, "DELETE FROM products")
        assert locked(tables, 1) == (set(), set())


def test_a_row_that_an_order_refers_to_is_not_held(served_url: str) -> None:
    add(served_url, "1")
    sql.script(served_url, "CREATE TABLE orders (product bigint REFERENCES products (id))")
    with own_tables.opened(served_url) as tables:
        with sql.transaction(served_url, "INSERT INTO orders VALUES (1)"):
            assert locked(tables, 1) == ({1}, {1})
            write(tables, (1, Images("a", ())))
        assert read(tables, 1) == {1: Images("a", ())}


def test_an_order_may_refer_to_a_row_while_it_is_written(served_url: str) -> None:
    add(served_url, "1")
    sql.script(served_url, "CREATE TABLE orders (product bigint REFERENCES products (id))")
    with own_tables.opened(served_url) as tables, tables.database.writing() as connection:
        tables.products.lock(connection, [1])
        tables.products.write(connection, [(1, Images("a", ()))])
        sql.execute(sql.with_query(served_url, options="-c lock_timeout=5s"), "INSERT INTO orders VALUES (1)")


def test_a_locked_row_is_given_to_no_other_writer(served_url: str) -> None:
    add(served_url, "1")
    with own_tables.opened(served_url) as tables, tables.database.writing() as connection:
        tables.products.lock(connection, [1])
        skipping = "SELECT id FROM products FOR NO KEY UPDATE SKIP LOCKED"
        assert sql.execute(served_url, skipping) == []


def test_a_locked_row_is_read_as_it_was_left_by_the_shop(served_url: str) -> None:
    add(served_url, "1")
    with own_tables.opened(served_url) as tables, tables.database.writing() as connection:
        assert tables.products.page(connection)[0][3] == ("", "[]")
        sql.execute(served_url, "UPDATE products SET main_image = 'theirs'")
        assert tables.products.lock(connection, [1])[1].images == Images("theirs", ())


def test_sqlite_locks_every_row_at_once(lite_url: str) -> None:
    add(lite_url, "1", "2")
    with own_tables.opened(lite_url) as tables:
        assert locked(tables, 1, 2, 3) == ({1, 2}, {1, 2})


# what SQLite lets others leave in a table


@pytest.mark.parametrize("stored", ["x'ff00'", "cast(x'80ff' AS text)", "x''"])
def test_an_onec_id_that_is_no_text_is_none(lite_url: str, stored: str) -> None:
    sql.script(lite_url, f"INSERT INTO products (onec_id) VALUES ({stored})")  # noqa: S608
    with own_tables.opened(lite_url) as tables:
        assert every(tables) == [(1, None, True)]


def test_an_onec_id_with_a_nul_is_kept_as_it_is(lite_url: str) -> None:
    sql.script(lite_url, "INSERT INTO products (onec_id) VALUES (cast(x'310032' AS text))")
    with own_tables.opened(lite_url) as tables:
        assert every(tables) == [(1, "1\x002", True)]


@pytest.mark.parametrize("stored", ["x'ff00'", "cast(x'2f80ff' AS text)", "x''"])
def test_a_main_image_that_is_no_text_cannot_be_composed(lite_url: str, stored: str) -> None:
    sql.script(lite_url, f"INSERT INTO products (onec_id, main_image) VALUES ('1', {stored})")  # noqa: S608
    with own_tables.opened(lite_url) as tables:
        assert read(tables, 1) == {1: None}


@pytest.mark.parametrize(
    "stored",
    [
        "x'5b5d'",
        "''",
        "'products/a.jpg'",
        "cast(x'5b2280ff225d' AS text)",
        "cast(x'5b2261002262225d' AS text)",
        "17",
        "1.5",
    ],
)
def test_a_gallery_that_is_no_json_cannot_be_composed(lite_url: str, stored: str) -> None:
    sql.script(lite_url, f"INSERT INTO products (onec_id, gallery_images) VALUES ('1', {stored})")  # noqa: S608
    with own_tables.opened(lite_url) as tables:
        assert read(tables, 1) == {1: None}


@pytest.mark.parametrize("stored", ["'yes'", "2", "x'01'", "1.5", "NULL", "''"])
def test_whatever_stands_for_active_is_read(lite_url: str, stored: str) -> None:
    columns = "id integer PRIMARY KEY, onec_id text, is_active bool, main_image text, gallery_images text"
    sql.script(lite_url, "DROP TABLE products", f"CREATE TABLE products ({columns}, updated_at text)")
    sql.script(lite_url, f"INSERT INTO products (onec_id, is_active) VALUES ('1', {stored})")  # noqa: S608
    with own_tables.opened(lite_url, products_names()) as tables:
        assert every(tables) == [(1, "1", stored not in {"NULL", "''"})]


@pytest.mark.parametrize("depth", range(100, 1100, 200))
def test_a_deep_gallery_is_kept_or_cannot_be_composed(tables: Tables, url: str, depth: int) -> None:
    sql.insert(url, "products", [{"onec_id": "1", "gallery_images": "[" * depth + "]" * depth}])
    before = read(tables, 1)[1]
    if before is not None:
        write(tables, (1, Images("a", before.gallery)))
        [(stored,)] = sql.execute(url, "SELECT CAST(gallery_images AS text) FROM products")
        assert re.sub(r"\s", "", stored) == "[" * depth + "]" * depth


def test_halves_of_characters_in_a_gallery_are_kept(lite_url: str) -> None:
    sql.insert(lite_url, "products", [{"onec_id": "1", "gallery_images": r'["\ud83d", "\u0000", "ё"]'}])
    with own_tables.opened(lite_url) as tables:
        before = read(tables, 1)[1]
        assert before == Images("", ("\ud83d", "\0", "ё"))
        write(tables, (1, Images("a", before.gallery)))
        assert read(tables, 1) == {1: Images("a", before.gallery)}


def test_plain_json_of_postgresql_keeps_what_jsonb_would_refuse(served_url: str) -> None:
    script = "ALTER TABLE products ALTER gallery_images DROP DEFAULT, ALTER gallery_images TYPE json"
    sql.script(
        served_url,
        script,
        r"""INSERT INTO products (onec_id, gallery_images) VALUES ('1', '["\u0000", "\ud83d", 1]')""",
    )
    with own_tables.opened(served_url) as tables:
        before = read(tables, 1)[1]
        assert before == Images("", ("\0", "\ud83d", 1))
        write(tables, (1, Images("a", before.gallery)))
        assert read(tables, 1) == {1: Images("a", before.gallery)}


def test_rows_that_cannot_be_composed_are_errors_and_the_others_are_imported(lite: Workshop) -> None:
    lite.run("init-db")
    lite.products("sound", "plain", "wild")
    sql.script(
        lite.database.url,
        "UPDATE products SET gallery_images = 'products/a.jpg' WHERE onec_id = 'plain'",
        "UPDATE products SET main_image = x'ff00', gallery_images = x'5b5d' WHERE onec_id = 'wild'",
        "INSERT INTO products (onec_id) VALUES (x'00ff')",
        "INSERT INTO products (onec_id, gallery_images) VALUES (cast(x'80' AS text), '[')",
    )
    before = everything_but(lite, "sound")
    lite.pictures("sound_1.jpg", "plain_1.jpg", "wild_1.jpg")
    figures = lite.figures(status=3)
    assert (figures["total_products"], figures["processed"], figures["errors"]) == (5, 5, 2)
    assert {sample["path"] for sample in figures["error_samples"]} == {"plain", "wild"}
    [(main_image, gallery)] = lite.database.execute(
        "SELECT main_image, gallery_images FROM products WHERE onec_id = 'sound'"
    )
    assert [main_image, *json.loads(gallery)] == paths("sound", "sound_1.jpg")
    assert everything_but(lite, "sound") == before
    assert lite.run("report", "no-picture", "--json").json["count"] == 2


def everything_but(workshop: Workshop, onec_id: str) -> list[tuple[Any, ...]]:
    columns = ", ".join(
        f"cast({c} AS blob)" for c in ("onec_id", "main_image", "gallery_images", "updated_at")
    )
    return workshop.database.execute(
        f"SELECT id, {columns} FROM products WHERE onec_id IS NOT ? ORDER BY id",  # noqa: S608
        onec_id,
    )
