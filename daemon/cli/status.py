"""The command ``status``."""

from collections.abc import Mapping

import click

from daemon import publication
from daemon import shop as shops
from daemon.cli import standing
from daemon.cli.context import Context
from daemon.cli.output import print_json, say
from daemon.config import Settings
from daemon.db.sessions import SessionRecord
from daemon.errors import OnecImagesError
from daemon.state import State

_SESSIONS = 5


class Sight:
    """What can be seen of a service: its state and its last sessions."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._complaint = ""

    def state(self) -> State | None:
        """Return the state of the service, None if it does not run. Raises OnecImagesError."""
        return publication.find(shops.state_places(self._settings, self._environ))

    def sessions(self) -> list[SessionRecord]:
        """Return the last sessions, newest first; none where they cannot be read, which is told once."""
        try:
            with shops.looked_at(self._settings) as shop, shop.database.reading() as connection:
                records = shop.sessions.newest(connection, _SESSIONS)
        except OnecImagesError as error:
            self._complain(str(error))
            return []
        self._complaint = ""
        return records

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            click.echo(f"onec-images: the sessions cannot be read: {complaint}", err=True)
        self._complaint = complaint


def status_command(context: Context, *, as_json: bool, follow: bool) -> int:
    """Tell what the service does now, and its last sessions; the exit status is 1 if it is not running or degraded."""
    sight = Sight(context.settings, context.environ)
    if follow:
        from daemon.cli import following

        return following.follow(sight, as_json=as_json)
    state = sight.state()
    if as_json:
        print_json(standing.document(state, sight.sessions()))
    else:
        _show(state, sight)
    return 0 if state and not state.degraded else 1


def _show(state: State | None, sight: Sight) -> None:
    """Print the state before the database is asked, which may take a while."""
    first, *others = standing.lines(state, standing.now())
    say("\n".join([click.style(first, fg=standing.colour(state)), *others]))
    if told := standing.sessions_lines(sight.sessions()):
        say("\n".join(["", *told]))
