"""Whether the tables are what the configuration says, and the user may do there what an import does."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from daemon import shop as shops
from daemon.config import Settings
from daemon.db import inspection, mapping, schema
from daemon.db.engine import Database
from daemon.db.inspection import Right
from daemon.db.mapping import Mapped, Names
from daemon.db.neutral import neutral_values
from daemon.db.products import Products
from daemon.db.sessions import ImportType, Status, Trigger
from daemon.doctor.configuration import correcting, initializing
from daemon.doctor.finding import Finding, error, guarded, ok, warning
from daemon.errors import SchemaError

_LONGEST_NAME = 78  # characters of a picture as 1C calls it: two UUIDs, a mark between them, and ".jpeg"
_USUAL_PATH = 255  # characters

#: What an import does to a shop's products; to its own the daemon does all that it does to its other tables.
_SHOP_RIGHTS = (
    Right("SELECT", ("id", "onec_id", "is_active", "main_image", "gallery_images")),
    Right("UPDATE", ("main_image", "gallery_images", "updated_at")),
)
_OWN_RIGHTS = (Right("SELECT"), Right("INSERT"), Right("UPDATE"))
_SESSION_RIGHTS = (*_OWN_RIGHTS, Right("DELETE"))

#: Field of a session -> the words that are written there.
_WORDS: dict[str, type[StrEnum]] = {"import_type": ImportType, "status": Status, "trigger": Trigger}


def examine(settings: Settings, file: Path, database: Database) -> Iterator[Finding]:
    """Given the settings, their file and the open database, yield what is found."""
    tables = _Tables(settings, file, database)
    for subject, findings in (
        ("products table", tables.products()),
        ("sessions table", tables.sessions()),
        ("catalogue table", tables.catalogue()),
    ):
        remedy = "read the log of the database, mend what it tells of, and check again"
        yield from guarded(subject, remedy, findings)


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables, looked at one by one."""

    settings: Settings
    file: Path
    database: Database

    @property
    def _is_own(self) -> bool:
        return not self.settings.database.attach

    def products(self) -> Iterator[Finding]:
        subject = "products table"
        mapped = yield from self._found(subject, shops.products_names(self.settings))
        if mapped is None:
            return
        yield self._path_length(mapped)
        rights = _OWN_RIGHTS if self._is_own else _SHOP_RIGHTS
        lacking = yield from self._lacking(subject, mapped, rights)
        if self._is_own:
            yield from self._sequence(subject, mapped)
        if not any(right.privilege == "SELECT" for right in lacking):
            yield self._uniqueness(mapped)
            yield self._prefixes(mapped)

    def sessions(self) -> Iterator[Finding]:
        subject = "sessions table"
        mapped = yield from self._found(subject, shops.sessions_names(self.settings))
        if mapped is None:
            return
        yield from self._words(subject, mapped)
        yield from self._needed_values(subject, mapped)
        yield from self._lacking(subject, mapped, _SESSION_RIGHTS)
        yield from self._sequence(subject, mapped)

    def catalogue(self) -> Iterator[Finding]:
        subject, table = "catalogue table", schema.catalogue
        if inspection.has_table(self.database, table.name, None):
            lacking = yield from self._lacking(subject, Mapped(table, (), frozenset()), _OWN_RIGHTS)
            if not lacking:
                yield ok(subject, f"{table.name} is there")
        elif self._is_own:
            yield self._not_made(subject, table.name, None)
        elif inspection.may_create(self.database, None):
            yield ok(subject, f"{table.name} will be made by the first import")
        else:
            message = f"{table.name} may not be made in this database: pictures are ordered by name"
            yield warning(subject, message, inspection.granting_creation(self.database, None))

    def _found(self, subject: str, names: Names) -> Generator[Finding, None, Mapped | None]:
        if opening := inspection.closed_schema(self.database, names.schema):
            message = "the user of [database] url may not look into the schema of the table"
            yield error(subject, message, opening)
            return None
        if self._is_own and not inspection.has_table(self.database, names.name, names.schema):
            yield self._not_made(subject, names.table, names.schema)
            return None
        try:
            with inspection.failures(self.database):
                mapped = mapping.find(self.database, names)
        except SchemaError as failure:
            yield error(subject, str(failure), correcting(names.section, self.file))
            return None
        yield ok(subject, f"{names.table} has the columns that the configuration names")
        return mapped

    def _not_made(self, subject: str, table: str, schema_name: str | None) -> Finding:
        message = f"{table} does not exist yet"
        if inspection.may_create(self.database, schema_name):
            return warning(subject, message, initializing(self.file))
        remedy = inspection.granting_creation(self.database, schema_name)
        return error(subject, f"{message}, and may not be made", remedy)

    def _lacking(
        self, subject: str, mapped: Mapped, rights: Sequence[Right]
    ) -> Generator[Finding, None, Sequence[Right]]:
        """Yield an error where some of the rights on a table are lacking, and return those."""
        lacking = inspection.lacking(self.database, mapped.table, rights)
        if lacking:
            names = ", ".join(right.privilege for right in lacking)
            remedy = inspection.granting(self.database, mapped.table, lacking)
            yield error(subject, f"the user of [database] url may not {names} there", remedy)
        return lacking

    def _sequence(self, subject: str, mapped: Mapped) -> Iterator[Finding]:
        sequence = inspection.closed_sequence(self.database, mapped.table)
        if sequence:
            message = f"the user of [database] url may not draw ids from {sequence}"
            yield error(subject, message, inspection.granting_sequence(self.database, sequence))

    def _path_length(self, mapped: Mapped) -> Finding:
        subject = "length of main_image"
        column = mapped.table.c.main_image
        length = Products(mapped).path_length
        needed = len(f"{self.settings.media.prefix}/xx/") + _LONGEST_NAME
        if length is None or length >= needed:
            return ok(subject, f"{length or 'any number of'} characters, {needed} are needed")
        remedy = (
            "shorten [media] prefix"
            if self.database.is_sqlite
            else inspection.widening(self.database, column, max(needed, _USUAL_PATH))
        )
        message = f"the column takes {length} characters, the path of a picture of 1C has up to {needed}"
        return error(subject, message, remedy)

    def _uniqueness(self, mapped: Mapped) -> Finding:
        subject = "uniqueness of onec_id"
        column = mapped.table.c.onec_id
        if column.name in mapped.unique:
            return ok(subject, "a unique index keeps the products apart")
        remedy = inspection.indexing(self.database, column, unique=True)
        if self._is_own:
            return error(subject, "there is no unique index: no catalogue can be loaded", remedy)
        return warning(subject, "there is no unique index: products may share an onec_id unnoticed", remedy)

    def _prefixes(self, mapped: Mapped) -> Finding:
        subject = "index of onec_id"
        column = mapped.table.c.onec_id
        if inspection.serves_prefixes(self.database, column):
            return ok(subject, "an index finds products by how their onec_id begins")
        message = "no index finds products by how their onec_id begins: every batch reads the whole table"
        return warning(subject, message, inspection.indexing(self.database, column))

    def _words(self, subject: str, mapped: Mapped) -> Iterator[Finding]:
        """Yield an error for each column that does not take the words that are written there."""
        for field, words in _WORDS.items():
            column = mapped.table.c.get(field)
            refused = [] if column is None else inspection.refused(self.database, column, list(words))
            if column is not None and refused:
                message = f"{column.name} does not take {', '.join(refused)}"
                yield error(subject, message, inspection.admitting(self.database, column, refused))

    def _needed_values(self, subject: str, mapped: Mapped) -> Iterator[Finding]:
        """Yield an error where a column must have a value that the daemon cannot know."""
        try:
            neutral_values(mapped, datetime.now(UTC))
        except SchemaError as failure:
            yield error(subject, str(failure), correcting("database.sessions", self.file))
