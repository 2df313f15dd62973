"""What can be seen of the shop while the service works on it: rows, pictures, sessions, the service itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from daemon import publication
from daemon import shop as shops
from daemon.composition import Images, images_of
from daemon.config import Settings
from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger
from daemon.demo.goods import DemoProduct
from daemon.shop import Shop
from daemon.state import State

_MOST_SESSIONS = 20  # more than a demonstration has


class Sight:
    """Looks at the database, the media and the state of the service, and changes nothing."""

    def __init__(self, settings: Settings, shop: Shop, environ: Mapping[str, str]) -> None:
        """Given the settings, the shop they lead to and the environment."""
        self._settings = settings
        self._shop = shop
        self._environ = environ

    def images(self, product: DemoProduct) -> Images | None:
        """Return the images on the row of a product, None if it has no row."""
        with self._shop.database.reading() as connection:
            listed = self._shop.products.with_keys(connection, [product.onec_id])
            return next((images_of(said) for *_, said in chain.from_iterable(listed)), None)

    def shows(self, product: DemoProduct, picture: Path) -> bool:
        """Return whether the row of a product names a picture of the exchange, and the media have just its bytes."""
        images = self.images(product)
        path = f"{self._settings.media.prefix}/{product.shard}/{picture.name}"
        if images is None or path not in {images.main, *images.gallery}:
            return False
        stored = self._settings.media.dir / path
        return stored.is_file() and stored.read_bytes() == picture.read_bytes()

    def sessions(self) -> list[SessionRecord]:
        """Return the sessions so far, newest first."""
        with self._shop.database.reading() as connection:
            return self._shop.sessions.newest(connection, _MOST_SESSIONS)

    def has_started(self) -> bool:
        """Return whether the service watches, and has done its first import of all pictures."""
        first = (Trigger.STARTUP.value, ImportType.IMAGES.value)
        is_done = any((session.trigger, session.import_type) == first for session in self.sessions())
        return is_done and self.is_calm() and self.state() is not None

    def is_calm(self) -> bool:
        """Return whether no session is under way: the log has told of all there were."""
        return all(session.status in {Status.COMPLETED, Status.FAILED} for session in self.sessions())

    def state(self) -> State | None:
        """Return the state of the service, None if it does not run."""
        return publication.find(shops.state_places(self._settings, self._environ))


@contextmanager
def looking(settings: Settings, environ: Mapping[str, str]) -> Iterator[Sight]:
    """Given the settings of a shop that has its tables and the environment, yield what can be seen of it."""
    with shops.looked_at(settings) as shop:
        yield Sight(settings, shop, environ)
