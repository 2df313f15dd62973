"""What there is to do: products and pictures, each listed once, cut into portions that fit into memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from daemon.db.products import Listed
from daemon.exchange import Place
from daemon.importer.listing import Piece, by_section
from daemon.importer.section import Portion, Surveyed
from daemon.importer.selection import Selection
from daemon.naming import PictureNames, key_of, known_as, section_of
from daemon.spool import Spool

_GROUP = 2_000  # products and pictures joined at once; more in a section stay together

#: By canonical onec_id, the file names of the pictures that the catalogue names.
Named = Mapping[str, tuple[str, ...]]


class Survey:
    """The two lists of one import, cut into sections."""

    def __init__(self, names: PictureNames, selection: Selection) -> None:
        """Given what counts as a picture and what the import is about, start with nothing."""
        #: What counts as a picture.
        self.names = names
        self._selection = selection
        self._pictures: Spool[tuple[Place, list[str]]] = Spool()
        self._stored: Spool[list[str]] = Spool()
        self._products: Spool[list[Surveyed]] = Spool()
        self._sizes: Counter[str] = Counter()
        self._selected: Counter[str] = Counter()
        self._keyless = 0

    def close(self) -> None:
        """Forget everything."""
        for spool in (self._pictures, self._stored, self._products):
            spool.close()

    @property
    def total(self) -> int:
        """How many products the import is about."""
        return self._limited(self._keyless + self._selected.total())

    @property
    def keyless(self) -> int:
        """How many of them can have no pictures, for want of an onec_id."""
        return self._limited(self._keyless)

    def _limited(self, number: int) -> int:
        return number if self._selection.limit is None else min(number, self._selection.limit)

    def add_products(
        self, products: Iterable[Listed], catalogue: Named, keyless: Callable[[Any, str | None], None]
    ) -> None:
        """Given products as the database lists them, and what the catalogue says of them, take them in.

        Those without a key are told at once.
        """
        sections: dict[str, list[Surveyed]] = {}
        for id_, onec_id, active, said in products:
            key = key_of(onec_id)
            if onec_id and key:
                selected = active and self._selection.takes(onec_id, key)
                told = (said, _named(onec_id, key, catalogue)) if selected else (None, None)
                sections.setdefault(section_of(key), []).append((id_, onec_id, key, selected, *told))
            elif active and not self._selection.onec_ids and not self._selection.shards:
                self._keyless += 1
                keyless(id_, onec_id)
        for section, rows in sections.items():
            self._products.put(section, rows)
            self._sizes[section] += len(rows)
            self._selected[section] += sum(row[3] for row in rows)

    def add_pictures(self, piece: Piece) -> None:
        """Given some of what lies in the exchange, take in the pictures."""
        for section, (number, names) in piece.pictures.items():
            self._pictures.put_packed(section, names)
            self._sizes[section] += number

    def add_stored(self, shard: str, names: Iterable[str]) -> None:
        """Given a directory of product images and the names in it, take in those that may be taken up."""
        for section, pictures in by_section(names, self.names).items():
            self._stored.put(section, [f"{shard}/{name}" for name in pictures])

    def portions(self) -> Iterator[Portion]:
        """Yield sections, small ones taken together, that have all the products and pictures."""
        left = self.total - self.keyless
        for sections in self._groups():
            yield Portion(
                self._products.blocks(sections),
                self._pictures.blocks(sections),
                self._stored.blocks(sections),
                self.names,
                self._selection,
                left,
            )
            left -= min(left, sum(self._selected[section] for section in sections))

    def _groups(self) -> Iterator[list[str]]:
        group: list[str] = []
        size = 0
        for name in sorted(self._sizes):
            group.append(name)
            size += self._sizes[name]
            if size >= _GROUP:
                yield group
                group, size = [], 0
        if group:
            yield group


def _named(onec_id: str, key: str, catalogue: Named) -> tuple[str, ...] | None:
    for id_ in known_as(onec_id, key) if catalogue else ():
        if id_ in catalogue:
            return catalogue[id_]
    return None
