"""The command ``run``."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

from daemon import config, log
from daemon import shop as shops
from daemon.cli.context import Context
from daemon.config import Settings
from daemon.errors import ConfigurationError
from daemon.http.board import Board
from daemon.http.site import Serving, Site
from daemon.notify import Supervisor
from daemon.publication import Publisher
from daemon.service.bulletin import Bulletin
from daemon.service.lifetime import Lifetime
from daemon.service.notices import GRACE, Notices
from daemon.service.signals import Signals


def run_command(context: Context, *, stands_by: bool) -> int:
    """Keep the products up to date: import all pictures, then each one that arrives.

    SIGHUP has the configuration read again; SIGTERM ends the service in order.
    """
    signals, supervisor, since = Signals(), Supervisor(context.environ), datetime.now(UTC)
    board = Board()
    site = Site(partial(_serving, board))
    notices = Notices(context.environ)

    def load() -> Settings:
        return config.load(context.file, context.environ)

    @contextmanager
    def bulletin(settings: Settings) -> Iterator[Bulletin]:
        log.configure(settings.log.level, settings.log.format)
        open_site = partial(site.open, settings.http.listen)
        with Publisher(shops.state_place(settings, context.environ)) as publisher:
            notices.follow(settings)
            # whoever has the lock has the port as well; this process may only have begun to stand by
            with suppress(ConfigurationError):
                open_site()
            yield Bulletin(supervisor, publisher, notices, since, board, open_site)

    try:
        Lifetime(load, signals, supervisor, bulletin, stands_by=stands_by).run()
    finally:
        site.close()
        notices.close(GRACE)
        signals.ended()
    return 0


def _serving(board: Board, listen: str) -> Serving:
    from daemon.http.server import Server

    return Server(listen, lambda: board.snapshot)
