"""The daemon's own tables, made where they are missing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect
from support import sql
from support.own_tables import PRODUCTS, SESSIONS, sessions_names
from support.postgres import Postgres
from support.roles import role
from support.workshop import Workshop, read_json

from daemon.db import mapping, schema
from daemon.db.engine import Database
from daemon.db.mapping import Names
from daemon.errors import DatabaseUnavailableError, SchemaError

TABLES = ["import_sessions", "onec_images_catalogue", "onec_images_schema", "products"]


def create(url: str, products: Names = PRODUCTS, sessions: Names = SESSIONS) -> None:
    with Database(url) as database:
        schema.create(database, products, sessions)


def complaint(url: str, products: Names = PRODUCTS, sessions: Names = SESSIONS) -> str:
    with pytest.raises(SchemaError) as caught:
        create(url, products, sessions)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def tables_of(url: str, where: str | None = None) -> list[str]:
    with sql.connection(url) as connected:
        return sorted(inspect(connected).get_table_names(schema=where))


def types_of(url: str, table: str) -> Mapping[str, str]:
    with sql.connection(url) as connected:
        return {column["name"]: str(column["type"]) for column in inspect(connected).get_columns(table)}


def only_row(url: str, table: str) -> dict[str, Any]:
    [row] = sql.execute(url, f"SELECT * FROM {table}")  # noqa: S608
    return dict(zip(sql.columns_of(url, table), row, strict=True))


def is_recent(time: Any) -> bool:
    age = datetime.now(UTC) - datetime.fromisoformat(str(time))
    return timedelta(seconds=-1) < age < timedelta(minutes=1)


# what is made


def test_all_tables_are_made_and_made_once(database_url: str) -> None:
    create(database_url)
    assert tables_of(database_url) == TABLES
    sql.insert(database_url, "products", [{"onec_id": "1"}])
    create(database_url)
    assert sql.execute(database_url, "SELECT onec_id FROM products") == [("1",)]
    assert sql.execute(database_url, "SELECT version FROM onec_images_schema") == [(schema.VERSION,)]


def test_an_onec_id_makes_a_whole_product(url: str) -> None:
    sql.script(url, "INSERT INTO products (onec_id) VALUES ('1')")
    row = only_row(url, "products")
    assert is_recent(row.pop("updated_at"))
    assert read_json(row.pop("gallery_images")) == []
    assert row.pop("is_active") in (True, 1)
    assert row == {"id": 1, "onec_id": "1", "name": "", "main_image": ""}


def test_every_column_of_a_session_has_a_default(url: str) -> None:
    sql.script(url, "INSERT INTO import_sessions DEFAULT VALUES")
    row = only_row(url, "import_sessions")
    assert is_recent(row.pop("started_at"))
    assert is_recent(row.pop("updated_at"))
    assert read_json(row.pop("report_details")) == {}
    assert row == {
        "id": 1,
        "import_type": "images",
        "status": "pending",
        "task_id": None,
        "trigger": "manual",
        "finished_at": None,
        "error_message": "",
    }


def test_times_in_sqlite_are_iso_8601_with_an_offset(lite_url: str) -> None:
    sql.script(lite_url, "INSERT INTO products (onec_id) VALUES ('1')")
    time = datetime.fromisoformat(only_row(lite_url, "products")["updated_at"])
    assert time.utcoffset() == timedelta(0)


def test_types_in_postgresql_are_its_own(served_url: str) -> None:
    assert types_of(served_url, "products") == {
        "id": "BIGINT",
        "onec_id": 'VARCHAR(100) COLLATE "C"',
        "name": "TEXT",
        "is_active": "BOOLEAN",
        "main_image": "VARCHAR(255)",
        "gallery_images": "JSONB",
        "updated_at": "TIMESTAMP",
    }
    assert types_of(served_url, "import_sessions")["report_details"] == "JSONB"
    assert types_of(served_url, "onec_images_catalogue")["pictures"] == "JSONB"


def test_an_onec_id_is_unique_and_may_be_missing(url: str) -> None:
    sql.insert(url, "products", [{"onec_id": onec_id} for onec_id in (None, None, "1", "ё" * 100)])
    with pytest.raises(Exception, match=r"(?i)unique"):
        sql.insert(url, "products", [{"onec_id": "1"}])


def test_images_may_be_missing(url: str) -> None:
    sql.script(url, "INSERT INTO products (main_image, gallery_images) VALUES (NULL, NULL)")
    assert only_row(url, "products")["main_image"] is None


def test_ids_reach_beyond_32_bits(url: str) -> None:
    sql.script(url, f"INSERT INTO products (id, onec_id) VALUES ({2**40}, '1')")  # noqa: S608
    assert only_row(url, "products")["id"] == 2**40


def test_columns_are_called_and_left_out_as_the_configuration_says(database_url: str) -> None:
    products = Names("database.products", "Товары", {**PRODUCTS.columns, "onec_id": "Код", "updated_at": ""})
    create(database_url, products, sessions_names(task_id="celery_task_id", trigger=""))
    assert "Товары" in tables_of(database_url)
    assert set(types_of(database_url, "Товары")) == {
        "id",
        "Код",
        "name",
        "is_active",
        "main_image",
        "gallery_images",
    }
    assert "celery_task_id" in types_of(database_url, "import_sessions")
    assert "trigger" not in types_of(database_url, "import_sessions")
    with Database(database_url) as database:
        assert mapping.find(database, products).unique == {"id", "Код"}


def test_tables_may_be_made_in_another_schema(postgres: Postgres) -> None:
    url = postgres.new_database()
    sql.script(url, "CREATE SCHEMA shop")
    create(url, Names("database.products", "shop.products", PRODUCTS.columns))
    assert tables_of(url, "shop") == ["products"]
    assert tables_of(url) == ["import_sessions", "onec_images_catalogue", "onec_images_schema"]


def test_a_schema_that_is_not_there_is_told(postgres: Postgres) -> None:
    told = complaint(postgres.new_database(), Names("database.products", "shop.products", PRODUCTS.columns))
    assert told.endswith('schema "shop" does not exist')


def test_sqlite_has_no_schemas_to_make_tables_in(tmp_path: Path) -> None:
    told = complaint(
        f"sqlite:///{tmp_path}/shop.db", Names("database.products", "shop.products", PRODUCTS.columns)
    )
    assert told == "[database.products] table = 'shop.products': SQLite knows no schemas, only tables"


# what was there before


def test_tables_of_a_newer_release_are_refused_and_left_alone(url: str) -> None:
    sql.script(
        url,
        "UPDATE onec_images_schema SET version = 1000",
        "DROP TABLE import_sessions",
        "ALTER TABLE products DROP COLUMN name",
    )
    told = complaint(url)
    assert (
        "its tables were made by a newer release (version 1000, this one knows 1); install that one" in told
    )
    assert "import_sessions" not in tables_of(url)


def test_a_version_that_nobody_wrote_is_written(url: str) -> None:
    sql.script(url, "DELETE FROM onec_images_schema")
    create(url)
    assert sql.execute(url, "SELECT version FROM onec_images_schema") == [(schema.VERSION,)]


def test_a_table_that_is_missing_is_made_again(url: str) -> None:
    sql.script(url, "DROP TABLE import_sessions", "DROP TABLE onec_images_catalogue")
    create(url)
    assert tables_of(url) == TABLES


@pytest.mark.parametrize(
    "table, columns",
    [("products", "name, main_image"), ("import_sessions", "trigger"), ("onec_images_catalogue", "pictures")],
)
def test_a_table_that_lacks_columns_is_told_and_nothing_is_made(
    database_url: str, table: str, columns: str
) -> None:
    kept = {
        "products": "onec_id varchar(100), is_active boolean, gallery_images text, updated_at text",
        "import_sessions": "import_type text, status text, task_id text, started_at text, updated_at text,"
        " finished_at text, report_details text, error_message text",
        "onec_images_catalogue": "onec_id text, updated_at text",
    }
    sql.script(database_url, f"CREATE TABLE {table} (id bigint, {kept[table]})")
    told = complaint(database_url)
    assert told.endswith(
        f": the table {table} is there, but not as onec-images makes it: it lacks {columns};"
        " if it is a shop's, set [database] attach = true"
    )
    assert tables_of(database_url) == [table]


def test_a_missing_column_ends_a_command_with_one_line(bare: Workshop) -> None:
    assert bare.run("init-db").status == 0
    sql.script(bare.database.url, "ALTER TABLE products DROP COLUMN name")
    for command in (["init-db"], ["import"], ["catalog"]):
        result = bare.run(*command)
        assert result.status == 78
        assert result.stderr.count("\n") == 1
        assert "it lacks name" in result.stderr


@pytest.mark.parametrize(
    "command", [["import", "--dry-run"], ["sessions"], ["session", "1"], ["report", "unmatched"]]
)
def test_a_database_without_tables_fails_what_only_reads_and_stays_empty(
    served: Workshop, command: list[str]
) -> None:
    result = served.run(*command)
    assert result.status == 1
    assert result.stderr.count("\n") == 1
    assert "has no tables yet; `onec-images init-db` makes them" in result.stderr
    assert tables_of(served.database.url) == []


def test_a_file_without_tables_fails_what_only_reads_and_stays_empty(lite: Workshop) -> None:
    file = sql.file_of(lite.database.url)
    file.touch()
    result = lite.run("import", "--dry-run")
    assert (result.status, result.stderr.count("\n")) == (1, 1)
    assert "has no tables yet" in result.stderr
    assert file.stat().st_size == 0


# several at once, and rights


def test_several_processes_may_make_the_tables_at_once(bare: Workshop) -> None:
    running = [bare.start("init-db") for _ in range(8)]
    results = [process.result() for process in running]
    assert [(result.status, result.stderr) for result in results] == [(0, "")] * 8
    assert tables_of(bare.database.url) == TABLES
    assert sql.execute(bare.database.url, "SELECT version FROM onec_images_schema") == [(schema.VERSION,)]


def test_who_may_not_make_tables_is_told_what_to_grant(postgres: Postgres) -> None:
    url = postgres.new_database()
    with role(url) as limited, pytest.raises(DatabaseUnavailableError) as caught:
        create(limited)
    assert "permission denied for schema public; GRANT USAGE, CREATE ON SCHEMA public TO " in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


def test_tables_that_are_there_need_no_right_to_make_any(served_url: str) -> None:
    with role(served_url, "SELECT ON ALL TABLES IN SCHEMA public") as limited:
        create(limited)


def test_a_shops_database_is_given_one_table(database_url: str) -> None:
    with Database(database_url) as database:
        assert not schema.has_catalogue(database)
        assert schema.create_catalogue(database) is None
        assert schema.has_catalogue(database)
        assert schema.create_catalogue(database) is None
    assert tables_of(database_url) == ["onec_images_catalogue"]


def test_why_a_shop_forbids_that_table_is_returned(postgres: Postgres) -> None:
    url = postgres.new_database()
    with role(url) as limited, Database(limited) as database:
        reason = schema.create_catalogue(database)
        assert reason is not None
        assert "permission denied for schema public; GRANT USAGE, CREATE ON SCHEMA public TO " in reason
        with database.reading() as connection:  # and one can go on
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_a_lost_connection_is_no_prohibition(postgres: Postgres) -> None:
    url = postgres.new_database()
    with Database(url) as database:
        with database.reading() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        sql.execute(url, "SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
        with pytest.raises(DatabaseUnavailableError, match="terminating connection"):
            schema.create_catalogue(database)
