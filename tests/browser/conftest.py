"""A browser, and a status page to look at."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest
from support import browser
from support.browser import Browser

OpenBrowser = Callable[..., AbstractContextManager[Browser]]


@pytest.fixture(scope="session")
def open_browser() -> Iterator[OpenBrowser]:
    """What opens a browser; without one the test is skipped, except in a build, which may leave nothing out."""
    reason = browser.obstacle()
    if reason:
        (pytest.fail if "CI" in os.environ else pytest.skip)(reason)
    with browser.driver() as url:
        yield partial(browser.browser, url)


@pytest.fixture(scope="session")
def english(open_browser: OpenBrowser) -> Iterator[Browser]:
    """The browser of a reader of English."""
    with open_browser("en-GB,en") as opened:
        yield opened


@pytest.fixture(scope="session")
def russian(open_browser: OpenBrowser) -> Iterator[Browser]:
    """The browser of a reader of Russian."""
    with open_browser("ru-RU,ru,en") as opened:
        yield opened
