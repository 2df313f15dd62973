"""One import of pictures, for every command that does one and for the service."""

from contextlib import closing
from dataclasses import dataclass, field

from daemon import shop as shops
from daemon.config import Settings
from daemon.errors import MediaError, UnknownProductsError
from daemon.importer.findings import Findings
from daemon.importer.host import Host
from daemon.importer.importer import Importer
from daemon.importer.plan import Plan
from daemon.importer.selection import Selection
from daemon.importer.session import Occasion, Session
from daemon.importer.survey import Survey
from daemon.media import Media
from daemon.shop import Shop


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be imported and why, who follows it, and who runs it."""

    occasion: Occasion
    selection: Selection
    plan: Plan
    findings: Findings = field(default_factory=Findings)
    host: Host = field(default_factory=Host)


def import_images(settings: Settings, shop: Shop, session: Session, request: Request) -> list[str]:
    """Given the shop, a session that has not begun and what is asked for, import, and return unknown onec_ids.

    Raises ImportFailedError and DatabaseUnavailableError; before the session begins UnknownProductsError, if nothing
    is left to import, and, while the products are listed, StoppedError and DatabaseUnavailableError.
    """
    selection = request.selection
    with (
        _media(settings, session, request) as media,
        closing(Survey(shops.picture_names(settings), selection)) as survey,
    ):
        importer = Importer(
            request.plan,
            media,
            shop.database,
            shop.products,
            session,
            catalogue=shop.catalogue,
            findings=request.findings,
            host=request.host,
        )
        importer.take_products(survey, selection.keys)
        unknown = selection.unknown()
        if selection.onec_ids and not survey.total:
            raise UnknownProductsError(f"no active product has the onec_id {', '.join(unknown)}")
        with session.running(request.occasion):
            importer.run(survey)
        return unknown


def _media(settings: Settings, session: Session, request: Request) -> Media:
    """Return the media, open; that they cannot be opened is a session that has failed."""
    try:
        return shops.media(settings)
    except MediaError:
        with session.running(request.occasion):
            raise
