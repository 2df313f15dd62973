"""The lines of README.md that set the service up, typed one block after the other."""

import re
from collections.abc import Iterator

import pytest
from support import readme
from support.installed_shop import InstalledShop, type_in
from support.systemd_box import Box


@pytest.fixture
def new_shop(box: Box) -> Iterator[InstalledShop]:
    """A shop for which nothing has been set up but its exchange and the configuration."""
    shop = InstalledShop(box)
    shop.prepare()
    box.run("rm", "-r", f"/etc/systemd/system/{shop.unit}.d", shop.media)
    box.systemctl("daemon-reload")
    yield shop
    box.systemctl("disable", shop.unit)
    shop.remove()


def test_the_service_runs_after_the_lines_for_a_new_installation(new_shop: InstalledShop) -> None:
    _, opening, starting = readme.shell_below("## Install")
    type_in(new_shop.box, opening)
    checking, enabling = starting.splitlines()
    type_in(new_shop.box, checking, check=False)  # the database is made by the first start
    type_in(new_shop.box, enabling)
    assert new_shop.show("ActiveState", "UnitFileState", "User") == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "User": "onec-images",
    }


def test_the_service_runs_after_five_lines_and_the_doctor_has_no_complaint(new_shop: InstalledShop) -> None:
    [lines] = readme.shell_below("## Under systemd in five lines")
    assert len(lines.splitlines()) == 5
    type_in(new_shop.box, lines)
    assert new_shop.show("ActiveState", "UnitFileState") == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
    }
    said = new_shop.command("check", check=False)
    assert not re.search("^error", said.stdout, re.MULTILINE), said.stdout


def test_the_service_runs_as_the_shop_s_user_after_the_lines_for_that(new_shop: InstalledShop) -> None:
    box = new_shop.box
    box.run("useradd", "--system", "shop", check=False)
    box.run("install", "-d", "-o", "shop", f"{new_shop.media}/products")
    [commands] = readme.shell_below("### As the shop's own user")
    try:
        type_in(box, commands)
        assert new_shop.show("ActiveState", "User") == {"ActiveState": "active", "User": "shop"}
        directories = ("/var/lib/onec-images", "/var/spool/onec-images")
        owners = box.run("stat", "-c", "%U:%G %a", *directories).stdout.splitlines()
        assert owners == ["shop:shop 750", "shop:www-data 2770"]
        assert box.run("stat", "-c", "%U", f"{directories[0]}/onec-images.db").stdout == "shop\n"
    finally:
        box.systemctl("stop", new_shop.unit)
        box.run("rm", "-f", "/etc/tmpfiles.d/onec-images.conf")
        box.run("systemd-tmpfiles", "--create", "onec-images.conf")
