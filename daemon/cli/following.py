"""``status --follow``: the state as it changes, as a live view on a terminal, else in lines."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from daemon.cli import standing
from daemon.cli.context import Stop, stoppable
from daemon.cli.output import say
from daemon.cli.progress import bar
from daemon.db.sessions import SessionRecord
from daemon.state import State

_INTERVAL = 1.0  # seconds between two looks
_PAUSE = 0.1  # seconds after which a stop is seen
_OUTDATED = 60.0  # seconds after which the sessions are read again, whatever the service does

#: As a shell has it for what Ctrl-C has ended.
_INTERRUPTED = 130


class Sight(Protocol):
    """What can be seen of a service."""

    def state(self) -> State | None:
        """Return the state of the service, None if it does not run."""

    def sessions(self) -> list[SessionRecord]:
        """Return the last sessions."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen at one look."""

    state: State | None
    sessions: list[SessionRecord]

    @property
    def essence(self) -> object:
        """What differs if something has happened; times pass all the time."""
        if self.state is None:
            return (None, self.sessions)
        current = self.state.current and replace(self.state.current, left_s=None)
        state = replace(self.state, current=current, oldest_pending_s=None, written_at=self.state.since)
        return (state, self.sessions)


class View(Protocol):
    """Shows what is seen."""

    def __call__(self, seen: Seen) -> None:
        """Given what is seen, show it."""


def follow(sight: Sight, *, as_json: bool) -> int:
    """Given what can be seen of a service, show it until the process is stopped, and return the exit status.

    A service that is gone is waited for.
    """
    with stoppable() as stop, _view(as_json=as_json) as view:
        for seen in _looks(sight, stop):
            view(seen)
    return _INTERRUPTED


def _looks(sight: Sight, stop: Stop) -> Iterator[Seen]:
    """Yield what is seen, once a second. The sessions are read when one may have begun or ended."""
    sessions: list[SessionRecord] = []
    known: object = ()
    outdated_at = 0.0
    while not stop():
        state = sight.state()
        doing = (state.state, state.current and state.current.session_id) if state else None
        if doing != known or time.monotonic() >= outdated_at:
            sessions = sight.sessions()
            known, outdated_at = doing, time.monotonic() + _OUTDATED
        yield Seen(state, sessions)
        _rest(stop)


def _rest(stop: Stop) -> None:
    until = time.monotonic() + _INTERVAL
    while not stop() and time.monotonic() < until:
        time.sleep(_PAUSE)


def _view(*, as_json: bool) -> AbstractContextManager[View]:
    if as_json:
        return _changes(_Documents())
    return _live() if sys.stdout.isatty() else _changes(_Lines())


@contextmanager
def _changes(view: View) -> Iterator[View]:
    """Yield a view that is shown only what has changed."""
    known: list[object] = []

    def shown(seen: Seen) -> None:
        if known != [seen.essence]:
            known[:] = [seen.essence]
            view(seen)

    yield shown


class _Documents:
    """A JSON document in each line."""

    def __call__(self, seen: Seen) -> None:
        say(json.dumps(standing.document(seen.state, seen.sessions), ensure_ascii=False))


class _Lines:
    """A line for each change of what a line can say."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, seen: Seen) -> None:
        told = standing.summary(seen.state)
        if told != self._said:
            say(f"{standing.now():%Y-%m-%d %H:%M:%S}  {told}")
        self._said = told


@contextmanager
def _live() -> Iterator[View]:
    """Yield a view that draws the state in place, with a bar."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    progress = bar()
    task = progress.add_task("", total=None, told="", visible=False)
    console = Console()
    with Live(console=console, auto_refresh=False) as live:

        def show(seen: Seen) -> None:
            current = seen.state.current if seen.state else None
            progress.update(task, visible=current is not None)
            if current:
                told = standing.figures(current)
                progress.update(
                    task,
                    description=standing.title(current),
                    total=current.total or None,
                    completed=current.processed,
                    told=told,
                )
            first, *others = standing.lines(seen.state, standing.now(), with_current=False)
            live.update(
                Group(
                    Text(first, style=standing.colour(seen.state)),
                    *([progress] if current else []),
                    *map(Text, [*others, "", *standing.sessions_lines(seen.sessions)]),
                ),
                refresh=True,
            )

        yield show
