"""The command ``report``."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from daemon import log
from daemon import shop as shops
from daemon.cli.context import Context, stoppable
from daemon.cli.output import say
from daemon.cli.progress import progress_bar
from daemon.db.sessions import ImportType, Trigger
from daemon.images import decoder
from daemon.importer.findings import Findings
from daemon.importer.host import Host
from daemon.importer.selection import Selection
from daemon.importer.session import Occasion, Session
from daemon.imports import Request, import_images
from daemon.naming import printable

Item = dict[str, Any]


class Reported(Findings):
    """The findings of one kind, each handed on as soon as it is made."""

    def __init__(self, kind: str, tell: Callable[[Item], None]) -> None:
        self._tell = {kind: tell}

    def _note(self, kind: str, **item: Any) -> None:  # noqa: ANN401  whatever JSON knows
        if tell := self._tell.get(kind):
            tell(item)

    def without_key(self, row: Any, onec_id: str | None) -> None:  # noqa: ANN401
        """Report a product without a usable onec_id."""
        self._note(
            "no-picture", onec_id=onec_id, id=_plain(row), reason="has no onec_id that could name a file"
        )

    def without_picture(self, row: Any, onec_id: str) -> None:  # noqa: ANN401
        """Report a product of which there is no picture."""
        self._note("no-picture", onec_id=onec_id, id=_plain(row), reason="has no picture in the exchange")

    def unmatched(self, path: str) -> None:
        """Report a picture of no active product."""
        self._note("unmatched", path=path)

    def failed(self, path: str, reason: str) -> None:
        """Report what cannot be imported."""
        self._note("errors", path=path, reason=reason)


def _plain(row: Any) -> int | str:  # noqa: ANN401
    return row if isinstance(row, int) else str(row)


class _Lines:
    """Prints items as they come, a line each."""

    def tell(self, item: Item) -> None:
        first, *others = (printable(str(value)) for name, value in item.items() if name != "id")
        say(" ".join([first, *others]))

    def end(self) -> None:
        pass


class _Document:
    """Prints items as they come, as parts of one JSON document."""

    def __init__(self, kind: str) -> None:
        self._begin = f'{{"report": {json.dumps(kind)}, "items": ['
        self._count = 0

    def tell(self, item: Item) -> None:
        text = json.dumps({name: _text(value) for name, value in item.items()}, ensure_ascii=False)
        say(f"{',' if self._count else self._begin}\n{text}", ends_line=False)
        self._count += 1

    def end(self) -> None:
        say(f'{"" if self._count else self._begin}\n], "count": {self._count}}}')


def _text(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def report_command(context: Context, kind: str, *, as_json: bool) -> int:
    """List products without a picture, pictures without a product, or what cannot be imported.

    The lists are whole, and made from what lies in the exchange now; nothing is written.
    """
    settings = context.settings
    log.configure("nothing", settings.log.format)  # the list itself is what is asked for
    with (
        shops.looked_at(settings) as shop,
        stoppable() as stop,
        progress_bar("Looking", environ=context.environ) as bar,
    ):
        printer = _Document(kind) if as_json else _Lines()

        def tell(item: Item) -> None:
            bar.give_way()
            printer.tell(item)

        plan = shops.plan(settings, shop.products)
        validate = decoder(settings.exchange.extensions) if settings.import_.validate_images else None
        plan = replace(plan, terms=replace(plan.terms, dry_run=True), validate=validate)
        request = Request(
            Occasion(ImportType.IMAGES, Trigger.MANUAL),
            Selection(),
            plan,
            Reported(kind, tell),
            Host(should_stop=stop),
        )
        session = Session(shop.database, None, shop.sessions.daemon, watch=bar)
        import_images(settings, shop, session, request)
        printer.end()
    return 0
