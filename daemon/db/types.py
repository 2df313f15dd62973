"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from daemon.json_column import json_text, json_value

#: A 64-bit row id; SQLite counts only INTEGER ones up by itself.
RowId = BigInteger().with_variant(Integer(), "sqlite")


def as_time(value: object) -> datetime | None:
    """Given a time as a database or JSON holds it, return it aware and in UTC, None where that is no time.

    What has no offset is UTC.
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC) if isinstance(time, datetime) else None
    except (ValueError, OverflowError):  # an offset may lead out of the calendar
        return None


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC: timestamptz, timestamp, or ISO 8601 text on SQLite.

    What has no offset in the database is UTC.
    """

    impl = DateTime
    cache_ok = True

    def __init__(self, timezone: bool = True) -> None:  # noqa: FBT001, FBT002  SQLAlchemy's own signature
        """Given whether the column of a table knows time zones.

        On SQLite no type does; there it tells a column that is declared as a time, for which frameworks put
        a space between date and time, so that the texts compare as the times do.
        """
        super().__init__(timezone=timezone)
        self._timezone = timezone

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the dialect stores."""
        return dialect.type_descriptor(
            Text() if dialect.name == "sqlite" else DateTime(timezone=self._timezone)
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401  SQLAlchemy's
        """Return what is stored for an aware datetime."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return utc.isoformat(sep="T" if self._timezone else " ")
        return utc if self._timezone else utc.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Return the aware datetime for what was stored, None where that is no time."""
        return as_time(value)


class TolerantJson(TypeDecorator[Any]):
    """JSON as text on SQLite, where anything may stand in the column: what cannot be read is Unreadable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002
        """Return the text of a value."""
        return None if value is None else json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002
        """Return the value of a text."""
        return json_value(value) if isinstance(value, str) else value


class Json(TypeDecorator[Any]):
    """JSON of the daemon's own tables: jsonb on PostgreSQL, tolerant on SQLite."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the dialect stores."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(TolerantJson())
        return dialect.type_descriptor(_of_dialect(dialect, "jsonb")(none_as_null=True))


def _of_dialect(dialect: Any, name: str) -> Any:  # noqa: ANN401  not all dialects have it
    """Return one of a dialect's types: to import it by name would load the dialect for those who have another."""
    return dialect.ischema_names[name]


def is_of_postgresql(kind: TypeEngine[Any], name: str) -> bool:
    """Given a type and the name of one that only PostgreSQL has, in capitals, return whether it is that one."""
    return kind.__visit_name__ == name
