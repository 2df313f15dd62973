"""Products for which nothing is left to do, as it is with nearly all of them nearly always."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from daemon.composition import Composition, Rules
from daemon.importer.delivery import Carrier, Found
from daemon.importer.section import Keys, Portion, Product, Section

_LONG = 0.1  # seconds of looking, after which the rest of a section is left to be delivered in smaller pieces


@dataclass(frozen=True, slots=True)
class Sifted:
    """A section without its settled products.

    products: how many of them there are, with those in ``bare``.
    pictures: how many pictures they have.
    bare: those that have none, each with its id and its onec_id.
    """

    section: Section
    products: int = 0
    pictures: int = 0
    bare: Sequence[tuple[Any, str]] = ()


def sift(portion: Portion, carrier: Carrier, rules: Rules) -> Sifted:
    """Given what was listed for a section, join it, and take out the products for which nothing is left to do.

    It is where each picture is current and the row names just these, and where there is no picture at all.
    """
    section = portion.joined()
    if section.stored or rules.composition is not Composition.APPEND:
        return Sifted(section)
    ends = time.monotonic() + _LONG
    left: list[Product] = []
    bare: list[tuple[Any, str]] = []
    pictures = 0
    for key, sharing in groupby(section.products, attrgetter("key")):
        products = list(sharing)
        found = section.pictures.get(key)
        if not found and all(_is_bare(product, rules) for product in products):
            bare += [(product.id, product.onec_id) for product in products]
        elif found and time.monotonic() < ends and _are_settled(products, found, section, carrier):
            pictures += len(found)
        else:
            left += products
    return Sifted(_only(left, section), len(section.products) - len(left), pictures, bare)


def _is_bare(product: Product, rules: Rules) -> bool:
    """Return whether neither the row nor the catalogue names a picture."""
    images = product.images
    return images is not None and rules.is_unset(images.main) and not (images.gallery or product.named)


def _are_settled(products: Sequence[Product], found: Found, section: Section, carrier: Carrier) -> bool:
    directory = carrier.directory(products[0].key)
    paths = {f"{directory}/{name}" for name in found}
    rows_agree = all(_names_just(paths, product, found, section) for product in products)
    return rows_agree and carrier.are_current(found, directory)


def _names_just(paths: set[str], product: Product, found: Found, section: Section) -> bool:
    """Return whether a row names these pictures and nothing else, and the catalogue no other that could be shown."""
    if product.images is None:
        return False
    main, gallery = product.images
    return (
        len(gallery) + 1 == len(paths)
        and {type(main), *map(type, gallery)} == {str}
        and paths == {main, *gallery}
        and all(name in found or not section.belongs(name, product.key) for name in product.named or ())
    )


def _only(products: list[Product], section: Section) -> Section:
    """Return the section with these products alone."""
    if not products:
        return replace(section, products=[], pictures={}, keys=Keys({}))
    pictures = {
        product.key: section.pictures[product.key] for product in products if product.key in section.pictures
    }
    return replace(section, products=products, pictures=pictures)
