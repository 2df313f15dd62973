import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.snapshots import current, ending, failure, slot, snapshot, state

from daemon.http.page import Page

_PAGE = Page("1.2.3")
_HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;{{7*7}}"

_PLACES = 11  # where the page shows a text from outside, each given one


class _Read(HTMLParser):
    """What a browser would make of a document: its tags, their attributes, its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(language: str = "en", **values: Any) -> _Read:
    return _Read(_PAGE.written(snapshot(**values), language))


def words(language: str = "en", **values: Any) -> str:
    """Return the text of the page, blanks made alike."""
    return re.sub(r"[\s\u202f]+", " ", read(language, **values).text)


def hostile(text: str) -> dict[str, Any]:
    """Return a snapshot's values with a text wherever one from outside may stand."""
    return {
        "state": state(
            degraded=True,
            why=(text,),
            backend=text,
            current=current(what=text, session_id=text, import_type=text),
        ),
        "sessions": (
            ending(id=text, import_type=text, trigger=text, status=text, error=text),
            ending(),
        ),
        "failures": (failure(text, text),),
        "awaited": (text,),
        "day": (slot(10, 5, 1),),
    }


def test_an_import_under_way_has_a_bar_and_the_time_left() -> None:
    page = read(state=state(state="importing", current=current()))
    assert ("max", "98400") in page.attributes
    assert ("value", "41230") in page.attributes
    told = words(state=state(state="importing", current=current()))
    assert "41 %" in told
    assert "products 41 230 of 98 400" in told
    assert "time left 2 min" in told


def test_an_import_of_unknown_size_has_a_bar_without_an_end() -> None:
    page = read(state=state(current=current(total=None, left_s=None)))
    assert "progress" in page.tags
    assert not [value for name, value in page.attributes if name == "max"]


def test_a_session_has_its_figures() -> None:
    told = words(
        sessions=(ending(processed=5, total=12, copied=30, status="failed", error="DiskFull: no room"),)
    )
    assert "41 pictures change noticed 14:57:30 1.4 s 5 of 12 30 4 0 failed DiskFull: no room" in told


def test_errors_have_path_and_reason() -> None:
    assert "goods/import_files/00/7_a.jpg is empty 15:00:30" in words(failures=(failure(),))


def test_pictures_without_a_product_are_named() -> None:
    assert "00/7_a… They are imported as soon as" in words(awaited=("00/7_a…",))


def test_trouble_is_told_with_its_reasons() -> None:
    told = words(state=state(degraded=True, why=("no space", "no events")), is_database_up=False)
    assert "Something is wrong no space no events" in told
    assert "does not answer" in told


def test_a_service_that_is_silent_is_shown_as_such() -> None:
    assert "The service has told nothing for" in words(told_at=-1000.0)
    assert "The service has told nothing for" not in words()


def test_a_day_is_drawn_in_bars_with_their_figures() -> None:
    page = read(day=(slot(60, 20), slot(30, 5, 2)))
    assert page.tags.count("rect") == 3
    assert "14:30–14:35: copied 5, errors 2" in page.text


def test_a_service_that_has_told_nothing_yet_has_a_page() -> None:
    assert "starting" in words(state=None)


@pytest.mark.parametrize(
    "language, told",
    [("en", ["watching", "No import is under way"]), ("ru", ["следит за обменом", "не идёт"])],
)
def test_the_page_speaks_the_language_of_its_reader(language: str, told: list[str]) -> None:
    page = read(language)
    assert ("lang", language) in page.attributes
    assert all(word in page.text for word in told)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_whatever_comes_from_outside_is_text_and_nothing_else(language: str) -> None:
    harmless, attacked = read(language, **hostile("x")), read(language, **hostile(_HOSTILE))
    assert attacked.tags == harmless.tags
    assert [name for name, _ in attacked.attributes] == [name for name, _ in harmless.attributes]
    assert attacked.text.count(_HOSTILE) == _PLACES


@given(st.text(min_size=1))
def test_any_text_leaves_the_document_as_it_is(text: str) -> None:
    harmless, attacked = read(**hostile("x")), read(**hostile(text))
    assert attacked.tags == harmless.tags
    assert [name for name, _ in attacked.attributes] == [name for name, _ in harmless.attributes]


def test_every_text_from_outside_is_escaped_in_the_source() -> None:
    source = _PAGE.written(snapshot(**hostile(_HOSTILE)), "en")
    assert _HOSTILE not in source
    assert html.escape("<script>alert(") in source


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = read(**hostile("x"))
    addresses = [value for name, value in page.attributes if name in {"src", "href", "action", "srcset"}]
    assert addresses == ["metrics", "healthz"]
    assert not {"iframe", "object", "embed", "link", "form", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]


def test_the_policy_allows_the_style_and_the_script_of_the_page_alone() -> None:
    rules = dict(rule.split(" ", 1) for rule in _PAGE.policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rules["script-src"])
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rules["style-src"])
    assert "unsafe" not in _PAGE.policy
