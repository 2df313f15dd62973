"""The imports that the service does: a batch of changed products, all products, catalogue files."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from daemon import shop as shops
from daemon.agenda import Agenda, Batch, Hint
from daemon.catalogue import CatalogueProduct
from daemon.config import Settings
from daemon.db.sessions import ImportType, SessionRecord, Trigger
from daemon.http.board import Board
from daemon.images import decoder
from daemon.importer.findings import Findings
from daemon.importer.goods import CatalogueLoader, GoodsFile
from daemon.importer.host import Host
from daemon.importer.owners import Owners
from daemon.importer.plan import Plan
from daemon.importer.selection import Selection
from daemon.importer.session import Occasion, Session
from daemon.imports import Request, import_images
from daemon.log import logger
from daemon.naming import PictureNames, canonical_id, file_name, group_of, hint_of, key_of, shard_of
from daemon.service.keeper import Keeper
from daemon.shop import Shop

_SHARD_LENGTH = 2  # characters
_MOST_SHOWN = 3  # products named in one entry of the log

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Demands:
    """What somebody asked of an import of pictures."""

    onec_ids: frozenset[str] = frozenset()
    checksum: bool = False
    validate: bool | None = None  #: None: as configured


class Noted(Findings):
    """Puts what an import leaves undone on the agenda."""

    def __init__(
        self, agenda: Agenda, names: PictureNames, settle: float, clock: Clock, batch: Batch | None = None
    ) -> None:
        """Given the agenda, what counts as a picture, how long a whole one rests, the clock, and maybe a batch."""
        self._agenda = agenda
        self._names = names
        self._settle = settle
        self._clock = clock
        self._batch = batch

    def unmatched(self, path: str) -> None:
        """Have the product of a picture looked for later."""
        if hint := self._hint(path):
            self._agenda.remember(hint, self._clock())

    def left(self, path: str, rest: float) -> None:
        """Have a picture that may still be growing imported when it has rested."""
        now = self._clock()
        if hint := self._hint(path):
            first = self._batch.first(group_of(hint.text), now) if self._batch else now
            self._agenda.mark(hint, first, now + rest - self._settle)

    def _hint(self, path: str) -> Hint | None:
        directory, _, name = path.rpartition("/")
        shard = file_name(directory)
        stem = self._names.stem(name)
        return None if stem is None else Hint(hint_of(stem), shard if len(shard) == _SHARD_LENGTH else "")


class Jobs:
    """Does imports, one at a time, on one shop."""

    def __init__(  # noqa: PLR0913  the parts of a service, each made elsewhere
        self,
        settings: Settings,
        shop: Shop,
        agenda: Agenda,
        keeper: Keeper,
        host: Host,
        clock: Clock,
        *,
        trusts_times: bool,
        board: Board,
        ended: Callable[[SessionRecord], None],
    ) -> None:
        """Given the parts, what imports ask of the service, and whether the exchange's file system has true times.

        The board is told what came of it, and ``ended`` each session that is over.
        """
        self._settings = settings
        self._shop = shop
        self._agenda = agenda
        self._keeper = keeper
        self._host = replace(host, patiently=keeper.patiently)
        self._clock = clock
        self._trusts_times = trusts_times
        self._board = board
        self._ended = ended
        self._owners = Owners(shop.database, shop.products)
        self._sweeps = True  # batches: only until an import has done so; nobody else dies here
        #: The sessions under way, the one that was begun first before those that did not wait for its end.
        self.running: list[Session] = []

    # Batches ----------------------------------------------------------------------------------------------

    def batch(self, batch: Batch) -> None:
        """Given products that are due, import them; those that are not there are looked for later.

        Raises ImportFailedError and DatabaseUnavailableError; the batch is due again then.
        """
        began = self._clock()
        try:
            owners = self._owners_of(batch)
            held = self._import_batch(batch, frozenset().union(*owners.values()))
        except BaseException:
            self._agenda.failed(batch, self._clock())
            self._board.batch_failed()
            raise
        done, now = self._put_down(batch, owners, held), self._clock()
        self._board.batch_done(now - began, self._agenda.lateness(batch, done, now))

    def _owners_of(self, batch: Batch) -> Mapping[str, frozenset[str]]:
        texts = {hint.text for hint in batch.hints}
        return self._keeper.patiently(partial(self._owners.of, texts))

    def _put_down(self, batch: Batch, owners: Mapping[str, frozenset[str]], held: set[str]) -> Iterable[str]:
        """Keep on the agenda what is left of a batch that was imported: rows held by others, products not there.

        The groups are returned of which nothing is left.
        """
        now = self._clock()
        done: list[str] = []
        late: list[str] = []
        awaited: list[str] = []
        for group, hints in batch.groups.items():
            ownerless = [hint for hint in hints if not owners.get(hint.text)]
            if len(ownerless) < len(hints):
                self._agenda.done(batch, group)
            if ownerless:
                awaited.append(group)
                self._agenda.seek(group, ownerless, now)
            if any(owners.get(hint.text, frozenset()) & held for hint in hints):
                late.append(group)
            elif not ownerless:
                done.append(group)
        self._agenda.failed(batch.only(late), now)
        if late:
            message = f"{len(late)} products have rows that other transactions hold: they are tried again"
            logger().info("rows_held", message=message, held=len(late))
        if awaited and batch.waiting:  # what was just sought again has been told
            _tell_awaited(awaited)
        return done

    def _import_batch(self, batch: Batch, keys: frozenset[str]) -> set[str]:
        """Import the products of some keys, and return the keys of those whose rows others hold."""
        if not keys:
            return set()
        held: set[str] = set()
        plan = self._plan(Demands(checksum=not self._trusts_times), settle=0 if batch.is_overdue else None)
        directories = {"", *map(shard_of, keys), *(hint.directory for hint in batch.hints)}
        request = Request(
            Occasion(ImportType.IMAGES, Trigger.WATCH, names_products=True),
            Selection.of(keys),
            replace(plan, directories=frozenset(directories), waits_for_roots=True, sweeps=self._sweeps),
            self._noted(batch),
            replace(self._host, keeps=lambda onec_id, _directories: _noted_in(held, onec_id)),
        )
        with self.session() as session:
            import_images(self._settings, self._shop, session, request)
        self._sweeps = False
        return held

    # All products -----------------------------------------------------------------------------------------

    def everything(
        self, session: Session, occasion: Occasion, demands: Demands, *, is_asked_for: bool
    ) -> None:
        """Given a session that has not begun, why and what is asked for, import all products or those named.

        What nobody asked for leaves pictures that may still be growing to a batch, and waits for image roots.
        Raises ImportFailedError and DatabaseUnavailableError.
        """
        plan = self._plan(demands, settle=0 if is_asked_for else None)
        request = Request(
            occasion,
            Selection.of(demands.onec_ids),
            replace(plan, waits_for_roots=not is_asked_for),
            self._noted(),
            replace(self._host, keeps=self._keep),
        )
        for onec_id in import_images(self._settings, self._shop, session, request):
            message = f"No active product has the onec_id {onec_id}"
            session.warn("product_unknown", message, onec_id=onec_id)
        self._sweeps = False

    def _keep(self, onec_id: str, directories: Collection[str]) -> bool:
        if key := key_of(onec_id):
            hints = [Hint(hint_of(key), directory) for directory in directories or [""]]
            self._agenda.hold(hints, self._clock())
        return True

    def _plan(self, demands: Demands, *, settle: float | None) -> Plan:
        """Return the plan of an import; pictures rest as long as is configured where no other time is given."""
        plan = shops.plan(self._settings, self._shop.products)
        rest = self._settings.watch.settle if settle is None else settle
        terms = replace(plan.terms, checksum=demands.checksum, settle=rest)
        validates = self._settings.import_.validate_images if demands.validate is None else demands.validate
        validate = decoder(self._settings.exchange.extensions) if validates else None
        return replace(plan, terms=terms, validate=validate)

    def _noted(self, batch: Batch | None = None) -> Noted:
        names = shops.picture_names(self._settings)
        return Noted(self._agenda, names, self._settings.watch.settle, self._clock, batch)

    # The catalogue ----------------------------------------------------------------------------------------

    def catalogue(
        self, session: Session, occasion: Occasion, files: Sequence[GoodsFile], *, names_due: bool
    ) -> None:
        """Given a session that has not begun, why and which catalogue files, load them.

        The products they name are due afterwards, unless all products are imported next anyway. Raises
        ImportFailedError and DatabaseUnavailableError.
        """
        named = self._name_due if names_due else _nobody
        with session.running(occasion):
            catalogue = self._shop.needed_catalogue()
            CatalogueLoader(self._shop.database, catalogue, session, self._host, named).load(files)

    def _name_due(self, products: Iterable[CatalogueProduct]) -> None:
        keys = {key for product in products if (key := key_of(canonical_id(product.onec_id)))}
        self._agenda.mark_due([Hint(hint_of(key), shard_of(key)) for key in keys], self._clock())

    # ------------------------------------------------------------------------------------------------------

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session that has not begun, and see that its end is on record."""
        session = Session(
            self._shop.database,
            self._shop.sessions,
            self._shop.sessions.daemon,
            progress_every=self._settings.import_.progress_every,
            patiently=self._keeper.patiently,
        )
        self.running.append(session)
        try:
            yield session
        finally:
            self.running.remove(session)
            self._keeper.remember(session)
            self._board.ended(session)
            self._ended(session.record)


def _tell_awaited(groups: Sequence[str]) -> None:
    shown = ", ".join(groups[:_MOST_SHOWN]) + (", …" if len(groups) > _MOST_SHOWN else "")
    message = f"Pictures of {len(groups)} products that are not there, or not active, wait for them: {shown}"
    logger().info("products_awaited", message=message, awaited=len(groups))


def _nobody(_products: Iterable[CatalogueProduct]) -> None:
    """Have no product imported."""


def _noted_in(keys: set[str], onec_id: str) -> bool:
    if key := key_of(onec_id):
        keys.add(key)
    return True
