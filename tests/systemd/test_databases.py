"""The service on PostgreSQL, through its sandbox: known by its account, or by a password that systemd hands over."""

from support import readme
from support.installed_shop import USER, InstalledShop, type_in
from support.server_in_box import Server

A = "8204be24-15b9-11ed-860f-fa163edba792"

_SQLITE = "sqlite:////var/lib/onec-images/onec-images.db"
_SECRET = "between 1C and us"  # noqa: S105 - of a server that lives as long as the tests


def imported(shop: InstalledShop, server: Server, database: str) -> list[str]:
    """Sell a product, deliver its picture, and return what is on its row."""
    server.sql(f"INSERT INTO products (onec_id) VALUES ('{A}')", database=database)  # noqa: S608 - no one else's
    begun = shop.box.now()
    shop.deliver(f"82/{A}_1.jpg")
    shop.box.entry(f"_SYSTEMD_UNIT={shop.unit}", f"ONEC_ID={A}", since=begun, within=20)
    return server.sql("SELECT main_image FROM products", database=database)


def test_an_account_of_the_unit_s_name_needs_no_password(shop: InstalledShop, server: Server) -> None:
    server.new_database("by_account", USER)
    shop.configure(_SQLITE, f"postgresql+psycopg://{USER}@/by_account?port={server.port}")
    shop.start()
    assert imported(shop, server, "by_account") == [f"products/82/{A}_1.jpg"]


def test_a_password_is_handed_over_as_the_readme_says(shop: InstalledShop, server: Server) -> None:
    server.new_database("by_password", "shop", _SECRET)
    shop.configure(_SQLITE, f"postgresql+psycopg://shop@127.0.0.1:{server.port}/by_password")
    storing, asking = readme.shell_below("### The database")
    type_in(shop.box, storing, given=f"{_SECRET}\n")
    try:
        assert imported(shop, server, "by_password") == [f"products/82/{A}_1.jpg"]
        environment = shop.box.path(f"/proc/{shop.state('MainPID')}/environ").read_bytes()
        assert _SECRET.encode() not in environment
        told = type_in(shop.box, asking, check=False)
        assert "\nok      database: " in told.stdout, told
        assert _SECRET not in told.stdout + told.stderr
    finally:
        shop.box.run("rm", "/etc/credstore/onec-images")


def test_a_database_that_comes_up_later_is_waited_for(shop: InstalledShop, server: Server) -> None:
    server.new_database("late", "late", _SECRET)
    shop.configure(_SQLITE, f"postgresql+psycopg://late@127.0.0.1:{server.port}/late")
    shop.box.write("/etc/credstore/onec-images", _SECRET, mode="0600")
    server.stop()
    try:
        shop.start()
        assert "database" in shop.state("StatusText")
        begun = shop.box.now()
        server.start()
        shop.box.entry(f"_SYSTEMD_UNIT={shop.unit}", "ONEC_EVENT=session_completed", since=begun, within=30)
        assert imported(shop, server, "late") == [f"products/82/{A}_1.jpg"]
    finally:
        server.start()
        shop.box.run("rm", "/etc/credstore/onec-images")
