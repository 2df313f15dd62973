"""The address of the database, handled as text: SQLAlchemy is not needed to read a configuration.

No message of this module shows more of an address than its scheme, since the rest may hold a password.
"""

import re
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlsplit

from daemon.config.texts import is_text
from daemon.config.values import shown

MASK: Final = "***"

_SQLITE: Final = "sqlite"
_POSTGRESQL: Final = "postgresql+psycopg"
_POSTGRESQL_NAMES: Final = frozenset({_POSTGRESQL, "postgresql", "postgres"})
_ACCEPTED: Final = "must be sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}")
_SECRET_PARAMETERS: Final = frozenset({"password", "sslpassword"})

# These alone would change what the rest of the address means; a path stays readable.
_RESERVED: Final = str.maketrans({"%": "%25", "?": "%3F", "#": "%23"})


def normalized(value: object) -> str:
    """Return the address with its scheme in the one form that SQLAlchemy is given.

    Raises a ValueError that says what is accepted, and shows no secret.
    """
    if not is_text(value):
        raise ValueError(_ACCEPTED)
    scheme, separator, rest = value.partition("://")
    if separator and scheme.lower() == _SQLITE:
        return _checked_sqlite(rest)
    if separator and scheme.lower() in _POSTGRESQL_NAMES:
        return _checked_postgresql(rest)
    raise ValueError(_ACCEPTED + _found(scheme, separator))


def _found(scheme: str, separator: str) -> str:
    # Without "://" the text may be anything, a password among other things.
    return f", not {shown(scheme + separator + '…')}" if separator and _SCHEME.fullmatch(scheme) else ""


def _checked_sqlite(rest: str) -> str:
    path, _, query = rest.partition("?")
    file = unquote(path[1:])
    problem = ""
    if path and not path.startswith("/"):
        problem = "must have three slashes before a relative file and four before an absolute one"
    elif file in {"", ":memory:"}:
        problem = "must name a file, as in sqlite:///onec-images.db: nothing would be kept in memory"
    elif file.endswith("/") or "\0" in file:
        problem = "must name a file, as in sqlite:///onec-images.db"
    elif file.startswith("file:") or "uri" in map(_parameter_name, _parameters(query)):
        problem = "must name a plain file, as in sqlite:///onec-images.db: no file: address, no uri parameter"
    if problem:
        raise ValueError(problem)
    return f"{_SQLITE}://{rest}"


def _checked_postgresql(rest: str) -> str:
    address = f"{_POSTGRESQL}://{rest}"
    if not _is_unambiguous(address):
        message = (
            "must be postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE, with a number as port, "
            "and special characters percent-encoded (@ as %40, / as %2F, # as %23, : as %3A)"
        )
        raise ValueError(message)
    return address


def _is_unambiguous(address: str) -> bool:
    # A special character left bare in a password moves the borders of the parts: a piece of it
    # would become host, port or query, and be shown.
    if "#" in address or any(character.isspace() or not character.isprintable() for character in address):
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    return port != 0 and parts.netloc.count("@") <= 1 and "@" not in parts.path + parts.query


def is_postgresql(address: str) -> bool:
    """Return whether a normalized address is one of PostgreSQL."""
    return address.startswith(f"{_POSTGRESQL}://")


def anchored(address: str, directory: Path) -> str:
    """Return the normalized address with a relative SQLite file made absolute below ``directory``."""
    if is_postgresql(address):
        return address
    path, mark, query = address.removeprefix(f"{_SQLITE}:///").partition("?")
    file = str(directory / unquote(path)).translate(_RESERVED)
    return f"{_SQLITE}:///{file}{mark}{query}"


def with_password(address: str, password: str) -> str:
    """Return the normalized PostgreSQL address with this password instead of any that it has."""
    parts = urlsplit(address)
    credentials, _, host = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    # A parameter of the query would count more than what stands before the host.
    parameters = [each for each in _parameters(parts.query) if _parameter_name(each) != "password"]
    return _joined(parts, f"{user}:{quote(password, safe='')}@{host}", parameters)


def masked(address: str) -> str:
    """Return the normalized address with every secret in it replaced by ``***``."""
    if not is_postgresql(address):
        return address
    parts = urlsplit(address)
    credentials, at, host = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    location = f"{user}{colon}{MASK if colon else ''}{at}{host}"
    return _joined(parts, location, [_masked_parameter(each) for each in _parameters(parts.query)])


def _masked_parameter(parameter: str) -> str:
    name = _parameter_name(parameter)
    return f"{name}={MASK}" if name in _SECRET_PARAMETERS else parameter


def _parameters(query: str) -> list[str]:
    return query.split("&") if query else []


def _parameter_name(parameter: str) -> str:
    return unquote_plus(parameter.partition("=")[0])


def _joined(parts: SplitResult, location: str, parameters: list[str]) -> str:
    query = "&".join(parameters)
    return f"{parts.scheme}://{location}{parts.path}{'?' if query else ''}{query}"
