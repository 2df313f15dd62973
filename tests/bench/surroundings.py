"""The machine that is measured on, and what about it makes figures worth less."""

import os
import platform
import re
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from daemon import __version__
from daemon.mounts import mount_of

_MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
_BUSY = 0.5  # processes at work besides, on average
_PROBED = 2000  # files
_SLOW = 15_000  # files per second; a clean ext4 makes three times as many
_DELETED = 2000  # inodes that became free


@dataclass
class Vigil:
    """Watches over a file system on which nothing may be deleted while it is measured.

    ext4 looks for minutes at each inode that was freed just now before it makes another file: whoever is
    measured then is measured at that.
    """

    place: Path
    warnings: list[str] = field(default_factory=list)
    _free: int = 0

    def begin(self) -> None:
        """See whether the machine is quiet and the file system is in its senses."""
        busy = os.getloadavg()[0]
        if busy > _BUSY:
            self.warnings.append(f"the machine was not quiet: {busy:.1f} processes were at work before")
        rate = self._probe()
        if rate < _SLOW:
            self.warnings.append(
                f"making a file took {1e6 / rate:.0f} µs: the file system is slow, or much was deleted on it just now"
            )
        self._free = self._free_inodes()

    def look(self) -> None:
        """See whether many files were deleted since the last look."""
        free = self._free_inodes()
        if free > self._free + _DELETED:
            self.warnings.append(
                f"{free - self._free:,} files were deleted on the file system while it was measured"
            )
        self._free = free

    def _probe(self) -> float:
        directory = self.place / "probe"
        directory.mkdir()
        began = time.perf_counter()
        for number in range(_PROBED):
            os.close(os.open(directory / str(number), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        return _PROBED / (time.perf_counter() - began)

    def _free_inodes(self) -> int:
        return os.statvfs(self.place).f_ffree


def facts(place: Path, postgresql: str | None) -> dict[str, str]:
    """Return what a reader has to know to compare figures with those of another machine."""
    mount = mount_of(place)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "onec-images": f"{__version__}, {_revision()}",
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": mount.kind if mount else "unknown",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": postgresql or "not used",
        "rsync": _first_line("rsync", "--version"),
        "cp": _first_line("cp", "--version"),
    }


def room_for(place: Path, needed: int) -> str | None:
    """Given how many bytes are going to be written, say what is lacking, None if nothing is."""
    free = shutil.disk_usage(place).free
    if free > needed:
        return None
    return f"{place} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed"


def _processor() -> str:
    found = _MODEL.search(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else platform.machine()


def _revision() -> str:
    """Return the commit that is measured."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return _first_line(*git)


def _first_line(*command: str) -> str:
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return " ".join(said.partition("\n")[0].split())
