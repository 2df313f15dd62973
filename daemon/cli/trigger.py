"""The command ``trigger``."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from errno import EACCES, EPERM
from pathlib import Path
from typing import Any

import click

from daemon import publication
from daemon import shop as shops
from daemon.cli.context import Context
from daemon.cli.outcome import in_words
from daemon.cli.output import print_json, say
from daemon.cli.progress import Follow, following_bar
from daemon.errors import OnecImagesError, UsageError
from daemon.naming import printable
from daemon.triggers import order as orders
from daemon.triggers.drop import Drop, Whereabouts
from daemon.triggers.order import Order, OrderError
from daemon.triggers.result import COMPLETED
from daemon.triggers.spot import running_path

_DONE, _FAILED, _FILES_FAILED, _INTERRUPTED = 0, 1, 3, 130

_CLAIM_POLL = 0.1  # seconds
_LOOK = 0.5  # seconds between two looks at the service
_RESULT_POLL = 0.1  # seconds; a result lies there for a second at least, before another claim removes it
_PATIENCE = 5.0  # seconds in which a daemon has claimed a trigger if it is there and free


def trigger_command(  # noqa: PLR0913  one argument per option
    context: Context,
    onec_ids: tuple[str, ...],
    types: tuple[str, ...],
    task_id: str | None,
    *,
    checksum: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Ask the running daemon for an import: of all products, or of those named."""
    path = context.settings.trigger.file
    order = _order(onec_ids, types, task_id, checksum=checksum)
    try:
        with _dropped(path, order) as drop:
            if wait:
                with following_bar() as follow:
                    result = _awaited(path, drop, _Looks(context, follow))
                return _tell(result, as_json=as_json)
    except KeyboardInterrupt:
        click.echo(f"onec-images: stopped waiting; {_shown(path)} stays as it is", err=True)
        return _INTERRUPTED
    if as_json:
        print_json({"trigger": str(path)})
    else:
        say(f"{_shown(path)} is there for the daemon")
    return _DONE


def _order(ids: Sequence[str], types: Sequence[str], task_id: str | None, *, checksum: bool) -> Order:
    """Return what is asked for. Raises UsageError where a trigger file cannot say so."""
    asked = {
        "import_type": list(types) or None,
        "task_id": task_id,
        "onec_ids": list(ids) or None,
        "checksum": checksum,
    }
    try:
        order = orders.understood({key: value for key, value in asked.items() if value is not None})
        return orders.read(order.content())
    except OrderError as error:
        raise UsageError(str(error)) from error


# Dropping -------------------------------------------------------------------------------------------------


class _Hints:
    """What is said on standard error while nothing happens, each thing once."""

    def __init__(self, trigger: Path) -> None:
        self._trigger = trigger
        self._since = time.monotonic()
        self._said: set[str] = set()

    def once(self, text: str) -> None:
        """Say something, unless it has been said."""
        if text not in self._said:
            self._said.add(text)
            click.echo(f"onec-images: {text}", err=True)

    def unclaimed(self) -> None:
        """Say why a trigger may not be claimed, when that has taken a while."""
        if time.monotonic() - self._since < _PATIENCE:
            return
        if os.path.lexists(running_path(self._trigger)):
            self.once("an earlier trigger is being carried out; this one comes after it")
        else:
            self.once("no daemon has claimed it yet; is `onec-images run` running?")


def _dropped(path: Path, order: Order) -> Drop:
    """Put the trigger in place as soon as none is there. Raises OnecImagesError."""
    hints = _Hints(path)
    while True:
        try:
            return Drop(path, order)
        except FileExistsError:
            hints.once(f"waiting until {_shown(path)}, which is there already, is claimed")
        except OSError as error:
            raise OnecImagesError(_not_dropped(path, error)) from error
        hints.unclaimed()
        time.sleep(_CLAIM_POLL)


def _not_dropped(path: Path, error: OSError) -> str:
    directory = _shown(path.parent)
    if not path.parent.is_dir():
        return f"{directory}: there is no such directory; make it, or name another [trigger] file"
    said = f"{_shown(path)}: the trigger cannot be written: {error.strerror}"
    is_forbidden = error.errno in {EACCES, EPERM}
    return f"{said}; use an account that may write in {directory}" if is_forbidden else said


# Waiting --------------------------------------------------------------------------------------------------


class _Looks:
    """Looks at the service now and then, and tells how far it is; where that cannot be seen, nothing is told."""

    def __init__(self, context: Context, follow: Follow) -> None:
        self._places = shops.state_places(context.settings, context.environ)
        self._follow = follow
        self._next_at = 0.0

    def look(self) -> None:
        """Look, if it is time to."""
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + _LOOK
            with suppress(OnecImagesError):
                state = publication.find(self._places)
                self._follow(state.current if state else None)


def _awaited(path: Path, drop: Drop, looks: _Looks) -> dict[str, Any]:
    """Return the result of a trigger, however long that takes. Raises OnecImagesError where there will be none."""
    hints = _Hints(path)
    while True:
        looks.look()
        where = drop.whereabouts()
        if where is Whereabouts.UNCLAIMED:
            hints.unclaimed()
        elif (result := _result(path, drop)) is not None:
            return result
        elif where is Whereabouts.GONE:
            raise OnecImagesError(
                f"{_shown(path)}: the trigger is gone without a result: another one came in its place, or the"
                " directory was emptied; `onec-images sessions` shows what was imported"
            )
        time.sleep(_RESULT_POLL)


def _result(path: Path, drop: Drop) -> dict[str, Any] | None:
    """Return the result of a trigger that is no longer unclaimed, None if there is none. Raises OnecImagesError."""
    if drop.is_overwritten():
        raise OnecImagesError(
            f"{_shown(path)}: another trigger was written over this one before it was claimed; ask again"
        )
    try:
        return drop.result()
    except OSError as error:
        raise OnecImagesError(f"{_shown(path)}.result: cannot be read: {error.strerror}") from error


def _tell(result: Mapping[str, Any], *, as_json: bool) -> int:
    """Print a result, and return the exit status."""
    sessions = [session for session in result.get("sessions") or [] if _is_session(session)]
    is_completed = result.get("status") == COMPLETED
    if not is_completed:
        click.echo(f"onec-images: {printable(str(result.get('error')))}", err=True)
    if as_json:
        print_json(result)
    else:
        for session in sessions:
            say(printable(in_words(session)))
    if not is_completed:
        return _FAILED
    return _FILES_FAILED if any(session["report_details"].get("errors") for session in sessions) else _DONE


def _is_session(session: object) -> bool:
    """Return whether a part of a result is what the daemon writes; others write there as well."""
    columns = {"id", "import_type", "status", "report_details"}
    return (
        isinstance(session, dict)
        and columns <= session.keys()
        and isinstance(session["report_details"], dict)
    )


def _shown(path: Path) -> str:
    return printable(str(path))
