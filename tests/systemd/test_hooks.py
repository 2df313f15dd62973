"""Hooks run in the sandbox of the shipped unit, without the service's secrets, and are in the journal."""

from support.installed_shop import InstalledShop

_HOOKS = """
[hooks]
on_session_end = ["/bin/sh", "-c", "cd /var/lib/onec-images; cat > told; env > environment; echo thanks"]
on_degraded = ["/no/such/program"]
"""


def told(shop: InstalledShop, begun: float, event: str) -> str:
    """Wait for an entry about a hook, and return its sentence."""
    found = shop.box.entry(f"_SYSTEMD_UNIT={shop.unit}", f"ONEC_EVENT={event}", since=begun, within=20)
    return str(found["MESSAGE"])


def test_a_session_is_told_from_within_the_sandbox(shop: InstalledShop) -> None:
    shop.configure("[trigger]", f"{_HOOKS}\n[trigger]")
    begun = shop.box.now()
    shop.start()
    assert told(shop, begun, "hook_told") == "[hooks] on_session_end: /bin/sh was told: thanks"
    session = shop.box.run("cat", "/var/lib/onec-images/told").stdout
    assert '"status": "completed"' in session
    environment = shop.box.run("cat", "/var/lib/onec-images/environment").stdout
    assert "ONEC_IMAGES_CONFIG=" in environment
    for name in ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM"):
        assert name not in environment


def test_trouble_with_a_hook_that_is_missing_is_in_the_journal(shop: InstalledShop) -> None:
    shop.configure("[trigger]", f"{_HOOKS}\n[trigger]")
    shop.start()
    begun = shop.box.now()
    shop.box.run("mv", "/srv/shop/data/import_1c", "/srv/shop/data/elsewhere")
    message = told(shop, begun, "hook_failed")
    shop.box.run("mv", "/srv/shop/data/elsewhere", "/srv/shop/data/import_1c")
    assert message == "[hooks] on_degraded: /no/such/program cannot be run: No such file or directory"
