"""Files, and what lies in a directory."""

import os
import stat
from pathlib import Path


def put(path: Path, content: bytes = b"picture", *, modified_ns: int | None = None) -> Path:
    """Write a file, with the directories above it, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if modified_ns is not None:
        os.utime(path, ns=(modified_ns, modified_ns))
    return path


def replace(path: Path, content: bytes) -> None:
    """Put another file in the place of one, as a careful sender does."""
    put(path.with_name(".coming"), content).replace(path)


def tree(directory: Path) -> dict[str, bytes]:
    """Return every regular file below a directory, hidden ones too, with its content."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if stat.S_ISREG(path.lstat().st_mode)
    }


def mode(path: Path) -> int:
    """Return the permissions of a file or directory."""
    return stat.S_IMODE(path.lstat().st_mode)


def change_status_after(path: Path, moment_ns: int) -> None:
    """Change nothing but the status of a file, and that at a later moment by the kernel's clock, which ticks."""
    while path.stat().st_ctime_ns <= moment_ns:
        path.chmod(mode(path))
