"""The products of an import, and what the catalogue says of them, read from the database piece by piece."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from daemon.db.catalogues import Catalogue
from daemon.db.engine import Database
from daemon.db.products import Listed, Products
from daemon.importer.host import Patience
from daemon.importer.survey import Named
from daemon.naming import key_of, known_as

#: Products as the database lists them, and what the catalogue says of them at that time.
Page = tuple[list[Listed], Named]


class Inventory:
    """Reads in short transactions, each of which may be repeated."""

    def __init__(
        self, database: Database, products: Products, catalogue: Catalogue | None, patiently: Patience
    ) -> None:
        """Given the database, its products, the catalogue where there can be one, and what speaks to the database."""
        self._database = database
        self._products = products
        self._known = catalogue
        self._patiently = patiently

    def pages(self, keys: frozenset[str]) -> Iterator[Page]:
        """Given keys, return pages of their products and of those that could claim their pictures; no keys: of all.

        Raises DatabaseUnavailableError.
        """
        if keys:
            return map(self._with_names, self._patiently(partial(self._around, keys)))
        return self._all()

    def _around(self, keys: frozenset[str]) -> list[list[Listed]]:
        with self._database.reading() as connection:
            return list(self._products.around(connection, keys))

    def _all(self) -> Iterator[Page]:
        last = None
        while products := self._patiently(partial(self._page, last)):
            last, *_ = products[-1]
            yield self._with_names(products)
            del products  # they need not be there while the next ones are read

    def _page(self, last: Any) -> list[Listed]:  # noqa: ANN401  an id
        with self._database.reading() as connection:
            return self._products.page(connection, last)

    def _with_names(self, products: list[Listed]) -> Page:
        return products, self.catalogue(
            lambda: (
                id_
                for _, onec_id, is_active, _ in products
                if is_active and onec_id and (key := key_of(onec_id))
                for id_ in known_as(onec_id, key)
            )
        )

    def catalogue(self, ids: Callable[[], Iterable[str]]) -> Named:
        """Given what yields canonical onec_ids, if there is a catalogue, return what that says of them now.

        Raises DatabaseUnavailableError.
        """
        return self._patiently(partial(self._pictures_of, self._known, ids)) if self._known else {}

    def _pictures_of(self, catalogue: Catalogue, ids: Callable[[], Iterable[str]]) -> Named:
        with self._database.reading() as connection:
            return catalogue.pictures_of(connection, ids())
