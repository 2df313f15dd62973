"""The command ``run``."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from daemon import config, log
from daemon import shop as shops
from daemon.cli.context import Context
from daemon.config import Settings
from daemon.notify import Supervisor
from daemon.service.bulletin import Bulletin
from daemon.service.lifetime import Lifetime
from daemon.service.signals import Signals
from daemon.state import Publisher


@click.command("run")
@click.option("--wait", "stands_by", is_flag=True, help="Stand by while another process is at work.")
@click.pass_obj
def run_command(context: Context, *, stands_by: bool) -> int:
    """Keep the products up to date: import all pictures, then each one that arrives.

    SIGHUP has the configuration read again; SIGTERM ends the service in order.
    """
    signals, supervisor, since = Signals(), Supervisor(context.environ), datetime.now(UTC)

    def load() -> Settings:
        return config.load(context.file, context.environ)

    @contextmanager
    def bulletin(settings: Settings) -> Iterator[Bulletin]:
        log.configure(settings.log.level, settings.log.format)
        with Publisher(shops.state_place(settings, context.environ)) as publisher:
            yield Bulletin(supervisor, publisher, since)

    try:
        Lifetime(load, signals, supervisor, bulletin, stands_by=stands_by).run()
    finally:
        signals.ended()
    return 0
