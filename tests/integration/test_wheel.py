"""What is installed from a wheel is whole: the files for systemd, the manual page, the example of a configuration."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.commands import Command

from daemon.cli.unit import PLACES

_PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with what the wheel brings."""
    place = tmp_path_factory.mktemp("wheel")
    building = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(building, cwd=_PROJECT, capture_output=True, check=True)
    [wheel] = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


def said(unpacked: Path, *arguments: str) -> str:
    """Return what the program of a wheel says."""
    environment = Command((), unpacked).whole_environment | {"PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-W", "error", "-m", "daemon", *arguments]
    done = subprocess.run(
        command, cwd=unpacked.parent, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def shipped(name: str) -> str:
    """Return a file for systemd as it is in the repository."""
    directory = {
        "sysusers.conf": "sysusers.d/onec-images.conf",
        "tmpfiles.conf": "tmpfiles.d/onec-images.conf",
    }
    return (_PROJECT / "systemd" / directory.get(name, name)).read_text()


@pytest.mark.parametrize("name", PLACES)
def test_the_files_for_systemd_are_printed_from_a_wheel(unpacked: Path, name: str) -> None:
    program = Path(sys.executable).with_name("onec-images")
    path = str(program) if program.exists() else "/opt/onec-images/bin/onec-images"
    assert said(unpacked, "unit", name) == shipped(name).replace("/opt/onec-images/bin/onec-images", path)


def test_the_service_is_what_is_printed_where_no_file_is_named(unpacked: Path) -> None:
    assert said(unpacked, "unit") == said(unpacked, "unit", "onec-images.service")


def test_an_editable_installation_prints_them_as_well(unpacked: Path) -> None:
    assert said(_PROJECT, "unit") == said(unpacked, "unit")


def test_the_places_are_those_of_the_readme(unpacked: Path) -> None:
    readme = (_PROJECT / "README.md").read_text()
    for line in said(unpacked, "unit", "--list").splitlines():
        name, place = line.split()
        assert name in PLACES
        assert f" {Path(place).parent} " in readme
        assert Path(place).name.startswith("onec-images") or place == "/etc/onec-images/config.toml"


def test_the_manual_page_and_the_example_are_there(unpacked: Path) -> None:
    [page] = unpacked.glob("*.data/data/share/man/man1/onec-images.1")
    assert page.read_text().startswith(".TH ONEC")
    assert (unpacked / "daemon/_data/config.toml").read_text() == (_PROJECT / "config.toml").read_text()
