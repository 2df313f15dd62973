"""How a session that has ended is told: on the terminal, as JSON, by the exit status."""

from collections.abc import Mapping
from typing import Any

import click

from daemon.cli.output import print_json, say
from daemon.db.sessions import SessionRecord, Status
from daemon.errors import OnecImagesError
from daemon.importer.session import Session
from daemon.naming import printable

_DONE, _FILES_FAILED = 0, 3


def tell(session: Session, error: OnecImagesError | None, *, as_json: bool, **more: Any) -> int:  # noqa: ANN401
    """Given a session that has ended and the error that ended it, print both and return the exit status.

    As JSON it is the session's columns, ``session_id``, and whatever else is given.
    """
    if error:
        click.echo(f"onec-images: {error}", err=True)
    if as_json:
        print_json({**session.record.as_json(), "session_id": session.record.id, **more})
    else:
        say(sentence(session.record))
    if error:
        return error.exit_status
    return _FILES_FAILED if session.figures.errors else _DONE


def sentence(record: SessionRecord) -> str:
    """Given a session, return it in one line."""
    return in_words(record.as_json())


def in_words(session: Mapping[str, Any]) -> str:
    """Given a session as JSON has it, return it in one line."""
    figures = session["report_details"]
    name = "Dry run" if session["id"] is None else f"Session {session['id']}"
    told = [
        f"{figures.get('processed', 0)} of {figures.get('total_products', 0)} products",
        f"{figures.get('copied', 0)} copied",
        f"{figures.get('skipped', 0)} skipped",
        f"{figures.get('errors', 0)} errors",
    ]
    if session["status"] == Status.COMPLETED:
        told.append(f"{figures.get('duration_s', 0)} s")
    return f"{name} ({session['import_type']}) {session['status']}: {', '.join(told)}"


def line(record: SessionRecord) -> str:
    """Given a session, return it in one line with the time at which it began."""
    began = f"{record.started_at:%Y-%m-%d %H:%M:%S}" if record.started_at else " " * 19
    return printable(f"{began}  {sentence(record)}")
