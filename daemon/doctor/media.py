"""Whether the media directory can take product images."""

import os
from collections.abc import Iterator
from pathlib import Path

from daemon.config import Settings
from daemon.doctor.directories import (
    SEE_KERNEL,
    first_link,
    is_missing,
    listed,
    may,
    nearest_existing,
    obstacle,
    quoted,
    shards_in,
    sharing_below,
    user,
)
from daemon.doctor.finding import Finding, Problem, error, guarded, ok, warning
from daemon.mounts import Mount, mount_of

_ALL_RIGHTS = "rwx"


def examine(settings: Settings) -> Iterator[Finding]:
    """Given the settings, yield what is found."""
    place = settings.media.dir / settings.media.prefix
    yield from guarded("media directory", SEE_KERNEL, _directory(settings, place))
    existing = nearest_existing(place)
    if may(existing, ""):
        yield from guarded("free space", SEE_KERNEL, _free_space(existing, settings.media.min_free))
        yield from guarded("file system of the media", SEE_KERNEL, _file_system(existing))


def _directory(settings: Settings, place: Path) -> Iterator[Finding]:
    subject = "media directory"
    if problem := _problem(settings, place):
        yield error(subject, *problem)
    elif is_missing(place):
        yield ok(subject, f"{place} will be made by the first import")
    else:
        yield from _shards(subject, place)


def _problem(settings: Settings, place: Path) -> Problem | None:
    media = settings.media
    making = f"install -d -o {user()} -m {media.dir_mode:04o}"
    if is_missing(media.dir):
        if media.dir.is_symlink():
            target = Path(os.path.realpath(media.dir))
            return Problem(f"{media.dir} is a symbolic link that leads nowhere", f"{making} {quoted(target)}")
    elif problem := obstacle(media.dir, "rx") or _link(media.dir, media.prefix):
        return problem
    existing = nearest_existing(place)
    if existing == place:
        return obstacle(place, _ALL_RIGHTS, sharing_below(place))
    return obstacle(existing, "wx", f"{making} {quoted(place)}")


def _link(directory: Path, prefix: str) -> Problem | None:
    link = first_link(directory, prefix)
    if link is None:
        return None
    return Problem(f"{link} is a symbolic link, which is not followed", _mounting(link))


def _mounting(link: Path) -> str:
    target = Path(os.path.realpath(link))
    return f"rm {quoted(link)} && mkdir {quoted(link)} && mount --bind {quoted(target)} {quoted(link)}"


def _shards(subject: str, place: Path) -> Iterator[Finding]:
    shards = shards_in(place, _ALL_RIGHTS)
    if shards.links:
        message = f"symbolic links in {place} are not followed: {listed(shards.links)}"
        yield error(subject, message, _mounting(place / shards.links[0]))
    if shards.closed:
        message = f"{user()} may not write to directories in {place}: {listed(shards.closed)}"
        yield error(subject, message, sharing_below(place))
    else:
        yield ok(subject, f"{place} can be written to; its directories of two characters: {shards.usable}")


def _free_space(existing: Path, min_free: int) -> Iterator[Finding]:
    subject = "free space"
    status = os.statvfs(existing)
    free = status.f_bavail * status.f_frsize
    left = f"{free >> 20} MiB are free in {existing}"
    if free < min_free:
        remedy = f"remove what is not needed (df -h {quoted(existing)}), or lower [media] min_free"
        yield error(subject, f"{left}, [media] min_free wants {min_free >> 20} MiB", remedy)
    elif status.f_files and not status.f_favail:
        remedy = f"remove what is not needed (df -i {quoted(existing)})"
        yield error(subject, f"{left}, but no inodes for more files", remedy)
    else:
        yield ok(subject, left)


def _file_system(existing: Path) -> Iterator[Finding]:
    yield from on_mount(mount_of(existing))


def on_mount(mount: Mount | None) -> Iterator[Finding]:
    """Given the mount that the media lie on, yield a warning where times of change are not trusted."""
    if mount and mount.is_network:
        yield warning(
            "file system of the media",
            f"{mount.point} is {mount.kind}: its times are not trusted, contents are compared instead, slower",
            "keep the media on a local disk where that takes too long",
        )
