"""What every test may ask for: a clean environment and fresh databases of both kinds."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path

import hypothesis
import pytest
from support.postgres import Postgres, databases, server

# A busy machine is no failure; a build that fails has to fail again when it is run again.
hypothesis.settings.register_profile("onec-images", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("onec-images")

#: Variables of the developer, of systemd or of a terminal that would change what the product does.
_FOREIGN = (
    "ONEC_IMAGES_*",
    "CREDENTIALS_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "JOURNAL_STREAM",
    "PG*",
    "FORCE_COLOR",
    "NO_COLOR",
)


# a shell has what it runs in the background ignore Ctrl-C, and whatever the tests start would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if any(fnmatchcase(name, pattern) for pattern in _FOREIGN):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL databases; of the server of ``TEST_DATABASE_URL`` (a superuser's) where that is set."""
    with ExitStack() as stack:
        url = os.environ.get("TEST_DATABASE_URL") or stack.enter_context(server())
        yield stack.enter_context(databases(url))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/onec-images.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new_database()
