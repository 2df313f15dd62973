"""Values on their way into the database and back."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from daemon.db.types import TolerantJson, UtcDateTime, as_time
from daemon.json_column import Unreadable, json_text, json_value

NOON = datetime(2025, 11, 26, 12, 20, 30, 500, tzinfo=UTC)
MOSCOW = timezone(timedelta(hours=3))
SQLITE, POSTGRESQL = sqlite.dialect(), postgresql.dialect()  # type: ignore[no-untyped-call]

#: Whatever JSON allows, texts that are no UTF-8 included: an escape may name half a character.
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "stored",
    [
        "2025-11-26T12:20:30.000500+00:00",
        "2025-11-26T15:20:30.000500+03:00",
        "2025-11-26 12:20:30.000500",
        "2025-11-26T12:20:30.000500Z",
        NOON,
        NOON.astimezone(MOSCOW),
        NOON.replace(tzinfo=None),
    ],
)
def test_a_time_is_read_as_utc_whatever_its_form(stored: object) -> None:
    time = as_time(stored)
    assert time == NOON
    assert time is not None
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "yesterday",
        "2025-13-45",
        0,
        1764159630,
        b"2025",
        None,
        "0001-01-01T00:00:00+14:00",
        ["2025-11-26"],
    ],
)
def test_what_is_no_time_is_read_as_none(stored: object) -> None:
    assert as_time(stored) is None


@pytest.mark.parametrize(
    "dialect, knows_zones, stored",
    [
        (SQLITE, True, "2025-11-26T12:20:30.000500+00:00"),
        (SQLITE, False, "2025-11-26 12:20:30.000500+00:00"),
        (POSTGRESQL, True, NOON),
        (POSTGRESQL, False, NOON.replace(tzinfo=None)),
    ],
)
def test_a_time_is_written_in_utc(dialect: Dialect, knows_zones: bool, stored: object) -> None:
    kind = UtcDateTime(timezone=knows_zones)
    assert kind.process_bind_param(NOON.astimezone(MOSCOW), dialect) == stored
    assert kind.process_result_value(stored, dialect) == NOON
    assert kind.process_bind_param(None, dialect) is None


def test_times_in_a_column_declared_as_one_compare_with_those_of_django() -> None:
    of_django = str(NOON.replace(tzinfo=None))  # on SQLite it compares texts
    kind = UtcDateTime(timezone=False)
    earlier, later = NOON - timedelta(seconds=1), NOON + timedelta(seconds=1)
    assert kind.process_bind_param(earlier, SQLITE) < of_django < kind.process_bind_param(later, SQLITE)


def test_json_is_readable_for_people() -> None:
    assert json_text(["products/00/Ваза.jpg"]) == '["products/00/Ваза.jpg"]'


@settings(max_examples=50)
@given(values)
def test_json_comes_back_as_it_went(value: Any) -> None:
    stored = json_text(value)
    assert json_value(stored.encode()) == value
    assert json_value(stored) == value


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "[",
        "products/a.jpg",
        "['a']",
        '["a\0b"]',
        "[" * 100_000 + "]" * 100_000,
        "[" + "9" * 10_000 + "]",
        '["\udcff"]',
    ],
)
def test_what_cannot_be_read_as_json_is_marked_and_kept(stored: str) -> None:
    read = TolerantJson().process_result_value(stored, SQLITE)
    assert isinstance(read, Unreadable)
    assert read == stored


@pytest.mark.parametrize("stored", [b"\xff\x00", b"[]", 5, 1.5, None])
def test_what_is_no_text_is_left_as_it_is(stored: object) -> None:
    assert TolerantJson().process_result_value(stored, SQLITE) == stored


def test_none_is_stored_as_null() -> None:
    assert TolerantJson().process_bind_param(None, SQLITE) is None


def test_half_a_character_is_stored_escaped() -> None:
    stored = json_text(["\ud83d", "Ваза"])
    assert stored.isascii()
    assert json.loads(stored) == ["\ud83d", "Ваза"]
