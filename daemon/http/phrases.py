"""Numbers, durations and times as people read them."""

from datetime import UTC, datetime

from daemon.http.words import Words

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

#: Narrow, and no place to break a line.
_SPACE = "\u202f"


def number(value: int) -> str:
    """Given a number, return it with its thousands apart, which both languages write alike."""
    return f"{value:,}".replace(",", _SPACE)


def duration(seconds: float, words: Words) -> str:
    """Given a number of seconds, return it in one unit, or in two where one says too little."""
    second, minute, hour, day = words.units
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}{_SPACE}{second}"
    if whole < _HOUR:
        return f"{whole // _MINUTE}{_SPACE}{minute}"
    if whole < _DAY:
        return f"{whole // _HOUR}{_SPACE}{hour} {whole % _HOUR // _MINUTE}{_SPACE}{minute}"
    return f"{whole // _DAY}{_SPACE}{day} {whole % _DAY // _HOUR}{_SPACE}{hour}"


def exact(seconds: float, words: Words) -> str:
    """Given how long something took, return that, with its tenths where it was short."""
    if seconds < _MINUTE:
        return f"{max(seconds, 0.0):.1f}{_SPACE}{words.units[0]}"
    return duration(seconds, words)


def moment(at: datetime, now: datetime) -> str:
    """Given a time and the present one, return the former in UTC, without its date if it is of the same day."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


def clock(at: datetime) -> str:
    """Given a time, return its hour and minute in UTC."""
    return f"{at.astimezone(UTC):%H:%M}"
