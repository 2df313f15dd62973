"""Catalogue files that have come or changed, found by looking."""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from daemon.importer import goods
from daemon.importer.goods import GoodsFile

_INTERVAL = 2.0  # seconds between two looks
_SHARE = 100  # looking takes at most one part in so many of the time


class _Signature(NamedTuple):
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class GoodsFiles:
    """The catalogue files of an exchange directory, and which of them are to be loaded.

    They are few and lie in a directory that the exchange removes and makes again, so looking is simpler than
    watching, and works on every file system.
    """

    def __init__(self, directory: Path, patterns: Sequence[str], settle: float) -> None:
        """Given the exchange directory, shell patterns of relative paths, and how long a whole file rests."""
        self._directory = directory
        self._patterns = patterns
        self._settle = settle
        self._seen: dict[str, tuple[_Signature, float]] = {}
        self._loaded: dict[str, _Signature] = {}
        self._look_at = 0.0

    def due(self, now: float) -> list[GoodsFile]:
        """Given the time (monotonic, in seconds), return the files that have come or changed and have settled."""
        if now < self._look_at:
            return []
        began = time.monotonic()
        files = self._look(now)
        self._look_at = now + max(_INTERVAL, (time.monotonic() - began) * _SHARE)
        return [file for file in files if self._is_due(file.path, now)]

    def all(self, now: float) -> list[GoodsFile]:
        """Given the time, return all files that are there, settled or not."""
        return self._look(now)

    def _look(self, now: float) -> list[GoodsFile]:
        files = {
            file: self._signature(file.path) for file in goods.in_exchange(self._directory, self._patterns)
        }
        there = {file.path: signature for file, signature in files.items() if signature}
        self._loaded = {path: known for path, known in self._loaded.items() if path in there}
        self._seen = {
            path: self._seen[path]
            if path in self._seen and self._seen[path][0] == signature
            else (signature, now)
            for path, signature in there.items()
        }
        return [file for file in files if file.path in there]

    def _is_due(self, path: str, now: float) -> bool:
        signature, since = self._seen[path]
        return self._loaded.get(path) != signature and now - since >= self._settle

    def loaded(self, files: Iterable[GoodsFile]) -> None:
        """Given files as they were found, note that they have been loaded, for good or ill, as they were then."""
        self._loaded |= {file.path: self._seen[file.path][0] for file in files if file.path in self._seen}

    def _signature(self, path: str) -> _Signature | None:
        try:
            status = os.lstat(self._directory / path)
        except OSError:
            return None
        return _Signature(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
