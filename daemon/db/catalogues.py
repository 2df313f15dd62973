"""What goods.xml said of the products' pictures, as the daemon keeps it, and the products it made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table, or_, select

from daemon.batches import batched
from daemon.catalogue import CatalogueProduct
from daemon.db.among import among
from daemon.db.schema import ONEC_ID_LENGTH, catalogue
from daemon.naming import canonical_id

_IDS = 1_000  # ids in one statement


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The catalogue in the database.

    products: the daemon's own products table, which the catalogue fills; None where it is a shop's.
    """

    products: Table | None

    @staticmethod
    def pictures_of(connection: Connection, onec_ids: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Given canonical onec_ids, return the file names of the pictures of those that the catalogue names."""
        c = catalogue.c
        found: dict[str, tuple[str, ...]] = {}
        if connection.execute(select(c.onec_id).limit(1)).first() is None:
            return found  # many shops have no catalogue, and many products to ask for
        for some in batched(onec_ids, _IDS):
            for onec_id, pictures in connection.execute(
                select(c.onec_id, c.pictures).where(among(c.onec_id, some))
            ):
                if isinstance(pictures, list):
                    found[onec_id] = tuple(name for name in pictures if isinstance(name, str))
        return found

    def record(
        self, connection: Connection, products: Sequence[CatalogueProduct]
    ) -> Sequence[CatalogueProduct]:
        """Given products as a catalogue names them, record them, and return those whose ids are too long.

        The pictures of each are remembered as a whole, the last mention counts. On the daemon's own schema
        the products are made, or changed where they differ; one of which the catalogue does not say whether
        it is deleted keeps its state.
        """
        fitting = [product for product in products if len(product.onec_id) <= ONEC_ID_LENGTH]
        pictures = {canonical_id(product.onec_id): list(product.pictures) for product in fitting}
        values = [{"onec_id": onec_id, "pictures": names} for onec_id, names in pictures.items()]
        _upsert(connection, catalogue, values, ("pictures",))
        if self.products is not None:
            _fill(connection, self.products, fitting)
        return [product for product in products if len(product.onec_id) > ONEC_ID_LENGTH]


def _fill(connection: Connection, table: Table, products: Sequence[CatalogueProduct]) -> None:
    names = {product.onec_id: product.name for product in products}
    states = {p.onec_id: p.is_active for p in products if p.is_active is not None}
    named = [{"onec_id": i, "name": name} for i, name in names.items() if i not in states]
    _upsert(connection, table, named, ("name",))
    stated = [{"onec_id": i, "name": names[i], "is_active": state} for i, state in states.items()]
    _upsert(connection, table, stated, ("name", "is_active"))


def _upsert(
    connection: Connection, table: Table, values: list[dict[str, Any]], fields: Sequence[str]
) -> None:
    if not values:
        return
    insert = _insert(connection.dialect.name, table)
    present = [field for field in fields if field in table.c]
    changes = {table.c[field]: insert.excluded[table.c[field].name] for field in present}
    differs = or_(*[column.is_distinct_from(new) for column, new in changes.items()])
    moment = {"updated_at": datetime.now(UTC)} if "updated_at" in table.c else {}
    statement = insert.on_conflict_do_update(
        index_elements=[table.c.onec_id], set_={**changes, **_touched(table, insert)}, where=differs
    )
    rows = [{field: value[field] for field in ("onec_id", *present)} | moment for value in values]
    connection.execute(statement, rows)


def _insert(dialect: str, table: Table) -> Any:  # noqa: ANN401  either dialect's own, of one kind where it matters
    """Return an insert that knows what to do when a row is there already; only the dialect in use is loaded."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def _touched(table: Table, insert: Any) -> dict[Any, Any]:  # noqa: ANN401
    if "updated_at" not in table.c:
        return {}
    return {table.c.updated_at: insert.excluded[table.c.updated_at.name]}
