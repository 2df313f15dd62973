"""The programs that the daemon is measured against."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.processes import FailedError, Run, timed
from bench.stands import Stand, fresh
from bench.trees import Tree
from support import sql

_COPY = 'cp -a "$1/." "$2" && sync -f "$2"'
_REFERENCE = Path(__file__).with_name("reference_task.py")

#: What is said where rsync is not installed.
NO_RSYNC = "rsync is not installed: nothing was compared with it (apt-get install rsync)"


@dataclass(frozen=True)
class Peers:
    """Programs that copy a tree; each call has a destination of its own."""

    place: Path
    tree: Tree

    def cp_and_sync(self) -> Run:
        """Time ``cp -a`` followed by ``sync -f``, which is what makes its copies durable. Raises FailedError."""
        target = fresh(self.place, "cp")
        run = timed(["sh", "-c", _COPY, "sh", self.tree.pictures, target], self.place)
        return self._checked(run, target)

    def rsync(self) -> Run:
        """Time ``rsync -a``. Raises FailedError."""
        target = fresh(self.place, "rsync")
        run = timed(["rsync", "-a", f"{self.tree.pictures}/", f"{target}/"], self.place)
        return self._checked(run, target)

    def _checked(self, run: Run, target: Path) -> Run:
        if (found := count(target)) != self.tree.files:
            raise FailedError(f"{found} of {self.tree.files} files were copied to {target}")
        return run


def rsync_nothing(stand: Stand) -> Run:
    """Time ``rsync -an`` where an import has brought everything. Raises FailedError."""
    return timed(["rsync", "-an", f"{stand.tree.pictures}/", f"{stand.pictures}/"], stand.place)


def different(stand: Stand) -> list[str]:
    """Return the pictures that are not in the media as they are in the exchange, as rsync sees it."""
    command = ["rsync", "-ani", "--omit-dir-times", f"{stand.tree.pictures}/", f"{stand.pictures}/"]
    listed = timed(command, stand.place).output.decode().splitlines()
    return [
        line for line in listed if line[1] == "f"
    ]  # not the directories, of which those without pictures lack


def reference(stand: Stand) -> Run:
    """Time the plain algorithm on a shop that the daemon does not use meanwhile. Raises FailedError."""
    database = stand.database.url
    if stand.database.is_sqlite:
        sql.script(database, "PRAGMA journal_mode = DELETE")  # SQLite's own; WAL is what the daemon asks for
    return timed(
        [sys.executable, _REFERENCE, database, stand.tree.pictures, stand.place / "media"], stand.place
    )


def has_rsync() -> bool:
    """Return whether there is rsync to compare with."""
    return shutil.which("rsync") is not None


def count(directory: Path) -> int:
    """Return how many files are below a directory."""
    return sum(len(files) for _, _, files in os.walk(directory))
