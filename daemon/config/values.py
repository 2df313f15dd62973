"""Numbers, sizes, modes and choices: how an operator writes them and what they mean.

Each parser is given what TOML or the environment holds, returns the plain value, and raises a ValueError
whose text says what is accepted and what was found.
"""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NoReturn

#: What a message quotes of a value, in characters.
LONGEST_SHOWN: Final = 60

#: What 64-bit file sizes can hold.
LARGEST_SIZE: Final = 2**63 - 1

#: What any counter, in Python or in a database, can hold.
LARGEST_COUNT: Final = 2**31 - 1

#: Timers of the operating system overflow far above it, nobody means more: a year, in seconds.
LONGEST_DURATION: Final = 31_536_000

_BINARY_UNITS: Final = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_DECIMAL_UNITS: Final = {"TB": 10**12, "GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1, "": 1}
_LETTER_UNITS: Final = {unit[0]: factor for unit, factor in _BINARY_UNITS.items()}
_UNITS: Final = {
    unit.lower(): factor for unit, factor in (_BINARY_UNITS | _DECIMAL_UNITS | _LETTER_UNITS).items()
}
_SIZE: Final = re.compile(r"\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([A-Za-z]*)\s*")
_MODE: Final = re.compile(r"[0-7]{1,5}")
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


class EnvironmentText(str):
    """A value as an environment variable holds it: text, whatever type is meant."""

    __slots__ = ()


def escaped(text: str) -> str:
    """Return the text with everything unprintable written as an escape, so that it stays on its line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shown(value: object) -> str:
    """Return a value as a message quotes it: in one line, cut when it is long."""
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) > LARGEST_SIZE:
            return "a far larger number"
        case str():
            return f'"{escaped(value[:LONGEST_SHOWN])}{"…" if len(value) > LONGEST_SHOWN else ""}"'
        case list() | tuple():
            return "a list"
        case dict():
            return "a section"
        case _:
            return str(value)


def refuse(requirement: str, value: object) -> NoReturn:
    """Raise the ValueError that says what is accepted and what was found instead."""
    message = f"{requirement}, not {shown(value)}"
    raise ValueError(message)


def decoded(value: object) -> object:
    """Return the JSON value that text of the environment spells, everything else as it is."""
    if not isinstance(value, EnvironmentText):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def whole_number(minimum: int, maximum: int = LARGEST_COUNT) -> Callable[[object], int]:
    """Return the parser of whole numbers from ``minimum`` to ``maximum``."""

    def parse(value: object) -> int:
        number = decoded(value)
        if isinstance(number, bool) or not isinstance(number, int) or number < minimum:
            refuse(f"must be a whole number of at least {minimum}", value)
        if number > maximum:
            refuse(f"must be a whole number of at most {maximum}", value)
        return number

    return parse


def seconds(value: object) -> float:
    """Return a duration in seconds; zero is one."""
    number = decoded(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not _is_duration(number):
        refuse(f"must be a number of seconds from 0 to {LONGEST_DURATION} (a year)", value)
    return float(number)


def positive_seconds(value: object) -> float:
    """Return a duration in seconds that is more than none."""
    duration = seconds(value)
    if duration == 0:
        refuse("must be a number of seconds above 0", value)
    return duration


def _is_duration(number: float) -> bool:
    return math.isfinite(number) and 0 <= number <= LONGEST_DURATION


def formatted_seconds(duration: float) -> int | float:
    """Return the duration as it is written: without a fraction where there is none."""
    return int(duration) if duration.is_integer() else duration


def flag(value: object) -> bool:
    """Return a truth value; only the environment may spell it in other words than TOML."""
    spelled = value.lower() if isinstance(value, EnvironmentText) else None
    if not isinstance(value, bool) and spelled not in _TRUE | _FALSE:
        refuse("must be true or false", value)
    return value is True or spelled in _TRUE


def choice(*accepted: str) -> Callable[[object], str]:
    """Return the parser of one of a few lower-case words, accepted in any case."""
    words = ", ".join(f'"{word}"' for word in accepted)

    def parse(value: object) -> str:
        if not isinstance(value, str) or value.lower() not in accepted:
            refuse(f"must be one of {words}", value)
        return str(value.lower())

    return parse


def size(minimum: int = 0) -> Callable[[object], int]:
    """Return the parser of sizes of at least ``minimum`` bytes: a number of bytes, or text with a unit.

    ``KiB``, ``MiB``, ``GiB``, ``TiB`` and their first letters count by 1024, ``KB`` to ``TB`` by 1000.
    """
    example = 'a number of bytes or a text such as "64 MiB"'

    def parse(value: object) -> int:
        number = _bytes_of(value)
        if number is None:
            refuse(f"must be {example}", value)
        if not minimum <= number <= LARGEST_SIZE:
            refuse(f"must be {example}, from {minimum} to {LARGEST_SIZE} bytes", value)
        return number

    return parse


def _bytes_of(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    parts = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if parts is None or parts[2].lower() not in _UNITS:
        return None
    return int(Decimal(parts[1]) * _UNITS[parts[2].lower()])


def formatted_size(number: int) -> int | str:
    """Return the size as it is written: in the largest binary unit that divides it, else in bytes."""
    for unit, factor in _BINARY_UNITS.items():
        if number and number % factor == 0:
            return f"{number // factor} {unit}"
    return number


def file_mode(value: object) -> int:
    """Return the permissions of a file that octal text spells."""
    return _mode(value, 0o777, 'from "0000" to "0777"')


def directory_mode(value: object) -> int:
    """Return the permissions of a directory that octal text spells; the setgid bit is allowed."""
    return _mode(value, 0o2777, 'from "0000" to "0777", or with setgid to "2777"')


def _mode(value: object, allowed: int, span: str) -> int:
    requirement = f"must be octal text in quotes {span}"
    if isinstance(value, int) and not isinstance(value, bool):
        refuse(f'{requirement} (a bare number would be decimal: write "0644")', value)
    if not isinstance(value, str) or not _MODE.fullmatch(value) or int(value, 8) & ~allowed:
        refuse(requirement, value)
    return int(value, 8)


def formatted_mode(mode: int) -> str:
    """Return the mode as it is written, such as ``0644``."""
    return f"{mode:04o}"
