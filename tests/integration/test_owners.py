"""From what a name says of its product to the products that there are."""

import pytest
from support import sql
from support.own_tables import Tables

from daemon.importer.owners import Owners
from daemon.naming import hint_of

UUID = "8204be24-15b9-11ea-81b8-00155d3cae02"


@pytest.fixture
def owners(tables: Tables) -> Owners:
    """Return what looks products up."""
    return Owners(tables.database, tables.products)


def add(url: str, *onec_ids: str | None, is_active: bool = True) -> None:
    sql.insert(url, "products", [{"onec_id": onec_id, "is_active": is_active} for onec_id in onec_ids])


def test_a_uuid_is_owned_by_every_key_that_begins_with_it(owners: Owners, url: str) -> None:
    add(url, UUID.upper(), f"{UUID}#red", f"{UUID}_2", "8204be25-15b9-11ea-81b8-00155d3cae02")
    assert owners.of([UUID]) == {UUID: {UUID, f"{UUID}_2"}}


def test_a_stem_is_owned_by_the_longest_key_in_it(owners: Owners, url: str) -> None:
    add(url, "12", "12_3#4", "1", "123")
    assert owners.of(["12_3_a", "12_a", "123"]) == {"12_3_a": {"12_3"}, "12_a": {"12"}, "123": {"123"}}


def test_what_no_active_product_has_is_owned_by_nobody(owners: Owners, url: str) -> None:
    add(url, UUID, "12_3", is_active=False)
    add(url, "12", None)
    assert owners.of([UUID, "12_3_a", "7_a"]) == {UUID: set(), "12_3_a": set(), "7_a": set()}


def test_one_active_product_of_a_key_is_enough(owners: Owners, url: str) -> None:
    add(url, "12#1", is_active=False)
    add(url, "12#2")
    assert owners.of(["12_a"]) == {"12_a": {"12"}}


def test_a_name_that_is_no_text_is_owned_by_the_part_that_is(owners: Owners, url: str) -> None:
    add(url, "12")
    hints = [hint_of("12_\udcff"), hint_of("\udcff")]
    assert owners.of(hints) == {"12_\udcff": {"12"}, "\udcff": set()}


def test_very_many_hints_are_looked_up(owners: Owners, url: str) -> None:
    add(url, *(f"p{number}" for number in range(3000)))
    found = owners.of(f"p{number}_a" for number in range(3000))
    assert found == {f"p{number}_a": {f"p{number}"} for number in range(3000)}
