"""An exchange and the media of a shop, and everything between them but the database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from support.files import put, tree

from daemon.exchange import Exchange
from daemon.importer.courier import courier
from daemon.importer.delivery import Brings, Carrier, Delivery, Terms
from daemon.importer.listing import piece
from daemon.importer.section import Portion, Section
from daemon.importer.selection import Selection
from daemon.importer.survey import Survey
from daemon.media import Media
from daemon.naming import PictureNames
from daemon.storing import Preview, Store

ROOT = "goods/import_files"
NAMES = PictureNames.from_patterns(["jpg", "jpeg", "png"], [])
_BARE = ("", "[]")  # what the row of a new product says
_MANY = 1_000_000  # products that porters are worth for
TERMS = Terms("products", None, max_file_size=1 << 20)


@dataclass(frozen=True)
class Supplied:
    """What an import knows of its products before it looks at their rows."""

    portion: Portion
    section: Section
    carrier: Carrier
    deliveries: Mapping[str, Delivery]
    media: Media


@dataclass(frozen=True)
class Supply:
    """An exchange directory and a media directory, neither of which is there at first."""

    directory: Path

    @property
    def exchange(self) -> Path:
        """The exchange directory."""
        return self.directory / "exchange"

    @property
    def media(self) -> Path:
        """The media directory."""
        return self.directory / "media"

    @property
    def stored(self) -> dict[str, bytes]:
        """What is in the media directory."""
        return tree(self.media)

    def send(self, path: str, content: bytes = b"picture", root: str = ROOT) -> Path:
        """Put a picture into the exchange."""
        return put(self.exchange / root / path, content)

    def hold(self, path: str, content: bytes = b"picture") -> Path:
        """Put a file into the media."""
        return put(self.media / path, content)

    @contextmanager
    def supplied(
        self,
        *onec_ids: str,
        inactive: Sequence[str] = (),
        roots: Sequence[str] = (ROOT,),
        terms: Terms = TERMS,
        sweeps: bool = False,
        store: Callable[[Media], Brings] | None = None,
        from_media: bool = False,
        meanwhile: Callable[[], object] = lambda: None,
        acting: AbstractContextManager[None] | None = None,
        porters: int = 0,
    ) -> Iterator[Supplied]:
        """Deliver the pictures of these active products.

        Meanwhile, between listing and delivering, something may happen, and delivering may be another account's, or
        that of so many porters.
        """
        (self.exchange / ROOT).mkdir(parents=True, exist_ok=True)
        with (
            Media(
                self.media, "products", file_mode=0o644, dir_mode=0o755, min_free=0, durable=False
            ) as media,
            Exchange(self.exchange, roots) as exchange,
            closing(Survey(NAMES, Selection())) as survey,
        ):
            if not terms.dry_run:
                media.prepare()
            bringer = store(media) if store else _bringer(media, terms)
            actives = [(number, onec_id, True, _BARE) for number, onec_id in enumerate(onec_ids)]
            survey.add_products(actives, {}, lambda _id, _onec_id: None)
            survey.add_products(
                [(None, onec_id, False, _BARE) for onec_id in inactive], {}, lambda _id, _onec_id: None
            )
            for place, names in exchange.listing(_no_trouble):
                survey.add_pictures(piece(place, names, NAMES))
            if from_media:
                for shard, names in media.stored():
                    survey.add_stored(shard, names)
            (portion,) = survey.portions()
            section = portion.joined()
            meanwhile()
            carrier = Carrier(exchange, media, bringer, terms)
            with (
                acting or nullcontext(),
                courier(carrier, _MANY if porters else 1, porters, sweeps=sweeps) as chosen,
            ):
                keys = dict.fromkeys(product.key for product in section.products)
                deliveries = {key: chosen.deliver(key, section.pictures.get(key, {})) for key in keys}
                chosen.send().finish()
                for delivery in deliveries.values():
                    carrier.tell(delivery)  # as if there were rows, and they were written
            yield Supplied(portion, section, carrier, deliveries, media)


def _bringer(media: Media, terms: Terms) -> Brings:
    return Preview(terms.max_file_size) if terms.dry_run else Store(media, terms.max_file_size)


def _no_trouble(path: str, reason: str) -> None:
    raise AssertionError(path, reason)
