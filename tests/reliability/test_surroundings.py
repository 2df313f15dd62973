"""What the service lives on fails, and comes back: the database, the disks, the clock, and the time it is given."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from _pytest.mark.structures import ParameterSet
from support import filesystems, sql, strace
from support.commands import WarmStarter
from support.daemon_process import daemon, eventually
from support.deeds import PRODUCT, Tree
from support.losses import Figures
from support.postgres import server
from support.proxies import Proxy, proxy
from support.upshot import Witness, assert_no_trace_is_left, assert_nothing_lost, whole
from support.usage import memory
from support.workshop import Workshop

_MANY = [f"{number:03}" for number in range(200)]
_OURS = "FROM pg_stat_activity WHERE application_name LIKE 'onec-images%' AND datname = current_database()"


def quick(workshop: Workshop) -> Workshop:
    """Return a shop in which pictures settle quickly."""
    workshop.configure("watch", settle=0.2, max_wait=3, retry_unmatched=0.5, reconcile_interval=0)
    workshop.configure("import", retry_delay=0.5, chunk_size=5)
    return workshop


@pytest.fixture
def lite(lite: Workshop) -> Workshop:
    """Return such a shop on SQLite."""
    return quick(lite)


@pytest.fixture
def served(served: Workshop) -> Workshop:
    """Return such a shop on PostgreSQL."""
    return quick(served)


def send(workshop: Workshop, number: int) -> None:
    """Send a picture of each of many products."""
    for onec_id in _MANY:
        workshop.picture(f"{onec_id}_{number}.jpg", whole(f"{onec_id} {number}".encode()))


def is_begun(workshop: Workshop, number: int) -> bool:
    """Return whether some of the pictures sent with a number are in the media."""
    return any(workshop.media.rglob(f"*_{number}.jpg"))


# PostgreSQL -----------------------------------------------------------------------------------------------


def _ends_connections(url: str) -> None:
    sql.execute(url, f"SELECT pg_terminate_backend(pid, 5000) {_OURS}")


def _kills_backends(url: str) -> None:
    """Kill what serves the service, which has the server start anew."""
    for (pid,) in sql.execute(url, f"SELECT pid {_OURS}"):
        os.kill(pid, signal.SIGKILL)


def _stops_for_a_while(url: str) -> None:
    """Halt what serves the service."""
    pids = [pid for (pid,) in sql.execute(url, f"SELECT pid {_OURS}")]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids:
            os.kill(pid, number)
        time.sleep(0.5)


_TO_THE_SERVER: dict[str, Callable[[str], None]] = {
    "connections ended": _ends_connections,
    "backends killed": _kills_backends,
    "backends halted": _stops_for_a_while,
}


@pytest.mark.fault("a server that fails")
@pytest.mark.parametrize("fault", _TO_THE_SERVER)
def test_a_server_that_fails_in_a_batch_loses_nothing(
    tmp_path: Path, starter: WarmStarter, figures: Figures, fault: str, is_long: bool
) -> None:
    with server() as url, closing(quick(Workshop(tmp_path, url, starter))) as workshop:
        assert workshop.run("init-db").status == 0
        sql.execute(url, "ALTER DATABASE postgres SET synchronous_commit = on")  # what is committed stays so
        workshop.products(*_MANY)
        with Witness(workshop.media).watching(), daemon(workshop) as service:
            service.wait_for_session(trigger="startup")
            for number in range(10 if is_long else 1):
                send(workshop, number)
                eventually(lambda number=number: is_begun(workshop, number))  # type: ignore[misc]
                with figures.case():
                    _TO_THE_SERVER[fault](url)
                    eventually(lambda: can_be_used(workshop))
                    assert_nothing_lost(service)
            eventually(lambda: not service.status["degraded"])


def can_be_used(workshop: Workshop) -> bool:
    """Return whether the database answers."""
    try:
        workshop.database.execute("SELECT 1")
    except Exception:  # noqa: BLE001  whatever the driver makes of a server that starts
        return False
    return True


@contextmanager
def remote(workshop: Workshop) -> Iterator[Proxy]:
    """Put a network between the service and its database for the block."""
    with (
        tempfile.TemporaryDirectory(prefix="net-") as place,  # the name of a socket has to be short
        proxy(workshop.database.url, Path(place)) as (url, network),
    ):
        workshop.configure("database", url=url)
        yield network


@pytest.mark.fault("a network that fails")
def test_a_network_that_fails_again_and_again_loses_nothing(
    served: Workshop, figures: Figures, is_long: bool
) -> None:
    served.products(*_MANY)
    with remote(served) as network, daemon(served) as service:
        service.wait_for_session(trigger="startup")
        for number in range(20 if is_long else 2):
            send(served, number)
            eventually(lambda number=number: is_begun(served, number))  # type: ignore[misc]
            with figures.case():
                network.cut()
                assert_nothing_lost(service)


@pytest.mark.fault("a slow network")
def test_a_slow_network_makes_nothing_but_time(served: Workshop, figures: Figures, is_long: bool) -> None:
    served.configure("import", chunk_size=100)
    served.products(*_MANY)
    with remote(served) as network, daemon(served) as service:
        service.wait_for_session(trigger="startup")
        network.delay = 0.05 if is_long else 0.005
        send(served, 1)
        with figures.case():
            assert_nothing_lost(service)
        assert not service.status["degraded"]


@pytest.mark.fault("memory while the database is away")
def test_a_flood_while_the_database_is_away_is_held_in_little_memory(
    served: Workshop, figures: Figures, is_long: bool
) -> None:
    amount = 100_000 if is_long else 5_000
    served.configure("watch", max_pending=amount // 2)
    served.products(*_MANY)
    (served.root / "zz").mkdir()
    with remote(served) as network, daemon(served) as service:
        service.wait_for_session(trigger="startup")
        before = memory(service.running.pid).pss
        with network.down():
            for number in range(amount):
                (served.root / "zz" / f"x{number}_a.jpg").touch()
            send(served, 1)
            eventually(lambda: service.status["degraded"])
            grown = memory(service.running.pid).pss - before
        with figures.case():
            assert grown < 50 << 20
            assert_nothing_lost(service)
        figures.tried(amount)


# Transactions of the shop ---------------------------------------------------------------------------------


@pytest.mark.fault("conflicts with the shop's transactions")
def test_locks_of_the_shop_in_any_order_lose_nothing_on_either_side(
    served: Workshop, figures: Figures, is_long: bool
) -> None:
    """The shop locks rows in the opposite order, half of the time as SERIALIZABLE, and writes to each of them."""
    served.products(*_MANY)
    stop = threading.Event()
    wrote: list[int] = []

    def shop() -> None:
        for turn in range(10**6):
            if stop.is_set():
                return
            level = "SERIALIZABLE" if turn % 2 else "READ COMMITTED"
            with closing(served.database.connect()) as connection:
                connection.execute(f"BEGIN ISOLATION LEVEL {level}")
                try:
                    for onec_id in reversed(_MANY[turn % 7 :: 7]):
                        connection.execute(
                            "UPDATE products SET name = name || 'x' WHERE onec_id = %s", (onec_id,)
                        )
                    connection.execute("COMMIT")
                except psycopg.errors.OperationalError:
                    connection.execute("ROLLBACK")
                else:
                    wrote.append(len(_MANY[turn % 7 :: 7]))

    with daemon(served) as service:
        service.wait_for_session(trigger="startup")
        buyer = threading.Thread(target=shop)
        buyer.start()
        for number in range(30 if is_long else 2):
            send(served, number)
            with figures.case():
                eventually(lambda number=number: is_begun(served, number))  # type: ignore[misc]
        stop.set()
        buyer.join()
        with figures.case():
            assert_nothing_lost(service)
        assert sum(len(row.name) for row in served.rows()) == sum(wrote) > 0


@pytest.mark.fault("locks that others hold")
@pytest.mark.parametrize("database", ["lite", "served"])
def test_a_lock_of_everything_for_a_long_time_loses_nothing(
    request: pytest.FixtureRequest, figures: Figures, database: str, is_long: bool
) -> None:
    workshop: Workshop = request.getfixturevalue(database)
    workshop.products(*_MANY)
    statements = [] if workshop.database.is_sqlite else ["LOCK TABLE products IN ACCESS EXCLUSIVE MODE"]
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        with figures.case():
            with sql.transaction(workshop.database.url, *statements):
                send(workshop, 1)
                time.sleep(60 if is_long else 3)
            assert_nothing_lost(service)
        eventually(lambda: not service.status["degraded"])


# Disks ----------------------------------------------------------------------------------------------------


@pytest.mark.fault("media that are full")
def test_media_that_are_full_again_and_again_lose_nothing(
    lite: Workshop, figures: Figures, is_long: bool
) -> None:
    lite.products(*_MANY)
    with filesystems.small(lite.media, "8m"), Witness(lite.media / "products").watching():
        with daemon(lite) as service:
            service.wait_for_session(trigger="startup")
            for number in range(6 if is_long else 1):
                (lite.media / "ballast").write_bytes(bytes(4096 * (20 + 200 * (number == 0))))
                fill_up(lite.media / "ballast")
                send(lite, number)
                eventually(lambda: service.status["degraded"])
                (lite.media / "ballast").unlink()
                with figures.case():
                    assert_nothing_lost(service)
            service.stop()
        assert_no_trace_is_left(lite)


def fill_up(file: Path) -> None:
    """Write to a file until there is no room left but for a few others."""
    with file.open("ab", buffering=0) as opened:
        try:
            while True:
                opened.write(bytes(4096))
        except OSError:
            opened.truncate(max(opened.tell() - 10 * 4096, 0))


@pytest.mark.fault("media that become read-only")
def test_media_that_become_read_only_in_a_batch_lose_nothing(
    lite: Workshop, figures: Figures, is_long: bool
) -> None:
    lite.products(*_MANY)
    with filesystems.small(lite.media, "8m"), daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        for number in range(5 if is_long else 1):
            send(lite, number)
            eventually(lambda number=number: is_begun(lite, number))  # type: ignore[misc]
            subprocess.run(["mount", "-o", "remount,ro", lite.media], check=False, capture_output=True)
            time.sleep(0.5)
            filesystems.remount(lite.media, "rw")
            with figures.case():
                assert_nothing_lost(service)
        service.stop()


_CALLS = ["openat", "copy_file_range", "rename", "getdents64", "pread64", "utimensat", "fchmod", "newfstatat"]


def _long(how: str) -> ParameterSet:
    return pytest.param(how, marks=pytest.mark.long)


@pytest.mark.fault("calls of the system that fail")
@pytest.mark.usefixtures("_tracing")
@pytest.mark.parametrize(
    "how", ["error=EIO:when=3+7", _long("error=EINTR:when=2+5"), _long("error=ENOMEM:when=4+9")]
)
def test_calls_that_fail_now_and_then_lose_nothing(
    lite: Workshop, figures: Figures, how: str, is_long: bool
) -> None:
    """What failed as one file's error is found by the next import of all products, which a signal asks for here."""
    lite.products(*_MANY)
    with Witness(lite.media).watching(), daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        for number, call in enumerate(_CALLS if is_long else _CALLS[:4]):
            with strace.tampered(service.running.pid, f"{call},?{call}at,?{call}at2", how):
                send(lite, number)
                time.sleep(0.7)
            service.reload()
            with figures.case():
                try:
                    assert_nothing_lost(service)
                except TimeoutError as error:
                    raise AssertionError(call) from error


@pytest.mark.fault("reads that are short")
@pytest.mark.usefixtures("_tracing")
def test_reads_that_are_short_lose_nothing(lite: Workshop, figures: Figures) -> None:
    lite.products(*_MANY)
    with Witness(lite.media).watching(), daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        with strace.tampered(service.running.pid, "copy_file_range", "error=EXDEV"):
            send(lite, 1)
            with figures.case():
                assert_nothing_lost(service)
        with strace.tampered(service.running.pid, "copy_file_range", "retval=0:when=1+3"):
            send(lite, 2)
            with figures.case():
                assert_nothing_lost(service)


# Time -----------------------------------------------------------------------------------------------------

_CLOCK = """
import os, time
_time, _time_ns = time.time, time.time_ns
def _offset():
    try:
        with open(os.environ["TEST_CLOCK"]) as file:
            return int(file.read() or 0)
    except OSError:
        return 0
time.time = lambda: _time() + _offset()
time.time_ns = lambda: _time_ns() + _offset() * 10**9
"""


@pytest.mark.fault("steps of the clock")
def test_a_clock_that_is_set_back_or_on_delays_nothing(lite: Workshop, figures: Figures) -> None:
    (lite.place / "clock").mkdir()
    (lite.place / "clock" / "sitecustomize.py").write_text(_CLOCK)
    offset = lite.place / "offset"
    environment = {
        "PYTHONPATH": f"{lite.place / 'clock'}:{Path(__file__).parents[2]}",
        "TEST_CLOCK": str(offset),
    }
    lite.products(PRODUCT)
    tree = Tree(lite)
    with daemon(lite, anew=True, environment=environment) as service:
        service.wait_for_session(trigger="startup")
        for seconds in (-3600, 3600, -(10**9)):
            tree.put(lite.root)
            offset.write_text(str(seconds))
            with figures.case():
                assert_nothing_lost(service, within=5)
            tree.put(lite.root)
            with figures.case():
                assert_nothing_lost(service, within=5)
            service.reload()
            with figures.case():
                assert_nothing_lost(service, within=5)


@pytest.mark.fault("a time limit")
@pytest.mark.usefixtures("_tracing")
@pytest.mark.parametrize("database", ["lite", "served"])
def test_an_import_that_ran_out_of_time_goes_on_at_once_and_costs_no_retry(
    request: pytest.FixtureRequest, figures: Figures, database: str
) -> None:
    """Each sync takes a while, so that what an attempt copies does not depend on the machine."""
    workshop = request.getfixturevalue(database)
    workshop.configure(
        "import", on_startup=False, time_limit=1, chunk_size=1, max_retries=0, retry_delay=3600
    )
    workshop.configure("media", durable=True)
    workshop.products(*_MANY)
    send(workshop, 1)
    with daemon(workshop) as service:
        with strace.tampered(service.running.pid, "syncfs", "delay_exit=20000"), figures.case():
            service.reload()
            assert_nothing_lost(service)
        *attempts, last = workshop.sessions()
        assert attempts
        assert all("time_limit" in session["error_message"] for session in attempts)
        assert last["report_details"]["attempt"] == len(attempts) + 1


@pytest.mark.fault("two services")
def test_services_that_take_turns_lose_nothing(lite: Workshop, figures: Figures, is_long: bool) -> None:
    lite.products(*_MANY)
    with ExitStack() as stack:
        current = stack.enter_context(daemon(lite))
        for number in range(10 if is_long else 2):
            send(lite, number % 4)
            following = stack.enter_context(daemon(lite, "--wait"))
            current.kill() if number % 2 else current.stop()
            current = following
            with figures.case():
                assert_nothing_lost(current)
