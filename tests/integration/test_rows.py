"""Writing pictures on rows that others hold, or that the shop's rules do not let be written."""

import time
from collections.abc import Iterator

import pytest
from support import own_tables, sql

from daemon.composition import Composition, Images, Pictures, Rules
from daemon.errors import DatabaseUnavailableError, RowsHeldError
from daemon.importer import rows as module
from daemon.importer.rows import Change, Rows, Written
from daemon.importer.section import Product

RULES = Rules("products", "products/placeholder.png", Composition.APPEND)

#: Makes the row of product 13 refuse to be changed, with a state.
RAISING = """CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON products FOR EACH ROW WHEN (old.onec_id = '13') EXECUTE FUNCTION keep()"""

#: Has each change of product 13 counted elsewhere.
COUNTING = """CREATE TABLE changes (number integer); INSERT INTO changes VALUES (0);
CREATE FUNCTION tally() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
UPDATE changes SET number = number + 1; RETURN new; END $$;
CREATE TRIGGER tally BEFORE UPDATE ON products FOR EACH ROW WHEN (old.onec_id = '13') EXECUTE FUNCTION tally()"""


@pytest.fixture
def rows(served_url: str) -> Iterator[Rows]:
    """The rows of products 12, 13 and 14, whose ids are 1, 2 and 3, on PostgreSQL."""
    sql.insert(served_url, "products", [{"onec_id": onec_id} for onec_id in ("12", "13", "14")])
    with own_tables.opened(served_url) as tables:
        yield Rows(tables.database, tables.products, RULES)


def change(number: int) -> Change:
    onec_id = f"1{number + 1}"
    path = f"products/{onec_id}/{onec_id}_a.jpg"
    pictures = Pictures((f"{onec_id}_a.jpg",), None, f"products/{onec_id}", lambda _name: True)
    product = Product(number, onec_id, onec_id, Images("", ()))
    return Change(product, pictures, Images("", ()), Images(path, ()), has_replaced=False)


CHANGES = [change(number) for number in (1, 2, 3)]


def onec_ids(written: Written) -> tuple[list[str], list[str], list[str]]:
    """Return the onec_ids of products whose rows were written, held and refused."""
    held = [change.product.onec_id for change in written.held]
    refused = [change.product.onec_id for change, _ in written.refused]
    return [product.onec_id for product in written.products], held, refused


def with_pictures(url: str) -> list[str]:
    found = sql.execute(url, "SELECT onec_id FROM products WHERE main_image <> '' ORDER BY id")
    return [onec_id for (onec_id,) in found]


@pytest.mark.parametrize("state", ["40P01", "55P03", "40001", "57014"])
def test_a_row_that_others_are_in_the_way_of_is_held_and_the_others_are_written(
    rows: Rows, served_url: str, state: str
) -> None:
    sql.script(served_url, RAISING.format(state=state))
    assert onec_ids(rows.write(CHANGES)) == (["12", "14"], ["13"], [])
    assert onec_ids(rows.write([CHANGES[1]])) == ([], ["13"], [])
    assert with_pictures(served_url) == ["12", "14"]


def test_a_row_that_is_refused_is_not_held(rows: Rows, served_url: str) -> None:
    sql.script(served_url, RAISING.format(state="23514"))
    assert onec_ids(rows.write(CHANGES)) == (["12", "14"], [], ["13"])


def test_what_a_trigger_of_the_shop_waits_for_is_soon_no_longer_waited_for(
    rows: Rows, served_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_FOR_ONE", 0.2)
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    sql.script(served_url, COUNTING)
    with sql.transaction(served_url, "UPDATE changes SET number = 7"):
        assert onec_ids(rows.write(CHANGES)) == (["12", "14"], ["13"], [])
    assert onec_ids(rows.write(CHANGES)) == (["13"], [], [])


def test_in_a_table_that_is_locked_as_a_whole_not_every_row_is_waited_for(
    rows: Rows, served_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    with sql.transaction(served_url, "LOCK TABLE products"):
        began = time.monotonic()
        written = rows.write(CHANGES * 20)
        assert time.monotonic() - began < 5
    assert onec_ids(written) == ([], ["12", "13", "14"] * 20, [])
    assert with_pictures(served_url) == []


def test_where_no_rows_are_written_it_is_the_database_that_is_away(served_url: str) -> None:
    sql.script(served_url, RAISING.format(state="55P03"))
    sql.insert(served_url, "products", [{"onec_id": "13"}])
    with own_tables.opened(served_url) as tables:
        with (
            pytest.raises(RowsHeldError, match="not now") as caught,
            tables.database.writing(patience=5) as connection,
        ):
            connection.exec_driver_sql("UPDATE products SET name = 'x'")
        assert isinstance(caught.value, DatabaseUnavailableError)
        assert "\n" not in str(caught.value)
        assert not tables.database.is_lost
