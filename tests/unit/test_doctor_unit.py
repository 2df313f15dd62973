"""Which unit is about a configuration, and what it needs on this host."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.accounts import IS_ROOT, unprivileged

from daemon.config import Settings
from daemon.doctor import unit
from daemon.doctor.configuration import program
from daemon.doctor.directories import listing
from daemon.doctor.finding import Finding, State
from daemon.doctor.sandbox import Properties, Sandbox, View

ME = pwd.getpwuid(os.geteuid()).pw_name


needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can try what another user may do")


@pytest.fixture
def file() -> Iterator[Path]:
    """The configuration of a shop whose directories are all there, and open to everyone."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        for name in ("data/import_1c", "media/products", "spool"):
            (place / name).mkdir(parents=True)
        (place / "retail.toml").touch()
        yield place / "retail.toml"


def settings(file: Path, url: str = "sqlite:///shop.db") -> Settings:
    values = {"database": {"url": url}, "trigger": {"file": str(file.parent / "spool" / "go")}}
    return Settings.model_validate(values).anchored(file.parent)


def found(file: Path, *units: Properties) -> list[Finding]:
    return list(unit.examine(settings(file), file, lambda _names: list(units)))


def installed(file: Path, **changes: str) -> Properties:
    return {
        "Id": "onec-images@retail.service",
        "LoadState": "loaded",
        "Environment": f"PYTHONUNBUFFERED=1 ONEC_IMAGES_CONFIG={file}",
        "User": ME,
    } | changes


def test_a_unit_of_the_usual_name_and_an_instance_of_the_file_s_may_be_about_it() -> None:
    assert unit.candidates(Path("/etc/onec-images/retail.toml")) == [
        "onec-images.service",
        "onec-images@retail.service",
    ]
    assert unit.candidates(Path("/etc/onec-images/my shop.toml")) == ["onec-images.service"]


@pytest.mark.parametrize(
    "properties, expected",
    [
        ({}, "/etc/onec-images/config.toml"),
        ({"Environment": "A=1 ONEC_IMAGES_CONFIG=/srv/retail.toml"}, "/srv/retail.toml"),
        ({"ExecStart": "{ argv[]=onec-images --config /srv/retail.toml run ; pid=1 }"}, "/srv/retail.toml"),
        ({"ExecStart": "{ argv[]=onec-images --config=/srv/retail.toml run ; pid=1 }"}, "/srv/retail.toml"),
    ],
)
def test_a_unit_says_in_several_ways_what_it_reads(properties: Properties, expected: str) -> None:
    assert unit.configuration_of(properties) == Path(expected)


def test_what_systemctl_shows_is_taken_apart() -> None:
    shown = "Id=onec-images.service\nIPAddressDeny=::/0\nIPAddressDeny=0.0.0.0/0\nEnvironment=A=1\n"
    assert unit.parsed(shown) == {
        "Id": "onec-images.service",
        "IPAddressDeny": "::/0 0.0.0.0/0",
        "Environment": "A=1",
    }


def test_a_unit_that_lets_the_service_work_is_well(file: Path) -> None:
    [finding] = found(file, installed(file))
    assert (finding.state, finding.subject) == (State.OK, "unit onec-images@retail.service")


def test_an_instance_that_would_read_the_same_is_not_looked_at(file: Path) -> None:
    unused = installed(file, ProtectSystem="strict")
    [finding] = found(file, installed(file, Id="onec-images.service"), unused)
    assert (finding.state, finding.subject) == (State.OK, "unit onec-images.service")


def test_units_that_are_not_there_or_not_about_it_say_nothing(file: Path) -> None:
    absent = installed(file, LoadState="not-found")
    other = installed(
        file, Environment="ONEC_IMAGES_CONFIG=/etc/onec-images/config.toml", ProtectSystem="strict"
    )
    assert found(file, absent, other) == []


def test_each_place_that_is_closed_is_told(file: Path) -> None:
    closed = found(file, installed(file, ProtectSystem="strict"))
    assert [finding.message.rpartition(", ")[2] for finding in closed] == [
        "the media directory",
        "the directory of the trigger file",
        "the directory of the database",
    ]


def test_the_places_are_where_links_lead(file: Path) -> None:
    (file.parent / "media").rename(file.parent / "disk")
    (file.parent / "media").symlink_to("disk")
    [media] = [place for place in unit.places(settings(file), file) if place.subject == "the media directory"]
    assert (media.path, media.view) == (file.parent / "disk" / "products", View.WRITABLE)


def test_a_trigger_file_in_the_exchange_has_it_written(file: Path) -> None:
    inside = Settings().anchored(file.parent)
    written = {place.path for place in unit.places(inside, file) if place.view is View.WRITABLE}
    assert file.parent / "data" / "import_1c" in written


def test_a_directory_to_be_opened_that_is_not_there_keeps_a_unit_from_starting(file: Path) -> None:
    [finding] = unit.unmade(
        Sandbox({"User": "shop", "ReadWritePaths": f"-/absent {file.parent} /absent/too"})
    )
    assert finding.message == "it cannot start: ReadWritePaths= names /absent/too, which does not exist"
    assert finding.remedy == "install -d -o shop /absent/too"


def test_a_manager_that_does_not_answer_is_a_warning(file: Path) -> None:
    def ask(_names: list[str]) -> list[Properties]:
        raise TimeoutError("systemctl has not answered for 5 s")

    [finding] = unit.examine(settings(file), file, ask)
    assert finding.state is State.WARNING
    assert finding.message == "systemd does not tell about it: systemctl has not answered for 5 s"


@needs_root
def test_the_unit_s_user_has_to_have_the_rights(file: Path) -> None:
    media = file.parent / "media" / "products"
    messages = {finding.message: finding.remedy for finding in found(file, installed(file, User="nobody"))}
    assert messages[f"nobody, whom it runs as, may not write to {media}, the media directory"] == (
        listing(f"setfacl -m u:nobody:rwx {media}")
    )
    assert not [message for message in messages if "the exchange directory" in message]


@needs_root
def test_an_exchange_that_the_unit_s_user_may_not_read_is_an_error(file: Path) -> None:
    exchange = file.parent / "data" / "import_1c"
    exchange.chmod(0o700)
    messages = {finding.message: finding.remedy for finding in found(file, installed(file, User="nobody"))}
    assert messages[f"nobody, whom it runs as, may not read {exchange}, the exchange directory"] == (
        listing(f"setfacl -R -m u:nobody:rX,d:u:nobody:rX {exchange}")
    )


@needs_root
def test_a_user_that_is_not_there_is_an_error(file: Path) -> None:
    [finding] = found(file, installed(file, User="nobody-of-that-name"))
    assert finding.message == "there is no user nobody-of-that-name, whom it runs as"


def test_who_is_another_user_is_told_to_ask_as_the_unit_s(file: Path) -> None:
    with unprivileged():
        [finding] = found(file, installed(file, User="onec-images"))
    assert finding.state is State.WARNING
    assert finding.remedy == f"sudo -u onec-images {program()} --config {file} check"
