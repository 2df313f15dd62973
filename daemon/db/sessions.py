"""The sessions table: one row for each import. Rows that are not the daemon's own are never touched."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Integer, Text, case, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DataError, IntegrityError

from daemon.db.failures import reason_of
from daemon.db.mapping import Mapped
from daemon.db.neutral import neutral_values
from daemon.db.types import as_time
from daemon.errors import SchemaError


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

_MOST_ROWS = 2**63 - 1  # that SQL can be asked for

_TIMES = ("started_at", "updated_at", "finished_at")

#: Escapes in JSON that PostgreSQL cannot show as text.
_NO_CHARACTER = r"\\u(0000|[dD][89a-fA-F])"

#: What may change after a session has begun.
_CHANGING = ("status", "updated_at", "finished_at", "report_details", "error_message")


def begun(import_type: ImportType, trigger: Trigger, details: Mapping[str, Any]) -> SessionRecord:
    """Given what starts, why, and its first figures, return a session that has no row yet."""
    now = datetime.now(UTC)
    return SessionRecord(
        None, import_type.value, Status.STARTED.value, None, trigger.value, now, now, None, details, ""
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

    def close_interrupted(self, connection: Connection) -> int:
        """End our own sessions that a process left unfinished when it died, and return how many there were.

        Only whoever holds the lock may call this: any unfinished session is then a dead one.
        """
        left = self._select(
            connection, self.mapped.table.c.status.in_(_UNFINISHED) & self._is_own(connection)
        )
        for record in left:
            self.save(connection, ended(record, Status.FAILED, record.report_details, "interrupted"))
        return len(left)

    def prune(self, connection: Connection, keep: timedelta) -> int:
        """Given how long ended sessions are kept, remove our own older ones, and return how many there were."""
        c = self.mapped.table.c
        began = c.started_at if "started_at" in c else self._detail(connection, "started_at")
        earliest = datetime.now(UTC) - keep
        is_old = began < (earliest if "started_at" in c else earliest.isoformat())
        old = c.status.in_(_ENDED) & is_old & self._is_own(connection)
        return connection.execute(self.mapped.table.delete().where(old)).rowcount

    def newest(self, connection: Connection, limit: int, status: Status | None = None) -> list[SessionRecord]:
        """Given a number and maybe a status, return that many of our own sessions, newest first."""
        condition = self._is_own(connection)
        if status:
            condition &= self.mapped.table.c.status == status.value
        return self._select(connection, condition, min(limit, _MOST_ROWS))

    def get(self, connection: Connection, session: int | str) -> SessionRecord | None:
        """Given a session's id, which may be any number or text, return it, None if there is none of ours."""
        has_id = cast(self.mapped.table.c.id, Text) == str(session)
        found = self._select(connection, has_id & self._is_own(connection))
        return found[0] if found else None

    def _select(
        self, connection: Connection, condition: ColumnElement[bool], limit: int | None = None
    ) -> list[SessionRecord]:
        c = self.mapped.table.c
        mapped = [c[field].label(field) for field in FIELDS if field in c]
        # ids that are no numbers do not tell which is newer
        order = [c.started_at.desc()] if "started_at" in c and not isinstance(c.id.type, Integer) else []
        query = select(*mapped).where(condition).order_by(*order, c.id.desc()).limit(limit)
        return [_record(dict(row)) for row in connection.execute(query).mappings()]

    def _is_own(self, connection: Connection) -> ColumnElement[bool]:
        return self._detail(connection, "daemon") == self.daemon

    def _detail(self, connection: Connection, name: str) -> ColumnElement[Any]:
        """Return one of the details as text, NULL where others have left what cannot be looked into."""
        details = self.mapped.table.c.report_details
        if connection.dialect.name == "sqlite":
            is_json = (func.typeof(details) == "text") & (func.json_valid(details) == 1)
            return case((is_json, func.json_extract(details, f"$.{name}")))
        found: ColumnElement[Any] = details[name].as_string()
        if isinstance(details.type, JSONB):
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
        kept = {field: _plain(getattr(record, field)) for field in FIELDS if field not in columns}
        details = {**record.report_details, **kept}
        values = {
            field: _fitting(getattr(record, field), columns[field]) for field in changed if field in columns
        }
        return {**values, "report_details": details}


def _record(row: dict[str, Any]) -> SessionRecord:
    details = row["report_details"] if isinstance(row["report_details"], dict) else {}
    values: dict[str, Any] = {field: row.get(field, details.get(field)) for field in FIELDS}
    values |= {field: as_time(values[field]) for field in _TIMES}
    return SessionRecord(
        **values | {"report_details": details, "error_message": values["error_message"] or ""}
    )


def _fitting(value: Any, column: Column[Any]) -> Any:  # noqa: ANN401  any value of a field
    """Return a value as a column takes it: a long error loses its end, and what is no character is escaped."""
    if not isinstance(value, str):
        return value
    text = value.replace("\0", "\\0").encode(errors="backslashreplace").decode()
    return text[: getattr(column.type, "length", None)]


def _plain(value: Any) -> Any:  # noqa: ANN401  any value of a field
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if value is None or isinstance(value, int | dict) else str(value)
