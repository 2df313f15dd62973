"""One import: products × pictures, section by section and chunk by chunk, files before rows."""

import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import takewhile

from daemon.batches import batched
from daemon.db.catalogues import Catalogue
from daemon.db.engine import Database
from daemon.db.products import Products
from daemon.errors import ImportFailedError, StoppedError, TimeLimitError
from daemon.exchange import Exchange, Place
from daemon.importer.chunks import Chunk, Delivered, in_order
from daemon.importer.courier import Courier, courier
from daemon.importer.delivery import Carrier, Delivery, Found
from daemon.importer.findings import Findings
from daemon.importer.host import Host
from daemon.importer.inventory import Inventory, Page
from daemon.importer.listing import Listing
from daemon.importer.plan import Plan
from daemon.importer.rows import Change, Rows
from daemon.importer.section import Product, Section
from daemon.importer.session import Session
from daemon.importer.sieve import Sifted
from daemon.importer.stock import Stock
from daemon.importer.survey import Named, Survey
from daemon.media import Media
from daemon.storing import Preview, Result, Store

_VERY_MANY = 5_000  # products that are listed, and counted, before anything is done
_CHUNK_SECONDS = 1.0  # of copying, after which a chunk is committed however few products it has
_MOST_HELD = 50_000  # changes kept for a second try; a table locked as a whole must not fill the memory


class Importer:
    """Imports what a survey has found, for one session."""

    def __init__(  # noqa: PLR0913  the parts of an import, each made elsewhere
        self,
        plan: Plan,
        media: Media,
        database: Database,
        products: Products,
        session: Session,
        *,
        catalogue: Catalogue | None,
        findings: Findings | None = None,
        host: Host | None = None,
    ) -> None:
        """Given the plan, both ends, the session that records it, who wants to know what is found, and the host."""
        self._plan = plan
        self._media = media
        self._rows = Rows(database, products, plan.rules)
        self._session = session
        self._figures = session.figures
        self._findings = findings or Findings()
        self._host = host or Host()
        self._inventory = Inventory(database, products, catalogue, self._host.patiently)
        self._deadline = time.monotonic() + plan.time_limit
        self._pages: Iterator[Page] = iter(())
        self._held: list[Change] = []
        self._interrupted: ImportFailedError | None = None
        self._untold: dict[str, Delivery] = {}  # by key, what was replaced and not all rows tell of yet

    def take_products(self, survey: Survey, keys: frozenset[str]) -> None:
        """Given a survey and the keys it is about, list the products of these keys; none: those there are.

        Of very many, the others are listed by ``run``, while other processes list pictures. Raises
        DatabaseUnavailableError and StoppedError.
        """
        self._pages = self._inventory.pages(keys)
        while (keys or survey.total < _VERY_MANY) and self._take_page(survey):
            pass

    def _take_page(self, survey: Survey) -> bool:
        """Take in a page of products, and return whether there was one; then do what must not wait."""
        page = next(self._pages, None)
        if page is None:
            # only now: a part of it would be a wrong number in a failed session
            self._figures.total_products = survey.total
            return False
        survey.add_products(*page, self._findings.without_key)
        self._attend()
        if self._host.should_stop():
            raise _stopped()
        return True

    def run(self, survey: Survey) -> None:
        """Given a survey for which products have been taken, list what is left of them, and import them.

        Raises ImportFailedError where the import cannot go on, and DatabaseUnavailableError.
        """
        if not survey.total:
            self._session.warn("no_products", "There is no active product to import pictures for")
        with self._exchange() as exchange:
            self._prepare()
            carrier = Carrier(exchange, self._media, self._store(), self._plan.terms)
            with courier(carrier, survey.total, self._plan.workers, sweeps=self._sweeps) as chosen:
                self._list(exchange, survey, chosen)
                self._skip(survey.keyless)
                self._import(chosen.sifted(survey.portions(), self._plan.rules), exchange, chosen, carrier)
            self._retry_held(carrier)

    def _exchange(self) -> Exchange:
        plan = self._plan
        exchange = Exchange(plan.exchange, plan.image_roots, may_be_empty=plan.waits_for_roots)
        for root, reason in exchange.missing.items() if not plan.waits_for_roots else ():
            message = f"Image root {root} is left out: {reason}"
            self._session.warn("root_missing", message, path=root, reason=reason)
        return exchange

    def _prepare(self) -> None:
        if not self._plan.terms.dry_run:
            self._media.prepare()

    @property
    def _sweeps(self) -> bool:
        return self._plan.sweeps and not self._plan.terms.dry_run

    def _store(self) -> Store | Preview:
        size, validate = self._plan.terms.max_file_size, self._plan.validate
        return Preview(size, validate) if self._plan.terms.dry_run else Store(self._media, size, validate)

    def _list(self, exchange: Exchange, survey: Survey, courier: Courier) -> None:
        """List what lies in the exchange, and the products that are not listed yet."""
        directories = self._plan.directories
        listings = [
            Listing(place, survey.names, follows=directories is None)
            for place in exchange.places(directories)
        ]
        for piece in courier.listed(listings, partial(self._take_page, survey)):
            survey.add_pictures(piece)
            if piece.trouble:
                self._fail(exchange.path(piece.place), piece.trouble)
            self._attend()
            self._check_time()
            self._session.beat()
        if self._plan.from_media:
            for shard, names in self._media.stored():
                survey.add_stored(shard, names)

    def _skip(self, products: int) -> None:
        self._figures.skipped_products += products
        self._figures.processed += products

    def _import(
        self, sections: Iterable[Sifted], exchange: Exchange, courier: Courier, carrier: Carrier
    ) -> None:
        wanted = takewhile(self._goes_on, sections)
        chunks = (chunk for sifted in wanted for chunk in self._chunks(sifted, exchange, courier))
        for chunk in in_order(chunks, self._host.is_waiting):
            self._import_chunk(chunk, carrier)
            self._tell(chunk, carrier)
            carrier.trim()
            self._attend()
        if self._interrupted:
            raise self._interrupted

    def _goes_on(self, _next: Sifted) -> bool:
        """Return whether another section is begun."""
        self._interrupted = self._interrupted or self._interruption()
        return self._interrupted is None

    def _attend(self) -> None:
        """Let the host do what must not wait; the time that it takes is not the import's."""
        self._deadline += self._host.attend()

    def _count_settled(self, sifted: Sifted) -> None:
        self._figures.processed += sifted.products
        self._figures.skipped_files += sifted.pictures
        self._figures.skipped_products += len(sifted.bare)
        for id_, onec_id in sifted.bare:
            self._findings.without_picture(id_, onec_id)

    def _count_unmatched(self, unmatched: Found, exchange: Exchange) -> None:
        for name, places in unmatched.items():
            if _is_regular(exchange, places[0], name):
                self._figures.unmatched += 1
                self._findings.unmatched(exchange.path(places[0], name))
            exchange.trim()  # they may lie in any number of directories

    def _chunks(self, sifted: Sifted, exchange: Exchange, courier: Courier) -> Iterator[Chunk]:
        """Yield chunks whose pictures are being delivered; none follows once the import is interrupted.

        The last one may be of no products: whatever is done between chunks is done between sections too.
        """
        section = sifted.section
        self._count_settled(sifted)
        self._count_unmatched(section.unmatched, exchange)
        stock = Stock(section, self._media, self._named(section), self._plan.rules, self._figures)
        for products in self._delivered(section, courier):
            yield Chunk(products, courier.send(), section, stock)

    def _named(self, section: Section) -> Named:
        """Return what the catalogue says by now of products; nothing is asked where all of a section are settled."""
        if not section.products:
            return {}
        return self._inventory.catalogue(
            lambda: (id_ for product in section.products for id_ in product.known_as)
        )

    def _delivered(self, section: Section, courier: Courier) -> Iterator[list[Delivered]]:
        chunk: list[Delivered] = []
        delivery, key, began = None, None, time.monotonic()
        for product in section.products:
            self._interrupted = self._interruption()
            if self._interrupted:
                break
            if not chunk:
                self._check_room()
            if delivery is None or product.key != key:
                key = product.key
                delivery = courier.deliver(key, section.pictures.get(key, {}))
            chunk.append((product, delivery))
            if len(chunk) >= self._plan.chunk_size or self._is_long(began):
                yield chunk
                chunk, began = [], time.monotonic()
        yield chunk

    def _is_long(self, began: float) -> bool:
        return time.monotonic() - began >= _CHUNK_SECONDS or self._host.is_waiting()

    def _check_room(self) -> None:
        if not self._plan.terms.dry_run:
            self._media.check_room()

    def _check_time(self) -> None:
        if interruption := self._interruption():
            raise interruption

    def _interruption(self) -> ImportFailedError | None:
        if self._host.should_stop():
            return _stopped()
        if time.monotonic() > self._deadline:
            return TimeLimitError(
                f"the import took longer than [import] time_limit ({self._plan.time_limit:g} s)"
            )
        return None

    def _import_chunk(self, chunk: Chunk, carrier: Carrier) -> None:
        try:
            chunk.sent.finish()
        finally:
            self._tally(chunk.products)
        changes = [
            change
            for product, delivery in chunk.products
            if (change := self._change(product, delivery, chunk.stock))
        ]
        self._untold |= {product.key: delivery for product, delivery in chunk.products if delivery.untold}
        if changes:
            self._write(changes, chunk, carrier)
        self._figures.processed += len(chunk.products)
        self._session.progress()
        self._session.beat()

    def _tally(self, products: Sequence[Delivered]) -> None:
        """Count the files of a chunk, once however many products share them."""
        for product, delivery in products:
            if delivery.is_counted:
                continue
            delivery.is_counted = True
            self._figures.skipped_files += len(delivery.current)
            if not delivery.outcomes:
                continue  # nothing new: so it is for a million pictures
            for outcome, path in delivery.outcomes.values():
                self._figures.add(outcome)
                if outcome.reason:
                    self._fail(path, outcome.reason, onec_id=product.onec_id)
                elif outcome.result is Result.LEFT:
                    self._findings.left(path, outcome.rest)
            if delivery.has_copied:
                self._session.changed()

    def _change(self, product: Product, delivery: Delivery, stock: Stock) -> Change | None:
        """Return the change that a product's row may need, None if it can stay as it is."""
        if product.images is None:
            self._fail_row(product.onec_id, "has a row whose images are not a path and a list")
            return None
        pictures = stock.pictures(product, product.images, delivery)
        after = self._rows.composed(product.images, pictures)
        if not pictures.names and not delivery.in_exchange:
            self._figures.skipped_products += 1
            if self._plan.rules.is_unset(after.main) and not after.gallery:
                self._findings.without_picture(product.id, product.onec_id)
        if after == product.images and not delivery.has_copied:
            return None
        return Change(product, pictures, product.images, after, delivery.has_replaced)

    def _write(self, changes: list[Change], chunk: Chunk, carrier: Carrier) -> None:
        if self._plan.terms.dry_run:
            for change in changes:
                if change.is_visible:
                    self._findings.change(change)
            return
        self._media.sync()
        held = self._written(changes)
        ours = [change for change in held if not self._is_kept(change, chunk, carrier)]
        room = _MOST_HELD - len(self._held)
        self._held += ours[:room]
        self._give_up(ours[room:])

    def _is_kept(self, change: Change, chunk: Chunk, carrier: Carrier) -> bool:
        """Return whether the host has a change done later, and with it whatever was replaced."""
        key = change.product.key
        directories = carrier.directories(chunk.section.pictures.get(key, {}))
        if is_kept := self._host.keeps(change.product.onec_id, directories):
            self._leave_untold(key)
        return is_kept

    def _written(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Write changes, and return those whose rows others hold."""
        written = self._host.patiently(partial(self._rows.write, changes))
        if written.products:
            self._session.changed()
        for product in written.products:
            self._session.product_changed(product.onec_id)
        for change, reason in written.refused:
            self._fail_row(change.product.onec_id, f"has a row that cannot be written: {reason}")
        return written.held

    def _retry_held(self, carrier: Carrier) -> None:
        """Write the rows that others held when it was their turn; those still held have failed."""
        for changes in batched(self._held, self._plan.chunk_size):
            self._give_up(self._written(changes))
        for delivery in self._untold.values():
            carrier.tell(delivery)

    def _tell(self, chunk: Chunk, carrier: Carrier) -> None:
        """Take note of what was replaced where all rows of a key tell of it: they may fall into several chunks."""
        if not self._untold:
            return
        last = {product.key: product for product in chunk.section.products}
        held = {change.product.key for change in self._held}
        for key in {product.key for product, _ in chunk.products if product is last[product.key]} - held:
            if delivery := self._untold.pop(key, None):
                carrier.tell(delivery)

    def _leave_untold(self, key: str) -> None:
        """Let what was replaced be replaced once more by the next import, since a row does not tell of it."""
        if delivery := self._untold.pop(key, None):
            delivery.untold.clear()

    def _give_up(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._leave_untold(change.product.key)
            self._fail_row(change.product.onec_id, "has a row that another transaction holds")

    def _fail(self, path: str, reason: str, **fields: str) -> None:
        self._session.file_failed(path, reason, **fields)
        self._findings.failed(path, reason)

    def _fail_row(self, onec_id: str, reason: str) -> None:
        self._session.row_failed(onec_id, reason)
        self._findings.failed(onec_id, reason)


def _stopped() -> StoppedError:
    return StoppedError("The import was stopped; what it had brought over is kept")


def _is_regular(exchange: Exchange, place: Place, name: str) -> bool:
    """Return whether a name is still that of a regular file; what lies in the exchange may change at any time."""
    try:
        source = exchange.source(place, name)
        status = source.status() if source else None
    except OSError:
        return False
    return status is not None and stat.S_ISREG(status.st_mode)
