"""A machine with a real systemd, in which onec-images is installed once for all tests, and a fresh shop for each."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import server_in_box, systemd_box
from support.installed_shop import PROJECT, SOURCES, InstalledShop, install
from support.server_in_box import Server
from support.systemd_box import Box


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have all tests of this directory run by one process, so that there is one machine, installed once."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("systemd"))


@pytest.fixture(scope="session")
def bare_box() -> Iterator[Box]:
    """A machine; without the means to boot one the test is skipped, except in a build, which may leave nothing out."""
    reason = systemd_box.obstacle()
    if reason:
        (pytest.fail if "CI" in os.environ else pytest.skip)(reason)
    with systemd_box.box([f"{PROJECT}:{SOURCES}", *server_in_box.binds()]) as booted:
        yield booted


@pytest.fixture(scope="session")
def box(bare_box: Box) -> Box:
    """A machine with onec-images, installed as README.md says."""
    install(bare_box)
    return bare_box


@pytest.fixture(scope="session")
def server(box: Box) -> Server:
    """A PostgreSQL server on the machine, which knows its users by their accounts, or by a password."""
    return server_in_box.start(box)


@pytest.fixture
def shop(box: Box) -> Iterator[InstalledShop]:
    """A shop with nothing in it, and its unit, which has not been started."""
    made = InstalledShop(box)
    made.prepare()
    yield made
    made.remove()
