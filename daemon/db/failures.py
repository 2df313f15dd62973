"""What the drivers raise, told in one line."""

import re
import sqlite3
from collections.abc import Callable

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from daemon.errors import (
    ConfigurationError,
    DatabaseForbiddenError,
    DatabaseUnavailableError,
    OnecImagesError,
    RefusedValueError,
    RowsHeldError,
    SchemaError,
)

_FORBIDDEN = "42501"
_READ_ONLY = "25006"  # a server that has become a standby, for one
#: No such schema, table or column, or no unique constraint where one is needed.
_OTHER_SCHEMA = frozenset({"3F000", "42P01", "42703", "42P10"})
#: A conflict of transactions, a deadlock, a lock not given in time, a statement that took too long.
_HELD = frozenset({"40001", "40P01", "55P03", "57014"})

#: Classes of states: bad data, a broken constraint, a view's check, what a trigger raises.
_VALUES = frozenset({"22", "23", "44", "P0"})

_DENIED = re.compile(r"permission denied for (?P<kind>[\w ]+) (?P<name>\S+)")
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def reason_of(error: DBAPIError) -> str:
    """Given an error of the driver, return its first line."""
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]


def is_forbidden(error: BaseException | None) -> bool:
    """Given an error, return whether the driver raised it because the role lacks a right."""
    return isinstance(error, DBAPIError) and _state_of(error) == _FORBIDDEN


def told(error: DBAPIError, name: str, grantee: Callable[[], str]) -> OnecImagesError | None:
    """Given an error of the driver, the database's name and how to ask for our role, return it in words.

    None where it is a mistake of ours, which deserves its traceback.
    """
    if is_forbidden(error):
        return DatabaseForbiddenError(f"{name}: {reason_of(error)}; {_remedy(error, grantee())}")
    if _state_of(error) in _OTHER_SCHEMA:
        return SchemaError(f"{name}: {reason_of(error)}")
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return ConfigurationError(f"{name}: {reason_of(error)}")
    if _is_of_values(error):
        return RefusedValueError(reason_of(error))
    if _is_passing(error):
        kind = RowsHeldError if _state_of(error) in _HELD else DatabaseUnavailableError
        return kind(f"{name}: {reason_of(error)}")
    return None


def _is_of_values(error: DBAPIError) -> bool:
    """Return whether the database refuses a value that was to be written, as another one would not be."""
    is_raised = (_state_of(error) or "")[:2] in _VALUES
    return is_raised or isinstance(error, DataError | IntegrityError)


def _is_passing(error: DBAPIError) -> bool:
    """Return whether another time, or after a repair of the database, the same would work."""
    return (
        isinstance(error, OperationalError | InterfaceError)
        or error.connection_invalidated
        or _state_of(error) == _READ_ONLY
        or type(error.orig) is sqlite3.DatabaseError  # a damaged file
    )


def _state_of(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _remedy(error: DBAPIError, grantee: str) -> str:
    denied = _DENIED.search(reason_of(error))
    if denied is None:  # in another language
        return f"the role {grantee} needs to be granted it"
    kind, name, statement = denied["kind"], denied["name"], error.statement or ""
    if kind == "schema":
        rights, thing = "USAGE, CREATE" if "CREATE" in statement else "USAGE", f"SCHEMA {name}"
    elif kind == "sequence":
        rights, thing = "USAGE", f"SEQUENCE {name}"
    else:
        # a lock needs the right to change; what is changed or removed is looked for
        used = {"SELECT", *re.findall(r"\w+", statement)}
        rights, thing = ", ".join(right for right in _RIGHTS if right in used), _qualified(name, statement)
    return f"GRANT {rights} ON {thing} TO {grantee}"


def _qualified(name: str, statement: str) -> str:
    """Return a table's name as a statement writes it, with its schema where it has one."""
    found = re.search(rf'[\w".]*\b{re.escape(name)}\b"?', statement)
    return found[0] if found else name
