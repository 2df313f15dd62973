"""One import of pictures in the foreground, for every command that does one."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from daemon import shop as shops
from daemon.config import Settings
from daemon.db.sessions import ImportType, Trigger
from daemon.errors import ImportFailedError
from daemon.importer.findings import Findings
from daemon.importer.importer import Importer, Plan
from daemon.importer.selection import Selection
from daemon.importer.session import Session
from daemon.importer.survey import Survey
from daemon.shop import Shop


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be imported, and who follows it."""

    selection: Selection
    plan: Plan
    findings: Findings
    should_stop: Callable[[], bool]


def import_images(settings: Settings, shop: Shop, session: Session, request: Request) -> list[str]:
    """Given the shop, a session that has not begun and what is asked for, import, and return unknown onec_ids.

    Raises ImportFailedError: before the session begins, if there is nothing left to import.
    """
    plan, selection = request.plan, request.selection
    with shops.media(settings) as media, closing(Survey(shops.picture_names(settings), selection)) as survey:
        importer = Importer(
            plan,
            media,
            shop.database,
            shop.products,
            session,
            catalogue=shop.catalogue,
            findings=request.findings,
            should_stop=request.should_stop,
        )
        importer.take_products(survey, selection.keys)
        unknown = selection.unknown()
        if selection.onec_ids and not survey.total:
            raise ImportFailedError(f"no active product has the onec_id {', '.join(unknown)}")
        with session.running(ImportType.IMAGES, Trigger.MANUAL):
            importer.run(survey)
        return unknown
