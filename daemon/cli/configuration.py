"""The commands ``config`` and ``init-db``."""

import click

from daemon import config
from daemon import shop as shops
from daemon.cli.context import Context
from daemon.cli.output import say


@click.command("config")
@click.pass_obj
def config_command(context: Context) -> int:
    """Print the merged configuration, secrets masked."""
    settings = context.settings
    say(config.render(settings, context.file, context.environ), ends_line=False)
    return 0


@click.command("init-db")
@click.pass_obj
def init_db_command(context: Context) -> int:
    """Create or upgrade the daemon's own tables. In a shop's database that is only the catalogue's."""
    with shops.opened(context.settings) as shop:
        say(f"The tables are there: {shop.database.name}")
    return 0
