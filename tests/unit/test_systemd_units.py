import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import config
from daemon.config.files import SYSTEM_FILE

SHIPPED = Path(__file__).parents[2] / "systemd"
SINGLE = SHIPPED / "onec-images.service"
TEMPLATE = SHIPPED / "onec-images@.service"
CONFIGURATION = SHIPPED / "config.toml"

_MOST_EXPOSED = 10  # tenths

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def settings_of(unit: Path) -> Iterator[str]:
    """Yield the lines of a unit that systemd reads."""
    return (line for line in unit.read_text().splitlines() if line and not line.startswith("#"))


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in (SINGLE, TEMPLATE):
        text = unit.read_text().replace("/opt/onec-images/bin/onec-images", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / name) for name in ("onec-images.service", "onec-images@retail.service")]
    (tmp_path / "onec-images@.service").rename(units[1])
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", [SINGLE, TEMPLATE], ids=["single", "template"])
def test_a_unit_exposes_next_to_nothing(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={_MOST_EXPOSED}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_template_differs_from_the_single_unit_by_its_instance_alone() -> None:
    general = {
        "Description=Product pictures of the 1C exchange (%i)": "Description=Product pictures of the 1C exchange",
        "Environment=ONEC_IMAGES_CONFIG=/etc/onec-images/%i.toml": (
            "Environment=ONEC_IMAGES_CONFIG=/etc/onec-images/config.toml"
        ),
        "StateDirectory=onec-images/%i": "StateDirectory=onec-images",
        "RuntimeDirectory=onec-images-%i": "RuntimeDirectory=onec-images",
        "LoadCredential=database-password:onec-images@%i": "LoadCredential=database-password:onec-images",
    }
    template = [line for line in settings_of(TEMPLATE) if line != "LogExtraFields=ONEC_SHOP=%i"]
    assert [general.get(line, line) for line in template] == list(settings_of(SINGLE))


def test_the_shipped_configuration_is_read_as_it_is() -> None:
    settings = config.load(CONFIGURATION, {})
    assert settings.database.url == "sqlite:////var/lib/onec-images/onec-images.db"
    assert settings.exchange.dir.is_absolute()
    assert settings.media.dir.is_absolute()


def test_the_unit_names_the_configuration_where_the_product_looks_for_it() -> None:
    assert f"Environment=ONEC_IMAGES_CONFIG={SYSTEM_FILE}" in settings_of(SINGLE)


def test_the_trigger_file_lies_in_the_directory_that_is_made_and_opened_for_it() -> None:
    directory = config.load(CONFIGURATION, {}).trigger.file.parent
    made = settings_of(SHIPPED / "tmpfiles.d" / "onec-images.conf")
    assert f"d {directory} 2770 onec-images www-data -" in made
    assert f"ReadWritePaths=-{directory}" in settings_of(SINGLE)


def test_the_unit_runs_as_the_user_that_is_made_for_it() -> None:
    made = next(settings_of(SHIPPED / "sysusers.d" / "onec-images.conf")).split()
    assert made[:2] == ["u", "onec-images"]
    assert {"User=onec-images", "Group=onec-images"} <= set(settings_of(SINGLE))
