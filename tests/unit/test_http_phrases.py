from datetime import timedelta

import pytest
from support.snapshots import NOW

from daemon.http import phrases
from daemon.http.words import WORDS

_EN, _RU = WORDS["en"], WORDS["ru"]


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


@pytest.mark.parametrize("value, text", [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")])
def test_thousands_are_apart(value: int, text: str) -> None:
    assert plain(phrases.number(value)) == text


@pytest.mark.parametrize(
    "seconds, text",
    [
        (-1, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_told_in_units_that_fit(seconds: float, text: str) -> None:
    assert plain(phrases.duration(seconds, _EN)) == text


def test_a_duration_is_told_in_the_language_of_the_reader() -> None:
    assert plain(phrases.duration(7500, _RU)) == "2 ч 5 мин"


def test_what_took_less_than_a_minute_has_tenths() -> None:
    assert plain(phrases.exact(1.44, _EN)) == "1.4 s"
    assert plain(phrases.exact(75, _EN)) == "1 min"


def test_a_time_of_another_day_has_its_date() -> None:
    assert phrases.moment(NOW, NOW) == "15:02:30"
    assert phrases.moment(NOW - timedelta(days=1), NOW) == "2026-11-26 15:02"
