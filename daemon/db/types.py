"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

#: A 64-bit row id; SQLite counts only INTEGER ones up by itself.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC: timestamptz, timestamp, or ISO 8601 text on SQLite.

    What has no offset in the database is UTC.
    """

    impl = DateTime
    cache_ok = True

    def __init__(self, timezone: bool = True) -> None:  # noqa: FBT001, FBT002  SQLAlchemy's own signature
        """Given whether the column of a PostgreSQL table knows time zones."""
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
            return utc.isoformat()
        return utc if self._timezone else utc.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Return the aware datetime for what was stored, None where that is no time."""
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                return None
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


class Unreadable(str):
    """Text in a JSON column of SQLite that is no JSON."""

    __slots__ = ()


class TolerantJson(TypeDecorator[Any]):
    """JSON as text on SQLite, where anything may stand in the column: what cannot be read is Unreadable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002
        """Return the text of a value."""
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002
        """Return the value of a text."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return Unreadable(value)


#: JSON of the daemon's own tables.
Json = JSONB(none_as_null=True).with_variant(TolerantJson(), "sqlite")
