"""On which mounted file system a directory lies."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MOUNT_ID = re.compile(r"^mnt_id:\s*(\d+)$", re.MULTILINE)
_OCTAL = re.compile(r"\\([0-7]{3})")

#: Other machines change them behind the kernel's back; those of FUSE are "fuse" or "fuse.<program>".
_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "afs", "lustre", "fuse"),
        *("beegfs", "gfs2", "glusterfs", "gpfs", "ocfs2"),
    }
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: where, and of which type."""

    point: str
    kind: str

    @property
    def is_network(self) -> bool:
        """Whether others may change it unseen: no event tells, and neither its times nor its locks can be trusted."""
        return self.kind in _NETWORK or self.kind.startswith("fuse.")


def mount_of(directory: Path) -> Mount | None:
    """Given a directory, return the mount it lies on, None where the system does not tell. Raises OSError.

    It is asked of the kernel and not told by the path, so links and mounts over mounts do not matter.
    """
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        number = _MOUNT_ID.search(Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii"))
    finally:
        os.close(descriptor)
    if number is None:
        return None
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return mount_with(number[1], table.splitlines())


def is_network(directory: Path) -> bool:
    """Given a directory that may not be there yet, return whether others may change it unseen."""
    while not directory.is_dir() and directory != directory.parent:
        directory = directory.parent
    try:
        mount = mount_of(directory)
    except OSError:
        return False
    return mount is not None and mount.is_network


def mount_with(number: str, table: Iterable[str]) -> Mount | None:
    """Given the number of a mount and the lines of a mountinfo file, return it, None if it is not among them."""
    for line in table:
        mount, _, system = line.partition(" - ")
        fields = mount.split(" ")
        if fields[0] == number:
            return Mount(_plain(fields[4]), _plain(system.split(" ")[0]))
    return None


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
