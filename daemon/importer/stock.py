"""Which pictures a product can show: those just delivered, and those that the media directory still holds."""

from collections.abc import Container, Mapping

from daemon.composition import Images, Pictures, Rules
from daemon.importer.delivery import Delivery
from daemon.importer.figures import Figures
from daemon.importer.section import Product, Section
from daemon.media import Media
from daemon.naming import file_name, is_text


class Stock:
    """The pictures of one section's products. Files are counted as they are first looked at, so only once."""

    def __init__(
        self,
        section: Section,
        media: Media,
        catalogue: Mapping[str, tuple[str, ...]],
        rules: Rules,
        figures: Figures,
    ) -> None:
        """Given a section, the media, what the catalogue says of its products, the rules, and where to count."""
        self._section = section
        self._media = media
        self._catalogue = catalogue
        self._rules = rules
        self._figures = figures
        self._held: dict[str, bool] = {}
        self._counted: set[str] = set()

    def pictures(self, product: Product, images: Images, delivery: Delivery) -> Pictures:
        """Given a product, what its row says and what was delivered for its key, return what it can show.

        The order is the catalogue's, then that of the names' bytes.
        """
        named = self._named(product)
        on_row = self._on_row(product, images, delivery)
        offered = delivery.delivered | on_row | self._section.stored.get(product.key, set())
        # what is not UTF-8 cannot stand on a row
        others = sorted(filter(is_text, offered.difference(named or ())), key=str.encode)
        names = [n for n in (*(named or ()), *others) if self._is_there(n, delivery, on_row)]
        there = frozenset(names)
        return Pictures(
            names,
            None if named is None else [name for name in named if name in there],
            delivery.directory,
            lambda name: self._section.belongs(name, product.key),
        )

    def _named(self, product: Product) -> list[str] | None:
        """Return the product's own pictures that the catalogue names, None where it does not know the product."""
        for known_as in product.known_as if self._catalogue else ():
            if known_as in self._catalogue:
                return [
                    name for name in self._catalogue[known_as] if self._section.belongs(name, product.key)
                ]
        return None

    def _on_row(self, product: Product, images: Images, delivery: Delivery) -> set[str]:
        """Return the product's own pictures that its row names, counting the files that are no longer sent."""
        own = set()
        in_exchange = delivery.in_exchange
        for path in self._paths(images):
            name = file_name(path)
            if name not in in_exchange and not self._section.belongs(name, product.key):
                self._count(path, is_held=self._holds(path), is_own=False)
                continue
            own.add(name)
            if name not in in_exchange:
                image = f"{delivery.directory}/{name}"
                self._count(image, is_held=self._holds(image) or self._holds(path), is_own=True)
        return own

    def _paths(self, images: Images) -> list[str]:
        main = () if self._rules.is_unset(images.main) else (images.main,)
        return [path for path in (*main, *images.gallery) if isinstance(path, str) and "://" not in path]

    def _is_there(self, name: str, delivery: Delivery, on_row: Container[str]) -> bool:
        """Return whether a picture may stand on the row; a refused one only if it did already."""
        if name in delivery.delivered:
            return True
        image = f"{delivery.directory}/{name}"
        if name in delivery.in_exchange:
            return name in on_row and self._holds(image)
        if is_held := self._holds(image):
            self._count(image, is_held=is_held, is_own=True)
        return is_held

    def _holds(self, path: str) -> bool:
        if path not in self._held:
            self._held[path] = self._media.holds(path)
        return self._held[path]

    def _count(self, path: str, *, is_held: bool, is_own: bool) -> None:
        if path not in self._counted:
            self._counted.add(path)
            self._figures.skipped_files += is_held and is_own
            self._figures.missing += not is_held
