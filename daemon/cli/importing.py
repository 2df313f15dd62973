"""The command ``import``."""

import json
from contextlib import AbstractContextManager
from dataclasses import replace

import click

from daemon import shop as shops
from daemon.cli.context import Context, stoppable
from daemon.cli.notifying import notify
from daemon.cli.outcome import tell
from daemon.cli.output import say
from daemon.cli.progress import progress_bar
from daemon.config import Settings
from daemon.db.sessions import ImportType, Trigger
from daemon.errors import OnecImagesError
from daemon.importer.findings import Findings
from daemon.importer.host import Host
from daemon.importer.rows import Change
from daemon.importer.selection import Selection
from daemon.importer.session import Occasion, Session
from daemon.imports import Request, import_images
from daemon.naming import printable
from daemon.shop import Shop
from daemon.storing import Validate

_MOST_CHANGES = 1000  # that a dry run lists


class Changes(Findings):
    """The changes of rows that a dry run would make, as many as are shown."""

    def __init__(self) -> None:
        self.shown: list[Change] = []
        self.number = 0

    def change(self, change: Change) -> None:
        """Note a change."""
        self.number += 1
        if len(self.shown) < _MOST_CHANGES:
            self.shown.append(change)


def import_command(  # noqa: PLR0913  one argument per option
    context: Context,
    onec_ids: tuple[str, ...],
    shards: tuple[str, ...],
    limit: int | None,
    *,
    dry_run: bool,
    checksum: bool,
    validate_images: bool,
    from_media: bool,
    as_json: bool,
) -> int:
    """Import pictures once, of all products or of those named."""
    settings = context.settings
    findings = Changes()
    with (
        _opened(settings, dry_run=dry_run) as shop,
        stoppable() as stop,
        progress_bar("Importing", "products, {copied} pictures copied", context.environ) as watch,
    ):
        plan = shops.plan(settings, shop.products)
        terms = replace(plan.terms, checksum=checksum, dry_run=dry_run)
        validates = validate_images or settings.import_.validate_images
        request = Request(
            Occasion(ImportType.IMAGES, Trigger.MANUAL),
            Selection.of(onec_ids, _separated(shards), limit),
            replace(
                plan, terms=terms, validate=_decoder(settings) if validates else None, from_media=from_media
            ),
            findings,
            Host(should_stop=stop),
        )
        sessions = None if dry_run else shop.sessions
        session = Session(
            shop.database,
            sessions,
            shop.sessions.daemon,
            progress_every=settings.import_.progress_every,
            watch=watch,
        )
        error = _imported(settings, shop, session, request)
    more = {"changes": [change.as_json() for change in findings.shown]} if dry_run else {}
    status = tell(session, error, as_json=as_json, **more)
    if dry_run and not as_json:
        _print_changes(findings)
    notify(context, session)
    return status


def _decoder(settings: Settings) -> Validate:
    from daemon.images import decoder  # most imports decode nothing

    return decoder(settings.exchange.extensions)


def _opened(settings: Settings, *, dry_run: bool) -> AbstractContextManager[Shop]:
    return shops.looked_at(settings) if dry_run else shops.at_work(settings)


def _separated(shards: tuple[str, ...]) -> list[str]:
    return [shard for some in shards for shard in some.split(",")]


def _imported(settings: Settings, shop: Shop, session: Session, request: Request) -> OnecImagesError | None:
    """Import, name unknown ids, and return the error that ended a session; one before it is raised."""
    try:
        unknown = import_images(settings, shop, session, request)
    except OnecImagesError as error:
        if not session.has_begun:
            raise
        return error
    for onec_id in unknown:
        click.echo(f"onec-images: no active product has the onec_id {printable(onec_id)}", err=True)
    return None


def _print_changes(changes: Changes) -> None:
    for change in changes.shown:
        say(f"{printable(change.product.onec_id)}: main_image {_shown(change.after.main)},")
        say(f"  gallery_images {_shown(list(change.after.gallery))}")
    if changes.number > len(changes.shown):
        say(f"… and {changes.number - len(changes.shown)} more")


def _shown(value: object) -> str:
    return printable(json.dumps(value, ensure_ascii=False))
