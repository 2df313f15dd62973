"""The doctor names what the installed unit forbids, and its remedies work."""

import json
import re

from support.installed_shop import USER, InstalledShop

SHIPPED = "unit onec-images.service"


def told(shop: InstalledShop, user: str = USER, subject: str = SHIPPED) -> list[dict[str, str]]:
    """Return what the doctor says of a unit."""
    document = json.loads(shop.command("check", "--json", user=user, check=False).stdout)
    return [finding for finding in document["findings"] if finding["subject"] == subject]


def follow(shop: InstalledShop, remedy: str) -> None:
    """Do what a remedy says: write its lines to a drop-in of the unit."""
    lines = re.search(r"below \[Service\]: (.*); then", remedy)
    assert lines, remedy
    shop.drop_in("remedy", *lines[1].split(" and "))


def test_an_installation_as_in_the_readme_is_well(shop: InstalledShop) -> None:
    assert [finding["state"] for finding in told(shop)] == ["ok"]
    assert [finding["state"] for finding in told(shop, user="root")] == ["ok"]


def test_media_that_no_drop_in_opens_are_told_and_the_remedy_opens_them(shop: InstalledShop) -> None:
    shop.drop_in("shop")
    [finding] = told(shop)
    assert finding["state"] == "error"
    assert shop.box.systemctl("start", shop.unit, check=False).returncode
    follow(shop, finding["remedy"])
    assert [finding["state"] for finding in told(shop)] == ["ok"]
    shop.start()


def test_a_shop_below_home_is_told_and_the_remedy_opens_it(shop: InstalledShop) -> None:
    shop.box.run("mkdir", "-p", "/home/retail")
    shop.box.run("mv", f"/srv/{shop.name}", "/home/retail/shop")
    shop.configure("/srv/shop/", "/home/retail/shop/")
    shop.drop_in("shop")
    findings = told(shop)
    assert {finding["state"] for finding in findings} == {"error"}
    assert any("ProtectHome=yes hides /home/retail/shop/data" in finding["message"] for finding in findings)
    [media] = [finding["remedy"] for finding in findings if "the media directory" in finding["message"]]
    follow(shop, media)
    assert [finding["state"] for finding in told(shop)] == ["ok"]
    shop.start()
    shop.box.run("rm", "-rf", "/home/retail")


def test_a_database_on_another_host_is_told_and_the_remedy_opens_it(shop: InstalledShop) -> None:
    shop.configure(
        "sqlite:////var/lib/onec-images/onec-images.db", "postgresql+psycopg://shop@192.0.2.5/shop"
    )
    [finding] = told(shop)
    assert finding["state"] == "error"
    follow(shop, finding["remedy"])
    assert [finding["state"] for finding in told(shop)] == ["ok"]


def test_rights_that_the_unit_s_user_lacks_are_told_to_root(shop: InstalledShop) -> None:
    shop.box.run("chmod", "0700", shop.exchange)
    [finding] = told(shop, user="root")
    assert "onec-images, whom it runs as, may not read" in finding["message"]
