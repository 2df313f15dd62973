"""Whether what 1C sends can be found and read, and the trigger file be taken."""

import grp
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from daemon.config import Settings
from daemon.doctor.directories import (
    SEE_KERNEL,
    first_link,
    granting,
    granting_below,
    is_missing,
    listed,
    obstacle,
    quoted,
    shards_in,
    user,
)
from daemon.doctor.finding import Finding, Problem, error, guarded, ok, warning
from daemon.importer import goods
from daemon.mounts import Mount, mount_of

_ALL_RIGHTS = "rwx"
_TO_READ = "rx"

#: The groups of web servers, as distributions call them.
_WEB_SERVERS = ("www-data", "nginx", "apache", "http")


def examine(settings: Settings) -> Iterator[Finding]:
    """Given the settings, yield what is found; what lies in a directory that cannot be used is left out."""
    exchange = settings.exchange
    yield from guarded("exchange directory", SEE_KERNEL, _directory(exchange.dir))
    usable = _is_usable(exchange.dir)
    for root in exchange.image_roots:
        if usable or Path(root).is_absolute():
            yield from guarded(f"image root {root}", SEE_KERNEL, _image_root(exchange.dir, root))
    for pattern in exchange.catalog if usable else ():
        yield from guarded(f"catalogue {pattern}", SEE_KERNEL, _catalogue(exchange.dir, pattern))
    yield from guarded("file system of the exchange", SEE_KERNEL, _file_systems(settings))
    if usable or settings.trigger.file.parent != exchange.dir:
        yield from guarded("trigger file", SEE_KERNEL, _trigger(settings.trigger.file))


def _is_usable(directory: Path) -> bool:
    with suppress(OSError):
        return not is_missing(directory) and obstacle(directory, _TO_READ) is None
    return False


def _directory(directory: Path) -> Iterator[Finding]:
    subject = "exchange directory"
    if is_missing(directory):
        remedy = f"set [exchange] dir to where the exchange puts its files, or: mkdir -p {quoted(directory)}"
        yield error(subject, f"{directory} does not exist", remedy)
    elif problem := obstacle(directory, _TO_READ, granting_below(directory, directory)):
        yield error(subject, *problem)
    else:
        yield ok(subject, f"{directory} can be read")


def _image_root(directory: Path, name: str) -> Iterator[Finding]:
    subject, path = f"image root {name}", directory / name
    link = None if Path(name).is_absolute() else first_link(directory, name)
    if link:
        target = os.path.realpath(path)
        remedy = f'name its target in [exchange] image_roots: "{target}" instead of "{name}"'
        yield error(subject, f"{link} is a symbolic link, which is not followed", remedy)
    elif is_missing(path):
        remedy = "send pictures from 1C, which makes it, or correct [exchange] image_roots"
        yield warning(subject, f"{path} does not exist now and is waited for", remedy)
    elif problem := obstacle(path, _TO_READ, granting_below(path, path)):
        yield error(subject, *problem)
    else:
        yield from _shards(subject, path)


def _shards(subject: str, path: Path) -> Iterator[Finding]:
    shards = shards_in(path, _TO_READ)
    if shards.links:
        target = os.path.realpath(path / shards.links[0])
        yield warning(
            subject,
            f"symbolic links in {path} are not followed: {listed(shards.links)}",
            f'add the target of each to [exchange] image_roots, as in "{target}"',
        )
    if shards.closed:
        message = f"{user()} may not read directories in {path}: {listed(shards.closed)}"
        yield error(subject, message, granting_below(path, path / shards.closed[0]))
    else:
        yield ok(subject, f"{path} can be read; its directories of two characters: {shards.usable}")


def _catalogue(directory: Path, pattern: str) -> Iterator[Finding]:
    subject = f"catalogue {pattern}"
    files = goods.in_exchange(directory, [pattern])
    reasons = {directory / file.path: _reason(file) for file in files}
    for path, reason in reasons.items():
        if reason:
            yield error(subject, f"{path} cannot be read: {reason}", granting("r", path))
    if not files:
        remedy = "send the catalogue from 1C; if it is called otherwise, correct [exchange] catalog"
        yield warning(subject, f"no file in {directory} has such a name now", remedy)
    elif not any(reasons.values()):
        yield ok(subject, f"can be read: {listed([file.path for file in files])}")


def _reason(file: goods.GoodsFile) -> str:
    try:
        with file.open():
            return ""
    except OSError as failure:
        return failure.strerror or str(failure)


def _file_systems(settings: Settings) -> Iterator[Finding]:
    exchange = settings.exchange
    places = [exchange.dir, *(exchange.dir / root for root in exchange.image_roots)]
    for mount in {mount_of(place) for place in places if os.path.isdir(place)}:
        yield from on_mount(mount)


def on_mount(mount: Mount | None) -> Iterator[Finding]:
    """Given a mount that the exchange lies on, yield a warning where no event tells what changes there."""
    if mount and mount.is_network:
        yield warning(
            "file system of the exchange",
            f"{mount.point} is {mount.kind}: no event tells what others change there, so it is polled",
            'leave [watch] backend at "auto" or set it to "polling", or keep the exchange on a local disk',
        )


def _trigger(file: Path) -> Iterator[Finding]:
    subject, directory = "trigger file", file.parent
    problem = _trigger_problem(directory)
    if problem:
        yield warning(subject, f"none can be taken: {problem.message}", problem.remedy)
    else:
        yield ok(subject, f"{file} can be taken")


def _sharing(directory: Path) -> str:
    """Return the command that makes a directory which the web server may write to as well as the effective user."""
    group = next(filter(_is_group, _WEB_SERVERS), None)
    shared = f"-g {group} -m 2770" if group else "-m 0770"
    return f"install -d -o {user()} {shared} {quoted(directory)}"


def _is_group(name: str) -> bool:
    with suppress(KeyError):
        return bool(grp.getgrnam(name))
    return False


def _trigger_problem(directory: Path) -> Problem | None:
    """Return what keeps the effective user from renaming there what the web server wrote."""
    if is_missing(directory):
        return Problem(f"{directory} does not exist", _sharing(directory))
    if problem := obstacle(directory, _ALL_RIGHTS):
        return problem
    status = directory.stat()
    if status.st_mode & stat.S_ISVTX and os.geteuid() not in {0, status.st_uid}:
        return Problem(
            f"{directory} is sticky: others' files in it cannot be renamed", f"chmod -t {quoted(directory)}"
        )
    return None
