"""Workshops to break things in, and the figures: each test says which faults it is about and how many it tried.

    pytest tests/reliability --long --write-figures docs/reliability.md

tries the large numbers, for an hour, and writes down what came of them.
"""

import os
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import astuple
from pathlib import Path

import pytest
from support import losses, strace
from support.losses import Figures

pytest.register_assert_rewrite("support.oracle")

from support.shops import (  # noqa: E402  once asserts are rewritten
    bare,
    lite,
    make_tables,
    prepared_file,
    prepared_server,
    served,
    starter,
    workshop,
)

__all__ = ["bare", "lite", "make_tables", "prepared_file", "prepared_server", "served", "starter", "workshop"]

_LONGEST = 3 * 3600  # seconds that a test of the large numbers may take
_PROPERTY = "figures"  # of the report on a test's end
_CALL = pytest.StashKey[pytest.CallInfo[None]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the large numbers and the writing of figures."""
    group = parser.getgroup("reliability")
    group.addoption("--long", action="store_true", help="try the large numbers, for an hour")
    group.addoption("--seed", help="what chance begins with, to try again what failed")
    group.addoption("--write-figures", type=Path, help="the file that is to say how many cases were tried")


def _is_long(config: pytest.Config) -> bool:
    return bool(config.getoption("--long", default=False))  # unknown where this directory is not named


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the large numbers time, and leave out what has only those."""
    if config.getoption("--write-figures", default=None):
        _leave_out(config, items, lambda item: item.path.name == "test_figures.py")  # of the page before
    if _is_long(config):
        for item in items:
            item.add_marker(pytest.mark.timeout(_LONGEST), append=False)
        return
    _leave_out(config, items, lambda item: item.get_closest_marker("long") is not None)


def _leave_out(
    config: pytest.Config, items: list[pytest.Item], is_out: Callable[[pytest.Item], bool]
) -> None:
    if left_out := list(filter(is_out, items)):
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether the large numbers are to be tried."""
    return _is_long(request.config)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What chance begins with; the same in each build, which has to fail again if it fails."""
    given = request.config.getoption("--seed", default=None)
    chosen = int(given) if given else 1 if "CI" in os.environ else random.randrange(1 << 32)
    print(f"--seed {chosen}")  # noqa: T201  pytest shows it beside what failed
    return chosen


@pytest.fixture
def _tracing() -> None:
    """Without the means to trace processes the test is skipped, except in a build, which may leave nothing out."""
    if reason := strace.obstacle():
        (pytest.fail if "CI" in os.environ else pytest.skip)(reason)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What counts the cases that a test tries; its class of faults is that of its mark `fault`."""
    mark = request.node.get_closest_marker("fault")
    assert mark, "a test of reliability says by @pytest.mark.fault('…') which class of faults it tries"
    place = Path(request.node.path).relative_to(request.config.rootpath)
    counted = Figures(mark.args[0], f"{place}::{request.node.originalname}")
    yield counted
    call = request.node.stash.get(_CALL, None)
    if call is None or call.excinfo:
        if not (call and call.excinfo and call.excinfo.errisinstance(pytest.skip.Exception)):
            counted.failed()
    else:
        assert counted.cases, "the test tried nothing"
    if counted.cases:
        # so they come back from the processes that tests are spread over
        request.node.user_properties.append((_PROPERTY, astuple(counted)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the figures know how the test ended."""
    if call.when == "call":
        item.stash[_CALL] = call
    return (yield)


def _reported(terminalreporter: pytest.TerminalReporter) -> Iterator[Figures]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "teardown":
                yield from (_figures(value) for name, value in report.user_properties if name == _PROPERTY)


def _figures(told: object) -> Figures:
    match told:
        case [str(fault), str(test), int(cases), int(lost)]:
            return Figures(fault, test, cases, lost)
    raise AssertionError(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures, and write them where that is asked for."""
    if not (figures := list(_reported(terminalreporter))):
        return
    terminalreporter.section("cases tried and lost")
    terminalreporter.write_line(losses.table(losses.summed(figures)))
    if file := config.getoption("--write-figures", default=None):
        losses.write(file, figures)
