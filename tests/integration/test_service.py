"""The service at work: whatever goes wrong in it, it goes on."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import sql
from support.files import put

from daemon import shop
from daemon.config import Settings
from daemon.errors import OnecImagesError
from daemon.http.board import Board
from daemon.notify import Supervisor
from daemon.publication import Publisher
from daemon.service.bulletin import Bulletin, Report
from daemon.service.notices import Notices
from daemon.service.service import Service
from daemon.service.signals import Signals
from daemon.state import State

_LONGEST = 30.0  # seconds


class Asked(Signals):
    """What is asked for, without a process that could be."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Wake nobody: the service looks often enough."""


class Told(Bulletin):
    """Keeps what the service tells, and ends it when something is told."""

    def __init__(self, asked: Asked, is_enough: Callable[[State], bool]) -> None:
        super().__init__(Supervisor({}), Publisher(None), Notices({}), datetime.now(UTC), Board())
        self.states: list[State] = []
        self._asked = asked
        self._is_enough = is_enough

    def tell(self, report: Report) -> None:
        """Keep what is told."""
        self.states.append(report.state(datetime.now(UTC)))
        self._asked.stop = self._asked.stop or self._is_enough(self.states[-1])


class Faulty(Service):
    """A service that fails at first."""

    faults: list[Exception]

    def _do_import(self) -> bool:
        if self.faults:
            raise self.faults.pop(0)
        return super()._do_import()


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    """A shop with a product and a picture of it."""
    put(tmp_path / "exchange" / "goods" / "import_files" / "7_a.jpg")
    sql.execute(url, "INSERT INTO products (onec_id) VALUES ('7')")
    return Settings.model_validate(
        {
            "exchange": {"dir": tmp_path / "exchange"},
            "media": {"dir": tmp_path / "media", "min_free": 0},
            "database": {"url": url},
            "trigger": {"file": tmp_path / "trigger"},
            "watch": {"settle": 0.1},
        }
    )


@pytest.mark.parametrize("error", [ValueError("a mistake"), OnecImagesError("nobody foresaw it")])
def test_after_a_fault_everything_is_watched_and_imported_anew(
    settings: Settings, url: str, error: Exception
) -> None:
    def is_enough(state: State) -> bool:
        [(main,)] = sql.execute(url, "SELECT main_image FROM products")
        return bool(main) and not state.degraded and state.current is None

    asked = Asked()
    told = Told(asked, is_enough)
    out_of_time = threading.Timer(_LONGEST, lambda: setattr(asked, "stop", True))
    out_of_time.start()
    with shop.at_work(settings) as opened:
        service = Faulty(settings, opened, asked, told, lambda: False)
        service.faults = [error]
        service.run("startup")
    out_of_time.cancel()
    reasons = {reason for state in told.states for reason in state.why}
    assert f"events may be missed: {_words(error)}" in reasons
    assert is_enough(told.states[-1])


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, OnecImagesError) else f"{type(error).__name__}: {error}"
