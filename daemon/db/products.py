"""The products table: read page by page, written under row locks. Core rows only, no objects per row."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    collate,
    column,
    func,
    literal,
    select,
    true,
    type_coerce,
    update,
)

from daemon.batches import batched
from daemon.composition import Images, Said, images_of
from daemon.db.among import among
from daemon.db.mapping import Mapped
from daemon.json_column import json_text
from daemon.naming import is_text, is_uuid

_BATCH = 2_500  # rows of a page
_IDS = 1_000  # ids in one statement, well below what either database allows
_KEYS = 500  # keys in one statement
_BYTES = "C"  # the collation that compares bytes

#: A row's id, its onec_id, whether it is active, and the images it names.
Listed = tuple[Any, str | None, bool, Said]


@dataclass(frozen=True, slots=True)
class ProductRow:
    """What a row says; ``images`` is None where it is something else than a path and a list."""

    onec_id: str | None
    images: Images | None


class Products:
    """The products of one shop."""

    def __init__(self, mapped: Mapped) -> None:
        """Given the table as it was found."""
        self._columns = mapped.table.c
        self._table = mapped.table
        #: How many characters a product image may have, None for any number.
        self.path_length: int | None = getattr(self._columns.main_image.type, "length", None)

    def page(self, connection: Connection, last: Any = None) -> list[Listed]:  # noqa: ANN401  as ids are
        """Given the id of the last product of the page before, return those that follow by their ids, active or not.

        None stands for the beginning; an empty page is the end. What is inserted behind the last id is missed.
        """
        c = self._columns
        follows = c.id.is_not(None) if last is None else c.id > last
        return _listed(connection.execute(self._list(connection, follows).order_by(c.id).limit(_BATCH)).all())

    def with_keys(self, connection: Connection, keys: Iterable[str]) -> Iterator[list[Listed]]:
        """Given canonical keys, yield the products that have them. A UUID is looked for in lower and in upper case."""
        yield from self._begun_with(connection, keys, "#")

    def around(self, connection: Connection, keys: Iterable[str]) -> Iterator[list[Listed]]:
        """Given canonical keys, yield the products that have them, and those that could claim their pictures.

        A rival's key begins with one of these keys and ``_``: its pictures look like theirs. A UUID is
        looked for in lower and in upper case.
        """
        yield from self._begun_with(connection, keys, "#_")

    def _begun_with(self, connection: Connection, keys: Iterable[str], marks: str) -> Iterator[list[Listed]]:
        """Yield the products whose onec_id is one of some keys, or begins with one and a mark, each once."""
        seen: set[Any] = set()  # a rival of one key may have another one
        for some in batched(filter(is_text, keys), _KEYS):
            ranges = [
                bounds for key in some for spelling in _spellings(key) for bounds in _ranges(spelling, marks)
            ]
            listed = _listed(connection.execute(self._within(connection, ranges)).all())
            if products := {product[0]: product for product in listed if product[0] not in seen}:
                yield list(products.values())
                seen.update(products)

    def _within(self, connection: Connection, ranges: Sequence[Sequence[str]]) -> Select[Any]:
        """Return the question for the products whose onec_id lies in one of some ranges, the ends of which are not in.

        They are handed over as one table, whose every line an index answers: of as many conditions in one question,
        planning alone would take most of the time. Ranges are of bytes, whatever the collation.
        """
        is_sqlite = connection.dialect.name == "sqlite"
        first, end = _as_ranges_of_sqlite(ranges) if is_sqlite else _as_ranges_of_postgresql(ranges)
        onec_id = self._columns.onec_id
        if is_sqlite or getattr(onec_id.type, "collation", None) == _BYTES:
            return self._list(connection, and_(onec_id >= first, onec_id < end))
        text = cast(onec_id, Text)  # the operators of the index that Django makes for LIKE
        return self._list(connection, and_(text.bool_op("~>=~")(first), text.bool_op("~<~")(end)))

    def _list(self, connection: Connection, condition: ColumnElement[bool]) -> Select[Any]:
        c = self._columns
        is_active = c.is_active if "is_active" in c else true()
        return select(c.id, c.onec_id, is_active, c.main_image, self._gallery(connection)).where(condition)

    def _gallery(self, connection: Connection) -> ColumnElement[Any]:
        """Return the galleries as text: nearly all of them are read by another process, if at all."""
        gallery = self._columns.gallery_images
        # of anything else than text, which SQLite may hold, nothing is made
        return type_coerce(gallery, Text) if connection.dialect.name == "sqlite" else cast(gallery, Text)

    def lock(self, connection: Connection, ids: Sequence[Any]) -> dict[Any, ProductRow]:
        """Given ids, lock the rows until the end of the transaction and return them as they are now.

        A row that another transaction holds is not waited for: it is missing in the answer. (SQLite has
        only one lock, which the transaction holds already.)
        """
        c = self._columns
        found: dict[Any, ProductRow] = {}
        for some in batched(ids, _IDS):
            query = select(c.id, c.onec_id, c.main_image, self._gallery(connection)).where(among(c.id, some))
            # as weakly as a write needs: a row that an order refers to is not held
            locking = query.with_for_update(skip_locked=True, key_share=True)
            for id_, onec_id, main, gallery in connection.execute(locking).all():
                found[id_] = ProductRow(_text(onec_id), images_of(_said(main, gallery)))
        return found

    def existing(self, connection: Connection, ids: Collection[Any]) -> set[Any]:
        """Given ids, return those whose rows exist, locked by others or not."""
        c = self._columns
        return {
            id_
            for some in batched(ids, _IDS)
            for id_ in connection.scalars(select(c.id).where(among(c.id, some)))
        }

    def write(self, connection: Connection, images: Iterable[tuple[Any, Images]]) -> None:
        """Given ids and the images that their rows shall have, write them, and the time of the change."""
        values = [{"row": id_, "main": i.main, "gallery": list(i.gallery)} for id_, i in images]
        if not values:
            return
        c = self._columns
        changed: dict[str, Any] = {"main_image": bindparam("main"), "gallery_images": bindparam("gallery")}
        if "updated_at" in c:
            changed["updated_at"] = datetime.now(UTC)
        connection.execute(update(self._table).where(c.id == bindparam("row")).values(changed), values)


def _spellings(key: str) -> set[str]:
    return {key, key.upper()} if is_uuid(key) else {key}


def _ranges(text: str, marks: str) -> Iterator[tuple[str, str]]:
    """Yield the range in which only a text itself lies, and those of what begins with it and a mark."""
    yield text, text + "\x01"  # \x00 would end it for PostgreSQL
    for mark in marks:
        yield text + mark, text + chr(ord(mark) + 1)


def _as_ranges_of_sqlite(ranges: Sequence[Sequence[str]]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    line = func.json_each(json_text(ranges)).table_valued("value").c.value
    return func.json_extract(line, "$[0]"), func.json_extract(line, "$[1]")


def _as_ranges_of_postgresql(
    ranges: Sequence[Sequence[str]],
) -> tuple[ColumnElement[str], ColumnElement[str]]:
    bounds = [literal([line[side] for line in ranges], ARRAY(Text)) for side in (0, 1)]
    table = func.unnest(*bounds).table_valued(column("first", Text), column("end", Text)).render_derived()
    return collate(table.c.first, _BYTES), collate(table.c.end, _BYTES)


def _listed(rows: Iterable[Sequence[Any]]) -> list[Listed]:
    return [
        (id_, _text(onec_id), bool(is_active), _said(main, gallery))
        for id_, onec_id, is_active, main, gallery in rows
    ]


def _text(value: object) -> str | None:
    """Return a value if it is text; a column of SQLite may hold anything."""
    return value if isinstance(value, str) and is_text(value) else None


def _said(main: object, gallery: object) -> Said:
    path = _text(main)
    return (path, gallery) if path == main and (gallery is None or isinstance(gallery, str)) else None
