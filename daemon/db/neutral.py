"""Values for columns of a shop's table that the daemon knows nothing about but must fill."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Time,
    Uuid,
)
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import TypeEngine

from daemon.db.mapping import Mapped, fresh_text, key_of_other
from daemon.db.types import TolerantJson, is_of_postgresql
from daemon.errors import SchemaError

#: The first type that fits decides, so the narrower ones stand before the wider.
_NEUTRAL: Mapping[type[TypeEngine[Any]], Callable[[datetime, Any], Any]] = {
    Enum: lambda _now, kind: kind.enums[0],
    String: lambda _now, _kind: "",
    Boolean: lambda _now, _kind: False,
    Integer: lambda _now, _kind: 0,
    Numeric: lambda _now, _kind: 0,
    Float: lambda _now, _kind: 0,
    DateTime: lambda now, _kind: now,
    Date: lambda now, _kind: now.date(),
    Time: lambda now, _kind: now.time(),
    Interval: lambda _now, _kind: timedelta(0),
    JSON: lambda _now, _kind: {},
    TolerantJson: lambda _now, _kind: {},
    ARRAY: lambda _now, _kind: [],
    LargeBinary: lambda _now, _kind: b"",
    Uuid: lambda _now, _kind: uuid.uuid4(),
}

#: Types whose neutral values differ from row to row.
_DISTINCT = (Uuid, DateTime, Time)


def neutral_values(mapped: Mapped, now: datetime) -> dict[str, Any]:
    """Given a table and the time, return a value for each of its other columns that needs one.

    That is each one which is NOT NULL without a default: it gets its type's neutral value, times the
    current time, a unique text a fresh UUID. Raises SchemaError for a column that can have none.
    """
    return {
        key_of_other(column): _unique(column, now)
        if column["name"] in mapped.unique
        else _neutral(column, now)
        for column in mapped.others
        if _needs_value(column)
    }


def _needs_value(column: ReflectedColumn) -> bool:
    made_by_database = column.get("default") or column.get("identity") or column.get("computed")
    return not column["nullable"] and not made_by_database


def _unique(column: ReflectedColumn, now: datetime) -> Any:  # noqa: ANN401  as many types as databases have
    kind = column["type"]
    if isinstance(kind, String) and not isinstance(kind, Enum):
        return fresh_text(kind)
    if isinstance(kind, _DISTINCT):
        return _neutral(column, now)
    raise _unknowable(column, "a value of its own")


def _neutral(column: ReflectedColumn, now: datetime) -> Any:  # noqa: ANN401
    if is_of_postgresql(column["type"], "INTERVAL"):
        return timedelta(0)
    for kind, value in _NEUTRAL.items():
        if isinstance(column["type"], kind):
            return value(now, column["type"])
    raise _unknowable(column, "a value")


def _unknowable(column: ReflectedColumn, what: str) -> SchemaError:
    return SchemaError(
        f"[database.sessions] the column {column['name']!r} ({column['type']}) must have {what}:"
        " map it, allow NULL or give it a default"
    )
