"""The sessions table: one row for each import. Rows that are not the daemon's own are never touched."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from daemon.db.mapping import Mapped
from daemon.db.neutral import neutral_values


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

_TIMES = ("started_at", "updated_at", "finished_at")

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
        """Given a session without a row, make its row, and return it with the row's id."""
        values = neutral_values(self.mapped, datetime.now(UTC)) | self._values(record, FIELDS[1:])
        c = self.mapped.table.c
        return replace(
            record, id=connection.scalar(self.mapped.table.insert().values(values).returning(c.id))
        )

    def save(self, connection: Connection, record: SessionRecord) -> None:
        """Given a session, write how far it is, unless its row has ended already."""
        c = self.mapped.table.c
        values = self._values(record, _CHANGING)
        connection.execute(
            self.mapped.table.update().where(c.id == record.id, c.status.not_in(_ENDED)).values(values)
        )

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
        if "started_at" not in c:
            return 0  # nothing in the table tells how old they are
        old = c.status.in_(_ENDED) & (c.started_at < datetime.now(UTC) - keep) & self._is_own(connection)
        return connection.execute(self.mapped.table.delete().where(old)).rowcount

    def newest(self, connection: Connection, limit: int, status: Status | None = None) -> list[SessionRecord]:
        """Given a number and maybe a status, return that many of our own sessions, newest first."""
        condition = self._is_own(connection)
        if status:
            condition &= self.mapped.table.c.status == status.value
        return self._select(connection, condition, limit)

    def get(self, connection: Connection, session: int) -> SessionRecord | None:
        """Given a session's id, return it, None if there is none of ours."""
        found = self._select(connection, (self.mapped.table.c.id == session) & self._is_own(connection))
        return found[0] if found else None

    def _select(
        self, connection: Connection, condition: ColumnElement[bool], limit: int | None = None
    ) -> list[SessionRecord]:
        table = self.mapped.table
        mapped = [table.c[field].label(field) for field in FIELDS if field in table.c]
        query = select(*mapped).where(condition).order_by(table.c.id.desc()).limit(limit)
        return [_record(dict(row)) for row in connection.execute(query).mappings()]

    def _is_own(self, connection: Connection) -> ColumnElement[bool]:
        details = self.mapped.table.c.report_details
        if connection.dialect.name == "sqlite":  # others may have left anything in the column
            found = case((func.json_valid(details) == 1, func.json_extract(details, "$.daemon")))
        else:
            found = details["daemon"].as_string()
        return found == self.daemon

    def _values(self, record: SessionRecord, changed: tuple[str, ...]) -> dict[str, Any]:
        """Return what the row stores; fields that have no column of their own go into the details."""
        columns = self.mapped.table.c
        kept = {field: _plain(getattr(record, field)) for field in FIELDS if field not in columns}
        details = {**record.report_details, **kept}
        values = {field: getattr(record, field) for field in changed if field in columns}
        return {**values, "report_details": details}


def _record(row: dict[str, Any]) -> SessionRecord:
    details = row["report_details"] if isinstance(row["report_details"], dict) else {}
    values: dict[str, Any] = {field: row.get(field, details.get(field)) for field in FIELDS}
    values |= {field: _time(values[field]) for field in _TIMES}
    return SessionRecord(
        **values | {"report_details": details, "error_message": values["error_message"] or ""}
    )


def _time(value: object) -> datetime | None:
    """Return a time that a column or the details hold."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value  # type: ignore[return-value]


def _plain(value: Any) -> Any:  # noqa: ANN401  any value of a field
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if value is None or isinstance(value, int | dict) else str(value)
