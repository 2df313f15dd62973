"""What there is to do: products and pictures, each listed once, joined section by section in constant memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from daemon.composition import Images
from daemon.db.products import Listed, Said, images_of
from daemon.exchange import Place
from daemon.importer.delivery import Found
from daemon.importer.selection import Selection
from daemon.naming import (
    PictureNames,
    canonical_id,
    file_name,
    key_of,
    owner,
    section_of,
    shard_of,
    underscores,
)
from daemon.spool import Spool

_GROUP = 4_000  # products and pictures joined at once; more in a section stay together

#: A product's id, its onec_id, its key, whether the import is about it, and then the images on its row.
_Spooled = tuple[Any, str, str, bool, Said]


class Product(NamedTuple):
    """An active product that the import is about."""

    id: Any
    onec_id: str
    key: str
    images: Images | None  #: on the row, when it was listed; None where it says something else

    @property
    def known_as(self) -> tuple[str, ...]:
        """The ids under which a catalogue may name the product, the closest first."""
        return (self.key,) if self.onec_id == self.key else (canonical_id(self.onec_id), self.key)


@dataclass(frozen=True, slots=True)
class Section:
    """Products that are imported together because no picture elsewhere can be theirs.

    products: those the import is about; those that share a key stand together.
    pictures: by key, what the exchange holds.
    stored: by key, names in the media directory that the import takes up.
    unmatched: what the exchange holds for no active product.
    """

    products: list[Product]
    pictures: Mapping[str, Found]
    stored: Mapping[str, set[str]]
    unmatched: Found
    keys: "Keys"
    names: PictureNames

    def belongs(self, name: str, key: str) -> bool:
        """Given a file name and a key, return whether the name is one of a picture of the key."""
        stem = self.names.stem(name)
        return stem is not None and self.keys.owner(stem) == key


class Keys:
    """The keys of one section's products, and which of them the import is about."""

    def __init__(self, selected: Mapping[str, bool]) -> None:
        """Given each key, and whether the import is about a product that has it."""
        self._selected = selected
        self._most_underscores = underscores(selected)

    def owner(self, stem: str) -> str | None:
        """Given the stem of a file name, return the key it belongs to, None if none."""
        return owner(stem, self._selected, self._most_underscores)

    def is_selected(self, key: str) -> bool:
        """Given one of the keys, return whether the import is about a product that has it."""
        return self._selected[key]


class Survey:
    """The two lists of one import, cut into sections."""

    def __init__(self, names: PictureNames, selection: Selection) -> None:
        """Given what counts as a picture and what the import is about, start with nothing."""
        self._names = names
        self._selection = selection
        self._pictures: Spool[tuple[Place, list[str]]] = Spool()
        self._stored: Spool[list[str]] = Spool()
        self._products: Spool[list[_Spooled]] = Spool()
        self._sizes: Counter[str] = Counter()
        self._keyed = 0
        self._keyless = 0

    def close(self) -> None:
        """Forget everything."""
        for spool in (self._pictures, self._stored, self._products):
            spool.close()

    @property
    def total(self) -> int:
        """How many products the import is about."""
        return self._limited(self._keyless + self._keyed)

    @property
    def keyless(self) -> int:
        """How many of them can have no pictures, for want of an onec_id."""
        return self._limited(self._keyless)

    def _limited(self, number: int) -> int:
        return number if self._selection.limit is None else min(number, self._selection.limit)

    def add_products(self, products: Iterable[Listed], keyless: Callable[[Any, str | None], None]) -> None:
        """Given products as the database lists them, take them in; those without a key are told at once."""
        sections: dict[str, list[_Spooled]] = {}
        for id_, onec_id, active, said in products:
            key = key_of(onec_id)
            if onec_id and key:
                selected = active and self._selection.takes(onec_id, key)
                self._keyed += selected
                sections.setdefault(section_of(key), []).append(
                    (id_, onec_id, key, selected, said if selected else None)
                )
            elif active and not self._selection.onec_ids and not self._selection.shards:
                self._keyless += 1
                keyless(id_, onec_id)
        for section, rows in sections.items():
            self._products.put(section, rows)
            self._sizes[section] += len(rows)

    def add_pictures(self, place: Place, names: Iterable[str]) -> None:
        """Given a place in the exchange and names listed there, take in those of pictures."""
        for section, pictures in self._by_section(names).items():
            self._pictures.put(section, (place, pictures))
            self._sizes[section] += len(pictures)

    def add_stored(self, shard: str, names: Iterable[str]) -> None:
        """Given a directory of product images and the names in it, take in those that may be taken up."""
        for section, pictures in self._by_section(names).items():
            self._stored.put(section, [f"{shard}/{name}" for name in pictures])

    def _by_section(self, names: Iterable[str]) -> dict[str, list[str]]:
        sections: dict[str, list[str]] = {}
        for name in names:
            stem = self._names.stem(name)
            if stem is not None:
                sections.setdefault(section_of(stem), []).append(name)
        return sections

    def sections(self) -> Iterator[Section]:
        """Yield sections, small ones taken together, that have all the products and pictures."""
        left = self.total - self.keyless
        for names in self._groups():
            section = self._section(names, left)
            left -= len(section.products)
            yield section

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

    def _section(self, names: list[str], limit: int) -> Section:
        is_selected: dict[str, bool] = {}
        products = []
        for id_, onec_id, key, selected, said in chain.from_iterable(self._products.blocks(names)):
            is_selected[key] = is_selected.get(key, False) or selected
            if selected:
                products.append(Product(id_, onec_id, key, images_of(said)))
        products.sort(key=lambda product: (product.key, product.onec_id))
        keys = Keys(is_selected)
        pictures, unmatched = self._pictures_of(names, keys)
        return Section(products[:limit], pictures, self._stored_of(names, keys), unmatched, keys, self._names)

    def _pictures_of(self, sections: list[str], keys: Keys) -> tuple[dict[str, Found], Found]:
        pictures: dict[str, Found] = {}
        unmatched: Found = {}
        owner_of, is_selected = keys.owner, keys.is_selected  # a million times
        for place, names in self._pictures.blocks(sections):
            for name in names:
                stem = name.rpartition(".")[0]
                key = owner_of(stem)
                if key is not None and is_selected(key):
                    pictures.setdefault(key, {}).setdefault(name, []).append(place)
                elif self._selection.takes_unmatched(stem):
                    unmatched.setdefault(name, []).append(place)
        return pictures, unmatched

    def _stored_of(self, sections: list[str], keys: Keys) -> dict[str, set[str]]:
        stored: dict[str, set[str]] = {}
        for path in chain.from_iterable(self._stored.blocks(sections)):
            name = file_name(path)
            key = keys.owner(name.rpartition(".")[0])
            if key is not None and path == f"{shard_of(key)}/{name}":
                stored.setdefault(key, set()).add(name)
        return stored
