"""The command `check`, as an operator meets it."""

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.postgres import Postgres

from daemon.cli import main
from daemon.doctor.configuration import initializing

PROJECT = Path(__file__).parents[2]
STATES = ("ok", "warning", "error")

Check = Callable[..., tuple[int, str]]


class Installation:
    """A configuration and all it points at."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.root = place / "exchange" / "goods" / "import_files"
        self.file = place / "config.toml"
        self.sections: dict[str, dict[str, object]] = {
            "exchange": {"dir": "exchange"},
            "media": {"min_free": 0},
            "database": {"url": "sqlite:///state/shop.db"},
            "watch": {"backend": "polling"},  # the kernel's limits are not the tests' business
        }
        (self.root / "00").mkdir(parents=True)
        (place / "exchange" / "goods" / "goods.xml").touch()
        (place / "media" / "products" / "00").mkdir(parents=True)
        (place / "state").mkdir()
        self.configure("exchange")

    def configure(self, section: str, **keys: object) -> None:
        """Set keys of a section, and write the file; JSON spells their values as TOML does."""
        self.sections.setdefault(section, {}).update(keys)
        lines = []
        for name, values in self.sections.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        self.file.write_text("\n".join(lines))

    def arguments(self, *command: str) -> list[str]:
        return ["--config", str(self.file), *command]

    def seen(self) -> Mapping[str, object]:
        """Return all that can be seen of every file, times of change included."""
        return {str(path): _status(path) for path in sorted(self.place.rglob("*"))}


def _status(path: Path) -> object:
    status = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
    return status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ctime_ns, content


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation in which all is well."""
    installation = Installation(tmp_path)
    assert main(installation.arguments("init-db")) == 0
    return installation


@pytest.fixture
def check(installation: Installation, capsys: pytest.CaptureFixture[str]) -> Check:
    """Run the command, and return its status and its standard output; nothing else may be said."""

    def run(*options: str) -> tuple[int, str]:
        arguments = installation.arguments("check", *options)
        capsys.readouterr()
        status = main(arguments)
        said = capsys.readouterr()
        assert said.err == ""
        return status, said.out

    return run


def documented(check: Check) -> tuple[int, dict[str, Any]]:
    status, out = check("--json")
    document: dict[str, Any] = json.loads(out)
    return status, document


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "daemon", *arguments]
    return subprocess.run(
        [*options.pop("under", ()), *command], env=environment, check=False, timeout=60, **options
    )


def test_an_installation_in_which_all_is_well(check: Check) -> None:
    status, out = check()
    assert status == 0
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}
    assert out.startswith("ok      configuration: read from ")


def test_every_subject_is_looked_at(check: Check, installation: Installation) -> None:
    _, document = documented(check)
    assert document["ok"] is True
    subjects = [finding["subject"] for finding in document["findings"]]
    assert subjects == [
        "configuration",
        "exchange directory",
        "image root goods/import_files",
        "catalogue goods/goods*.xml",
        "trigger file",
        "media directory",
        "free space",
        "database file",
        "database",
        "products table",
        "length of main_image",
        "uniqueness of onec_id",
        "index of onec_id",
        "sessions table",
        "catalogue table",
        "open files",
        "package name",
    ]
    assert document["findings"][0]["message"] == f"read from {installation.file}"


def test_nothing_is_written(check: Check, installation: Installation) -> None:
    before = installation.seen()
    assert check()[0] == 0
    assert installation.seen() == before


def test_nothing_is_made_where_nothing_is(check: Check, installation: Installation) -> None:
    for directory in ("state", "media", "exchange"):
        shutil.rmtree(installation.place / directory)
    before = installation.seen()
    status, _ = check()
    assert status == 1
    assert installation.seen() == before


def test_a_warning_is_no_failure_and_has_its_remedy_below_it(
    check: Check, installation: Installation
) -> None:
    (installation.place / "state" / "shop.db").unlink()
    status, out = check()
    assert status == 0
    found = f"warning database file: {installation.place}/state/shop.db does not exist yet"
    remedy = f"        {initializing(installation.file)}"
    assert f"\n{found}\n{remedy}\n" in out


def test_the_remedy_for_a_missing_file_makes_it_as_it_is_typed(
    check: Check, installation: Installation
) -> None:
    (installation.place / "state" / "shop.db").unlink()
    _, document = documented(check)
    [remedy] = [finding["remedy"] for finding in document["findings"] if finding["remedy"]]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    subprocess.run(["sh", "-c", remedy], check=True, env=environment, cwd="/", capture_output=True)
    assert {finding["state"] for finding in documented(check)[1]["findings"]} == {"ok"}


def test_an_error_is_a_failure(check: Check, installation: Installation) -> None:
    installation.configure("media", min_free="1024 TiB")
    status, document = documented(check)
    assert (status, document["ok"]) == (1, False)
    [found] = [finding for finding in document["findings"] if finding["state"] == "error"]
    assert found["subject"] == "free space"
    assert found["remedy"]


def test_all_and_only_what_is_not_well_has_a_remedy(check: Check, installation: Installation) -> None:
    installation.configure("exchange", image_roots=["goods/import_files", "missing"], catalog=["*.xml"])
    installation.configure("media", dir="exchange/media", prefix="products/" * 20 + "end")
    status, document = documented(check)
    assert status == 1
    states = {finding["state"] for finding in document["findings"]}
    assert states == set(STATES)
    for finding in document["findings"]:
        assert bool(finding["remedy"]) == (finding["state"] != "ok"), finding


def test_an_unreachable_database_is_one_error_and_hides_nothing_else(
    check: Check, installation: Installation
) -> None:
    installation.configure("database", url="postgresql://shop:secret@127.0.0.1:1/shop")
    status, out = check()
    assert status == 1
    errors = [line for line in out.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert errors[0].startswith("error   database: postgresql+psycopg://shop:***@127.0.0.1:1/shop: ")
    assert "table" not in out
    assert "secret" not in out
    assert out.splitlines()[-1].startswith("ok      package name: ")


def test_a_new_postgresql_database_is_told_to_be_made_and_then_is_well(
    check: Check, installation: Installation, postgres: Postgres
) -> None:
    installation.configure("database", url=postgres.new_database())
    status, out = check()
    assert status == 0
    assert out.count("init-db") == 3
    assert main(installation.arguments("init-db")) == 0
    status, out = check()
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}


def test_names_from_outside_stay_on_their_line(check: Check, installation: Installation) -> None:
    for name in (b"\n\x1b", b"\xff\xfe"):
        (installation.root / os.fsdecode(name)).symlink_to(installation.place)
    _, out = check()
    assert "not followed: \\n\\x1b, \\udcff\\udcfe\n" in out
    assert "\x1b" not in out
    _, document = documented(check)
    assert any("\\udcff" in finding["message"] for finding in document["findings"])


def test_a_bad_configuration_keeps_its_status(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    installation.configure("media", colour="green")
    assert main(installation.arguments("check")) == 78
    assert "colour" in capsys.readouterr().err


def test_a_pipe_gets_no_colours_and_a_terminal_does(installation: Installation) -> None:
    arguments = installation.arguments("check")
    piped = process(*arguments, capture_output=True)
    assert piped.returncode == 0
    assert b"\x1b" not in piped.stdout
    terminal, end = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        assert process(*arguments, stdout=end, stderr=end).returncode == 0
        shown = screen.read(100)
        os.close(end)
    assert shown.startswith(b"\x1b[32mok      \x1b[0mconfiguration: ")


def test_a_read_only_file_system_is_told_with_the_command_that_mends_it(installation: Installation) -> None:
    media = installation.place / "media"
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    apart = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*apart, script, media, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("only an account that may mount file systems can have a read-only one")
    result = process(*installation.arguments("check"), under=[*apart, script, media], capture_output=True)
    assert result.returncode == 1
    assert f"error   media directory: {media}/products is on a file system" in result.stdout.decode()
    assert f"\n        mount -o remount,rw {media}\n" in result.stdout.decode()
