"""The commands ``sessions`` and ``session``."""

from daemon import shop as shops
from daemon.cli.context import Context
from daemon.cli.outcome import line, sentence
from daemon.cli.output import print_json, say
from daemon.db.sessions import SessionRecord, Status
from daemon.errors import OnecImagesError
from daemon.naming import printable


def sessions_command(context: Context, limit: int, status: str | None, *, as_json: bool) -> int:
    """List the sessions, newest first."""
    with shops.looked_at(context.settings) as shop, shop.database.reading() as connection:
        records = shop.sessions.newest(connection, limit, Status(status) if status else None)
    if as_json:
        print_json({"sessions": [record.as_json() for record in records]})
        return 0
    for record in records:
        say(line(record))
    if not records:
        say("There are no sessions yet; `onec-images import` makes the first one")
    return 0


def session_command(context: Context, session_id: str, *, as_json: bool) -> int:
    """Show one session."""
    with shops.looked_at(context.settings) as shop, shop.database.reading() as connection:
        record = shop.sessions.get(connection, session_id)
    if record is None:
        raise OnecImagesError(
            f"there is no session {printable(session_id)}; `onec-images sessions` lists those there are"
        )
    if as_json:
        print_json(record.as_json())
    else:
        _show(record)
    return 0


def _show(record: SessionRecord) -> None:
    say(sentence(record))
    fields = record.as_json()
    details = fields.pop("report_details")
    samples = details.pop("error_samples", [])
    error = fields.pop("error_message")
    for name, value in {**fields, **details}.items():
        say(f"  {name}: {printable(str('' if value is None else value))}")
    for sample in samples:
        say(f"  error: {printable(str(sample))}")
    if error:
        say("\n".join(map(printable, error.splitlines())))
