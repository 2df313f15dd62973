"""What a catalogue says, in the database."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event
from support import sql
from support.own_tables import PRODUCTS, SESSIONS, Tables, products_names

from daemon.catalogue import CatalogueProduct
from daemon.db import schema
from daemon.db.catalogues import Catalogue
from daemon.db.engine import Database
from daemon.errors import OnecImagesError

UUID = "8204be24-15b9-11ea-81b8-00155d3cae02"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def product(
    onec_id: str, *pictures: str, name: str = "Ваза", is_active: bool | None = None
) -> CatalogueProduct:
    return CatalogueProduct(onec_id, name, is_active, pictures)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with the daemon's own tables, once of each kind."""
    with Database(url) as opened:
        yield opened


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    """A catalogue that fills the products table."""
    return Catalogue(schema.create(database, PRODUCTS, SESSIONS))


def record(database: Database, catalogue: Catalogue, *products: CatalogueProduct) -> list[str]:
    """Record products, and return the ids of those refused."""
    with database.writing() as connection:
        return [refused.onec_id for refused in catalogue.record(connection, products)]


def pictures_of(database: Database, *onec_ids: str) -> dict[str, tuple[str, ...]]:
    with database.reading() as connection:
        return dict(Catalogue.pictures_of(connection, onec_ids))


def rows(url: str) -> list[tuple[Any, ...]]:
    found = sql.execute(url, "SELECT onec_id, name, is_active FROM products ORDER BY onec_id")
    return [(onec_id, name, bool(is_active)) for onec_id, name, is_active in found]


def age(url: str) -> None:
    """Let every row have been written long ago."""
    for table in ("products", "onec_images_catalogue"):
        sql.execute(url, f"UPDATE {table} SET updated_at = '2020-01-01T00:00:00+00:00'")  # noqa: S608


def written(url: str, table: str) -> list[str]:
    """Return the ids of the rows that have been written since they were aged."""
    found = sql.execute(url, f"SELECT onec_id, updated_at FROM {table} ORDER BY onec_id")  # noqa: S608
    return [onec_id for onec_id, time in found if datetime.fromisoformat(str(time)) != LONG_AGO]


# pictures


def test_pictures_are_remembered_in_their_order(database: Database, catalogue: Catalogue) -> None:
    record(database, catalogue, product("1", "b.jpg", "a.jpg"), product("2"), product(UUID, "ё.jpg"))
    assert pictures_of(database, "1", "2", UUID, "4") == {"1": ("b.jpg", "a.jpg"), "2": (), UUID: ("ё.jpg",)}


def test_a_later_catalogue_replaces_the_pictures_as_a_whole(database: Database, catalogue: Catalogue) -> None:
    record(database, catalogue, product("1", "a.jpg", "b.jpg"), product("2", "c.jpg"))
    record(database, catalogue, product("1", "d.jpg"))
    assert pictures_of(database, "1", "2") == {"1": ("d.jpg",), "2": ("c.jpg",)}


def test_of_two_mentions_the_last_counts(database: Database, catalogue: Catalogue, url: str) -> None:
    first = product("1", "a.jpg", name="old", is_active=False)
    record(database, catalogue, first, product("1", "b.jpg", name="new"))
    assert pictures_of(database, "1") == {"1": ("b.jpg",)}
    assert rows(url) == [("1", "new", False)]


def test_a_uuid_is_remembered_whatever_its_case(database: Database, catalogue: Catalogue) -> None:
    record(database, catalogue, product(UUID.upper(), "a.jpg"))
    assert pictures_of(database, UUID) == {UUID: ("a.jpg",)}


def test_many_products_are_recorded_in_few_calls(database: Database, catalogue: Catalogue) -> None:
    calls: list[str] = []
    event.listen(database.connection, "before_cursor_execute", lambda *given: calls.append(given[2]))
    ids = [str(number) for number in range(2_000)]
    record(database, catalogue, *(product(onec_id, f"{onec_id}.jpg", is_active=True) for onec_id in ids))
    assert len([call for call in calls if call.startswith("INSERT")]) <= 3
    assert len(pictures_of(database, *ids)) == 2_000


def test_an_id_that_is_too_long_is_refused_and_the_others_are_recorded(
    database: Database, catalogue: Catalogue, url: str
) -> None:
    refused = record(database, catalogue, product("ё" * 101, "a.jpg"), product("ё" * 100, "b.jpg"))
    assert refused == ["ё" * 101]
    assert [onec_id for onec_id, *_ in rows(url)] == ["ё" * 100]
    assert pictures_of(database, "ё" * 101, "ё" * 100) == {"ё" * 100: ("b.jpg",)}


def test_nothing_is_recorded_for_nothing(database: Database, catalogue: Catalogue) -> None:
    assert record(database, catalogue) == []


@pytest.mark.parametrize("damage", ['{"a": "b.jpg"}', '"a.jpg"', "5", "null"])
def test_pictures_that_are_no_list_are_as_good_as_not_remembered(
    database: Database, catalogue: Catalogue, url: str, damage: str
) -> None:
    record(database, catalogue, product("1", "a.jpg"), product("2", "b.jpg"))
    sql.execute(url, "UPDATE onec_images_catalogue SET pictures = :damage WHERE onec_id = '1'", damage=damage)
    assert pictures_of(database, "1", "2") == {"2": ("b.jpg",)}


def test_only_the_texts_in_a_list_are_pictures(database: Database, catalogue: Catalogue, url: str) -> None:
    record(database, catalogue, product("1", "a.jpg"))
    sql.execute(
        url, "UPDATE onec_images_catalogue SET pictures = :list", list='["a.jpg", 5, null, ["b.jpg"]]'
    )
    assert pictures_of(database, "1") == {"1": ("a.jpg",)}


# the daemon's own products


def test_products_are_made(database: Database, catalogue: Catalogue, url: str) -> None:
    record(database, catalogue, product("1"), product("2", is_active=True), product("3", is_active=False))
    assert rows(url) == [("1", "Ваза", True), ("2", "Ваза", True), ("3", "Ваза", False)]


def test_a_deletion_mark_decides_both_ways_and_none_means_nothing(
    database: Database, catalogue: Catalogue, url: str
) -> None:
    record(database, catalogue, *(product(onec_id, is_active=False) for onec_id in "123"))
    record(database, catalogue, product("1", is_active=True), product("2"))
    assert rows(url) == [("1", "Ваза", True), ("2", "Ваза", False), ("3", "Ваза", False)]


def test_only_what_differs_is_written(database: Database, catalogue: Catalogue, url: str) -> None:
    record(database, catalogue, product("1", "a.jpg"), product("2", "b.jpg"), product("3", is_active=True))
    age(url)
    record(
        database,
        catalogue,
        product("1", "a.jpg"),
        product("2", "c.jpg", name="Чаша"),
        product("3", is_active=True),
    )
    assert written(url, "products") == ["2"]
    assert written(url, "onec_images_catalogue") == ["2"]


def test_images_of_products_that_are_there_are_left_alone(
    database: Database, catalogue: Catalogue, url: str
) -> None:
    sql.insert(url, "products", [{"onec_id": "1", "main_image": "m.jpg", "gallery_images": '["g.jpg"]'}])
    record(database, catalogue, product("1", "a.jpg", is_active=False))
    [(main_image, gallery)] = sql.execute(url, "SELECT main_image, gallery_images FROM products")
    assert main_image == "m.jpg"
    assert (json.loads(gallery) if isinstance(gallery, str) else gallery) == ["g.jpg"]


def test_columns_may_have_other_names_or_be_missing(database_url: str) -> None:
    names = products_names(onec_id="code", is_active="", updated_at="")
    with Database(database_url) as database:
        catalogue = Catalogue(schema.create(database, names, SESSIONS))
        record(database, catalogue, product("1", "a.jpg", is_active=False))
        record(database, catalogue, product("1", "a.jpg", name="Чаша", is_active=True))
    assert sql.execute(database_url, "SELECT code, name FROM products") == [("1", "Чаша")]


def test_a_shops_products_are_left_alone(tables: Tables, url: str) -> None:
    sql.insert(url, "products", [{"onec_id": "1", "name": "theirs"}])
    record(tables.database, Catalogue(None), product("1", "a.jpg", is_active=False), product("2", "b.jpg"))
    assert rows(url) == [("1", "theirs", True)]
    assert pictures_of(tables.database, "1", "2") == {"1": ("a.jpg",), "2": ("b.jpg",)}


def test_a_batch_is_recorded_as_a_whole_or_not_at_all(
    database: Database, catalogue: Catalogue, url: str
) -> None:
    sql.script(url, "CREATE UNIQUE INDEX only_name ON products (name)")
    with pytest.raises(Exception, match=r"(?i)unique"):
        record(database, catalogue, product("1", "a.jpg", is_active=True), product("2", is_active=True))
    assert rows(url) == []
    assert pictures_of(database, "1") == {}


def test_products_without_a_unique_onec_id_are_told_in_one_line(url: str) -> None:
    columns = "id integer PRIMARY KEY, onec_id varchar(100), name text, is_active boolean, main_image text"
    json_type = "text" if sql.is_sqlite(url) else "jsonb"
    time = "text" if sql.is_sqlite(url) else "timestamptz"
    sql.script(
        url,
        "DROP TABLE products",
        f"CREATE TABLE products ({columns}, gallery_images {json_type}, updated_at {time})",
    )
    with Database(url) as database:
        catalogue = Catalogue(schema.create(database, PRODUCTS, SESSIONS))
        with pytest.raises(OnecImagesError, match="ON CONFLICT") as caught:
            record(database, catalogue, product("1"))
    assert "\n" not in str(caught.value)
