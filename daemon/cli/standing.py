"""How the state of the service is told: in words, and as JSON."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from daemon.cli.outcome import line
from daemon.db.sessions import SessionRecord
from daemon.naming import printable
from daemon.state import Current, State

_WIDTH = 16

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

#: What each state is called.
_WORDS = {
    "starting": "starting",
    "standby": "standing by for another that is at work",
    "waiting": "waiting",
    "watching": "watching",
    "importing": "importing",
    "stopping": "stopping",
}

STOPPED = "The service is not running"


def document(state: State | None, sessions: Iterable[SessionRecord]) -> dict[str, Any]:
    """Given the state of the service, None if there is none, and its last sessions, return both as JSON has them."""
    told = state.as_json() if state else {}
    return {
        "state": told.get("state", "stopped"),
        "pid": told.get("pid"),
        "since": told.get("since"),
        "pending": told.get("pending", 0),
        "oldest_pending_s": told.get("oldest_pending_s"),
        "unmatched": told.get("unmatched", 0),
        "degraded": told.get("degraded", False),
        "why": reasons(state),
        "backend": printable(state.backend) if state else None,
        "current": _current_document(state.current) if state and state.current else None,
        "sessions": [record.as_json() for record in sessions],
    }


def _current_document(current: Current) -> dict[str, Any]:
    shown = {
        name: printable(value) if isinstance(value, str) else value
        for name, value in current.as_json().items()
    }
    return shown | {"percent": current.percent}


def reasons(state: State | None) -> str:
    """Given the state, return all that is wrong in one line, "" if nothing is."""
    return "; ".join(map(printable, state.why)) if state else ""


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def colour(state: State | None) -> str:
    """Given the state, return the colour in which it is shown."""
    if state is None or state.degraded:
        return "red"
    return "green" if state.state in {"watching", "importing"} else "yellow"


def lines(state: State | None, moment: datetime, *, with_current: bool = True) -> list[str]:
    """Given the state and the time, return it in some lines for people, maybe without the import under way."""
    if state is None:
        return [STOPPED]
    rows = [
        *([("now", current_line(state.current))] if state.current and with_current else []),
        ("pending", _pending(state)),
        ("unmatched", _counted(state.unmatched, "picture waits for its product", "pictures wait for theirs")),
        ("backend", printable(state.backend)),
        *([("next reconcile", _coming(state.next_reconcile, moment))] if state.next_reconcile else []),
        *_trouble(state),
    ]
    return [_headline(state, moment), *(f"  {name:<{_WIDTH}}{text}".rstrip() for name, text in rows)]


def _headline(state: State, moment: datetime) -> str:
    running = duration((moment - state.since).total_seconds())
    return (
        f"The service is {_WORDS[state.state]}; process {state.pid},"
        f" running since {_moment(state.since)} ({running})"
    )


def sessions_lines(sessions: Sequence[SessionRecord]) -> list[str]:
    """Given the last sessions, return them below a heading, nothing if there are none."""
    return ["Last sessions", *(f"  {line(record)}" for record in sessions)] if sessions else []


def summary(state: State | None) -> str:
    """Given the state, return all of it that changes in one line."""
    if state is None:
        return STOPPED
    parts = [
        _WORDS[state.state].capitalize() if not state.current else current_line(state.current),
        *([f"{state.pending} pending"] if state.pending else []),
        *([f"{state.unmatched} unmatched"] if state.unmatched else []),
        *([f"degraded: {reasons(state)}"] if state.degraded else []),
    ]
    return "; ".join(parts)


def current_line(current: Current) -> str:
    """Given the import under way, return it in one line."""
    percent = "" if current.percent is None else f" {current.percent} %,"
    total = "" if current.total is None else f" of {current.total}"
    return f"{title(current)}:{percent} {current.processed}{total} products, {figures(current)}"


def figures(current: Current) -> str:
    """Given the import under way, return its other figures, and how long it is going to take."""
    left = "" if current.left_s is None else f", {duration(current.left_s)} left"
    return f"{current.copied} copied, {current.skipped} skipped, {current.errors} errors{left}"


def title(current: Current) -> str:
    """Given the import under way, return what it is, why it is done, and which attempt it is from the second on."""
    attempt = f", attempt {current.attempt}" if current.attempt > 1 else ""
    return printable(f"{current.what} ({current.trigger}{attempt})")


def duration(seconds: float) -> str:
    """Given a number of seconds, return it as people say it."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def _pending(state: State) -> str:
    told = _counted(state.pending, "product", "products")
    oldest = state.oldest_pending_s
    return told if oldest is None else f"{told}, the oldest for {duration(oldest)}"


def _counted(number: int, one: str, many: str) -> str:
    if not number:
        return "none"
    return f"{number} {one if number == 1 else many}"


def _coming(at: datetime, moment: datetime) -> str:
    return f"{_moment(at)}, in {duration((at - moment).total_seconds())}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _trouble(state: State) -> list[tuple[str, str]]:
    """Return a row for each reason, the first of them named."""
    if not state.degraded:
        return []
    first, *others = map(printable, state.why or ("for no reason that it told",))
    return [("degraded", first), *(("", other) for other in others)]
