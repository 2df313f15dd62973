"""The lines of README.md that search the journal, each of which finds something."""

import pytest
from support import readme
from support.installed_shop import InstalledShop, type_in

_PRODUCT = "001a16a4-b810-11ed-860f-fa163edba792"
_SESSION = "42"  # in README.md
_LINES = [line for line in readme.shell_below("### Read the journal")[0].splitlines() if line]


@pytest.fixture(scope="module")
def eventful(box: object) -> dict[str, str]:
    """Return where it is kept which session was found, for all lines together."""
    assert box
    return {}


@pytest.fixture
def told(shop: InstalledShop, eventful: dict[str, str]) -> tuple[InstalledShop, str]:
    """Return a shop in which all has happened that the lines look for, and the number of a session."""
    if not eventful:
        _live_through_it(shop)
        eventful["session"] = _session_of(shop)
    return shop, eventful["session"]


def _live_through_it(shop: InstalledShop) -> None:
    """Have a product changed, a file refused, an import failed, and the service degraded for a while."""
    shop.sell(_PRODUCT)
    begun = shop.box.now()
    shop.start()
    shop.deliver(f"00/{_PRODUCT}_1.jpg")
    shop.deliver(f"00/{_PRODUCT}_2.jpg", "")
    shop.box.entry("ONEC_EVENT=file_failed", since=begun, within=20)
    shop.box.entry("ONEC_EVENT=session_completed", "ONEC_TRIGGER=watch", since=begun, within=20)
    shop.box.run("mv", shop.exchange, f"{shop.exchange}.away")
    shop.box.entry("ONEC_EVENT=degraded", since=begun, within=20)
    shop.command("trigger")
    shop.box.entry("ONEC_EVENT=session_failed", since=begun, within=20)
    shop.box.run("mv", f"{shop.exchange}.away", shop.exchange)
    shop.box.entry("ONEC_EVENT=degraded_over", since=begun, within=20)


def _session_of(shop: InstalledShop) -> str:
    return str(shop.box.journal(f"ONEC_ID={_PRODUCT}")[-1]["ONEC_SESSION"])


@pytest.mark.parametrize("line", _LINES, ids=[line.partition("#")[0].strip() for line in _LINES])
def test_each_line_finds_what_it_promises(told: tuple[InstalledShop, str], line: str) -> None:
    shop, session = told
    assert line.startswith("journalctl ")
    searched = line.replace(f"ONEC_SESSION={_SESSION}", f"ONEC_SESSION={session}")
    ended_by = "timeout 1 " if " -f " in searched else ""  # it would follow for ever
    found = type_in(shop.box, ended_by + searched, check=False).stdout
    assert found.strip()
    assert "-- No entries --" not in found
