"""Whether a column has one of many values, asked in the same words however many there are.

A placeholder for each value would be another statement for each number of them: a driver keeps every one prepared,
which took more memory than all else of a large import.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, any_, func, literal, select

from daemon.db.types import json_text


def among(connection: Connection, column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Given a connection, a column and values as its type has them, return the condition that it has one of them."""
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(_as_json(connection, column, values)).table_valued("value")))
    return column == any_(literal(list(values), ARRAY(column.type)))


def _as_json(connection: Connection, column: ColumnElement[Any], values: Iterable[Any]) -> str:
    """Return values as a JSON array of what SQLite stores for them."""
    stored = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return json_text([stored(value) if stored else value for value in values])
