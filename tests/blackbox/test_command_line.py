"""What is typed, what is printed, and the status that the shell gets."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.commands import AS_ANY_USER, Command, Result, WarmStarter, program
from support.terminals import shown
from support.workshop import Workshop, catalogue_text, everything_below, paths

LOWER = "8204be24-15b9-11ea-81b8-00155d3cae02"


def filled(workshop: Workshop) -> None:
    """Put some products and pictures into a shop."""
    workshop.products("12", "12#1", "12#2", "13", LOWER)
    workshop.product("14", is_active=False)
    workshop.pictures("12_a.jpg", "13_a.jpg", f"{LOWER}_a.jpg", "14_a.jpg")


def with_pictures(workshop: Workshop) -> set[str | None]:
    """Return the onec_ids of the products that have pictures."""
    return {row.onec_id for row in workshop.rows() if row.pictures}


# the products that are named


def test_an_id_without_a_variant_selects_all_that_share_the_key(workshop: Workshop) -> None:
    filled(workshop)
    assert workshop.figures("12")["total_products"] == 3
    assert with_pictures(workshop) == {"12", "12#1", "12#2"}
    assert set(workshop.contents()) == {"products/12/12_a.jpg"}


def test_an_id_with_a_variant_selects_that_product(workshop: Workshop) -> None:
    filled(workshop)
    assert workshop.figures("12#1")["total_products"] == 1
    assert with_pictures(workshop) == {"12#1"}


def test_products_that_are_named_twice_are_imported_once(workshop: Workshop) -> None:
    filled(workshop)
    figures = workshop.figures("12", "12#1", "12", "13", "13")
    assert figures["total_products"] == figures["processed"] == 4
    assert figures["copied"] == 2


def test_a_uuid_is_found_whatever_its_case(workshop: Workshop) -> None:
    filled(workshop)
    assert workshop.figures(LOWER.upper())["total_products"] == 1
    assert with_pictures(workshop) == {LOWER}


@pytest.mark.parametrize("unknown", ["99", "12#9", "1", "12#", "12%", "..", "нет"])
def test_an_unknown_id_is_named_and_the_others_are_imported(lite: Workshop, unknown: str) -> None:
    filled(lite)
    result = lite.imported("13", unknown)
    assert result.figures["total_products"] == 1
    assert unknown in result.stderr
    assert with_pictures(lite) == {"13"}


@pytest.mark.parametrize("ids", [["99"], ["12#9", "98"], ["14"]])
def test_where_no_product_is_left_there_is_no_session(workshop: Workshop, ids: list[str]) -> None:
    filled(workshop)
    result = workshop.imported(*ids, status=1)
    assert result.json["session_id"] is None
    assert all(onec_id in result.stderr for onec_id in ids)
    assert "Traceback" not in result.stderr
    assert workshop.sessions() == []
    assert workshop.contents() == {}


def test_shards_select_products(workshop: Workshop) -> None:
    filled(workshop)
    workshop.products("1", "1#2")
    workshop.pictures("1_a.jpg")
    assert workshop.figures("--shard", "82")["total_products"] == 1
    assert workshop.figures("--shard", "00")["total_products"] == 2
    assert with_pictures(workshop) == {LOWER, "1", "1#2"}
    assert workshop.figures("--shard", "12", "--shard", "13")["total_products"] == 4
    assert workshop.figures("--shard", "zz")["total_products"] == 0


def test_a_shard_holds_uuids_of_either_case(workshop: Workshop) -> None:
    ids = ["ff26507c-3024-11e9-819a-00155d87f90d", "FF26507D-3024-11E9-819A-00155D87F90D"]
    workshop.products(*ids, "ffx", "fx")
    workshop.pictures(*(f"{onec_id}.jpg" for onec_id in [*ids, "ffx", "fx"]))
    assert workshop.figures("--shard", "ff")["total_products"] == 3
    assert with_pictures(workshop) == {*ids, "ffx"}


def test_a_limit_holds(lite: Workshop) -> None:
    filled(lite)
    figures = lite.figures("--limit", "2")
    assert figures["total_products"] == figures["processed"] == 2
    assert len(with_pictures(lite)) == 2
    assert lite.figures("--limit", "1", "13")["total_products"] == 1
    assert "13" in with_pictures(lite)


# the dry run


def test_a_dry_run_writes_nothing_at_all_and_foretells_the_import(workshop: Workshop) -> None:
    filled(workshop)
    workshop.product("15", "products/placeholder.png", ["products/15_a.jpg"])
    workshop.pictures("15_a.jpg", "15_b.jpg", "99_a.jpg")
    workshop.picture("15_c.jpg", "")
    rows, below = workshop.rows(), everything_below(workshop.place)
    dry = workshop.imported("--dry-run", status=3)
    assert everything_below(workshop.place) == below
    assert workshop.rows() == rows
    assert workshop.sessions() == []
    assert dry.json["session_id"] is None
    foretold = dry.figures
    real = workshop.figures(status=3)
    compared = (
        "total_products",
        "processed",
        "copied",
        "skipped",
        "errors",
        "unmatched",
        "missing",
        "bytes_copied",
    )
    assert {name: foretold[name] for name in compared} == {name: real[name] for name in compared}


def test_a_dry_run_after_an_import_writes_nothing_either(workshop: Workshop) -> None:
    filled(workshop)
    workshop.imported()
    workshop.picture("12_a.jpg", "other content")
    workshop.pictures("13_a.jpg", "13_b.jpg")
    (workshop.media / "products/12/.onec-images-0123456789ab-0").write_text("left by a dead import")
    rows, sessions, below = workshop.rows(), workshop.sessions(), everything_below(workshop.place)
    figures = workshop.figures("--dry-run")
    assert (figures["copied"], figures["compared_files"]) == (2, 1)
    assert everything_below(workshop.place) == below
    assert (workshop.rows(), workshop.sessions()) == (rows, sessions)


def test_a_dry_run_lists_the_rows_it_would_change(workshop: Workshop) -> None:
    filled(workshop)
    document = workshop.imported("--dry-run").json
    changes = {change["onec_id"]: json.dumps(change) for change in document["changes"]}
    assert changes.keys() == {"12", "12#1", "12#2", "13", LOWER}
    assert "products/13/13_a.jpg" in changes["13"]
    assert "products/12/12_a.jpg" in changes["12#2"]
    told = workshop.run("import", "--dry-run")
    assert told.status == 0
    assert "products/13/13_a.jpg" in told.stdout
    workshop.imported()
    assert workshop.imported("--dry-run").json["changes"] == []


def test_a_dry_run_lists_a_thousand_changes_at_most(lite: Workshop) -> None:
    ids = [f"{number:04}" for number in range(1005)]
    lite.products(*ids)
    lite.pictures(*(f"{onec_id}.jpg" for onec_id in ids))
    document = lite.imported("--dry-run").json
    assert len(document["changes"]) == 1000
    assert document["report_details"]["copied"] == 1005


def test_a_dry_run_of_named_products_looks_at_them_alone(workshop: Workshop) -> None:
    filled(workshop)
    result = workshop.imported("--dry-run", "13", "99")
    assert result.figures["total_products"] == 1
    assert "99" in result.stderr
    assert workshop.imported("--dry-run", "99", status=1).json["session_id"] is None
    assert workshop.sessions() == []


def test_a_dry_run_creates_neither_database_nor_schema(bare: Workshop) -> None:
    bare.pictures("12_a.jpg")
    below = everything_below(bare.place)
    result = bare.imported("--dry-run", status=1)
    assert result.json["session_id"] is None
    assert "Traceback" not in result.stderr
    assert everything_below(bare.place) == below
    if not bare.database.is_sqlite:
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        assert bare.database.execute(tables) == [(0,)]


def content_of_log(workshop: Workshop) -> bytes:
    """Return what has not come into the file of the database yet."""
    log = workshop.place / "onec-images.db-wal"
    return log.read_bytes() if log.exists() else b""


@pytest.mark.parametrize("is_open", [False, True])
def test_a_dry_run_reads_a_file_in_the_mode_of_a_write_ahead_log(lite: Workshop, is_open: bool) -> None:
    with contextlib.closing(lite.database.connect()) as shop:
        shop.execute("PRAGMA journal_mode = WAL")
        shop.execute("INSERT INTO products (onec_id) VALUES ('12')")
        lite.pictures("12_a.jpg")
        if not is_open:
            shop.close()
        below, log = everything_below(lite.place), content_of_log(lite)
        assert lite.imported("--dry-run").figures["copied"] == 1
        after = everything_below(lite.place)
        assert content_of_log(lite) == log
    shared = {"onec-images.db-shm", "onec-images.db-wal"} if is_open else set()  # by all that have it open
    assert after.keys() == below.keys()
    assert [path for path in below if after[path] != below[path] and path not in shared] == []


def test_a_dry_run_leaves_open_sessions_and_old_ones_as_they_are(workshop: Workshop) -> None:
    details = workshop.figures()
    workshop.add_session("in_progress", 1, details)
    workshop.add_session("completed", 400, details)
    before = workshop.sessions()
    workshop.imported("--dry-run")
    assert workshop.sessions() == before


def test_a_dry_run_without_an_image_root_fails(lite: Workshop) -> None:
    lite.root.rmdir()
    below = everything_below(lite.place)
    result = lite.run("import", "--dry-run", "--json")
    assert result.status == 1
    assert result.json["session_id"] is None
    assert str(lite.root) in result.stderr
    assert everything_below(lite.place) == below


# the records


def test_sessions_are_listed_in_words_and_as_json(workshop: Workshop) -> None:
    assert workshop.run("sessions", "--json").json == {"sessions": []}
    assert workshop.run("sessions").status == 0
    filled(workshop)
    workshop.imported()
    workshop.root.rename(workshop.root.with_name("gone"))
    workshop.imported(status=1)
    listed = workshop.run("sessions", "--json").json["sessions"]
    assert [session["status"] for session in listed] == ["failed", "completed"]
    assert [session["id"] for session in listed] == [2, 1]
    told = workshop.run("sessions").stdout.splitlines()
    assert len(told) == 2
    assert "failed" in told[0]
    assert "completed" in told[1]
    [newest] = workshop.run("sessions", "--limit", "1", "--json").json["sessions"]
    assert newest["id"] == 2
    [completed] = workshop.run("sessions", "--status", "completed", "--json").json["sessions"]
    assert completed["id"] == 1
    assert workshop.run("sessions", "--status", "pending", "--json").json == {"sessions": []}


def test_one_session_is_shown_in_words_and_as_json(workshop: Workshop) -> None:
    filled(workshop)
    workshop.picture("13_b.jpg", "")
    workshop.imported(status=3)
    shown = workshop.run("session", "1", "--json")
    assert shown.status == 0
    assert shown.json["report_details"]["copied"] == 3
    told = workshop.run("session", "1")
    assert told.status == 0
    assert "13_b.jpg" in told.stdout
    assert re.search(r"copied\D+3\b|\b3\D+copied", told.stdout)


def test_a_session_that_there_is_not_is_an_error_in_one_line(lite: Workshop) -> None:
    told, printed = lite.run("session", "7"), lite.run("session", "7", "--json")
    for result in (told, printed):
        assert result.status == 1
        assert "7" in result.stderr
        assert "Traceback" not in result.stderr
    assert told.stdout == ""
    assert isinstance(printed.json, dict)


def test_reading_the_records_makes_no_database(bare: Workshop) -> None:
    below = everything_below(bare.place)
    for arguments in (["sessions"], ["session", "1"], ["report", "unmatched"]):
        result = bare.run(*arguments)
        assert result.status == 1
        assert "Traceback" not in result.stderr
    assert everything_below(bare.place) == below


@pytest.mark.parametrize("kind", ["no-picture", "unmatched", "errors"])
def test_reports_are_whole_in_words_and_as_json_and_write_nothing(workshop: Workshop, kind: str) -> None:
    without = [f"no-{number:02}" for number in range(30)]
    workshop.products("12", *without)
    workshop.product("inactive", is_active=False)
    workshop.pictures("12_good.jpg", *(f"99_{number:02}.jpg" for number in range(30)), "inactive_a.jpg")
    for number in range(30):
        workshop.picture(f"12_{number:02}.jpg", "")
    rows, below = workshop.rows(), everything_below(workshop.place)
    document = workshop.run("report", kind, "--json")
    told = workshop.run("report", kind)
    assert (document.status, told.status) == (0, 0)
    assert document.json
    expected = {
        "no-picture": without,
        "unmatched": [*(f"99_{number:02}.jpg" for number in range(30)), "inactive_a.jpg"],
        "errors": [f"12_{number:02}.jpg" for number in range(30)],
    }[kind]
    for name in expected:
        assert len(re.findall(rf"{re.escape(name)}\b", document.stdout)) == 1
        assert len(re.findall(rf"{re.escape(name)}\b", told.stdout)) == 1
    assert "12_good.jpg" not in told.stdout
    assert len(told.stdout.splitlines()) == len(expected)
    assert everything_below(workshop.place) == below
    assert workshop.rows() == rows
    assert workshop.sessions() == []


@pytest.mark.parametrize("kind", ["no-picture", "unmatched", "errors"])
def test_an_empty_report_is_a_document_as_well(lite: Workshop, kind: str) -> None:
    result = lite.run("report", kind, "--json")
    assert result.status == 0
    assert result.json
    assert lite.run("report", kind).status == 0


# statuses


def test_done_is_0_in_words_too(lite: Workshop) -> None:
    filled(lite)
    result = lite.run("import")
    assert result.status == 0
    assert "3" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["import", "--no-such-option"],
        ["import", "--limit", "0"],
        ["import", "--limit", "many"],
        ["sessions", "--status", "unheard-of"],
        ["session"],
        ["report"],
        ["report", "unheard-of"],
    ],
)
def test_wrong_usage_is_2(lite: Workshop, arguments: list[str]) -> None:
    result = lite.run(*arguments)
    assert result.status == 2
    assert result.stdout == ""
    assert result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("session", ["one", "7", "1.0", "", "9" * 30, "8204be24-15b9-11ea-81b8-00155d3cae02"])
def test_a_session_that_is_not_there_is_1_whatever_its_id_looks_like(
    workshop: Workshop, session: str
) -> None:
    filled(workshop)
    workshop.imported()
    for options in ([], ["--json"]):
        result = workshop.run("session", session, *options)
        assert result.status == 1
        assert result.stderr.startswith(f"onec-images: there is no session {session};")
        assert result.stderr.count("\n") == 1


def test_files_that_failed_are_3_in_words_too(lite: Workshop) -> None:
    filled(lite)
    lite.picture("13_b.jpg", "")
    result = lite.run("import")
    assert result.status == 3
    assert "13_b.jpg" in result.stderr


def test_every_command_has_help(lite: Workshop) -> None:
    listed = lite.run("--help")
    assert listed.status == 0
    for command in ("import", "catalog", "sessions", "session", "report", "config", "init-db", "demo"):
        assert re.search(rf"^\s+{command}\b", listed.stdout, re.MULTILINE)
        shown = lite.run(command, "--help")
        assert shown.status == 0
        assert "Usage" in shown.stdout


def test_a_bar_moves_on_a_terminal_only(lite: Workshop) -> None:
    lite.products(*(f"{number:03}" for number in range(200)))
    lite.pictures(*(f"{number:03}.jpg" for number in range(200)))
    assert "\r" not in lite.run("import").stderr
    seen = shown(["--config", str(lite.config_file), "import", "--json"], lite.place)
    assert seen.status == 0
    assert json.loads(seen.stdout)["report_details"]["processed"] == 200
    assert "200" in seen.terminal
    assert "\r" in seen.terminal


def test_a_limit_of_any_size_is_a_limit(workshop: Workshop) -> None:
    filled(workshop)
    workshop.imported()
    endless = str(10**25)
    assert len(workshop.run("sessions", "--json", "--limit", endless).json["sessions"]) == 1
    assert workshop.figures("--limit", endless)["total_products"] == 5


def shell(workshop: Workshop, arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell; the arguments may redirect its streams."""
    called = shlex.join([*program(), "--config", str(workshop.config_file)])
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {called} {arguments}"],
        env=Command((), workshop.place).whole_environment,
        cwd=workshop.place,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_reader_that_has_seen_enough_is_no_error(lite: Workshop) -> None:
    lite.pictures(*(f"99_{number}_{'x' * 50}.jpg" for number in range(3000)))
    for form in ("", "--json"):
        result = shell(lite, f"report unmatched {form} | head -1")
        assert len(result.stdout.splitlines()) == 1
        assert result.stderr == ""
        assert result.returncode in {0, 141}  # that of SIGPIPE


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_an_import_that_nobody_listens_to_is_done(lite: Workshop, closed: str) -> None:
    filled(lite)
    assert shell(lite, f"import {closed}").returncode == 0
    assert with_pictures(lite) == {"12", "12#1", "12#2", "13", LOWER}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", ["import --json", "report unmatched --json", "sessions", "config"])
def test_output_that_cannot_be_written_is_told_in_one_line(lite: Workshop, arguments: str) -> None:
    filled(lite)
    lite.imported()
    result = shell(lite, f"{arguments} > /dev/full")
    assert result.returncode not in {0, 3}
    assert "Traceback" not in result.stderr


# the configuration


def run(starter: WarmStarter, directory: Path, *arguments: str, **environment: str) -> Result:
    """Run a command that is given no configuration on the command line."""
    return starter.start(Command(arguments, directory, environment)).result()


def test_the_merged_configuration_is_printed_as_toml(lite: Workshop) -> None:
    lite.configure("import", chunk_size=7)
    result = lite.run("config", environment={"ONEC_IMAGES_WATCH__SETTLE": "3"})
    merged = tomllib.loads(result.stdout)
    assert merged["import"]["chunk_size"] == 7
    assert merged["watch"]["settle"] == 3
    assert merged["import"]["progress_every"] == 50
    assert merged["exchange"]["image_roots"] == ["goods/import_files"]
    assert merged["exchange"]["extensions"] == ["jpg", "jpeg", "png"]
    assert merged["media"]["prefix"] == "products"
    assert merged["sessions"]["keep_days"] == 90


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://shop:s3cr%C3%A9t@db/shop",
        "postgresql+psycopg://shop:s3cr%C3%A9t@/shop?host=/run/postgresql",
        "postgresql+psycopg://shop@db/shop?password=s3cr%C3%A9t",
    ],
)
def test_the_password_is_masked(lite: Workshop, url: str) -> None:
    result = lite.run("config", environment={"ONEC_IMAGES_DATABASE__URL": url})
    assert result.status == 0
    assert "shop@db" in result.stdout or "shop:" in result.stdout
    for part in ("s3cr", "%C3%A9t"):
        assert part not in result.stdout + result.stderr


def test_a_password_that_is_a_credential_is_not_shown(lite: Workshop) -> None:
    credentials = lite.place / "credentials"
    credentials.mkdir()
    (credentials / "database-password").write_text("s3cret\n")
    environment = {
        "ONEC_IMAGES_DATABASE__URL": "postgresql+psycopg://shop@127.0.0.1:1/shop",
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    for command in (["config"], ["import"]):
        result = lite.run(*command, environment=environment)
        assert "s3cret" not in result.stdout + result.stderr


def test_the_password_of_an_unreachable_database_is_not_told(lite: Workshop) -> None:
    url = "postgresql+psycopg://shop:s3cret@127.0.0.1:1/shop"
    result = lite.run("import", environment={"ONEC_IMAGES_DATABASE__URL": url})
    assert result.status == 1
    assert "s3cret" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [["config"], ["import", "--json"], ["sessions"], ["init-db"]])
def test_an_unknown_key_is_78_and_the_nearest_is_named(lite: Workshop, command: list[str]) -> None:
    lite.configure("import", chunk_sise=5)
    result = lite.run(*command)
    assert result.status == 78
    assert str(lite.config_file) in result.stderr
    assert "chunk_sise" in result.stderr
    assert "chunk_size" in result.stderr
    assert "Traceback" not in result.stderr


def test_all_mistakes_are_told_at_once(lite: Workshop) -> None:
    lite.configure("import", chunk_size=0, composition="shuffle", unheard_of=True)
    lite.configure("media", file_mode="rw-r--r--", min_free="much")
    lite.configure("watsh", settle=5)
    environment = {"ONEC_IMAGES_SESSIONS__KEEP_DAYS": "some", "ONEC_IMAGES_LOG__LEVEL": "loud"}
    result = lite.run("config", environment=environment)
    assert result.status == 78
    for mistake in (
        "chunk_size",
        "composition",
        "unheard_of",
        "file_mode",
        "min_free",
        "watsh",
        "KEEP_DAYS",
        "LEVEL",
    ):
        assert mistake.lower() in result.stderr.lower()
    assert "mirror" in result.stderr  # what is accepted
    assert "watch" in result.stderr  # the nearest


@pytest.mark.parametrize("text", ["[import\n", "chunk_size = \n", "\x00", "a = 1\na = 2\n"])
def test_a_configuration_that_is_no_toml_is_78(lite: Workshop, text: str) -> None:
    lite.config_file.write_text(text)
    result = lite.run("config")
    assert result.status == 78
    assert str(lite.config_file) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_configuration_that_is_not_there_is_78(tmp_path: Path, starter: WarmStarter) -> None:
    for arguments in (["--config", "none.toml", "config"], ["--config", str(tmp_path), "config"]):
        result = run(starter, tmp_path, *arguments)
        assert result.status == 78
        assert "Traceback" not in result.stderr
    result = run(starter, tmp_path, "config", ONEC_IMAGES_CONFIG=str(tmp_path / "none.toml"))
    assert result.status == 78
    assert "none.toml" in result.stderr


def test_the_configuration_is_looked_for_in_order(tmp_path: Path, starter: WarmStarter) -> None:
    for name in ("config", "from_environment", "given"):
        (tmp_path / f"{name}.toml").write_text(f'[media]\nprefix = "{name}"\n')
    environment = {"ONEC_IMAGES_CONFIG": str(tmp_path / "from_environment.toml")}
    here = run(starter, tmp_path, "config")
    other = run(starter, tmp_path, "config", **environment)
    given = run(starter, tmp_path, "--config", "given.toml", "config", **environment)
    prefixes = [tomllib.loads(result.stdout)["media"]["prefix"] for result in (here, other, given)]
    assert prefixes == ["config", "from_environment", "given"]


def test_relative_paths_are_relative_to_the_configuration(
    tmp_path: Path, starter: WarmStarter, lite: Workshop
) -> None:
    shop, elsewhere = tmp_path / "a shop", tmp_path / "elsewhere"
    (shop / "data/import_1c/goods/import_files").mkdir(parents=True)
    elsewhere.mkdir()
    (shop / "config.toml").write_text('[media]\nmin_free = 1\n[database]\nurl = "sqlite:///var/shop.db"\n')
    (shop / "var").mkdir()
    shutil.copy(lite.place / "onec-images.db", shop / "var/shop.db")
    (shop / "data/import_1c/goods/import_files/12_a.jpg").write_text("content")
    lite.products("12")
    shutil.copy(lite.place / "onec-images.db", shop / "var/shop.db")
    result = run(starter, elsewhere, "--config", str(shop / "config.toml"), "import", "--json")
    assert result.status == 0, result.stderr
    assert result.figures["copied"] == 1
    assert (shop / "media/products/12/12_a.jpg").read_text() == "content"
    assert list(elsewhere.iterdir()) == []


def test_the_environment_overrides_the_database(workshop: Workshop) -> None:
    filled(workshop)
    url = workshop.database.url
    workshop.configure("database", url="sqlite:///never-made.db")
    result = workshop.run("import", "--json", environment={"ONEC_IMAGES_DATABASE__URL": url})
    assert result.status == 0, result.stderr
    assert with_pictures(workshop) == {"12", "12#1", "12#2", "13", LOWER}
    assert not (workshop.place / "never-made.db").exists()


def test_the_package_runs_as_a_module_from_nothing(lite: Workshop) -> None:
    filled(lite)
    command = Command(["--config", str(lite.config_file), "import", "--json"], lite.place)
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *command.arguments],
        env=command.whole_environment,
        cwd=lite.place,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["report_details"]["copied"] == 3


def test_names_are_printed_in_a_locale_that_has_no_cyrillic(lite: Workshop) -> None:
    lite.products("Код")
    lite.picture("Код_a.jpg", "")
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for arguments in (["import", "--json"], ["report", "errors"]):
        result = lite.run(*arguments, anew=True, environment=environment)
        assert result.status in {0, 3}
        assert "Traceback" not in result.stderr


# mistakes of an operator


def test_a_media_directory_that_is_a_file_is_one_line(lite: Workshop) -> None:
    filled(lite)
    lite.media.write_text("in the way")
    result = lite.run("import", "--json")
    assert result.status == 1
    assert str(lite.media) in result.stderr
    assert "Traceback" not in result.stderr
    assert json.loads(result.stdout)


def test_a_database_file_that_is_none_is_one_line(lite: Workshop) -> None:
    (lite.place / "onec-images.db").write_bytes(b"this is no database at all" * 100)
    for arguments in (["import", "--json"], ["sessions", "--json"], ["init-db"], ["import", "--dry-run"]):
        result = lite.run(*arguments)
        assert result.status in {1, 78}
        assert "Traceback" not in result.stderr


def test_an_import_that_may_not_write_the_database_leaves_nothing_in_the_way_of_those_who_may(
    lite: Workshop,
) -> None:
    filled(lite)
    file = lite.place / "onec-images.db"
    file.chmod(0o444)
    result = lite.run("import", without=AS_ANY_USER)
    assert result.status == 1
    assert "Traceback" not in result.stderr
    file.chmod(0o644)
    assert lite.run("import", without=AS_ANY_USER).status == 0


def test_a_configuration_that_may_not_be_read_is_78(lite: Workshop) -> None:
    lite.config_file.chmod(0)
    result = lite.run("config", without=AS_ANY_USER)
    assert result.status == 78
    assert str(lite.config_file) in result.stderr


def test_a_table_that_lacks_a_column_is_one_line(workshop: Workshop) -> None:
    workshop.configure("database", attach=True)
    workshop.configure("database.products", gallery_images="photos")
    result = workshop.run("import", "--json")
    assert result.status in {1, 78}
    assert "photos" in result.stderr
    assert "Traceback" not in result.stderr
    assert json.loads(result.stdout)["session_id"] is None


@pytest.mark.parametrize("url", ["mysql://shop@db/shop", "not a url", "", "sqlite://"])
def test_a_database_that_is_not_spoken_is_78(lite: Workshop, url: str) -> None:
    result = lite.run("import", environment={"ONEC_IMAGES_DATABASE__URL": url})
    assert result.status == 78
    assert "Traceback" not in result.stderr


# the other commands


def test_init_db_makes_the_tables_once_and_keeps_what_is_in_them(bare: Workshop) -> None:
    assert bare.run("init-db").status == 0
    bare.database.execute("INSERT INTO products (onec_id) VALUES ('12')")
    bare.product("13", "uploads/x.jpg", ["uploads/y.jpg"])
    before = bare.rows()
    assert bare.run("init-db").status == 0
    assert bare.rows() == before
    row = before[0]
    assert row.is_active
    assert row.updated_at.utcoffset() is not None
    assert (row.main_image or "", row.gallery_images or []) == ("", [])
    for table in ("import_sessions", "onec_images_catalogue"):
        assert bare.database.execute(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
    with pytest.raises(Exception, match=r"(?i)unique"):
        bare.products("12")


def test_tables_that_several_make_at_once_are_made_once(bare: Workshop) -> None:
    running = [bare.start("init-db") for _ in range(4)]
    results = [command.result() for command in running]
    assert [result.status for result in results] == [0, 0, 0, 0], results
    assert bare.rows() == []


def test_of_imports_that_start_at_once_one_works_and_the_others_say_so(bare: Workshop) -> None:
    bare.pictures("12_a.jpg")
    running = [bare.start("import", "--json") for _ in range(4)]
    results = [command.result() for command in running]
    statuses = {result.status for result in results}
    assert statuses <= {0, 75}, results
    assert 0 in statuses
    assert all(session["status"] == "completed" for session in bare.sessions())
    assert len(bare.sessions()) == sum(result.status == 0 for result in results)


def test_import_makes_the_tables_as_well(bare: Workshop) -> None:
    assert bare.imported().json["status"] == "completed"
    assert bare.rows() == []
    assert len(bare.sessions()) == 1


def test_json_is_of_its_own_type_on_postgresql(served: Workshop) -> None:
    found = served.database.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    )
    types = {str(name): str(kind) for name, kind in found}
    assert types["gallery_images"] == types["report_details"] == "jsonb"
    assert types["started_at"] == types["finished_at"] == "timestamp with time zone"


def test_one_document_is_all_that_json_prints(workshop: Workshop) -> None:
    filled(workshop)
    workshop.exchange.joinpath("goods/goods.xml").write_text(catalogue_text({"12": ["12_a.jpg"]}))
    workshop.configure("log", level="debug", format="console")
    for arguments in (["catalog"], ["import"], ["import", "--dry-run"], ["sessions"], ["session", "1"]):
        result = workshop.run(*arguments, "--json")
        assert result.status == 0
        assert isinstance(result.json, dict)
    assert workshop.named("13") == paths("13", "13_a.jpg")


def test_what_the_encoding_of_a_terminal_does_not_have_is_written_escaped(workshop: Workshop) -> None:
    workshop.products("Код")
    result = workshop.run("report", "no-picture", environment={"PYTHONIOENCODING": "latin-1"}, anew=True)
    assert result.status == 0
    assert "\\u041a\\u043e\\u0434" in result.stdout
