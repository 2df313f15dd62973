"""The sessions table: one row for each import. Rows that are not the daemon's own are never touched."""

import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    Uuid,
    case,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.exc import DataError, IntegrityError

from daemon.db.failures import reason_of
from daemon.db.mapping import Mapped
from daemon.db.neutral import neutral_values
from daemon.db.types import as_time, is_of_postgresql
from daemon.errors import SchemaError
from daemon.naming import is_text


class Status(StrEnum):
    """How far a session is."""

    PENDING = "pending"
    STARTED = "started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class ImportType(StrEnum):
    """What a session imports."""

    IMAGES = "images"
    CATALOG = "catalog"


class Trigger(StrEnum):
    """What made a session start."""

    STARTUP = "startup"
    TRIGGER = "trigger"
    WATCH = "watch"
    RECONCILE = "reconcile"
    MANUAL = "manual"


_UNFINISHED = (Status.STARTED.value, Status.IN_PROGRESS.value)
_ENDED = (Status.COMPLETED.value, Status.FAILED.value)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session, field by field as its row has it."""

    id: Any
    import_type: str
    status: str
    task_id: str | None
    trigger: str | None
    started_at: datetime | None
    updated_at: datetime | None
    finished_at: datetime | None
    report_details: Mapping[str, Any]
    error_message: str

    def as_json(self) -> dict[str, Any]:
        """Return the session as values that JSON knows; times are ISO 8601 text."""
        return {field: _plain(getattr(self, field)) for field in FIELDS}


#: The fields of a session, in the order in which they are shown.
FIELDS = tuple(field.name for field in fields(SessionRecord))

_PAGE = 100  # rows that are held at a time where all of them may be too many
_MOST_ROWS = 2**63 - 1  # that SQL can be asked for
_NUMBER = re.compile("-?[0-9]{1,19}")  # that an id may be

_TIMES = ("started_at", "updated_at", "finished_at")

_TEXTS = ("import_type", "status", "task_id", "trigger", "error_message")

#: The times that Python knows are between these; PostgreSQL knows others, infinite ones among them.
_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)

#: Escapes in JSON that PostgreSQL cannot show as text.
_NO_CHARACTER = r"\\u(0000|[dD][89a-fA-F])"

#: What may change after a session has begun.
_CHANGING = ("status", "updated_at", "finished_at", "report_details", "error_message")

#: What is written of a session whose row somebody else has made.
_TAKEN = tuple(field for field in FIELDS if field not in {"id", "task_id"})


def begun(
    import_type: ImportType, trigger: Trigger, details: Mapping[str, Any], task_id: str | None = None
) -> SessionRecord:
    """Given what starts, why, its first figures and maybe whose task it is, return a session that has no row yet."""
    now = datetime.now(UTC)
    return SessionRecord(
        None, import_type.value, Status.STARTED.value, task_id, trigger.value, now, now, None, details, ""
    )


def advanced(record: SessionRecord, details: Mapping[str, Any]) -> SessionRecord:
    """Given a session and its figures so far, return it as being under way."""
    now = datetime.now(UTC)
    return replace(record, status=Status.IN_PROGRESS.value, updated_at=now, report_details=details)


def ended(
    record: SessionRecord, status: Status, details: Mapping[str, Any], error: str = ""
) -> SessionRecord:
    """Given a session, how it ended, its last figures and the error, return it as ended: the one way to end."""
    now = datetime.now(UTC)
    final = {**details, "completed_at": now.isoformat()}
    return replace(
        record,
        status=status.value,
        updated_at=now,
        finished_at=now,
        report_details=final,
        error_message=error,
    )


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one daemon, which knows its own by its exchange directory."""

    mapped: Mapped
    daemon: str

    def add(self, connection: Connection, record: SessionRecord) -> SessionRecord:
        """Given a session without a row, make its row, and return it with the row's id.

        Raises SchemaError where the table does not take such a row.
        """
        values = neutral_values(self.mapped, datetime.now(UTC)) | self._values(record, FIELDS[1:])
        with self._refusals():
            result = connection.execute(self.mapped.table.insert().values(values))
        [row_id] = result.inserted_primary_key or [None]
        return replace(record, id=row_id)

    def save(self, connection: Connection, record: SessionRecord) -> None:
        """Given a session, write how far it is, unless its row has ended already."""
        c = self.mapped.table.c
        values = self._values(record, _CHANGING)
        unended = self.mapped.table.update().where(c.id == record.id, c.status.not_in(_ENDED))
        with self._refusals():
            connection.execute(unended.values(values))

    def with_task(self, connection: Connection, task_id: str) -> SessionRecord | None:
        """Given the id of a task, return its row, whoever made it: the newest of several, None if there is none."""
        c = self.mapped.table.c
        known = c.task_id if "task_id" in c else self._detail(connection, "task_id")
        found = self._select(connection, known == _fitting(task_id, known), 1)
        return found[0] if found else None

    def take_over(self, connection: Connection, record: SessionRecord) -> SessionRecord | None:
        """Given a session of ours and in it the id of a row, make the row that session's, and return it as written.

        What else the row's details say stays there, and, while it is ours and under way, when it was started. A
        completed row stays as it is and is returned so; None is returned if the row is gone. Raises SchemaError
        where the table does not take it.
        """
        c = self.mapped.table.c
        found = self._select(connection, c.id == record.id, lock=True)
        if not found or found[0].status == Status.COMPLETED:
            return found[0] if found else None
        taken = self._merged(record, found[0])
        with self._refusals():
            connection.execute(
                self.mapped.table.update().where(c.id == record.id).values(self._values(taken, _TAKEN))
            )
        return taken

    def _merged(self, record: SessionRecord, row: SessionRecord) -> SessionRecord:
        goes_on = row.status in _UNFINISHED and row.report_details.get("daemon") == self.daemon
        kept = {name: value for name, value in row.report_details.items() if name != "completed_at"}
        return replace(
            record,
            task_id=row.task_id,
            started_at=(goes_on and row.started_at) or record.started_at,
            report_details={**kept, **record.report_details},
        )

    def close_interrupted(self, connection: Connection, under_way: Collection[Any] = ()) -> int:
        """End our own sessions that a process left unfinished when it died, and return how many there were.

        Only whoever holds the lock may call this: any unfinished session is then a dead one, but for those whose
        ids are given, which are under way or will go on.
        """
        c = self.mapped.table.c
        unfinished = c.status.in_(_UNFINISHED) & self._is_own(connection)
        left = [record for record in self._select(connection, unfinished) if record.id not in under_way]
        for record in left:
            self.save(connection, ended(record, Status.FAILED, record.report_details, "interrupted"))
        return len(left)

    def prune(self, connection: Connection, keep: timedelta) -> int:
        """Given how long ended sessions are kept, remove our own older ones, and return how many there were.

        One that is under way is never among them, however long ago it began.
        """
        c = self.mapped.table.c
        is_old = self._began(connection, datetime.now(UTC) - keep, is_before=True)
        old = c.status.in_(_ENDED) & is_old & self._is_own(connection)
        return connection.execute(self.mapped.table.delete().where(old)).rowcount

    def newest(self, connection: Connection, limit: int, status: Status | None = None) -> list[SessionRecord]:
        """Given a number and maybe a status, return that many of our own sessions, newest first."""
        condition = self._is_own(connection)
        if status:
            condition &= self.mapped.table.c.status == status.value
        return self._select(connection, condition, min(limit, _MOST_ROWS))

    def since(
        self, connection: Connection, earliest: datetime, most: int = 10_000
    ) -> Iterator[SessionRecord]:
        """Given a time and a number, yield at most so many of our own sessions that began since, newest first.

        They are read one by one: a day may have more of them than one wants in memory.
        """
        condition = self._began(connection, earliest, is_before=False) & self._is_own(connection)
        query = self._query(connection, condition, most).execution_options(yield_per=_PAGE)
        for row in connection.execute(query).mappings():
            yield _record(dict(row))

    def _began(self, connection: Connection, moment: datetime, *, is_before: bool) -> ColumnElement[bool]:
        """Return the condition of rows that began before or since a time."""
        c = self.mapped.table.c
        has_column = "started_at" in c
        began = c.started_at if has_column else self._detail(connection, "started_at")
        limit = moment if has_column else moment.isoformat()
        return began < limit if is_before else began >= limit

    def get(self, connection: Connection, session: int | str) -> SessionRecord | None:
        """Given a session's id, which may be any number or text, return it, None if there is none of ours."""
        has_id = self._has_id(str(session))
        found = [] if has_id is None else self._select(connection, has_id & self._is_own(connection))
        return found[0] if found else None

    def _has_id(self, text: str) -> ColumnElement[bool] | None:
        """Return the condition of the row that has an id, None where the id does not fit the column's type."""
        column = self.mapped.table.c.id
        if isinstance(column.type, Integer):
            fits = _NUMBER.fullmatch(text) and abs(int(text)) <= _MOST_ROWS
            return column == literal(int(text), BigInteger()) if fits else None
        as_uuid = _as_uuid(text)
        if isinstance(column.type, Uuid):
            return None if as_uuid is None else column == as_uuid
        spellings = [text, *([str(as_uuid), as_uuid.hex] if as_uuid else [])]
        return column.in_(spellings) if is_text(text) else None

    def _select(
        self,
        connection: Connection,
        condition: ColumnElement[bool],
        limit: int | None = None,
        *,
        lock: bool = False,
    ) -> list[SessionRecord]:
        query = self._query(connection, condition, limit)
        if lock:
            query = query.with_for_update(key_share=True)
        return [_record(dict(row)) for row in connection.execute(query).mappings()]

    def _query(
        self, connection: Connection, condition: ColumnElement[bool], limit: int | None
    ) -> Select[tuple[Any, ...]]:
        c = self.mapped.table.c
        mapped = [self._read(connection, field).label(field) for field in FIELDS if field in c]
        # ids that are no numbers do not tell which is newer; what has not started yet is
        by_time = "started_at" in c and not isinstance(c.id.type, Integer)
        order = [c.started_at.desc().nulls_first()] if by_time else []
        return select(*mapped).where(condition).order_by(*order, c.id.desc()).limit(limit)

    def _read(self, connection: Connection, field: str) -> ColumnElement[Any]:
        """Return a field's column, NULL for a time that Python does not know."""
        column = self.mapped.table.c[field]
        if field not in _TIMES or connection.dialect.name == "sqlite":
            return column
        return case((column.between(_EARLIEST, _LATEST), column))

    def _is_own(self, connection: Connection) -> ColumnElement[bool]:
        return self._detail(connection, "daemon") == self.daemon

    def _detail(self, connection: Connection, name: str) -> ColumnElement[Any]:
        """Return one of the details as text, NULL where others have left what cannot be looked into."""
        details = self.mapped.table.c.report_details
        if connection.dialect.name == "sqlite":
            is_json = (func.typeof(details) == "text") & (func.json_valid(details) == 1)
            return case((is_json, func.json_extract(details, f"$.{name}")))
        found: ColumnElement[Any] = details[name].as_string()
        if is_of_postgresql(details.type, "JSONB"):
            return found
        # plain json keeps escapes of what is no character, and refuses to be looked into then
        return case((~cast(details, Text).regexp_match(_NO_CHARACTER), found))

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn what the table does not take into one line."""
        try:
            yield
        except (IntegrityError, DataError) as error:
            raise SchemaError(
                f"[database.sessions] table {self.mapped.table.fullname} refuses the row of a session:"
                f" {reason_of(error)}"
            ) from error

    def _values(self, record: SessionRecord, changed: tuple[str, ...]) -> dict[str, Any]:
        """Return what the row stores; fields that have no column of their own go into the details."""
        columns = self.mapped.table.c
        kept = {field: _storable(_plain(getattr(record, field))) for field in FIELDS if field not in columns}
        details = {**record.report_details, **kept}
        values = {
            field: _fitting(getattr(record, field), columns[field]) for field in changed if field in columns
        }
        return {**values, "report_details": details}


def _record(row: dict[str, Any]) -> SessionRecord:
    details = row["report_details"] if isinstance(row["report_details"], dict) else {}
    values: dict[str, Any] = {field: row.get(field, details.get(field)) for field in FIELDS}
    texts = {field: _text(values[field]) for field in _TEXTS}
    times = {field: as_time(values[field]) for field in _TIMES}
    told = {"report_details": details, "error_message": texts["error_message"] or ""}
    return SessionRecord(**values | texts | times | told)


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _text(value: Any) -> str | None:  # noqa: ANN401  SQLite and JSON may hold anything
    return value if value is None or isinstance(value, str) else str(value)


def _fitting(value: Any, column: ColumnElement[Any]) -> Any:  # noqa: ANN401  any value of a field
    """Return a value as a column takes it: a long error loses its end, and what is no character is escaped."""
    if not isinstance(value, str):
        return value
    return _storable(value)[: getattr(column.type, "length", None)]


def _storable(value: Any) -> Any:  # noqa: ANN401  any value of a field
    """Return a value with what is no character escaped."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def _plain(value: Any) -> Any:  # noqa: ANN401  any value of a field
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if value is None or isinstance(value, int | dict) else str(value)
