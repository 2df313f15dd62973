"""The life of the service's process: waits for what it needs, works, reloads, and ends when it is told to."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from daemon import shop as shops
from daemon.config import Settings
from daemon.errors import DatabaseUnavailableError, LockedError, OnecImagesError
from daemon.log import logger
from daemon.notify import Supervisor
from daemon.service.bulletin import Bulletin
from daemon.service.service import Service
from daemon.service.signals import Signals
from daemon.shop import Shop

_SHORTEST_PAUSE = 1.0  # seconds between two attempts to reach the database; doubles each time
_LONGEST_PAUSE = 10.0  # seconds
_PATIENCE = 2.0  # seconds that locks of others are waited for at a time: a stop has to come within ten
_STANDBY = 1.0  # seconds between two attempts to take the place of another process
_LONGEST_OPENING = 180.0  # seconds: another writer may keep an SQLite file for two minutes
_TICK = 0.5  # seconds between two looks at what is asked for

#: Reads the configuration. Raises ConfigurationError.
Load = Callable[[], Settings]
#: Opens what the service tells of itself.
OpenBulletin = Callable[[Settings], AbstractContextManager[Bulletin]]


class Lifetime:
    """Serves one configuration after the other."""

    def __init__(
        self,
        load: Load,
        signals: Signals,
        supervisor: Supervisor,
        open_bulletin: OpenBulletin,
        *,
        stands_by: bool,
    ) -> None:
        """Given where the parts come from, and whether to wait while another process holds the lock."""
        self._load = load
        self._signals = signals
        self._supervisor = supervisor
        self._open_bulletin = open_bulletin
        self._stands_by = stands_by
        #: What to serve instead of the present configuration.
        self._next: Settings | None = None
        #: The last configuration that has worked.
        self._proven: Settings | None = None
        self._awaited = ""

    def run(self) -> None:
        """Serve until a stop is asked for.

        Raises ConfigurationError, MediaError, and LockedError unless that is to be waited for. A reload
        that leads to one of them is taken back, and what has worked once is waited for whatever happens to it.
        """
        settings = self._load()
        reason = "startup" if settings.import_.on_startup else None
        while not self._signals.stop:
            settings, reason = self._served(settings, reason)

    def _served(self, settings: Settings, reason: str | None) -> tuple[Settings, str]:
        """Serve one configuration, and return which one is served next and why all products are imported then."""
        try:
            self._serve(settings, reason)
        except LockedError as error:
            if not self._stands_by:
                raise
            logger().warning("lock_lost", message=f"The database was lost, and the place with it: {error}")
            return settings, "recovery"
        except OnecImagesError as error:
            if self._proven is None:
                raise
            self._refuse(error)
            return self._proven, "reload"
        settings, self._next = self._next or settings, None
        return settings, "reload"

    def _serve(self, settings: Settings, reason: str | None) -> None:
        """Work on one configuration until a stop is asked for, or another one is there."""
        with self._open_bulletin(settings) as bulletin:
            bulletin.starting()
            with self._opened(settings, bulletin) as shop:
                if shop is not None:
                    bulletin.begin(shop.sessions, shop.database)
                    self._proven, self._stands_by = settings, True
                    Service(settings, shop, self._signals, bulletin, self._accept).run(reason)
                if self._signals.stop:
                    self._supervisor.stopping("Stopping")

    def _accept(self) -> bool:
        """Read the configuration again, and return whether it can take the place of the present one."""
        self._signals.reload = False
        self._supervisor.reloading()
        try:
            self._next = self._load()
        except OnecImagesError as error:
            self._refuse(error)
        return self._next is not None

    def _refuse(self, error: OnecImagesError) -> None:
        logger().error(
            "reload_refused",
            message=f"The new configuration is refused, the former one stays: {'; '.join(str(error).splitlines())}",
        )

    # Waiting ----------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self, settings: Settings, bulletin: Bulletin) -> Iterator[Shop | None]:
        """Yield the shop as soon as it can be had, None if something else is asked for before."""
        with ExitStack() as stack:
            yield self._shop(settings, bulletin, stack)

    def _shop(self, settings: Settings, bulletin: Bulletin, stack: ExitStack) -> Shop | None:
        is_proven = settings == self._proven
        if not is_proven:  # media that are in trouble fail imports, and not the service
            with shops.media(settings) as media:
                media.prepare()
        pause = _SHORTEST_PAUSE
        while True:
            self._supervisor.extend(_LONGEST_OPENING)
            try:
                shop = stack.enter_context(shops.at_work(settings, _PATIENCE))
            except LockedError as error:
                if not self._stands_by:
                    raise
                self._await("standby", f"Standing by: {error}", bulletin)
                is_asked_for = self._is_asked_for_within(_STANDBY, bulletin)
            except OnecImagesError as error:
                if not (is_proven or self._is_worth_waiting(error, settings)):
                    raise
                self._await("starting", f"Waiting for the database: {error}", bulletin)
                is_asked_for = self._is_asked_for_within(pause, bulletin)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._tell_awaited("")
                return shop
            if is_asked_for:
                return None

    def _is_worth_waiting(self, error: OnecImagesError, settings: Settings) -> bool:
        """Return whether a database may come up; one that a reload names for the first time has to be there."""
        is_new = self._proven is not None and settings.database.url != self._proven.database.url
        return isinstance(error, DatabaseUnavailableError) and not is_new

    def _await(self, state: str, why: str, bulletin: Bulletin) -> None:
        self._tell_awaited(why)
        bulletin.waiting(state, why)

    def _tell_awaited(self, why: str) -> None:
        """Log what is waited for, once as long as that is the same, and that it has come."""
        if why == self._awaited:
            return
        if why:
            logger().warning("awaited", message=why)
        else:
            logger().info("awaited_over", message=f"No longer: {self._awaited}")
        self._awaited = why

    def _is_asked_for_within(self, seconds: float, bulletin: Bulletin) -> bool:
        """Wait so long, and return whether a stop or another configuration was asked for meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._signals.stop or (self._signals.reload and self._accept()):
                return True
            bulletin.ping()
            time.sleep(min(left, _TICK))
        return False
