"""Products for which nothing is left to do, as it is with nearly all of them nearly always."""

import time
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from daemon.importer.delivery import Carrier, Found
from daemon.importer.section import Keys, Portion, Product, Section

_LONG = 0.1  # seconds of looking, after which the rest of a section is left to be delivered in smaller pieces


@dataclass(frozen=True, slots=True)
class Sifted:
    """A section without its settled products; how many of them there are, and how many pictures they have."""

    section: Section
    products: int = 0
    pictures: int = 0


def sift(portion: Portion, carrier: Carrier) -> Sifted:
    """Given what was listed for a section, join it, and take out the products for which nothing is left to do.

    It is where each picture is current and the row names just these.
    """
    section = portion.joined()
    if section.stored or not carrier.may_settle:
        return Sifted(section)
    ends = time.monotonic() + _LONG
    left: list[Product] = []
    pictures = 0
    for key, sharing in groupby(section.products, attrgetter("key")):
        products = list(sharing)
        found = section.pictures.get(key, {})
        if time.monotonic() < ends and _are_settled(products, found, section, carrier):
            pictures += len(found)
        else:
            left += products
    return Sifted(_only(left, section), len(section.products) - len(left), pictures)


def _are_settled(products: list[Product], found: Found, section: Section, carrier: Carrier) -> bool:
    directory = carrier.directory(products[0].key)
    paths = {f"{directory}/{name}" for name in found}
    return all(_names_just(product, paths, found, section) for product in products) and carrier.are_current(
        found, directory
    )


def _names_just(product: Product, paths: set[str], found: Found, section: Section) -> bool:
    """Return whether a row names these pictures and nothing else, and the catalogue no other that could be shown."""
    if product.images is None:
        return False
    main, gallery = product.images
    said = [main, *gallery]
    return (
        len(said) == len(paths)
        and {*map(type, said)} == {str}
        and paths == set(said)
        and all(name in found or not section.belongs(name, product.key) for name in product.named or ())
    )


def _only(products: list[Product], section: Section) -> Section:
    """Return the section with these products alone."""
    pictures = {
        product.key: section.pictures[product.key] for product in products if product.key in section.pictures
    }
    return replace(section, products=products, pictures=pictures, keys=section.keys if products else Keys({}))
