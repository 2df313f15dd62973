"""What the effective user may not do, told with the command that lets it: root's powers are laid down for it."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.rights import as_owner

from daemon.config import Settings
from daemon.doctor import database, exchange, media
from daemon.doctor.directories import listing
from daemon.doctor.finding import Finding, State

_FILE = Path("/etc/onec-images/config.toml")
_SOMEBODY = 65_534

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(autouse=True)
def _ordinary_rights() -> Iterator[None]:
    """Have rights decide, for root as for everyone."""
    with as_owner():
        yield


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An exchange and media directories, accessible again at the end."""
    (tmp_path / "exchange" / "goods" / "import_files" / "00").mkdir(parents=True)
    (tmp_path / "exchange" / "goods" / "goods.xml").touch()
    (tmp_path / "media" / "products" / "00").mkdir(parents=True)
    yield tmp_path
    tmp_path.chmod(stat.S_IRWXU)
    for directory, _, _ in os.walk(tmp_path):
        for entry in os.scandir(directory):
            os.chmod(entry.path, stat.S_IRWXU)


def settings(place: Path, exchange: str = "exchange") -> Settings:
    sections = {"exchange": {"dir": exchange}, "media": {"min_free": 0}}
    return Settings.model_validate(sections).anchored(place)


def found(findings: Iterator[Finding], subject: str) -> Finding:
    [finding] = (each for each in findings if each.subject.startswith(subject))
    return finding


def in_exchange(place: Path, subject: str, directory: str = "exchange") -> Finding:
    return found(exchange.examine(settings(place, directory)), subject)


def in_media(place: Path) -> Finding:
    return found(media.examine(settings(place)), "media directory")


def database_file(place: Path) -> Finding:
    return found(database.examine(settings(place), _FILE), "database file")


def cure(finding: Finding) -> None:
    """Do what a finding says is to be done, as an administrator would."""
    subprocess.run(["sh", "-c", finding.remedy], check=True)


@pytest.mark.parametrize(
    "subject, path, mode",
    [
        ("exchange directory", "exchange", 0o100),
        ("image root", "exchange/goods/import_files", 0o300),
        ("image root", "exchange/goods/import_files/00", 0),
        ("catalogue", "exchange/goods/goods.xml", 0),
    ],
)
def test_what_cannot_be_read_of_the_exchange_is_an_error_until_it_is_cured(
    place: Path, subject: str, path: str, mode: int
) -> None:
    (place / path).chmod(mode)
    finding = in_exchange(place, subject)
    assert finding.state is State.ERROR
    cure(finding)
    assert in_exchange(place, subject).state is State.OK


def test_what_cannot_be_read_is_named(place: Path) -> None:
    (place / "exchange" / "goods" / "import_files" / "00").chmod(0)
    message = f"{ME} may not read directories in {place}/exchange/goods/import_files: 00"
    assert in_exchange(place, "image root").message == message
    (place / "exchange").chmod(0o100)
    assert in_exchange(place, "exchange directory").message == f"{ME} may not read {place}/exchange"


def test_the_closed_directory_on_the_way_is_named(place: Path) -> None:
    closed = place / "exchange"
    closed.chmod(0o600)
    finding = in_exchange(place, "exchange directory", "exchange/goods")
    assert finding.state is State.ERROR
    assert finding.message == f"{closed}/goods cannot be reached: {ME} may not pass through {closed}"
    assert finding.remedy == f"chmod u+x {closed}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_others_own_is_opened_by_a_list_for_one_user_alone(place: Path) -> None:
    root = place / "exchange" / "goods" / "import_files"
    for path in (root / "00", place / "exchange" / "goods" / "goods.xml", place / "exchange"):
        os.chown(path, _SOMEBODY, _SOMEBODY)
        path.chmod(0o700 if path.is_dir() else 0o600)
        path.parent.chmod(0o755)
    remedy = f"setfacl -R -m u:{ME}:rX,d:u:{ME}:rX {place}/exchange"
    assert in_exchange(place, "exchange directory").remedy == listing(remedy)
    (place / "exchange").chmod(0o755)
    assert in_exchange(place, "image root").remedy == listing(f"setfacl -R -m u:{ME}:rX,d:u:{ME}:rX {root}")
    remedy = f"setfacl -m u:{ME}:r {place}/exchange/goods/goods.xml"
    assert in_exchange(place, "catalogue").remedy == listing(remedy)
    assert in_exchange(place, "trigger file").remedy == listing(f"setfacl -m u:{ME}:rwx {place}/exchange")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setfacl"), reason="only root makes lists for others"
)
def test_a_list_lets_us_read_what_is_there_and_what_comes_later(place: Path) -> None:
    root = place / "exchange" / "goods" / "import_files"
    for path in (root / "00", root):
        os.chown(path, _SOMEBODY, _SOMEBODY)
        path.chmod(0o700)
    cure(in_exchange(place, "image root"))
    assert in_exchange(place, "image root").state is State.OK
    subprocess.run(["sh", "-c", "umask 027; mkdir ff; echo > ff/a.jpg"], cwd=root, user=_SOMEBODY, check=True)
    assert in_exchange(place, "image root").state is State.OK
    assert (root / "ff" / "a.jpg").read_text() == "\n"


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setfacl"), reason="only root makes lists for others"
)
@pytest.mark.parametrize("path", ["media/products", "media/products/00"])
def test_media_of_the_shop_stay_the_shops_when_we_are_let_in(place: Path, path: str) -> None:
    products = place / "media" / "products"
    os.chown(products / "00", _SOMEBODY, _SOMEBODY)
    os.chown(products, _SOMEBODY, _SOMEBODY)
    for closed in {products / "00", place / path}:
        closed.chmod(0o755)
    finding = in_media(place)
    assert finding.state is State.ERROR
    cure(finding)
    assert in_media(place).state is State.OK
    (products / "00" / "ours.jpg").touch()
    assert products.stat().st_uid == _SOMEBODY
    script = "touch 00/theirs.jpg && rm 00/ours.jpg"
    subprocess.run(["sh", "-c", script], cwd=products, user=_SOMEBODY, check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes directories for others")
def test_a_missing_directory_of_the_trigger_is_made_for_the_web_server_too(place: Path) -> None:
    keys = {"exchange": {"dir": "exchange"}, "trigger": {"file": f"{place}/spool/the.trigger"}}
    sections = Settings.model_validate(keys).anchored(place)
    finding = found(exchange.examine(sections), "trigger file")
    assert (finding.state, finding.message) == (
        State.WARNING,
        f"none can be taken: {place}/spool does not exist",
    )
    cure(finding)
    assert found(exchange.examine(sections), "trigger file").state is State.OK
    assert (place / "spool").stat().st_mode & 0o070 == 0o070


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_sticky_directory_of_another_user_keeps_its_trigger_file() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o1777)
        try:
            os.seteuid(_SOMEBODY)
            finding = in_exchange(Path(directory), "trigger file", ".")
        finally:
            os.seteuid(0)
    assert finding.state is State.WARNING
    assert finding.message.endswith(f"{directory} is sticky: others' files in it cannot be renamed")
    assert finding.remedy == f"chmod -t {directory}"


def test_a_trigger_file_that_could_not_be_renamed_is_a_warning_until_it_is_cured(place: Path) -> None:
    (place / "exchange").chmod(0o500)
    finding = in_exchange(place, "trigger file")
    assert finding.state is State.WARNING
    assert finding.message == f"none can be taken: {ME} may not write to {place}/exchange"
    cure(finding)
    assert in_exchange(place, "trigger file").state is State.OK


@pytest.mark.parametrize(
    "path, mode", [("media", 0o100), ("media/products", 0o500), ("media/products/00", 0o500)]
)
def test_media_that_cannot_be_used_are_an_error_until_it_is_cured(place: Path, path: str, mode: int) -> None:
    (place / path).chmod(mode)
    finding = in_media(place)
    assert finding.state is State.ERROR
    cure(finding)
    assert in_media(place).state is State.OK


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes directories for others")
def test_media_that_cannot_be_made_are_an_error_until_it_is_cured(place: Path) -> None:
    (place / "media" / "products" / "00").rmdir()
    (place / "media" / "products").rmdir()
    (place / "media").chmod(0o500)
    finding = in_media(place)
    assert (finding.state, finding.message) == (State.ERROR, f"{ME} may not write to {place}/media")
    cure(finding)
    assert in_media(place).state is State.OK


def test_unreachable_media_are_one_error(place: Path) -> None:
    (place / "media").chmod(0o600)
    [finding] = media.examine(settings(place))
    assert finding.state is State.ERROR


def test_a_database_needs_a_directory_to_write_to_until_it_is_cured(place: Path) -> None:
    place.chmod(0o500)
    finding = database_file(place)
    assert finding.state is State.ERROR
    cure(finding)
    assert database_file(place).state is State.WARNING  # it is not made yet


@pytest.mark.parametrize("name", ["onec-images.db", "onec-images.db-wal", "onec-images.db-shm"])
def test_a_database_and_what_lies_beside_it_must_be_writable(place: Path, name: str) -> None:
    (place / "onec-images.db").touch()
    (place / name).touch()
    (place / name).chmod(0o400)
    finding = database_file(place)
    assert (finding.state, finding.message) == (State.ERROR, f"{ME} may not read and write {place}/{name}")
    cure(finding)
    assert database_file(place).state is State.OK
