"""Where a service tells its state: whoever asks finds it by what it is about."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_PROGRAM: Final = "onec-images"
_SUFFIX: Final = ".state"
_RUN: Final = Path("/run")
_TEMPORARY: Final = Path("/tmp")  # noqa: S108  what lies there is looked at before it is trusted

#: The parameters of a database's address that say which database it is. No secret is among them.
_TELLING: Final = frozenset({"host", "hostaddr", "port", "dbname", "service"})


def place(
    database_file: Path | None,
    database_name: str,
    exchange: str,
    environ: Mapping[str, str],
    run: Path = _RUN,
    temporary: Path = _TEMPORARY,
) -> Path | None:
    """Given the database, the real path of an exchange directory and the environment, return where to write.

    Beside an SQLite file. Elsewhere in the directory that systemd made for the unit, in ``/run/onec-images``, in the
    user's own runtime directory, or in one of our own in ``/tmp``, the first that there is and we may write. None if
    there is none: others could write to all of them.
    """
    if database_file:
        return _beside(database_file, exchange)
    directories = [
        *(path for path in [*_given(environ), run / _PROGRAM] if _may_write(path)),
        *(path for path in _own(environ, temporary) if _is_made(path)),
    ]
    return directories[0] / _name(database_name, exchange) if directories else None


def places(
    database_file: Path | None,
    database_name: str,
    exchange: str,
    environ: Mapping[str, str],
    run: Path = _RUN,
    temporary: Path = _TEMPORARY,
) -> list[Path]:
    """Given what ``place`` was given in another process, return wherever it may have written.

    The name says which database and exchange directory it is about, so that all services can be looked at: whoever
    asks is not told by systemd which directory a unit has. Each has one of its own, ``onec-images`` or, where there
    are several units, a name that begins like that: systemd removes it when the unit stops.
    """
    if database_file:
        return [_beside(database_file, exchange)]
    own = [path for path in _own(environ, temporary) if _is_own(path)]
    directories = [*_given(environ), *sorted(run.glob(f"{_PROGRAM}*")), *own]
    name = _name(database_name, exchange)
    return [directory / name for directory in dict.fromkeys(directories)]


def _beside(database_file: Path, exchange: str) -> Path:
    digest = sha256(os.fsencode(exchange)).hexdigest()[:8]
    return Path(f"{os.path.realpath(database_file)}-{digest}{_SUFFIX}")


def _name(database_name: str, exchange: str) -> str:
    told = f"{_identity(database_name)}\0".encode(errors="surrogatepass") + os.fsencode(exchange)
    return sha256(told).hexdigest()[:32] + _SUFFIX


def _identity(address: str) -> str:
    """Return the part of a database's address that is the same for every user, and no secret."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    telling = sorted(each for each in parts.query.split("&") if each.partition("=")[0] in _TELLING)
    return f"{host}{parts.path}?{'&'.join(telling)}"


def _given(environ: Mapping[str, str]) -> list[Path]:
    """Return the directory that systemd made for us, if it did."""
    first = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return [Path(first)] if os.path.isabs(first) else []


def _own(environ: Mapping[str, str], temporary: Path) -> list[Path]:
    """Return the directories that are, or would be, of our user alone."""
    user = environ.get("XDG_RUNTIME_DIR", "")
    # one that was left in the environment by another user is his, and may change under our hands
    of_user = [Path(user, _PROGRAM)] if os.path.isabs(user) and _is_own(Path(user)) else []
    return [*of_user, temporary / f"{_PROGRAM}-{os.geteuid()}"]


def _may_write(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK, effective_ids=True)


def _is_made(directory: Path) -> bool:
    """Make a directory where it is missing, and return whether it is ours alone to write."""
    with suppress(OSError):  # it is there, or it shows
        os.mkdir(directory, 0o700)
    return _is_own(directory)


def _is_own(directory: Path) -> bool:
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    is_others = status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and not is_others
