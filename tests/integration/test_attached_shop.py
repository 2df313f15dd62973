"""A shop made with Django, whose tables we use as they are."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, inspect
from support import sql
from support.commands import WarmStarter
from support.definition import definition
from support.django_shop import Django, DjangoShop, django
from support.postgres import Postgres
from support.roles import role
from support.workshop import Setting, Workshop, everything_below, paths

UUID = "8204be24-15b9-11ea-81b8-00155d3cae02"
VARIANT = f"{UUID}#24062354-2f7b-11ee-998f-fa163e775e1f"
CATALOGUE = "onec_images_catalogue"

#: The columns of Django's sessions that are called otherwise, or missing.
SESSIONS: dict[str, Setting] = {"task_id": "celery_task_id", "trigger": ""}


@pytest.fixture(scope="session")
def at_work() -> Iterator[Django]:
    """Django, for all shops."""
    with django() as running:
        yield running


@pytest.fixture
def shop(database_url: str, at_work: Django) -> DjangoShop:
    """A shop, once on each kind of database."""
    return DjangoShop(at_work, database_url)


@pytest.fixture
def served_shop(postgres: Postgres, at_work: Django) -> DjangoShop:
    """A shop on PostgreSQL."""
    return DjangoShop(at_work, postgres.new_database())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The directory of the exchange, the media and the configuration."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def daemon(place: Path, shop: DjangoShop, starter: WarmStarter) -> Iterator[Workshop]:
    """The command, attached to the shop."""
    attached = attach(Workshop(place, shop.url, starter))
    yield attached
    attached.close()


@pytest.fixture
def served_daemon(place: Path, served_shop: DjangoShop, starter: WarmStarter) -> Iterator[Workshop]:
    """The command, attached to the shop on PostgreSQL."""
    attached = attach(Workshop(place, served_shop.url, starter))
    yield attached
    attached.close()


def attach(workshop: Workshop) -> Workshop:
    workshop.configure("database", attach=True)
    workshop.configure("database.sessions", **SESSIONS)
    return workshop


def refusal(daemon: Workshop) -> str:
    """Return the one line with which the command refuses the configuration."""
    result = daemon.run("import")
    assert (result.status, result.stderr.count("\n")) == (78, 1), result.stderr
    assert result.stderr.startswith("onec-images: ")
    return result.stderr.removeprefix("onec-images: ").rstrip("\n")


def seen_of_products(url: str) -> list[tuple[Any, ...]]:
    """Return everything in the products table but what is ours to write."""
    return sql.bytes_of(url, "products", but=["main_image", "gallery_images", "updated_at"])


# what an import does


def test_pictures_come_onto_the_products_of_a_shop(daemon: Workshop, shop: DjangoShop) -> None:
    shop.add_product(UUID)
    shop.add_product(VARIANT, gallery_images=["products/gallery/own.jpg"])
    shop.add_product("12", main_image="products/own.jpg")
    shop.add_product("13", is_active=False)
    shop.add_product(None, slug="none")
    daemon.pictures(f"82/{UUID}_1.jpg", f"82/{UUID}_2.jpg", "12/12_a.jpg", "13/13_a.jpg")
    figures = daemon.figures()
    assert (figures["total_products"], figures["processed"], figures["copied"]) == (4, 4, 3)
    both = paths(UUID, f"{UUID}_1.jpg", f"{UUID}_2.jpg")
    found = {row["onec_id"]: (row["main_image"], row["gallery_images"]) for row in shop.products()}
    assert found == {
        UUID: (both[0], both[1:]),
        VARIANT: (both[0], ["products/gallery/own.jpg", both[1]]),
        "12": ("products/own.jpg", paths("12", "12_a.jpg")),
        "13": ("", []),
        None: ("", []),
    }


def test_only_the_images_and_the_time_of_the_change_are_written(daemon: Workshop, shop: DjangoShop) -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    for onec_id in ("12", "13"):
        shop.add_product(onec_id, stock=7, specifications={"цвет": ["красный"]}, parent_onec_id="1")
    stamp = "'2020-01-01 00:00:00'" if sql.is_sqlite(shop.url) else "'2020-01-01 00:00:00+00'"
    sql.script(shop.url, f"UPDATE products SET updated_at = {stamp}")  # noqa: S608
    before, row_before = seen_of_products(shop.url), sql.bytes_of(shop.url, "products", "onec_id = '13'")
    daemon.pictures("12/12_a.jpg")
    moment = datetime.now(UTC)
    daemon.imported()
    assert seen_of_products(shop.url) == before
    assert sql.bytes_of(shop.url, "products", "onec_id = '13'") == row_before
    assert moment <= shop.product("12")["updated_at"] <= datetime.now(UTC)
    assert shop.product("13")["updated_at"] == old


def test_a_second_import_writes_nothing(daemon: Workshop, shop: DjangoShop) -> None:
    shop.add_product("12")
    daemon.pictures("12/12_a.jpg", "12/12_b.jpg")
    daemon.imported()
    before = sql.bytes_of(shop.url, "products")
    figures = daemon.figures()
    assert (figures["copied"], figures["skipped_files"]) == (0, 2)
    assert sql.bytes_of(shop.url, "products") == before


def test_the_shop_compares_and_orders_our_times_with_its_own(daemon: Workshop, shop: DjangoShop) -> None:
    shop.add_product("12")
    daemon.pictures("12/12_a.jpg")
    before = datetime.now(UTC)
    daemon.imported()
    after = datetime.now(UTC)
    assert len(shop.products(updated_at__gte=before, updated_at__lte=after)) == 1
    assert shop.products(updated_at__lt=before) == shop.products(updated_at__gt=after) == []
    assert len(shop.sessions(started_at__gte=before, finished_at__lte=after)) == 1
    assert shop.sessions(updated_at__lt=before - timedelta(hours=2)) == []


def test_a_name_that_the_column_cannot_hold_is_an_error_and_not_copied(
    daemon: Workshop, shop: DjangoShop
) -> None:
    key = "k" * 40
    shop.add_product(key)
    fits = f"{key}_{'x' * (100 - len(f'products/kk/{key}_.jpg'))}.jpg"
    daemon.pictures(fits, fits.replace("_x", "_xx"))
    figures = daemon.figures(status=3)
    assert (figures["copied"], figures["errors"]) == (1, 1)
    assert "main_image takes 100 characters" in figures["error_samples"][0]["reason"]
    assert shop.product(key)["main_image"] == f"products/kk/{fits}"


def test_a_row_that_the_shop_holds_is_left_to_it_and_the_others_go_on(
    served_daemon: Workshop, served_shop: DjangoShop
) -> None:
    held = served_shop.add_product("12")
    served_shop.add_product("13")
    served_daemon.pictures("12/12_a.jpg", "13/13_a.jpg")
    with sql.transaction(served_shop.url, f"SELECT 1 FROM products WHERE id = {held} FOR UPDATE"):  # noqa: S608
        figures = served_daemon.figures(status=3)
    assert figures["error_samples"] == [{"path": "12", "reason": "has a row that another transaction holds"}]
    assert served_shop.product("13")["main_image"] == "products/13/13_a.jpg"
    assert served_shop.product("12")["main_image"] == ""
    assert served_daemon.figures()["errors"] == 0
    assert served_shop.product("12")["main_image"] == "products/12/12_a.jpg"


def test_what_staff_write_meanwhile_is_not_lost(served_daemon: Workshop, served_shop: DjangoShop) -> None:
    row = served_shop.add_product("12")
    served_daemon.pictures("12/12_a.jpg", "12/12_b.jpg")
    with sql.transaction(served_shop.url, "LOCK TABLE products IN EXCLUSIVE MODE") as blocking:
        running = served_daemon.start("import")
        sql.wait_for_waiting(served_shop.url)
        blocking.exec_driver_sql(
            "UPDATE products SET main_image = 'products/own.jpg', gallery_images = '[\"theirs.jpg\"]', stock = 3"
        )
        blocking.exec_driver_sql("COMMIT")
        blocking.exec_driver_sql("BEGIN")
    assert running.result().status == 0
    [found] = served_shop.products(id=row)
    assert found["main_image"] == "products/own.jpg"
    assert found["gallery_images"] == ["theirs.jpg", *paths("12", "12_a.jpg", "12_b.jpg")]
    assert found["stock"] == 3


# sessions


def test_a_session_is_a_record_of_the_shop_like_any_other(daemon: Workshop, shop: DjangoShop) -> None:
    shop.add_product("12")
    daemon.pictures("12/12_a.jpg")
    before = datetime.now(UTC)
    printed = daemon.imported().json
    [session] = shop.sessions()
    assert (
        before
        <= session["started_at"]
        <= session["updated_at"]
        <= session["finished_at"]
        <= datetime.now(UTC)
    )
    assert before <= session["created_at"] <= session["finished_at"]
    assert (session["import_type"], session["status"]) == ("images", "completed")
    assert (session["report"], session["error_message"]) == ("", "")
    assert session["session_key"] is None
    assert session["celery_task_id"] is None
    details = session["report_details"]
    assert (details["total_products"], details["processed"]) == (1, 1)
    assert (details["copied"], details["skipped"], details["errors"]) == (1, 0, 0)
    assert datetime.fromisoformat(details["completed_at"]) == session["finished_at"]
    assert details["daemon"] == str(daemon.exchange)
    assert printed["id"] == printed["session_id"] == session["id"]


def test_what_the_shop_has_no_column_for_is_kept_in_the_details(daemon: Workshop, shop: DjangoShop) -> None:
    printed = daemon.imported().json
    [session] = shop.sessions()
    assert session["report_details"]["trigger"] == printed["trigger"] == "manual"
    assert daemon.run("session", str(session["id"]), "--json").json["trigger"] == "manual"


def test_the_progress_is_there_while_the_import_runs(
    served_daemon: Workshop, served_shop: DjangoShop
) -> None:
    served_daemon.configure(chunk_size=1, progress_every=1)
    for number in range(3):
        served_shop.add_product(f"1{number}")
    served_daemon.pictures("10/10_a.jpg", "11/11_a.jpg", "12/12_a.jpg")
    with sql.transaction(served_shop.url, "LOCK TABLE products IN EXCLUSIVE MODE"):
        running = served_daemon.start("import")
        sql.wait_for_waiting(served_shop.url)
        [session] = served_shop.sessions(status="in_progress")
    details = session["report_details"]
    assert (details["total_products"], details["processed"]) == (3, 0)
    assert datetime.fromisoformat(details["last_updated"]).utcoffset() == timedelta(0)
    assert session["finished_at"] is None
    assert running.result().status == 0


def test_a_failed_import_tells_the_shop_why(daemon: Workshop, shop: DjangoShop) -> None:
    daemon.root.rmdir()
    assert daemon.run("import").status == 1
    [session] = shop.sessions()
    assert session["status"] == "failed"
    assert session["error_message"].startswith("RootsMissingError: ")
    assert "Traceback" in session["error_message"]
    assert session["finished_at"] is not None


#: Sessions as other imports of the shop leave them.
OTHERS: list[dict[str, Any]] = [
    {
        "import_type": import_type,
        "status": status,
        "session_key": f"{import_type} {status}",
        "report_details": details,
    }
    for import_type, details in (
        ("images", {}),
        ("attributes", {"total_items": 5, "daemon": "/srv/another"}),
        ("catalog", {"total_products": 7}),
        ("variants", []),
        ("stocks", "daemon"),
        ("prices", {"daemon": 1}),
    )
    for status in ("pending", "started", "in_progress", "completed", "failed")
]


def test_a_file_of_a_shop_that_is_not_there_is_not_made(lite: Workshop) -> None:
    attach(lite)
    for command in ("import", "catalog", "init-db"):
        result = lite.run(command)
        assert (result.status, result.stderr.count("\n")) == (1, 1)
        assert f"there is no file {sql.file_of(lite.database.url)}" in result.stderr
        assert "or set attach = false" in result.stderr
    assert not sql.file_of(lite.database.url).exists()


def test_an_empty_file_stays_empty_when_it_is_taken_for_a_shop(lite: Workshop) -> None:
    attach(lite)
    sql.file_of(lite.database.url).touch()
    assert "there is no such table in" in refusal(lite)
    assert sql.file_of(lite.database.url).stat().st_size == 0


def test_nothing_is_made_in_a_database_that_is_not_the_shops(bare: Workshop) -> None:
    sql.script(bare.database.url, "CREATE TABLE orders (id integer)")
    attach(bare)
    assert "there is no such table in" in refusal(bare)
    with create_engine(bare.database.url, poolclass=NullPool).connect() as connection:
        assert inspect(connection).get_table_names() == ["orders"]


def test_the_records_of_other_imports_are_never_touched_or_told(daemon: Workshop, shop: DjangoShop) -> None:
    for values in OTHERS:
        shop.add_session(**values)
    year = "started_at = '2001-01-01 00:00:00+00:00', updated_at = '2001-01-01 00:00:00+00:00'"
    sql.script(
        shop.url,
        f"UPDATE import_sessions SET {year} WHERE id % 2 = 0",  # noqa: S608
        "UPDATE import_sessions SET report_details = 'null' WHERE import_type = 'prices'",
    )
    theirs = f"id <= {len(OTHERS)}"
    before = sql.bytes_of(shop.url, "import_sessions", theirs)
    assert len(before) == len(OTHERS)
    daemon.imported()
    daemon.catalogue({"12": ["12_a.jpg"]})
    assert daemon.run("catalog").status == 0
    listed = daemon.run("sessions", "--json").json["sessions"]
    assert [session["import_type"] for session in listed] == ["catalog", "images"]
    assert daemon.run("session", "1").status == 1
    assert sql.bytes_of(shop.url, "import_sessions", theirs) == before


def test_our_own_old_and_dead_records_are_pruned_and_closed(daemon: Workshop, shop: DjangoShop) -> None:
    mine = {"daemon": str(daemon.exchange)}
    shop.add_session(import_type="images", status="completed", report_details=mine)
    dead = shop.add_session(
        import_type="images", status="in_progress", report_details={**mine, "processed": 3}
    )
    old = "started_at = '2001-01-01 00:00:00+00:00'"
    sql.script(shop.url, f"UPDATE import_sessions SET {old}")  # noqa: S608
    daemon.configure("sessions", keep_days=10_000)
    daemon.imported()
    first, closed, _ = shop.sessions()
    assert first["status"] == "completed"
    assert (closed["id"], closed["status"], closed["error_message"]) == (dead, "failed", "interrupted")
    assert closed["report_details"]["processed"] == 3
    daemon.configure("sessions", keep_days=90)
    daemon.imported()
    assert [session["id"] for session in shop.sessions()] == [dead + 1, dead + 2]


# every command


def test_a_catalogue_orders_the_pictures_and_leaves_the_products_alone(
    daemon: Workshop, shop: DjangoShop
) -> None:
    shop.add_product("12", name="Ваза")
    daemon.catalogue({"12": ["12_b.jpg", "12_a.jpg"], "13": []}, deleted=["12"])
    before = sql.bytes_of(shop.url, "products")
    assert daemon.run("catalog").status == 0
    assert sql.bytes_of(shop.url, "products") == before
    daemon.pictures("12/12_a.jpg", "12/12_b.jpg")
    daemon.imported()
    found = shop.product("12")
    assert [found["main_image"], *found["gallery_images"]] == paths("12", "12_b.jpg", "12_a.jpg")
    assert [session["import_type"] for session in shop.sessions()] == ["catalog", "images"]


def test_nothing_is_made_or_altered_but_our_own_table(daemon: Workshop, shop: DjangoShop) -> None:
    shop.add_product("12")
    daemon.pictures("12/12_a.jpg")
    daemon.catalogue({"12": ["12_a.jpg"]})
    before = definition(shop.url, but=CATALOGUE)
    assert daemon.run("import", "--dry-run").status == 0
    for command in (
        ["init-db"],
        ["import"],
        ["catalog"],
        ["sessions"],
        ["report", "no-picture"],
        ["init-db"],
    ):
        assert daemon.run(*command).status == 0
        assert definition(shop.url, but=CATALOGUE) == before
    assert sql.execute(shop.url, f"SELECT onec_id FROM {CATALOGUE}") == [("12",)]  # noqa: S608


def test_a_dry_run_says_what_would_change_and_leaves_no_trace(daemon: Workshop, shop: DjangoShop) -> None:
    row = shop.add_product("12", gallery_images=["own.jpg"])
    daemon.pictures("12/12_a.jpg")
    before = (
        definition(shop.url, but=CATALOGUE),
        sql.bytes_of(shop.url, "products"),
        everything_below(daemon.place.parent),
    )
    result = daemon.imported("--dry-run")
    assert result.json["changes"] == [
        {
            "id": row,
            "onec_id": "12",
            "before": {"main_image": "", "gallery_images": ["own.jpg"]},
            "after": {"main_image": "products/12/12_a.jpg", "gallery_images": ["own.jpg"]},
        }
    ]
    assert shop.sessions() == []
    assert everything_below(daemon.place.parent) == before[2]
    assert (definition(shop.url, but=CATALOGUE), sql.bytes_of(shop.url, "products")) == before[:2]


def test_what_is_missing_is_reported(daemon: Workshop, shop: DjangoShop) -> None:
    row = shop.add_product("12")
    shop.add_product("13")
    daemon.pictures("13/13_a.jpg", "99/99_a.jpg")
    reported = daemon.run("report", "no-picture", "--json").json
    assert [(item["onec_id"], item["id"]) for item in reported["items"]] == [("12", row)]
    assert daemon.run("report", "unmatched", "--json").json["count"] == 1


def test_the_product_that_is_asked_for_is_imported(daemon: Workshop, shop: DjangoShop) -> None:
    shop.add_product(UUID)
    shop.add_product(VARIANT)
    daemon.pictures(f"82/{UUID}_1.jpg")
    assert daemon.figures(VARIANT)["total_products"] == 1
    assert [row["main_image"] != "" for row in shop.products()] == [False, True]


# a configuration that does not fit


@pytest.mark.parametrize(
    "section, setting, told",
    [
        (
            "database.products",
            {"table": "goods"},
            r"table = 'goods': there is no such table in .*; it has .*products",
        ),
        (
            "database.products",
            {"main_image": "image"},
            r"main_image = 'image': no such column in .*; it has .*slug",
        ),
        ("database.products", {"id": "uid"}, r"id = 'uid': no such column in table 'products' of "),
        ("database.sessions", {"table": "sessions"}, r"table = 'sessions': there is no such table in "),
        (
            "database.sessions",
            {"task_id": "task_id"},
            r"task_id = 'task_id': no such column in .*; it has .*celery_task",
        ),
        ("database.sessions", {"trigger": "cause"}, r"trigger = 'cause': no such column"),
        (
            "database.products",
            {"onec_id": "stock"},
            r"onec_id = 'stock': the column .* is INTEGER, it must be text",
        ),
        (
            "database.products",
            {"is_active": "slug"},
            r"is_active = 'slug': .* is VARCHAR\(255\), it must be boolean",
        ),
        ("database.products", {"updated_at": "stock"}, r"updated_at = 'stock': .* it must be a timestamp"),
        ("database.sessions", {"report_details": "id", "id": "report_details"}, r"it must be "),
    ],
)
def test_a_name_that_is_wrong_is_told_with_what_is_there(
    served_daemon: Workshop, section: str, setting: dict[str, Setting], told: str
) -> None:
    served_daemon.configure(section, **setting)
    message = refusal(served_daemon)
    assert message.startswith(f"[{section}] ")
    assert re.search(told, message)


@pytest.mark.parametrize(
    "statement, told",
    [
        (
            "ALTER gallery_images TYPE text",
            r"gallery_images = 'gallery_images': .* is TEXT, it must be json or jsonb",
        ),
        ("DROP onec_id, ADD onec_id integer", r"onec_id = 'onec_id': .* is INTEGER, it must be text"),
        ("ALTER is_active TYPE text", r"is_active = 'is_active': .* is TEXT, it must be boolean"),
        ("ALTER updated_at TYPE date", r"updated_at = 'updated_at': .* is DATE, it must be a timestamp"),
    ],
)
def test_a_type_that_is_wrong_is_told(
    served_daemon: Workshop, served_shop: DjangoShop, statement: str, told: str
) -> None:
    sql.script(served_shop.url, f"ALTER TABLE products {statement}")
    assert re.search(told, refusal(served_daemon))


def test_every_command_refuses_a_wrong_name(daemon: Workshop) -> None:
    daemon.configure("database.products", table="goods")
    told = refusal(daemon)
    for command in (["import", "--dry-run"], ["catalog"], ["sessions"], ["report", "errors"], ["init-db"]):
        result = daemon.run(*command)
        assert (result.status, result.stderr) == (78, f"onec-images: {told}\n")


# shops that differ


@pytest.mark.parametrize("missing", [["updated_at"], ["is_active"], ["updated_at", "is_active"]])
def test_a_shop_may_lack_columns(daemon: Workshop, shop: DjangoShop, missing: list[str]) -> None:
    shop.add_product("12")
    shop.add_product("13", is_active=False)
    daemon.configure("database.products", **dict.fromkeys(missing, ""))
    daemon.pictures("12/12_a.jpg", "13/13_a.jpg")
    before = shop.product("12")["updated_at"]
    figures = daemon.figures()
    has_changed = shop.product("12")["updated_at"] != before
    assert has_changed is ("updated_at" not in missing)
    assert figures["total_products"] == (2 if "is_active" in missing else 1)


def test_products_may_lie_in_another_schema(served_daemon: Workshop, served_shop: DjangoShop) -> None:
    served_shop.add_product("12")
    sql.script(
        served_shop.url,
        "CREATE SCHEMA shop",
        "ALTER TABLE products SET SCHEMA shop",
        "ALTER TABLE import_sessions SET SCHEMA shop",
    )
    served_daemon.configure("database.products", table="shop.products")
    served_daemon.configure("database.sessions", table="shop.import_sessions")
    served_daemon.pictures("12/12_a.jpg")
    served_daemon.imported()
    assert sql.execute(served_shop.url, "SELECT main_image FROM shop.products") == [("products/12/12_a.jpg",)]
    assert sql.execute(served_shop.url, "SELECT status FROM shop.import_sessions") == [("completed",)]


def test_names_may_have_any_case_and_alphabet(daemon: Workshop, shop: DjangoShop) -> None:
    shop.add_product("12")
    renamed = {
        "onec_id": "Код 1С",
        "main_image": "mainImage",
        "gallery_images": "Gallery",
        "is_active": "order",
    }
    sql.script(
        shop.url,
        *(f'ALTER TABLE products RENAME COLUMN {old} TO "{new}"' for old, new in renamed.items()),
        'ALTER TABLE products RENAME TO "Товары"',
    )
    daemon.configure("database.products", table="Товары", **renamed)
    daemon.pictures("12/12_a.jpg", "12/12_b.jpg")
    assert daemon.figures()["copied"] == 2
    [(image,)] = sql.execute(shop.url, 'SELECT "mainImage" FROM "Товары"')
    assert image == "products/12/12_a.jpg"


def test_columns_of_sessions_that_must_have_a_value_get_a_neutral_one(
    served_daemon: Workshop, served_shop: DjangoShop
) -> None:
    sql.script(
        served_shop.url,
        "CREATE TYPE mood AS ENUM ('calm', 'cross')",
        "ALTER TABLE import_sessions ADD number varchar(40) NOT NULL UNIQUE, ADD checked_at timestamptz NOT NULL,"
        " ADD mood mood NOT NULL, ADD marks jsonb NOT NULL, ADD seen boolean NOT NULL, ADD size integer NOT NULL",
    )
    for _ in range(2):
        served_daemon.imported()
    found = sql.execute(
        served_shop.url, "SELECT number, checked_at, mood, marks, seen, size FROM import_sessions"
    )
    assert len({number for number, *_ in found}) == 2
    assert all(re.fullmatch(r"[0-9a-f-]{36}", number) for number, *_ in found)
    assert all(datetime.now(UTC) - time < timedelta(minutes=1) for _, time, *_ in found)
    assert {(mood, str(marks), seen, size) for *_, mood, marks, seen, size in found} == {
        ("calm", "{}", False, 0)
    }


def test_a_column_of_sessions_without_a_neutral_value_is_told(
    served_daemon: Workshop, served_shop: DjangoShop
) -> None:
    sql.script(served_shop.url, "ALTER TABLE import_sessions ADD address inet NOT NULL")
    result = served_daemon.run("import")
    assert result.status == 78
    assert result.stderr == (
        "onec-images: [database.sessions] the column 'address' (INET) must have a value: map it, allow NULL or"
        " give it a default\n"
    )
    assert served_shop.sessions() == []


# rights


RIGHTS = (
    "SELECT, UPDATE (main_image, gallery_images, updated_at) ON products",
    "SELECT, INSERT, UPDATE, DELETE ON import_sessions",
    "USAGE ON SEQUENCE import_sessions_id_seq",
)


def test_where_our_table_is_forbidden_pictures_are_ordered_by_name(
    served_daemon: Workshop, served_shop: DjangoShop
) -> None:
    served_shop.add_product("12")
    served_daemon.pictures("12/12_b.jpg", "12/12_a.jpg")
    served_daemon.catalogue({"12": ["12_b.jpg", "12_a.jpg"]})
    with role(served_shop.url, *RIGHTS) as limited:
        served_daemon.configure("database", url=limited)
        result = served_daemon.imported()
        assert "The table of the catalogue cannot be made (" in result.stderr
        assert (
            "permission denied for schema public; GRANT USAGE, CREATE ON SCHEMA public TO " in result.stderr
        )
        assert "pictures are ordered by name" in result.stderr
        refused = served_daemon.run("catalog")
        assert refused.status != 0
        assert "onec_images_catalogue" in refused.stderr
    found = served_shop.product("12")
    assert [found["main_image"], *found["gallery_images"]] == paths("12", "12_a.jpg", "12_b.jpg")
    assert CATALOGUE not in str(sql.execute(served_shop.url, "SELECT relname FROM pg_class"))


def test_rights_on_single_columns_are_enough(served_daemon: Workshop, served_shop: DjangoShop) -> None:
    served_shop.add_product("12")
    served_daemon.pictures("12/12_a.jpg")
    columns = "id, onec_id, is_active, main_image, gallery_images"
    with role(served_shop.url, f"SELECT ({columns}) ON products", *RIGHTS[1:]) as limited:
        served_daemon.configure("database", url=limited)
        refused = served_daemon.run("import")
        assert refused.status == 1
        found = re.search(
            r"permission denied for table products; (GRANT SELECT, UPDATE ON products TO \w+)", refused.stderr
        )
        assert found is not None
        sql.script(served_shop.url, found[1])
        assert served_daemon.run("import").status == 0
    assert served_shop.product("12")["main_image"] == "products/12/12_a.jpg"
