import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.http.language import preferred

_OFFERED = ("en", "ru")


@pytest.mark.parametrize(
    "header, language",
    [
        ("", "en"),
        ("ru", "ru"),
        ("RU-ru", "ru"),
        ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"),
        ("en-US,en;q=0.9,ru;q=0.8", "en"),
        ("de, ru;q=0.5, en;q=0.4", "ru"),
        ("en;q=0.1, ru ; q=0.2", "ru"),
        ("*", "en"),
        ("ru;q=0, *;q=0.1", "en"),
        ("ru;q=0", "en"),
        ("ru;q=x", "en"),
        ("ru;q=nan", "en"),
        ("uk", "en"),
    ],
)
def test_the_language_is_the_one_wanted_most(header: str, language: str) -> None:
    assert preferred(header, _OFFERED) == language


@given(st.text())
def test_any_header_has_a_language(header: str) -> None:
    assert preferred(header, _OFFERED) in _OFFERED
