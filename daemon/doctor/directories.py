"""Whether the effective user may do with a directory what must be done there, and what is in the way."""

import os
import pwd
import shlex
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.doctor.finding import Problem
from daemon.exchange import kind_of
from daemon.mounts import mount_of

_MODES = {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}
_SHARD_LENGTH = 2  # characters
_MOST_NAMED = 5  # names in a message

#: What to do when the system itself fails to tell something.
SEE_KERNEL = "see what the kernel says of it: journalctl -k -n 50"


def user() -> str:
    """Return the name of the effective user, its number where it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def quoted(path: Path) -> str:
    """Given a path, return it as a shell takes it."""
    return shlex.quote(str(path))


def may(path: Path, rights: str) -> bool:
    """Given a path and rights such as "rx", return whether the effective user has all of them there.

    Without rights it is asked whether the path is there and can be reached.
    """
    return os.access(path, sum(_MODES[right] for right in rights), effective_ids=True)


def is_missing(path: Path) -> bool:
    """Given a path, return whether nothing is there, links followed. What cannot be told counts as there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def nearest_existing(path: Path) -> Path:
    """Given a path, return it, or the closest directory above it that is there."""
    return next(each for each in (path, *path.parents) if not is_missing(each))


def first_link(base: Path, below: str) -> Path | None:
    """Given a directory and a path below it, return the first step of that which is a symbolic link."""
    parts = Path(below).parts
    steps = (base.joinpath(*parts[:number]) for number in range(1, len(parts) + 1))
    return next(filter(os.path.islink, steps), None)


def obstacle(path: Path, rights: str, remedy: str = "") -> Problem | None:
    """Given a directory that is not missing and the rights needed there, return what is in the way.

    remedy: what gives the rights; an access control list where it is empty. Raises OSError.
    """
    try:
        status = path.stat()
    except PermissionError:
        return _barrier(path)
    if not stat.S_ISDIR(status.st_mode):
        return Problem(
            f"{path} is {kind_of(status)}, not a directory", f"mv {quoted(path)} {quoted(path)}.old"
        )
    if "w" in rights and os.statvfs(path).f_flag & os.ST_RDONLY:
        return _read_only(path)
    if not may(path, rights):
        verb = "write to" if "w" in rights else "read"
        return Problem(f"{user()} may not {verb} {path}", remedy or granting(rights, path))
    return None


def _barrier(path: Path) -> Problem:
    closed = next((parent for parent in reversed(path.parents) if not may(parent, "x")), path.parent)
    return Problem(f"{path} cannot be reached: {user()} may not pass through {closed}", granting("x", closed))


def _read_only(path: Path) -> Problem:
    mount = mount_of(path)
    point = Path(mount.point) if mount else path
    return Problem(
        f"{path} is on a file system that is mounted read-only", f"mount -o remount,rw {quoted(point)}"
    )


def granting(rights: str, path: Path) -> str:
    """Given rights and a path, return the command that gives the effective user the rights there alone."""
    if _is_own(path):
        return f"chmod u+{rights} {quoted(path)}"
    return listing(f"setfacl -m u:{user()}:{rights} {quoted(path)}")


def granting_below(path: Path, closed: Path) -> str:
    """Given a directory and what cannot be read of it, return the command that lets the effective user read all.

    What others put there later can be read as well.
    """
    if _is_own(closed):
        return f"chmod -R u+rX {quoted(path)}"
    return listing(f"setfacl -R -m u:{user()}:rX,d:u:{user()}:rX {quoted(path)}")


def sharing_below(path: Path) -> str:
    """Given a directory, return the command that lets the effective user write to all below it.

    What is root's becomes the user's own. Others, such as the shop that takes uploads there, keep theirs.
    """
    if path.stat().st_uid in {0, os.geteuid()}:
        return taking_over("rwX", path, below=True)
    return listing(f"setfacl -R -m u:{user()}:rwX,d:u:{user()}:rwX {quoted(path)}")


def listing(command: str) -> str:
    """Given a command that makes an access control list, return it, with where it comes from if it is not there."""
    return command if shutil.which("setfacl") else f"{command}  # of the package acl"


def _is_own(path: Path) -> bool:
    """Return whether the effective user owns the path: no list can give owners what they deny themselves."""
    return not is_missing(path) and may(path, "") and path.stat().st_uid == os.geteuid()


def taking_over(rights: str, path: Path, *, below: bool = False) -> str:
    """Given rights and a path, return the commands that make it the effective user's, with all below it or alone."""
    options = "-R " if below else ""
    return f"chown {options}{user()} {quoted(path)} && chmod {options}u+{rights} {quoted(path)}"


@dataclass(frozen=True, slots=True)
class Shards:
    """The directories of two characters in a directory.

    usable: how many can be used. links: the names of symbolic links. closed: of those without the rights.
    """

    usable: int
    links: Sequence[str]
    closed: Sequence[str]


def shards_in(directory: Path, rights: str) -> Shards:
    """Given a directory and the rights needed in it, return its directories of two characters. Raises OSError."""
    usable = 0
    links, closed = [], []
    with os.scandir(directory) as entries:
        for entry in entries:
            if len(entry.name) != _SHARD_LENGTH or entry.name[0] == ".":
                continue
            if entry.is_symlink():
                links.append(entry.name)
            elif entry.is_dir():
                path = directory / entry.name
                if may(path, rights):
                    usable += 1
                elif may(path, ""):  # the exchange may have removed it since
                    closed.append(entry.name)
    return Shards(usable, sorted(links), sorted(closed))


def listed(names: Sequence[str]) -> str:
    """Given names, return the first of them in one text, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
