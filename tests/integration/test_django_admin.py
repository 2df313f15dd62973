"""The admin of docs/migration.md in a shop made with Django, and the service at work on what it asks for."""

import json
import os
import re
import signal
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.commands import WarmStarter
from support.daemon_process import daemon, eventually
from support.django_admin import Admin, admin_of
from support.workshop import Workshop, paths

SESSIONS = "/admin/products/importsession/"
PRODUCTS = "/admin/products/product/"
BUTTON = f"{SESSIONS}import-images/"

_SLOW = 14  # pictures, each of which takes a while to decode

#: For what happens before a database is asked: one kind of them is enough.
_on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def shop(tmp_path: Path, database_url: str, starter: WarmStarter) -> Iterator[Workshop]:
    """The command, attached to a shop as docs/migration.md says, with nothing imported that nobody asked for."""
    (tmp_path / "place").mkdir()
    made = Workshop(tmp_path / "place", database_url, starter)
    made.configure("database", attach=True)
    made.configure("database.sessions", task_id="celery_task_id", trigger="")
    made.configure("import", on_startup=False, chunk_size=1, progress_every=1, workers=1)
    made.configure("watch", settle=60, max_wait=60, reconcile_interval=0)
    yield made
    made.close()


@pytest.fixture
def trigger(shop: Workshop) -> Path:
    """The trigger file of the shop."""
    return shop.exchange / "import_images.trigger"


@pytest.fixture
def admin(shop: Workshop, trigger: Path, tmp_path: Path) -> Iterator[Admin]:
    """The shop's admin."""
    with admin_of(tmp_path / "project", shop.database.url, trigger) as running:
        yield running


def sell(shop: Workshop, *onec_ids: str) -> None:
    shop.database.execute_many(
        "INSERT INTO products (name, onec_id, main_image, gallery_images, is_active, updated_at)"
        " VALUES (?, ?, '', '[]', true, CURRENT_TIMESTAMP)",
        [[f"Товар {onec_id}", onec_id] for onec_id in onec_ids],
    )


def supply_slowly(shop: Workshop) -> None:
    """Sell products whose pictures take a second to decode."""
    names = [f"slow{number:02}" for number in range(_SLOW)]
    sell(shop, *names)
    content = BytesIO()
    Image.new("L", (5000, 5000)).save(content, "JPEG", progressive=True)
    first = shop.picture(f"{names[0]}_a.jpg", content.getvalue())
    for name in names[1:]:
        os.link(first, shop.root / f"{name}_a.jpg")
    shop.configure("import", validate_images=True)


def rows(shop: Workshop) -> list[tuple[str, str, dict[str, Any]]]:
    """Return status, error and figures of each session in the table."""
    columns = "status, error_message, report_details"
    found = shop.database.execute(f"SELECT {columns} FROM import_sessions ORDER BY id")  # noqa: S608
    return [(status, error, json.loads(d) if isinstance(d, str) else d) for status, error, d in found]


def said(page: str) -> list[str]:
    """Return the messages at the top of a page."""
    return re.findall(r'<li class="(?:success|error|warning)">(.*?)</li>', page)


def progress(page: str) -> list[str]:
    """Return the cells of the column of progress."""
    return re.findall(r'<td class="field-progress">(.*?)</td>', page)


def product_id(shop: Workshop, onec_id: str) -> int:
    [(row,)] = shop.database.execute("SELECT id FROM products WHERE onec_id = ?", onec_id)
    return int(row)


def select(admin: Admin, *rows: int) -> str:
    return admin.post(PRODUCTS, action="import_images", _selected_action=rows)


def test_the_button_starts_an_import_whose_progress_the_page_shows(shop: Workshop, admin: Admin) -> None:
    supply_slowly(shop)
    page = admin.post(BUTTON)
    assert said(page) == ["Импорт изображений запрошен, сессия 1"]
    assert [status for status, _, _ in rows(shop)] == ["pending"]
    assert progress(page) == ["-"]
    with daemon(shop) as service:
        eventually(lambda: rows(shop)[0][0] == "in_progress" and rows(shop)[0][2]["processed"] > 1)
        shop.halt(service.running)
        [(status, _, figures)] = rows(shop)
        page = admin.get(SESSIONS)
        service.running.signal(signal.SIGCONT)
        done = figures["processed"]
        assert (status, figures["total_products"]) == ("in_progress", _SLOW)
        assert 0 < done < _SLOW
        bar = f'<progress value="{done}" max="{_SLOW}"></progress> {done * 100 // _SLOW} %'
        assert progress(page) == [bar]
        assert 'http-equiv="refresh"' in page
        eventually(lambda: rows(shop)[0][0] == "completed")
    page = admin.get(SESSIONS)
    assert progress(page) == [f'<progress value="{_SLOW}" max="{_SLOW}"></progress> 100 %']
    assert 'http-equiv="refresh"' not in page
    [(_, _, figures)] = rows(shop)
    assert (figures["processed"], figures["copied"], figures["errors"]) == (_SLOW, _SLOW, 0)


def test_a_request_that_is_a_transaction_drops_the_trigger_when_its_row_is_there(
    shop: Workshop, trigger: Path, tmp_path: Path
) -> None:
    with (
        admin_of(tmp_path / "project", shop.database.url, trigger, ATOMIC_REQUESTS=True) as admin,
        daemon(shop) as service,
    ):
        sell(shop, "7")
        admin.post(BUTTON)
        eventually(lambda: rows(shop)[0][0] == "completed")
        assert not service.entries("task_unknown")
    assert len(rows(shop)) == 1


def test_the_pictures_come_onto_variants_where_those_are_attached(shop: Workshop, admin: Admin) -> None:
    """As docs/migration.md says of a newer schema: a variant has the pictures of its parent."""
    kinds = ("integer", "json") if shop.database.is_sqlite else ("bigint", "jsonb")
    shop.database.execute(
        f"CREATE TABLE product_variants (id {kinds[0]} PRIMARY KEY, onec_id varchar(100) NOT NULL UNIQUE,"
        f" main_image varchar(100), gallery_images {kinds[1]} NOT NULL, is_active boolean NOT NULL,"
        " updated_at timestamp with time zone NOT NULL)"
    )
    shop.database.execute(
        "INSERT INTO product_variants VALUES (1, '7#1', NULL, '[]', true, CURRENT_TIMESTAMP)"
    )
    shop.configure("database.products", table="product_variants")
    shop.configure("media", prefix="products/variants")
    shop.pictures("7_a.jpg")
    with daemon(shop):
        admin.post(BUTTON)
        eventually(lambda: rows(shop)[0][0] == "completed")
    [(main,)] = shop.database.execute("SELECT main_image FROM product_variants")
    assert main == "products/variants/00/7_a.jpg"


def test_the_action_imports_the_products_that_are_selected(shop: Workshop, admin: Admin) -> None:
    sell(shop, "7", "8")
    shop.pictures("7_a.jpg", "8_a.jpg")
    with daemon(shop):
        assert said(select(admin, product_id(shop, "7"))) == ["Импорт изображений запрошен, сессия 1"]
        eventually(lambda: rows(shop)[0][0] == "completed")
    main_images = dict(shop.database.execute("SELECT onec_id, main_image FROM products"))
    assert main_images == {"7": paths("7", "7_a.jpg")[0], "8": ""}
    assert rows(shop)[0][2]["total_products"] == 1


@_on_one_database
def test_a_request_beside_one_that_waits_is_refused_and_leaves_that_one_alone(
    shop: Workshop, admin: Admin, trigger: Path
) -> None:
    sell(shop, "7")
    admin.post(BUTTON)
    before = trigger.read_bytes()
    refusal = "Другой запрос уже ждёт своей очереди"
    assert said(select(admin, product_id(shop, "7"))) == [refusal]
    assert [(status, error) for status, error, _ in rows(shop)] == [("pending", ""), ("failed", refusal)]
    assert trigger.read_bytes() == before


@_on_one_database
def test_what_nobody_can_write_is_told_on_the_page(shop: Workshop, admin: Admin, trigger: Path) -> None:
    trigger.parent.rename(shop.place / "elsewhere")
    assert said(admin.post(BUTTON))[0].startswith("Файл-триггер не записан: ")
    assert [status for status, _, _ in rows(shop)] == ["failed"]


@_on_one_database
def test_where_the_selected_products_do_not_fit_into_a_trigger_all_are_asked_for(
    shop: Workshop, admin: Admin, trigger: Path
) -> None:
    many = [f"{'ё' * 90}{number:04}" for number in range(400)]
    sell(shop, *many)
    ids = [row for (row,) in shop.database.execute("SELECT id FROM products")]
    select(admin, *ids[:300])
    assert len(json.loads(trigger.read_text())["onec_ids"]) == 300
    trigger.unlink()
    select(admin, *ids)
    assert set(json.loads(trigger.read_text())) == {"import_type", "task_id"}


@_on_one_database
def test_products_that_1c_does_not_know_are_not_asked_for(
    shop: Workshop, admin: Admin, trigger: Path
) -> None:
    sell(shop, "")
    assert said(select(admin, product_id(shop, ""))) == ["У выбранных товаров нет идентификатора 1С"]
    assert not rows(shop)
    assert not trigger.exists()
