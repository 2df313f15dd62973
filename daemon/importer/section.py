"""Products and the pictures that can be theirs, joined by name."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from daemon.composition import Images, Said, images_of
from daemon.exchange import Place
from daemon.importer.delivery import Found
from daemon.importer.selection import Selection
from daemon.naming import PictureNames, file_name, known_as, owner, shard_of, underscores
from daemon.packed import Packed

#: A product's id, its onec_id, its key, whether the import is about it, and then the images on its row and the
#: file names of its pictures in the catalogue, None where that does not know it.
Surveyed = tuple[Any, str, str, bool, Said, tuple[str, ...] | None]


class Product(NamedTuple):
    """An active product that the import is about, as it was when it was listed.

    images: on its row; None where that says something else.
    named: the file names of its pictures in the catalogue; None where that does not know it.
    """

    id: Any
    onec_id: str
    key: str
    images: Images | None
    named: tuple[str, ...] | None = None

    @property
    def known_as(self) -> tuple[str, ...]:
        """The ids under which a catalogue may name the product, the closest first."""
        return known_as(self.onec_id, self.key)


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
        """Given a key that exists, return whether the import is about it."""
        return self._selected[key]


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
    keys: Keys
    names: PictureNames

    def belongs(self, name: str, key: str) -> bool:
        """Given a file name and a key, return whether the name is one of a picture of the key."""
        stem = self.names.stem(name)
        return stem is not None and self.keys.owner(stem) == key


@dataclass(frozen=True, slots=True)
class Portion:
    """What was listed for some sections, not joined yet.

    limit: how many of the products the import is about at most.
    """

    products: Packed[list[Surveyed]]
    pictures: Packed[tuple[Place, list[str]]]
    stored: Packed[list[str]]
    names: PictureNames
    selection: Selection
    limit: int

    def joined(self) -> Section:
        """Return the section."""
        is_selected: dict[str, bool] = {}
        products = []
        for id_, onec_id, key, selected, said, named in chain.from_iterable(self.products):
            is_selected[key] = is_selected.get(key, False) or selected
            if selected:
                products.append(Product(id_, onec_id, key, images_of(said), named))
        products.sort(key=lambda product: (product.key, product.onec_id))
        keys = Keys(is_selected)
        pictures, unmatched = self._pictures(keys)
        return Section(products[: self.limit], pictures, self._stored(keys), unmatched, keys, self.names)

    def _pictures(self, keys: Keys) -> tuple[dict[str, Found], Found]:
        pictures: dict[str, Found] = defaultdict(dict)
        unmatched: Found = {}
        owner_of, is_selected = keys.owner, keys.is_selected  # a million times
        for place, names in self.pictures:
            for name in names:
                stem = name.rpartition(".")[0]
                key = owner_of(stem)
                if key is not None and is_selected(key):
                    pictures[key].setdefault(name, []).append(place)
                elif self.selection.takes_unmatched(stem):
                    unmatched.setdefault(name, []).append(place)
        return dict(pictures), unmatched

    def _stored(self, keys: Keys) -> dict[str, set[str]]:
        stored: dict[str, set[str]] = {}
        for path in chain.from_iterable(self.stored):
            name = file_name(path)
            key = keys.owner(name.rpartition(".")[0])
            if key is not None and path == f"{shard_of(key)}/{name}":
                stored.setdefault(key, set()).add(name)
        return stored
