"""What stands in a JSON column, as text and as values. Pure."""

import json
from typing import Any

from daemon.naming import is_text


class Unreadable(str):
    """What stands in a JSON column and is no JSON, or more than Python can read."""

    __slots__ = ()


def json_text(value: Any) -> str:  # noqa: ANN401  any value that JSON knows
    """Given a value, return its JSON, readable for people as far as it can be stored."""
    text = json.dumps(value, ensure_ascii=False)
    return text if is_text(text) else json.dumps(value)  # halves of a character are stored escaped


def json_value(text: str | bytes) -> Any:  # noqa: ANN401
    """Given JSON as a database holds it, return its value, Unreadable where it cannot be read."""
    try:
        return json.loads(text) if isinstance(text, bytes) or is_text(text) else Unreadable(text)
    except (ValueError, RecursionError):  # too many levels, or digits in a number
        return Unreadable(text if isinstance(text, str) else text.decode(errors="surrogateescape"))
