"""The commands ``config`` and ``init-db``."""

from daemon import config
from daemon import shop as shops
from daemon.cli.context import Context
from daemon.cli.output import say


def config_command(context: Context) -> int:
    """Print the merged configuration, secrets masked."""
    settings = context.settings
    say(config.render(settings, context.file, context.environ), ends_line=False)
    return 0


def init_db_command(context: Context) -> int:
    """Create or upgrade the daemon's own tables. In a shop's database that is only the catalogue's."""
    with shops.opened(context.settings) as shop:
        say(f"The tables are there: {shop.database.name}")
    return 0
