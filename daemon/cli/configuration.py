"""The commands ``config`` and ``init-db``."""

from daemon import config
from daemon import shop as shops
from daemon.cli.context import Context
from daemon.cli.output import say
from daemon.cli.progress import working


def config_command(context: Context) -> int:
    """Print the merged configuration, secrets masked."""
    settings = context.settings
    say(config.render(settings, context.file, context.environ), ends_line=False)
    return 0


def init_db_command(context: Context) -> int:
    """Create or upgrade the daemon's own tables. In a shop's database that is only the catalogue's."""
    settings = context.settings
    with working("Making the tables"), shops.opened(settings) as shop:
        name = shop.database.name
    say(f"The tables are there: {name}")
    return 0
