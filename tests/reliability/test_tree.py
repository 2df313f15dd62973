"""Whatever happens to the tree of the exchange, and to the watches on it, every picture arrives."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from support import filesystems
from support.commands import AS_ANY_USER
from support.daemon_process import Daemon, daemon, eventually
from support.deeds import DEEDS, PRODUCT, Tree
from support.losses import Figures
from support.upshot import Witness, assert_no_trace_is_left, assert_nothing_lost, whole
from support.workshop import Workshop

_LESS_OFTEN = 90.0  # seconds: what goes wrong again and again is mended less and less often, up to a minute
_SETTLE = 0.2


def quick(workshop: Workshop) -> Workshop:
    """Return a shop in which pictures settle quickly, and nothing is found but by events and recovery."""
    workshop.configure("watch", settle=_SETTLE, max_wait=3, retry_unmatched=0.5, reconcile_interval=0)
    return workshop


@pytest.fixture
def lite(lite: Workshop) -> Workshop:
    """Return such a shop on SQLite."""
    return quick(lite)


@pytest.fixture
def served(served: Workshop) -> Workshop:
    """Return such a shop on PostgreSQL."""
    return quick(served)


def is_degraded(service: Daemon) -> bool:
    """Return whether a service says that something is wrong."""
    degraded: bool = service.status["degraded"]
    return degraded


# Deeds ----------------------------------------------------------------------------------------------------


def do_all(
    workshop: Workshop, service: Daemon, figures: Figures, do: Callable[[Callable[[], None]], None]
) -> None:
    """Do each deed, and see after each that nothing is lost."""
    tree = Tree(workshop)
    for words, deed in DEEDS.items():
        with figures.case():
            do(lambda deed=deed: deed(tree))  # type: ignore[misc]
            try:
                assert_nothing_lost(service)
            except TimeoutError as error:
                raise AssertionError(words) from error


@pytest.mark.fault("the tree while it is watched")
def test_no_deed_to_the_tree_loses_a_picture(served: Workshop, figures: Figures) -> None:
    served.products(PRODUCT)
    with Witness(served.media).watching(), daemon(served) as service:
        service.wait_for_session(trigger="startup")
        do_all(served, service, figures, lambda deed: deed())
        service.stop()
    assert_no_trace_is_left(served)


@pytest.mark.fault("the tree while nobody looks")
def test_no_deed_to_the_tree_while_the_service_is_halted_loses_a_picture(
    lite: Workshop, figures: Figures
) -> None:
    """All of it is there at once when the service goes on, and a warning would end a thread."""
    lite.products(PRODUCT)

    def halted(deed: Callable[[], None]) -> None:
        lite.halt(service.running)
        deed()
        service.running.signal(signal.SIGCONT)

    with daemon(lite, anew=True, environment={"PYTHONWARNINGS": "error"}) as service:
        service.wait_for_session(trigger="startup")
        do_all(lite, service, figures, halted)


# Mounts ---------------------------------------------------------------------------------------------------


@pytest.mark.fault("file systems that come and go")
def test_a_root_that_is_mounted_over_and_unmounted_is_watched_as_it_is(
    lite: Workshop, figures: Figures, is_long: bool
) -> None:
    lite.products(PRODUCT)
    tree = Tree(lite)
    with daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        for _ in range(6 if is_long else 1):
            with filesystems.small(tree.root, "1m"):
                tree.fill(tree.root / "q1")
                with figures.case():
                    assert_nothing_lost(service, within=_LESS_OFTEN)
                tree.put(tree.root)
                with figures.case():
                    assert_nothing_lost(service, within=_LESS_OFTEN)
            tree.put(tree.root / "q2")
            with figures.case():
                assert_nothing_lost(service, within=_LESS_OFTEN)
        eventually(lambda: not is_degraded(service))


# Limits ---------------------------------------------------------------------------------------------------


def limited(watches: int = 100_000, instances: int = 100) -> list[str]:
    """Return what runs a program that may have so many inotify watches and instances only; skip if nothing does."""
    limits = f"echo {watches} >{_LIMITS}_watches && echo {instances} >{_LIMITS}_instances"
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", f'{limits} && exec "$@"', "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("the kernel allows no user namespaces here")
    return command


_LIMITS = "/proc/sys/user/max_inotify"


def lift(service: Daemon, what: str) -> None:
    """Lift a limit of a service."""
    enter = ["nsenter", "--user", "--preserve-credentials", f"--target={service.running.pid}"]
    subprocess.run([*enter, "sh", "-c", f"echo 100000 >{_LIMITS}_{what}"], check=True)


@pytest.mark.fault("too few watches")
def test_a_limit_of_watches_loses_nothing_and_is_told(lite: Workshop, figures: Figures) -> None:
    lite.products(PRODUCT)
    tree = Tree(lite)
    for number in range(60):
        tree.put(tree.root / f"{number:02}")
    with daemon(lite, through=limited(watches=20)) as service:
        with figures.case():
            assert_nothing_lost(service)
            assert "inotify watches is reached" in str(service.status["why"])
        for number in range(60):
            tree.put(tree.root / f"{number:02}")
        with figures.case():
            assert_nothing_lost(service)
        lift(service, "watches")
        eventually(lambda: not is_degraded(service), within=60)
        for number in range(60):
            tree.put(tree.root / f"{number:02}")
        with figures.case():
            assert_nothing_lost(service, within=5)


@pytest.mark.fault("too few instances")
@pytest.mark.parametrize("instances", [0, 1])
def test_a_limit_of_instances_loses_nothing(lite: Workshop, figures: Figures, instances: int) -> None:
    lite.products(PRODUCT)
    tree = Tree(lite)
    with daemon(lite, through=limited(instances=instances)) as service:
        tree.put(tree.root / "q1")
        with figures.case():
            assert_nothing_lost(service)
        lift(service, "instances")
        eventually(lambda: not is_degraded(service), within=60)
        tree.put(tree.root / "q1")
        with figures.case():
            assert_nothing_lost(service, within=5)


@pytest.mark.fault("directories without rights")
def test_a_directory_that_may_not_be_read_for_a_while_loses_nothing(lite: Workshop, figures: Figures) -> None:
    lite.products(PRODUCT)
    tree = Tree(lite)
    tree.put(tree.root / "q1")
    with daemon(lite, without=AS_ANY_USER) as service:
        assert_nothing_lost(service)
        for directory in (tree.root / "q1", lite.exchange / "goods"):
            directory.chmod(0)
            time.sleep(1.5)
            directory.chmod(0o755)
            tree.put(tree.root / "q1")
            with figures.case():
                assert_nothing_lost(service)
        eventually(lambda: not is_degraded(service))


# Events that never arrive ---------------------------------------------------------------------------------


@pytest.mark.fault("overflow of the kernel's queue")
@pytest.mark.parametrize("database", ["lite", pytest.param("served", marks=pytest.mark.long)])
def test_events_that_the_kernel_drops_are_made_up_for(
    request: pytest.FixtureRequest, figures: Figures, database: str, is_long: bool
) -> None:
    workshop: Workshop = request.getfixturevalue(database)
    workshop.configure("watch", retry_unmatched=60)
    names = [f"{number:05}" for number in range(20_000)]
    workshop.products(*names[:50])
    (workshop.root / "zz").mkdir()
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        for time_ in range(5 if is_long else 1):
            workshop.halt(service.running)
            for name in names[50:]:
                (workshop.root / "zz" / f"{name}_x.jpg").touch()
            for name in names[:50]:
                workshop.picture(f"zz/{name}_{time_}.jpg", whole(name.encode()))
            service.running.signal(signal.SIGCONT)
            with figures.case():
                assert_nothing_lost(service)
        eventually(lambda: not is_degraded(service))
        assert "the kernel dropped events" in str(service.entries("degraded"))


def reading_fails(service: Daemon) -> "subprocess.Popen[bytes]":
    """Let the next read of events by a service fail, and with it the thread that reads; skip where nothing can."""
    if not shutil.which("strace"):
        (pytest.fail if "CI" in os.environ else pytest.skip)("strace makes calls fail")
    inject = ["-e", "trace=read", "-e", "inject=read:error=EIO:when=1", "-P", "anon_inode:inotify"]
    process = subprocess.Popen(
        ["strace", "-f", "-o", "/dev/null", *inject, "-p", str(service.running.pid)],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    process.stderr.readline()  # it is attached
    return process


@pytest.mark.fault("threads that die")
def test_a_reader_of_events_that_dies_is_replaced(lite: Workshop, figures: Figures, is_long: bool) -> None:
    lite.products(PRODUCT)
    tree = Tree(lite)
    with daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        for number in range(5 if is_long else 1):
            with reading_fails(service) as tracer:
                tree.put(tree.root / "q1")
                eventually(lambda number=number: len(service.entries("watching_troubled")) > number)  # type: ignore[misc]
                tracer.terminate()
            with figures.case():
                assert_nothing_lost(service)
            eventually(lambda: not is_degraded(service))
            tree.put(tree.root / "q1")
            with figures.case():
                assert_nothing_lost(service, within=5)
