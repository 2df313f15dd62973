"""Whether the tables are what the configuration says, and the user may do there what an import does."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, make_url
from support.postgres import Postgres

from daemon import shop
from daemon.config import Settings
from daemon.db.engine import Database
from daemon.doctor import schema
from daemon.doctor.configuration import initializing
from daemon.doctor.finding import Finding, State

FILE = Path("/etc/onec-images/config.toml")
ROLE = f"onec images test {os.getpid()}"

PRODUCTS = """
CREATE TABLE "shop products" (
    id integer PRIMARY KEY, "1c id" varchar(100), image varchar(80), gallery jsonb, price numeric
)
"""
SESSIONS = """
CREATE TABLE imports (
    id serial PRIMARY KEY, import_type varchar(20) NOT NULL, status varchar(20) NOT NULL,
    report_details jsonb NOT NULL, place point
)
"""
#: What a shop calls its tables and columns.
SHOP: dict[str, Any] = {
    "attach": True,
    "products": {
        "table": "shop products",
        "onec_id": "1c id",
        "is_active": "",
        "main_image": "image",
        "gallery_images": "gallery",
        "updated_at": "",
    },
    "sessions": {
        "table": "imports",
        "task_id": "",
        "trigger": "",
        "started_at": "",
        "updated_at": "",
        "finished_at": "",
        "error_message": "",
    },
}


class Patient:
    """A database, and what the doctor says of it."""

    def __init__(self, url: str, place: Path) -> None:
        self.url = url
        self.keys: dict[str, object] = {}
        self.prefix = "products"
        self._seen_as = url
        self._place = place

    def execute(self, *statements: str) -> None:
        with create_engine(self.url, poolclass=NullPool).begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))

    def seen_by(self, role: str) -> None:
        url = make_url(self.url).update_query_dict({"options": f"-c role={role.replace(' ', chr(92) + ' ')}"})
        self._seen_as = url.render_as_string(hide_password=False)

    def settings(self, url: str) -> Settings:
        sections = {"database": {"url": url, **self.keys}, "media": {"prefix": self.prefix}}
        return Settings.model_validate(sections).anchored(self._place)

    def initialize(self) -> None:
        with shop.opened(self.settings(self.url)):
            pass

    def findings(self) -> list[Finding]:
        settings = self.settings(self._seen_as)
        with Database(settings.database.url, read_only=True) as database:
            return list(schema.examine(settings, FILE, database))

    def amiss(self) -> list[Finding]:
        return [finding for finding in self.findings() if finding.state is not State.OK]

    def finding(self, subject: str) -> Finding:
        [finding] = (finding for finding in self.findings() if finding.subject == subject)
        return finding

    def cure(self) -> None:
        """Do what the findings say is to be done, as the database's owner would."""
        with create_engine(
            self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool
        ).connect() as connection:
            for finding in self.amiss():
                connection.exec_driver_sql(finding.remedy.replace("%", "%%"))


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Patient:
    """An empty database of either kind; an SQLite file has a table, for it is there."""
    patient = Patient(database_url, tmp_path)
    patient.execute("CREATE TABLE of_others (id integer)")
    return patient


@pytest.fixture
def own(empty: Patient) -> Patient:
    """A database with our own tables."""
    empty.initialize()
    return empty


@pytest.fixture
def attached(postgres: Postgres, tmp_path: Path) -> Patient:
    """A shop's PostgreSQL database."""
    patient = Patient(postgres.new_database(), tmp_path)
    patient.execute(PRODUCTS, SESSIONS)
    patient.keys = dict(SHOP)
    return patient


@pytest.fixture
def role(postgres: Postgres) -> Iterator[str]:
    """A user without any rights."""
    admin = Patient(postgres.new_database(), Path())
    admin.execute(f'CREATE ROLE "{ROLE}"')
    yield ROLE
    postgres.drop_all()  # and with the databases all that was granted there
    admin = Patient(postgres.new_database(), Path())
    admin.execute(f'DROP ROLE "{ROLE}"')


def test_our_own_tables_are_well(own: Patient) -> None:
    assert own.amiss() == []


def test_our_own_tables_are_made_by_init_db_where_they_are_missing(empty: Patient) -> None:
    found = empty.findings()
    assert [finding.state for finding in found] == [State.WARNING] * 3
    assert [finding.message for finding in found] == [
        "products does not exist yet",
        "import_sessions does not exist yet",
        "onec_images_catalogue does not exist yet",
    ]
    assert {finding.remedy for finding in found} == {initializing(FILE)}


def test_a_table_of_ours_with_other_columns_is_an_error(empty: Patient) -> None:
    empty.execute("CREATE TABLE products (id integer PRIMARY KEY, sku text)")
    found = empty.finding("products table")
    assert found.state is State.ERROR
    assert "onec_id = 'onec_id'" in found.message
    assert found.remedy == f"correct [database.products] in {FILE}"


def test_tables_that_may_not_be_made_are_an_error_until_it_is_cured(
    postgres: Postgres, tmp_path: Path, role: str
) -> None:
    patient = Patient(postgres.new_database(), tmp_path)
    patient.execute("REVOKE ALL ON SCHEMA public FROM public", f'GRANT USAGE ON SCHEMA public TO "{role}"')
    patient.seen_by(role)
    assert {finding.state for finding in patient.findings()} == {State.ERROR}
    assert {finding.remedy for finding in patient.findings()} == {
        f'GRANT USAGE, CREATE ON SCHEMA "public" TO "{role}";'
    }
    patient.cure()
    assert {finding.state for finding in patient.findings()} == {State.WARNING}


def test_rights_on_our_own_tables_are_an_error_until_it_is_cured(
    postgres: Postgres, tmp_path: Path, role: str
) -> None:
    patient = Patient(postgres.new_database(), tmp_path)
    patient.initialize()
    patient.seen_by(role)
    remedies = [finding.remedy for finding in patient.amiss()]
    assert remedies == [
        f'GRANT SELECT, INSERT, UPDATE ON "products" TO "{role}";',
        f'GRANT USAGE ON SEQUENCE public.products_id_seq TO "{role}";',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON "import_sessions" TO "{role}";',
        f'GRANT USAGE ON SEQUENCE public.import_sessions_id_seq TO "{role}";',
        f'GRANT SELECT, INSERT, UPDATE ON "onec_images_catalogue" TO "{role}";',
    ]
    patient.cure()
    assert patient.amiss() == []


def test_a_shop_that_lacks_nothing_is_well(attached: Patient) -> None:
    attached.execute(
        'ALTER TABLE "shop products" ALTER image TYPE text',
        'CREATE UNIQUE INDEX ON "shop products" ("1c id" text_pattern_ops)',
    )
    assert attached.amiss() == []
    assert attached.finding("catalogue table").message == (
        "onec_images_catalogue will be made by the first import"
    )


def test_what_a_shop_lacks_is_told_until_it_is_cured(attached: Patient) -> None:
    assert [(finding.state, finding.remedy) for finding in attached.amiss()] == [
        (State.ERROR, 'ALTER TABLE "shop products" ALTER COLUMN "image" TYPE varchar(255);'),
        (State.WARNING, 'CREATE UNIQUE INDEX CONCURRENTLY ON "shop products" ("1c id");'),
        (State.WARNING, 'CREATE INDEX CONCURRENTLY ON "shop products" ("1c id" text_pattern_ops);'),
    ]
    attached.cure()
    assert attached.amiss() == []


def test_a_column_must_hold_the_longest_path_below_the_prefix(attached: Patient) -> None:
    attached.execute('ALTER TABLE "shop products" ALTER image TYPE varchar(90)')
    assert attached.finding("length of main_image").state is State.OK
    attached.prefix = "products2"
    found = attached.finding("length of main_image")
    assert found.state is State.ERROR
    assert found.message == "the column takes 90 characters, the path of a picture of 1C has up to 91"


def test_a_short_column_of_sqlite_leaves_a_short_prefix(tmp_path: Path) -> None:
    patient = Patient(f"sqlite:///{tmp_path}/shop.db", tmp_path)
    patient.execute(
        'CREATE TABLE "shop products" (id integer PRIMARY KEY, "1c id" text, image varchar(80), gallery text)'
    )
    patient.keys = dict(SHOP)
    assert patient.finding("length of main_image").remedy == "shorten [media] prefix"


def test_indexes_of_sqlite_are_told_until_it_is_cured(tmp_path: Path) -> None:
    patient = Patient(f"sqlite:///{tmp_path}/shop.db", tmp_path)
    patient.execute(
        'CREATE TABLE "shop products" (id integer PRIMARY KEY, "1c id" text, image text, gallery text)',
        "CREATE TABLE imports (id integer PRIMARY KEY, import_type text, status text, report_details text)",
    )
    patient.keys = dict(SHOP)
    assert [finding.remedy for finding in patient.amiss()] == [
        'CREATE UNIQUE INDEX "shop products_1c id_unique" ON "shop products" ("1c id");',
        'CREATE INDEX "shop products_1c id_prefix" ON "shop products" ("1c id");',
    ]
    patient.cure()
    assert patient.amiss() == []


def test_an_index_that_finds_whole_ids_alone_does_not_serve(attached: Patient) -> None:
    attached.execute('CREATE INDEX ON "shop products" USING hash ("1c id")')
    assert attached.finding("index of onec_id").state is State.WARNING


def test_an_index_that_begins_with_another_column_does_not_serve(attached: Patient) -> None:
    attached.execute('CREATE INDEX ON "shop products" (price, "1c id" text_pattern_ops)')
    attached.execute('CREATE INDEX ON "shop products" (lower("1c id") text_pattern_ops)')
    assert attached.finding("index of onec_id").state is State.WARNING


def test_an_index_in_byte_order_serves(attached: Patient) -> None:
    attached.execute('CREATE INDEX ON "shop products" ("1c id" COLLATE "C")')
    assert attached.finding("index of onec_id").state is State.OK


def test_our_own_products_need_unique_ids(own: Patient) -> None:
    if own.url.startswith("sqlite"):
        own.execute(
            "DROP TABLE products",
            "CREATE TABLE products (id integer PRIMARY KEY, onec_id text, is_active boolean, main_image text,"
            " gallery_images text, updated_at text)",
        )
    else:
        own.execute("ALTER TABLE products DROP CONSTRAINT products_onec_id_key")
    assert own.finding("uniqueness of onec_id").state is State.ERROR
    own.cure()
    assert own.amiss() == []


def test_a_missing_table_of_a_shop_is_an_error_beside_the_others(attached: Patient) -> None:
    attached.execute("DROP TABLE imports")
    found = attached.finding("sessions table")
    assert found.state is State.ERROR
    assert "there is no such table" in found.message
    assert found.remedy == f"correct [database.sessions] in {FILE}"
    assert attached.finding("products table").state is State.OK


@pytest.mark.parametrize(
    "kind, remedy",
    [
        ("varchar(8)", 'ALTER TABLE "imports" ALTER COLUMN "status" TYPE varchar(11);'),
        (
            "progress",
            "ALTER TYPE \"progress\" ADD VALUE 'started'; ALTER TYPE \"progress\" ADD VALUE 'in_progress';",
        ),
    ],
)
def test_a_status_must_take_our_words_until_it_is_cured(attached: Patient, kind: str, remedy: str) -> None:
    attached.execute(
        "CREATE TYPE progress AS ENUM ('pending', 'completed', 'failed')",
        f"ALTER TABLE imports ALTER status TYPE {kind} USING status::{kind}",
    )
    [found] = [finding for finding in attached.amiss() if finding.subject == "sessions table"]
    assert found.state is State.ERROR
    assert found.remedy == remedy
    attached.cure()
    assert attached.amiss() == []


def test_a_column_whose_value_nobody_can_know_is_an_error(attached: Patient) -> None:
    attached.execute("ALTER TABLE imports ALTER place SET NOT NULL")
    [found] = [finding for finding in attached.amiss() if finding.subject == "sessions table"]
    assert found.state is State.ERROR
    assert "the column 'place'" in found.message


def test_a_shop_grants_no_more_than_is_needed_until_it_is_cured(attached: Patient, role: str) -> None:
    attached.seen_by(role)
    remedies = [finding.remedy for finding in attached.amiss() if finding.remedy.startswith("GRANT")]
    columns = '("id", "1c id", "image", "gallery")'
    assert remedies == [
        f'GRANT SELECT {columns}, UPDATE ("image", "gallery") ON "shop products" TO "{role}";',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON "imports" TO "{role}";',
        f'GRANT USAGE ON SEQUENCE public.imports_id_seq TO "{role}";',
        f'GRANT USAGE, CREATE ON SCHEMA "public" TO "{role}";',
    ]
    attached.cure()  # the indexes are looked at now
    attached.cure()
    assert attached.amiss() == []


def test_a_forbidden_catalogue_is_a_warning(attached: Patient, role: str) -> None:
    attached.seen_by(role)
    found = attached.finding("catalogue table")
    assert found.state is State.WARNING
    assert found.message.endswith("pictures are ordered by name")


def test_a_catalogue_must_be_writable_where_it_is(attached: Patient, role: str) -> None:
    attached.initialize()
    attached.seen_by(role)
    found = attached.finding("catalogue table")
    assert (found.state, found.remedy) == (
        State.ERROR,
        f'GRANT SELECT, INSERT, UPDATE ON "onec_images_catalogue" TO "{role}";',
    )


def test_tables_in_a_schema_are_granted_there(attached: Patient, role: str) -> None:
    attached.execute(
        'CREATE SCHEMA "the shop"',
        f'GRANT USAGE ON SCHEMA "the shop" TO "{role}"',
        'ALTER TABLE imports SET SCHEMA "the shop"',
    )
    attached.keys["sessions"] = {**SHOP["sessions"], "table": "the shop.imports"}
    attached.seen_by(role)
    remedies = [finding.remedy for finding in attached.amiss() if finding.subject == "sessions table"]
    assert remedies == [
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON "the shop"."imports" TO "{role}";',
        f'GRANT USAGE ON SEQUENCE "the shop".imports_id_seq TO "{role}";',
    ]


def test_identity_columns_need_no_right_to_a_sequence(attached: Patient, role: str) -> None:
    attached.execute(
        "ALTER TABLE imports ALTER id DROP DEFAULT, ALTER id ADD GENERATED BY DEFAULT AS IDENTITY"
    )
    attached.seen_by(role)
    assert not [finding for finding in attached.findings() if "SEQUENCE" in finding.remedy]


@pytest.mark.parametrize("name", ["the shop", "public"])
def test_a_schema_that_may_not_be_looked_into_is_told_until_it_is_cured(
    attached: Patient, role: str, name: str
) -> None:
    attached.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"', f'REVOKE ALL ON SCHEMA "{name}" FROM public')
    if name != "public":
        attached.execute(f'ALTER TABLE imports SET SCHEMA "{name}"')
        attached.keys["sessions"] = {**SHOP["sessions"], "table": f"{name}.imports"}
    attached.seen_by(role)
    opening = f'GRANT USAGE ON SCHEMA "{name}" TO "{role}";'
    assert opening in {finding.remedy for finding in attached.amiss() if finding.subject == "sessions table"}
    attached.execute(opening)
    assert not any(finding.remedy == opening for finding in attached.amiss())
