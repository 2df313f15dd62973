"""The command ``catalog``."""

from pathlib import Path

from daemon import shop as shops
from daemon.cli.context import Context, stoppable
from daemon.cli.notifying import notify
from daemon.cli.outcome import tell
from daemon.cli.progress import progress_bar
from daemon.db.sessions import ImportType, Trigger
from daemon.errors import OnecImagesError
from daemon.importer import goods
from daemon.importer.host import Host
from daemon.importer.session import Occasion, Session


def catalog_command(context: Context, files: tuple[Path, ...], *, as_json: bool) -> int:
    """Load the catalogue: the files given, or those in the exchange directory."""
    settings = context.settings
    found = (
        goods.on_command_line(files)
        if files
        else goods.in_exchange(settings.exchange.dir, settings.exchange.catalog)
    )
    error: OnecImagesError | None = None
    with (
        shops.at_work(settings) as shop,
        stoppable() as stop,
        progress_bar("Loading", environ=context.environ) as watch,
    ):
        catalogue = shop.needed_catalogue()
        session = Session(
            shop.database,
            shop.sessions,
            shop.sessions.daemon,
            progress_every=settings.import_.progress_every,
            watch=watch,
        )
        try:
            with session.running(Occasion(ImportType.CATALOG, Trigger.MANUAL)):
                host = Host(should_stop=stop)
                goods.CatalogueLoader(shop.database, catalogue, session, host).load(found)
        except OnecImagesError as failure:
            error = failure
    status = tell(session, error, as_json=as_json)
    notify(context, session)
    return status
