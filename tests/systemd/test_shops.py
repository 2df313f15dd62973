"""Several shops on one host are instances of one template, each with its own directories."""

from collections.abc import Iterator

import pytest
from support import readme
from support.installed_shop import InstalledShop, type_in
from support.systemd_box import Box

A, B = "8204be24-15b9-11ed-860f-fa163edba792", "8204be25-15b9-11ed-860f-fa163edba792"


@pytest.fixture
def shops(box: Box) -> Iterator[tuple[InstalledShop, InstalledShop]]:
    """Two shops, each served by an instance."""
    retail, outlet = (
        InstalledShop(box, f"onec-images@{name}.service", name) for name in ("retail", "outlet")
    )
    for shop in (retail, outlet):
        shop.prepare()
    yield retail, outlet
    for shop in (retail, outlet):
        shop.remove()


def test_each_instance_imports_what_is_its_shop_s(shops: tuple[InstalledShop, InstalledShop]) -> None:
    retail, outlet = shops
    retail.sell(A)
    outlet.sell(A, B)
    for shop in shops:
        shop.start()
    begun = retail.box.now()
    retail.deliver(f"82/{A}_1.jpg")
    outlet.deliver(f"82/{B}_1.jpg")
    retail.box.entry("ONEC_SHOP=retail", f"ONEC_ID={A}", since=begun, within=20)
    retail.box.entry("ONEC_SHOP=outlet", f"ONEC_ID={B}", since=begun, within=20)
    assert retail.main_images() == {A: f"products/82/{A}_1.jpg"}
    assert outlet.main_images() == {B: f"products/82/{B}_1.jpg"}


def test_one_instance_ends_without_the_others(shops: tuple[InstalledShop, InstalledShop]) -> None:
    for shop in shops:
        shop.start()
    retail, outlet = shops
    retail.box.systemctl("stop", retail.unit)
    assert outlet.state("ActiveState") == "active"
    assert not retail.box.path("/run/onec-images-retail").exists()
    assert retail.box.path("/run/onec-images-outlet").is_dir()


def test_a_shop_is_added_as_the_readme_says(box: Box) -> None:
    shop = InstalledShop(box, "onec-images@retail.service", "retail")
    box.run("install", "-d", "-o", "www-data", shop.root)
    try:
        [commands] = readme.shell_below("### Several shops on one host")
        type_in(box, commands)
        assert shop.show("ActiveState", "UnitFileState") == {
            "ActiveState": "active",
            "UnitFileState": "enabled",
        }
        assert box.path("/var/lib/onec-images/retail/onec-images.db").is_file()
        assert box.path("/var/spool/onec-images").is_dir()
        assert '"/var/spool/onec-images/retail.trigger"' in box.path(shop.configuration).read_text()
    finally:
        box.systemctl("disable", shop.unit)
        shop.remove()
