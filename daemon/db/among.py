"""Whether a column has one of many values, asked in a few wordings however many there are."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement


def among(column: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Given a column and some values as its type has them, return the condition that it has one of them.

    The last value is repeated up to the next power of two. Each number of placeholders is another statement, and a
    driver keeps so many of them prepared that they took more memory than all else of a large import.
    """
    given = list(values)
    missing = (1 << (len(given) - 1).bit_length()) - len(given) if given else 0
    return column.in_(given + given[-1:] * missing)
