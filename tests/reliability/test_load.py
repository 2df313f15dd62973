"""Much of it, and for long: nothing is lost, and the service holds no more of the machine than at the start."""

import os
import random
import shutil
import time
import uuid

import pytest
from support.daemon_process import Daemon, daemon, eventually
from support.held import Held, held_by
from support.losses import Figures
from support.triggers import Triggers
from support.upshot import Witness, assert_nothing_lost, whole
from support.usage import memory
from support.workshop import Workshop

_MB = 1 << 20
_MEMORY = 80 * _MB  # that an import of everything may take
_GROWTH = 10 * _MB
#: Without what a measured run of the tests puts into each process, which takes a tenth of the memory.
_UNMEASURED = ("env", "-u", "COVERAGE_PROCESS_CONFIG", "-u", "COVERAGE_PROCESS_START")


def onec_ids(amount: int, seed: int = 1) -> list[str]:
    """Return ids as 1C has them."""
    chance = random.Random(seed)
    return [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(amount)]


def quick(workshop: Workshop) -> Workshop:
    """Return a shop in which pictures settle quickly, and nothing is found but by events."""
    workshop.configure("watch", settle=0.2, max_wait=3, retry_unmatched=0.5, reconcile_interval=0)
    return workshop


@pytest.mark.fault("a burst of new pictures")
@pytest.mark.parametrize("database", ["lite", "served"])
def test_a_burst_of_new_pictures_loses_none(
    request: pytest.FixtureRequest, figures: Figures, is_long: bool, database: str
) -> None:
    workshop = quick(request.getfixturevalue(database))
    products = onec_ids(4_000 if is_long else 400)
    amount = 10_000 if is_long else 1_000
    workshop.products(*products)
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        for number in range(amount):
            product = products[number % len(products)]
            workshop.picture(f"{product[:2]}/{product}_{number}.jpg", os.urandom(2048))
        eventually(lambda: len(list(workshop.media.rglob("*.jpg"))) == amount, within=60)
        assert_nothing_lost(service)
        figures.tried(amount)


@pytest.mark.fault("days of a shop")
@pytest.mark.parametrize("database", ["lite", "served"])
def test_days_of_a_shop_lose_nothing_and_hold_no_more_at_their_end(
    request: pytest.FixtureRequest, figures: Figures, is_long: bool, database: str
) -> None:
    """A session of the exchange every few moments: old pictures once more, some new ones, and an emptied tree."""
    workshop = quick(request.getfixturevalue(database))
    chance, products = random.Random(7), onec_ids(129)
    workshop.products(*products)
    sessions, warm = (300, 60) if is_long else (5, 2)
    with Witness(workshop.media).watching(), daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        before = held_by(service)
        for session in range(sessions):
            send_a_session(workshop, chance, products, session)
            if session % 5 == 4:
                Triggers(workshop).drop()
            assert_nothing_lost(service)
            figures.tried()
            if chance.random() < 0.5:
                shutil.rmtree(workshop.exchange / "goods")
            if session == warm:
                before = eventually_idle(service)
        workshop.root.mkdir(parents=True, exist_ok=True)
        after = eventually_idle(service)
        assert (after.threads, after.connections) == (before.threads, before.connections)
        assert after.descriptors <= before.descriptors + 2
        assert after.memory <= before.memory + _GROWTH
        assert after.connections == 1


def send_a_session(workshop: Workshop, chance: random.Random, products: list[str], session: int) -> None:
    """Send what one session of the exchange does."""
    for product in chance.sample(products, 60):
        for number in range(3):
            content = whole(f"{product} {number}".encode() * 50)
            workshop.picture(f"{product[:2]}/{product}_{number}.jpg", content)
    for product in chance.sample(products, 5):
        workshop.picture(f"{product[:2]}/{product}_n{session}.jpg", whole(f"{product} {session}".encode()))


def eventually_idle(service: Daemon) -> Held:
    """Wait until a service has nothing to do, and return what it holds."""
    eventually(lambda: service.status["current"] is None and service.status["pending"] == 0)
    time.sleep(1)
    return held_by(service)


@pytest.mark.fault("a million pictures")
def test_a_million_pictures_are_imported_in_little_memory(
    lite: Workshop, figures: Figures, is_long: bool
) -> None:
    products = onec_ids(370_000 if is_long else 1_850)
    amount = 1_000_000 if is_long else 5_000
    quick(lite)
    lite.configure("import", time_limit=7200)
    lite.products(*products)
    for number in range(256):
        (lite.root / f"{number:02x}").mkdir()
    root, names = os.fspath(lite.root), []
    for number in range(amount):
        product = products[number % len(products)]
        names.append(f"{product[:2]}/{product}_{number}.jpg")
        with open(f"{root}/{names[-1]}", "wb") as file:
            file.write(names[-1].encode())
    most = 0
    with daemon(lite, through=_UNMEASURED) as service:  # a process that shares its memory with no other
        eventually(lambda: service.entries("session_started"))
        until = time.monotonic() + 3600
        while not lite.database.execute("SELECT 1 FROM import_sessions WHERE finished_at IS NOT NULL"):
            assert time.monotonic() < until
            most = max(most, memory(service.running.pid).pss)
            time.sleep(0.2)
        [session] = [session for session in lite.sessions() if session["trigger"] == "startup"]
        details = session["report_details"]
        for name in random.Random(3).sample(names, 1_000):
            with figures.case():
                assert (lite.media / "products" / name).read_bytes() == name.encode()
        assert (session["status"], details["errors"]) == ("completed", 0)
        [(named,)] = lite.database.execute("SELECT count(*) FROM products WHERE main_image <> ''")
        assert named == len(products)
        print(f"{details['duration_s']} s, {most / _MB:.1f} MB")  # noqa: T201
        assert most <= _MEMORY
        late = lite.media / "products" / products[0][:2] / f"{products[0]}_late.jpg"
        lite.picture(f"{products[0][:2]}/{products[0]}_late.jpg")
        eventually(late.exists)
    assert sum(len(found) for _, _, found in os.walk(lite.media)) == amount + 1
    figures.tried(amount - 1_000)
