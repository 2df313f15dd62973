import pytest

from daemon.http.pace import Pace


class Clock:
    """A clock that only sleep moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def test_whoever_comes_seldom_does_not_wait() -> None:
    clock = Clock()
    pace = Pace(10, 5, clock.read, clock.sleep)
    for _ in range(50):
        clock.now += 0.1
        pace.wait()
    assert clock.slept == 0


def test_some_may_come_at_once_after_a_rest() -> None:
    clock = Clock()
    pace = Pace(10, 5, clock.read, clock.sleep)
    for _ in range(5):
        pace.wait()
    assert clock.slept == 0
    pace.wait()
    assert clock.slept == pytest.approx(0.1)


def test_no_more_pass_in_the_long_run_than_the_pace_allows() -> None:
    clock = Clock()
    pace = Pace(10, 5, clock.read, clock.sleep)
    for _ in range(105):
        pace.wait()
    assert clock.now - 100 == pytest.approx(10)
