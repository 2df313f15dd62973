"""The service at work on one configuration: one loop that hears, imports and tells, in one thread."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from math import inf

from daemon import shop as shops
from daemon.agenda import Agenda, Terms
from daemon.config import Settings
from daemon.errors import DatabaseUnavailableError, LockedError, OnecImagesError, StoppedError
from daemon.importer.host import Host
from daemon.log import logger
from daemon.mounts import is_network
from daemon.service.batches import Batches
from daemon.service.bulletin import Bulletin, Report
from daemon.service.catalogues import Catalogues
from daemon.service.desk import Desk
from daemon.service.errands import Errands
from daemon.service.full_imports import FullImports
from daemon.service.goods_files import GoodsFiles
from daemon.service.jobs import Jobs
from daemon.service.keeper import Keeper
from daemon.service.listener import Listener
from daemon.service.retries import Retries
from daemon.service.signals import Signals
from daemon.service.tasks import Tasks
from daemon.service.troubles import Troubles
from daemon.shop import Shop
from daemon.triggers.spot import TriggerSpot
from daemon.watcher.inbox import Inbox
from daemon.watcher.lookout import Lookout
from daemon.watcher.roots import Roots

_HEARTBEAT = 1.0  # seconds at the least between two looks at what no event tells
_LONGEST_TICK = 2.0  # seconds between two looks at anything, where events wake whoever must not wait
_SHORTEST_TICK = 0.05  # seconds between two looks at what events have told, where pictures hardly settle
_POLLING = 60.0  # seconds between two reconciles where there are no events
_LONGEST_UNMATCHED = 3600.0  # seconds between two looks for a product, where nothing is reconciled
_DAY = 86_400.0  # seconds
_SHORTEST_REST = 1.0  # seconds after work that failed for no reason that was foreseen; doubles each time
_LONGEST_REST = 60.0  # seconds
_MOST_BATCHES = 2  # one within another: a change waits for one batch, and not for one after the other


class _Work(Enum):
    """What may be under way; between its chunks, other work may be done."""

    IMPORT = auto()
    ERRAND = auto()
    CATALOGUE = auto()
    BATCH = auto()


class Service:
    """Keeps one shop's products up to date with one exchange directory, until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        shop: Shop,
        signals: Signals,
        bulletin: Bulletin,
        accept: Callable[[], bool],
    ) -> None:
        """Given the settings, the open shop, what the process is asked for, and what it tells.

        ``accept`` reads the configuration again, and returns whether it is to be worked on from now on.
        """
        self._settings = settings
        self._shop = shop
        self._signals = signals
        self._bulletin = bulletin
        self._accept = accept
        self._is_replaced = False
        self._wake = threading.Event()
        self._work: list[_Work] = []
        self._heartbeat_at = 0.0
        self._tidy_at = time.monotonic() + _DAY
        self._rest = _SHORTEST_REST
        signals.wake_by(self._wake.set)
        self._assemble(settings, shop)

    def _assemble(self, settings: Settings, shop: Shop) -> None:
        """Make the parts, each of which knows only what it needs."""
        clock, names = time.monotonic, shops.picture_names(settings)
        roots = Roots(settings.exchange.dir, settings.exchange.image_roots)
        is_remote = any(map(is_network, [settings.exchange.dir, *roots.paths.values()]))
        polls = settings.watch.backend == "polling" or (settings.watch.backend == "auto" and is_remote)
        longest = _HEARTBEAT if polls else _LONGEST_TICK
        self._tick = min(longest, max(settings.watch.settle / 2, _SHORTEST_TICK))
        self._troubles = Troubles()
        self._agenda = Agenda(_terms(settings, polls=polls), clock(), lambda: random.uniform(0.75, 1.25))
        inbox = Inbox(names, settings.watch.max_pending, self._wake.set)
        self._lookout = Lookout(roots, settings.trigger.file, inbox, polls=polls)
        self._listener = Listener(roots, names, inbox, self._lookout, self._agenda, self._troubles)
        self._keeper = Keeper(shop.database, shop.sessions, self._troubles, self._pause)
        host = Host(self._is_stopping, self._attend, self._is_waiting)
        self._jobs = jobs = Jobs(
            settings,
            shop,
            self._agenda,
            self._keeper,
            host,
            clock,
            trusts_times=not is_remote,
            board=self._bulletin.board,
            ended=self._bulletin.session_ended,
        )
        retries = Retries(settings.import_.max_retries, settings.import_.retry_delay)
        goods = GoodsFiles(settings.exchange.dir, settings.exchange.catalog, settings.watch.settle)
        self._catalogues = Catalogues(goods, jobs, clock)
        self._batches = Batches(self._agenda, jobs, self._troubles)
        self._imports = FullImports(
            self._agenda, jobs, self._listener, self._troubles, retries, clock, polls=polls
        )
        spot = TriggerSpot(settings.trigger.file, settings.media.file_mode)
        self._errands = Errands(
            Desk(spot, self._troubles, clock),
            jobs,
            Tasks(shop, self._keeper, self._bulletin.session_ended),
            clock,
            retries=retries,
            catalogues=self._catalogues,
            leaves_running=self._leaves_running,
        )
        self._report = Report(
            self._agenda,
            jobs.running,
            self._troubles,
            clock,
            self._lookout,
            self._imports,
            backend="polling" if polls else "inotify",
        )

    def run(self, reason: str | None) -> None:
        """Given why all products are imported first, None if they are not, work until a stop or a reload is asked for.

        Raises LockedError where another process has taken our place.
        """
        try:
            self._listener.start(time.monotonic())
            self._tell()
            self._bulletin.ready(self._report)
            if reason is not None:
                self._agenda.want(reason, time.monotonic())
            self._errands.look(time.monotonic(), is_open=False)
            self._enduring(lambda: self._load_catalogue(names_due=reason is None))
            while not self._is_stopping():
                self._enduring(self._turn)
        except StoppedError:
            return
        finally:
            self._lookout.close()

    def _load_catalogue(self, *, names_due: bool) -> None:
        if self._shop.catalogue:
            with self._at(_Work.CATALOGUE):
                self._catalogues.load_all(names_due=names_due)

    def _enduring(self, work: Callable[[], None]) -> None:
        """Do a piece of work; wait where the database is away, and begin anew after whatever else goes wrong.

        Raises LockedError and StoppedError.
        """
        try:
            work()
        except DatabaseUnavailableError as error:
            self._keeper.regain(error)
        except (LockedError, StoppedError):
            raise
        except Exception as error:  # noqa: BLE001  nothing of the kind may end the service
            self._recover(error)
        else:
            self._rest = _SHORTEST_REST

    def _recover(self, error: Exception) -> None:
        """Have everything watched anew and all products imported, less soon each time in a row."""
        reason = str(error) if isinstance(error, OnecImagesError) else f"{type(error).__name__}: {error}"
        logger().error("work_failed", message=f"The service begins anew: {reason}", exc_info=error)
        self._lookout.report(set(), [reason], time.monotonic())
        until = time.monotonic() + self._rest
        self._rest = min(self._rest * 2, _LONGEST_REST)
        while not self._is_stopping() and time.monotonic() < until:
            if self._signals.reload:
                self._reload()
            self._tell()
            self._wait(until)

    # One turn ---------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Do what is due, the most urgent first; wait if nothing is.

        Changes that come without end do not keep a longer import from its turn: they are done between its chunks.
        """
        self._look()
        self._keeper.check(time.monotonic())
        if not any([self._do_small_work(), self._do_errand(), self._do_import()]):
            self._tidy()
            self._wait(self._next_at())

    def _wait(self, until: float) -> None:
        """Wait until something happens, or it is time to look whether something has."""
        self._wake.wait(max(min(until - time.monotonic(), self._tick), 0.0))
        self._wake.clear()

    def _do_small_work(self) -> bool:
        """Do what waits for nothing of all that is due by now, and return whether there was any."""
        now, did = time.monotonic(), False
        if self._may_load():
            with self._at(_Work.CATALOGUE):
                did = self._catalogues.step(now)
        while self._may_batch() and not self._is_stopping():
            with self._at(_Work.BATCH):
                if not self._batches.step(now):
                    break
            did = True
            self._look()
        return did

    def _do_errand(self) -> bool:
        began = time.monotonic()
        if not self._errands.is_due(began):
            return False
        is_whole = self._errands.is_whole
        with self._at(_Work.CATALOGUE if self._errands.is_catalogue else _Work.ERRAND):
            is_completed = self._errands.step()
        if is_completed and is_whole:
            self._imports.completed(began)
        return True

    def _do_import(self) -> bool:
        if not self._lookout.has_roots:
            return False
        with self._at(_Work.IMPORT):
            return self._imports.step(time.monotonic())

    def _next_at(self) -> float:
        imports = self._agenda.import_at() if self._lookout.has_roots else inf
        return min(self._batches.next_at, self._errands.next_at, imports)

    def _tidy(self) -> None:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + _DAY
            shops.tidy(self._settings, self._shop, self._errands.sessions_that_go_on)

    # While an import runs ---------------------------------------------------------------------------------

    @contextmanager
    def _at(self, work: _Work) -> Iterator[None]:
        self._work.append(work)
        try:
            yield
        finally:
            self._work.pop()

    def _attend(self) -> float:
        """Do what must not wait for the end of an import, and return how many seconds that took."""
        began = time.monotonic()
        self._look()
        did = self._do_small_work()
        if self._work == [_Work.IMPORT] and not self._errands.is_whole:
            did = self._do_errand() or did
        return time.monotonic() - began if did else 0.0

    def _may_load(self) -> bool:
        return self._shop.catalogue is not None and not {_Work.CATALOGUE, _Work.BATCH} & set(self._work)

    def _may_batch(self) -> bool:
        return self._work.count(_Work.BATCH) < _MOST_BATCHES

    def _is_waiting(self) -> bool:
        return self._may_batch() and self._batches.next_at <= time.monotonic()

    def _is_stopping(self) -> bool:
        return self._signals.stop or self._is_replaced

    def _leaves_running(self) -> bool:
        return self._is_replaced and not self._signals.stop

    # All the time -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Take in what has happened, and every second or two what no event tells."""
        now = time.monotonic()
        if self._signals.reload:
            self._reload()
        self._hear(now)
        is_time = now >= self._heartbeat_at
        if is_time or self._errands.is_expecting(now):
            self._errands.look(now, is_open=self._lookout.is_trigger_open)
        if is_time:
            self._heartbeat_at = now + _HEARTBEAT
            self._tell()
            for session in self._jobs.running:
                session.beat()

    def _hear(self, now: float) -> None:
        if self._listener.hear(now):
            self._errands.heard()

    def _reload(self) -> None:
        self._is_replaced = self._accept()
        if not self._is_replaced:
            self._bulletin.ready(self._report)

    def _tell(self) -> None:
        self._bulletin.ping()
        self._bulletin.tell(self._report)

    def _pause(self, seconds: float) -> bool:
        """Wait for so long, taking in what happens meanwhile, and return whether the service is to stop."""
        until = time.monotonic() + seconds
        while not self._is_stopping() and time.monotonic() < until:
            if self._signals.reload:
                self._reload()
            self._hear(time.monotonic())
            self._tell()
            self._wait(until)
        return self._is_stopping()


def _terms(settings: Settings, *, polls: bool) -> Terms:
    watch = settings.watch
    interval = min(watch.reconcile_interval or _POLLING, _POLLING) if polls else watch.reconcile_interval
    return Terms(
        settle=watch.settle,
        max_wait=watch.max_wait,
        max_pending=watch.max_pending,
        retry_unmatched=watch.retry_unmatched,
        longest_unmatched=watch.reconcile_interval or _LONGEST_UNMATCHED,
        reconcile_interval=interval,
    )
