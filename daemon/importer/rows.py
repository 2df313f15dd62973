"""Writing pictures on the products' rows: composed, and composed again from the row as it is under its lock."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daemon.composition import Images, Pictures, Rules, compose
from daemon.db.engine import Database
from daemon.db.products import ProductRow, Products
from daemon.errors import RefusedValueError, RowsHeldError
from daemon.importer.section import Product

_PATIENCE = 3.0  # seconds that rows of a chunk wait for what others hold; a stop has to come within ten
_PATIENCE_FOR_ONE = 0.5  # seconds, when it is known that others hold something


@dataclass(frozen=True, slots=True)
class Change:
    """A row that has to be looked at under its lock: what it said, and what it should say of these pictures."""

    product: Product
    pictures: Pictures
    before: Images
    after: Images
    has_replaced: bool  #: another content under a name: the row is written even if it says the same

    @property
    def is_visible(self) -> bool:
        """Whether the row would say something else."""
        return self.before != self.after

    def as_json(self) -> dict[str, Any]:
        """Return the change as values that JSON knows."""
        return {
            "id": self.product.id if isinstance(self.product.id, int) else str(self.product.id),
            "onec_id": self.product.onec_id,
            "before": {"main_image": self.before.main, "gallery_images": list(self.before.gallery)},
            "after": {"main_image": self.after.main, "gallery_images": list(self.after.gallery)},
        }


@dataclass(frozen=True, slots=True)
class Written:
    """What became of some changes: products written, changes of rows that others hold, and those refused."""

    products: Sequence[Product] = ()
    held: Sequence[Change] = ()
    refused: Sequence[tuple[Change, str]] = ()

    def __add__(self, other: "Written") -> "Written":
        return Written(
            [*self.products, *other.products], [*self.held, *other.held], [*self.refused, *other.refused]
        )


class Rows:
    """The rows of the products table, as an import changes them."""

    def __init__(self, database: Database, products: Products, rules: Rules) -> None:
        """Given the database, its products and the rules of composition."""
        self._database = database
        self._products = products
        self._rules = rules

    def composed(self, images: Images, pictures: Pictures) -> Images:
        """Given what a row says and the pictures its product can show, return what the row should say."""
        return compose(images, pictures, self._rules)

    def write(self, changes: Sequence[Change]) -> Written:
        """Given changes whose files are complete, write them in one short transaction.

        Each row is locked and read again first, so that what the shop wrote meanwhile is not lost. A row
        that another transaction holds is not waited for; one that is gone or belongs to another product by
        now is left alone. Where the database refuses one, or others hold what it needs besides, the others are
        written without it.
        """
        try:
            return self._write(changes, _PATIENCE)
        except (RefusedValueError, RowsHeldError):
            return self._write_singly(changes)

    def _write_singly(self, changes: Sequence[Change]) -> Written:
        """Write changes each by itself; where too many are held, as in a table locked as a whole, so are the rest."""
        written, waited = Written(), 0.0
        for number, change in enumerate(changes):
            if waited > _PATIENCE:
                return written + Written(held=changes[number:])
            began = time.monotonic()
            one = self._write_one(change)
            waited += time.monotonic() - began if one.held else 0.0
            written += one
        return written

    def _write_one(self, change: Change) -> Written:
        try:
            return self._write([change], _PATIENCE_FOR_ONE)
        except RowsHeldError:
            return Written(held=[change])
        except RefusedValueError as error:
            return Written(refused=[(change, str(error))])

    def _write(self, changes: Sequence[Change], patience: float) -> Written:
        ids = [change.product.id for change in changes]
        with self._database.writing(patience=patience) as connection:
            rows = self._products.lock(connection, ids)
            decided = [(change, self._decided(change, rows.get(change.product.id))) for change in changes]
            written = [(change.product, images) for change, images in decided if images]
            self._products.write(connection, [(product.id, images) for product, images in written])
            absent = [change for change in changes if change.product.id not in rows]
            existing = self._products.existing(connection, [change.product.id for change in absent])
        held = [change for change in absent if change.product.id in existing]
        return Written([product for product, _ in written], held)

    def _decided(self, change: Change, row: ProductRow | None) -> Images | None:
        """Return what a locked row has to be given, None where it stays as it is."""
        if row is None or row.onec_id != change.product.onec_id or row.images is None:
            return None
        images = self.composed(row.images, change.pictures)
        return images if images != row.images or change.has_replaced else None
