"""What README.md tells an operator to type leaves an installation that systemd and the doctor find well."""

import pytest
from support.installed_shop import InstalledShop
from support.systemd_box import Box

UNITS = ("onec-images.service", "onec-images@retail.service")


def test_systemd_finds_nothing_wrong_with_the_installed_units(box: Box) -> None:
    done = box.run("systemd-analyze", "verify", *UNITS)
    assert done.stderr == ""


@pytest.mark.parametrize("unit", UNITS)
def test_an_installed_unit_exposes_next_to_nothing(box: Box, unit: str) -> None:
    box.run("systemd-analyze", "security", "--offline=true", "--threshold=10", unit)


def test_the_user_is_made_and_may_not_log_in(box: Box) -> None:
    *_, home, shell = box.run("getent", "passwd", "onec-images").stdout.strip().split(":")
    assert (home, shell) == ("/var/lib/onec-images", "/usr/sbin/nologin")


@pytest.mark.parametrize(
    "directory, expected",
    [
        ("/var/spool/onec-images", "onec-images:www-data 2770"),
        ("/var/lib/onec-images", "onec-images:onec-images 750"),
    ],
)
def test_a_directory_is_made_for_those_who_need_it(box: Box, directory: str, expected: str) -> None:
    assert box.run("stat", "-c", "%U:%G %a", directory).stdout.strip() == expected


def test_the_doctor_finds_no_error_after_the_database_is_made(shop: InstalledShop) -> None:
    shop.command("init-db")
    done = shop.command("check", check=False)
    assert "\nerror" not in f"\n{done.stdout}", done.stdout
    assert done.returncode == 0
