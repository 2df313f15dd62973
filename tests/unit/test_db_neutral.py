"""Columns of a shop's sessions that the daemon knows nothing about."""

import re
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table
from sqlalchemy import types as generic
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import TypeEngine

from daemon.db.mapping import Mapped, key_of_other
from daemon.db.neutral import neutral_values
from daemon.db.types import TolerantJson
from daemon.errors import SchemaError

NOW = datetime(2025, 11, 26, 12, 20, 30, tzinfo=UTC)
UUID_LENGTH = 36


def column(kind: TypeEngine[Any]) -> ReflectedColumn:
    return {"name": "mood", "type": kind, "nullable": False, "default": None}


def mapped(other: ReflectedColumn, *, unique: bool = False) -> Mapped:
    table = Table("import_sessions", MetaData(), Column("mood", other["type"], key=key_of_other(other)))
    return Mapped(table, (other,), frozenset({"mood"} if unique else ()))


def neutral(kind: TypeEngine[Any], *, unique: bool = False) -> Any:
    other = column(kind)
    return neutral_values(mapped(other, unique=unique), NOW)[key_of_other(other)]


@pytest.mark.parametrize(
    "kind, value",
    [
        (generic.VARCHAR(40), ""),
        (generic.TEXT(), ""),
        (postgresql.CITEXT(), ""),
        (postgresql.ENUM("calm", "cross", name="mood"), "calm"),
        (generic.BOOLEAN(), False),
        (generic.SMALLINT(), 0),
        (generic.BIGINT(), 0),
        (generic.NUMERIC(10, 2), 0),
        (postgresql.DOUBLE_PRECISION(), 0),
        (generic.REAL(), 0),
        (postgresql.TIMESTAMP(timezone=True), NOW),
        (generic.DATETIME(), NOW),
        (generic.DATE(), date(2025, 11, 26)),
        (generic.TIME(), time(12, 20, 30)),
        (postgresql.INTERVAL(), timedelta(0)),
        (postgresql.JSON(), {}),
        (postgresql.JSONB(), {}),
        (TolerantJson(), {}),
        (postgresql.ARRAY(generic.TEXT()), []),
        (postgresql.BYTEA(), b""),
        (generic.BLOB(), b""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_type_has_a_neutral_value(kind: TypeEngine[Any], value: object) -> None:
    found = neutral(kind)
    assert found == value
    assert type(found) is type(value)


def test_a_uuid_is_fresh() -> None:
    assert isinstance(neutral(postgresql.UUID()), uuid.UUID)
    assert neutral(postgresql.UUID()) != neutral(postgresql.UUID(), unique=True)


@pytest.mark.parametrize(
    "length, form", [(None, "[0-9a-f-]{36}"), (40, "[0-9a-f-]{36}"), (32, "[0-9a-f]{32}")]
)
def test_a_unique_text_is_a_fresh_uuid_that_fits(length: int | None, form: str) -> None:
    found = [neutral(generic.VARCHAR(length), unique=True) for _ in range(2)]
    assert found[0] != found[1]
    assert all(re.fullmatch(form, text) for text in found)


def test_as_much_of_a_uuid_is_taken_as_a_unique_text_has_room_for() -> None:
    assert re.fullmatch("[0-9a-f]{8}", neutral(generic.VARCHAR(8), unique=True))


def test_unique_times_need_no_more_than_the_time() -> None:
    assert neutral(postgresql.TIMESTAMP(timezone=True), unique=True) == NOW


@pytest.mark.parametrize("kind", [generic.INTEGER(), generic.BOOLEAN(), postgresql.ENUM("calm", name="mood")])
def test_a_unique_column_without_a_fresh_value_is_told(kind: TypeEngine[Any]) -> None:
    with pytest.raises(
        SchemaError, match=r"\[database.sessions\] the column 'mood' .* must have a value of its own"
    ):
        neutral(kind, unique=True)


@pytest.mark.parametrize("kind", [postgresql.INET(), postgresql.TSVECTOR(), generic.NullType()])
def test_a_type_without_a_neutral_value_is_told(kind: TypeEngine[Any]) -> None:
    with pytest.raises(
        SchemaError, match=r"the column 'mood' .* must have a value: map it, allow NULL or give it"
    ):
        neutral(kind)


@pytest.mark.parametrize(
    "more",
    [
        {"nullable": True},
        {"default": "''::text"},
        {"identity": {"always": False}},
        {"computed": {"sqltext": "1"}},
    ],
)
def test_what_the_database_fills_is_left_to_it(more: dict[str, Any]) -> None:
    other = column(generic.VARCHAR(40))
    other.update(more)  # type: ignore[typeddict-item]
    assert neutral_values(mapped(other), NOW) == {}
