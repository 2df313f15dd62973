"""How an import lists the products: page by page, so that neither a lost connection nor due work waits for the end."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from support import sql
from support.own_tables import EXCHANGE, Tables

from daemon.composition import Composition, Rules
from daemon.db import products as module
from daemon.errors import DatabaseUnavailableError, StoppedError
from daemon.importer.delivery import Terms
from daemon.importer.host import Host
from daemon.importer.importer import Importer
from daemon.importer.plan import Plan
from daemon.importer.selection import Selection
from daemon.importer.session import Session
from daemon.importer.survey import Survey
from daemon.media import Media
from daemon.naming import PictureNames

Result = TypeVar("Result")

NAMES = PictureNames.from_patterns(["jpg"], [])
RULES = Rules("products", "products/placeholder.png", Composition.APPEND)


@pytest.fixture(autouse=True)
def _seven_products(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    sql.insert(url, "products", [{"onec_id": f"{number}"} for number in range(1, 8)])


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Media]:
    """An empty media directory."""
    (tmp_path / "media").mkdir()
    with Media(
        tmp_path / "media", "products", file_mode=0o644, dir_mode=0o755, min_free=0, durable=False
    ) as opened:
        yield opened


def listed(tables: Tables, media: Media, host: Host, *onec_ids: str) -> int:
    """Have an import list the products, and return how many it is about."""
    plan = Plan(Path("exchange"), (), Terms("products", None, 1), RULES, 1, 1, 60)
    session = Session(tables.database, None, EXCHANGE)
    importer = Importer(plan, media, tables.database, tables.products, session, catalogue=None, host=host)
    selection = Selection.of(onec_ids)
    with closing(Survey(NAMES, selection)) as survey:
        importer.take_products(survey, selection.keys)
        return survey.total


class Reconnecting:
    """Does work again on a new connection when the first was lost, which it is before each work."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.lost = 0

    def __call__(self, work: Callable[[], Result]) -> Result:
        self._tables.database.connection.invalidate()
        try:
            return work()
        except DatabaseUnavailableError:
            self.lost += 1
            self._tables.database.reconnect()
            return work()


def test_every_product_is_listed_once_however_often_the_connection_is_lost(
    tables: Tables, media: Media
) -> None:
    reconnecting = Reconnecting(tables)
    assert listed(tables, media, Host(patiently=reconnecting)) == 7
    assert reconnecting.lost == 4  # three pages, and a look behind the last


def test_the_products_of_some_keys_are_listed_once_likewise(tables: Tables, media: Media) -> None:
    reconnecting = Reconnecting(tables)
    assert listed(tables, media, Host(patiently=reconnecting), "2", "5", "none") == 2
    assert reconnecting.lost == 1


def test_between_two_pages_what_must_not_wait_is_done_and_may_write(
    tables: Tables, media: Media, url: str
) -> None:
    names = iter("abcdef")

    def attend() -> float:
        with tables.database.writing() as connection:
            name = next(names)
            connection.exec_driver_sql(f"UPDATE products SET name = '{name}'")  # noqa: S608
        return 0.0

    assert listed(tables, media, Host(attend=attend)) == 7
    assert sql.execute(url, "SELECT DISTINCT name FROM products") == [("c",)]


def test_a_stop_does_not_wait_for_the_last_page(tables: Tables, media: Media) -> None:
    pages: list[int] = []

    def stop() -> bool:
        pages.append(1)
        return len(pages) == 2

    with pytest.raises(StoppedError, match="was stopped"):
        listed(tables, media, Host(should_stop=stop))
    assert len(pages) == 2
