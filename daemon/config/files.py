"""The files that a configuration is read from: where it lies, its TOML, the password beside it."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from daemon.config.keys import FILE_VARIABLE, Values
from daemon.config.values import escaped
from daemon.errors import ConfigurationError

FILE_NAME: Final = "config.toml"
SYSTEM_FILE: Final = Path("/etc/onec-images/config.toml")

#: The systemd credential with the password of the database.
PASSWORD_CREDENTIAL: Final = "database-password"  # noqa: S105 - a name, not a password

_TOML_ERROR: Final = re.compile(r"(?P<what>.*) \(at (?P<where>[^()]*)\)", re.DOTALL)


def find_file(
    explicit: Path | None, environ: Mapping[str, str], directory: Path, *, system_file: Path = SYSTEM_FILE
) -> Path:
    """Return the configuration file: that of ``--config``, else that of the environment, else a usual one.

    Given what ``--config`` names, if anything, the environment and the working directory. Raises
    ConfigurationError if the file that is named does not exist, or if none is named and no usual one exists.
    """
    if explicit is not None:
        return _named_file(directory / explicit, "--config")
    if environ.get(FILE_VARIABLE):
        return _named_file(directory / environ[FILE_VARIABLE], FILE_VARIABLE)
    usual = (directory / FILE_NAME, system_file)
    found = next(filter(_is_there, usual), None)
    if found is None:
        message = (
            f"no configuration file: --config is not given, {FILE_VARIABLE} is not set, and there is neither "
            f"{shown_path(usual[0])} nor {shown_path(usual[1])}; write one of them, or name one by --config"
        )
        raise ConfigurationError(message)
    return found


def _named_file(file: Path, origin: str) -> Path:
    if not _is_there(file):
        remedy = f"name one that exists, or none to use ./{FILE_NAME} or {SYSTEM_FILE}"
        raise _refusal(file, f"no such file, but {origin} names it; {remedy}")
    return file


def _is_there(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # It may be there: whoever reads it tells the operator what is in the way.
        return True
    return True


def read_values(file: Path) -> Values:
    """Return what a TOML file holds, unchecked. Raises ConfigurationError if it cannot be read."""
    text = _read_text(file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(file, _toml_problem(error)) from None
    except (ValueError, RecursionError):
        raise _refusal(file, "a number is too long or lists are nested too deeply") from None


def _toml_problem(error: tomllib.TOMLDecodeError) -> str:
    parts = _TOML_ERROR.fullmatch(str(error))
    problem = f"{parts['where']}: {parts['what']}" if parts else str(error)
    return f"{escaped(problem)}; the file is no valid TOML"


def read_database_password(environ: Mapping[str, str]) -> str | None:
    """Return the password that systemd hands over as a credential, None where it hands over none.

    Raises ConfigurationError if the credential cannot be read or is empty.
    """
    directory = environ.get("CREDENTIALS_DIRECTORY")
    file = Path(directory, PASSWORD_CREDENTIAL) if directory else None
    if file is None or not _is_there(file):
        return None
    password = _read_text(file).rstrip("\r\n")
    if not password or not password.isprintable():
        raise _refusal(file, "must hold the password of the database in one line")
    return password


def _read_text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _refusal(file, f"cannot be read: {error.strerror}") from error
    try:
        # Editors of Windows put a mark in front of UTF-8.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(file, f"line {line}: not UTF-8; save the file in that encoding") from None


def shown_path(file: Path) -> str:
    """Return a path as a message names it, in one line."""
    return escaped(str(file))


def _refusal(file: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{shown_path(file)}: {problem}")
