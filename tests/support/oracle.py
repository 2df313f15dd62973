"""What an import must make of an exchange, of products and of what was there before, worked out anew.

It shares nothing with the product but the contract: it looks at everything, one product after the other, with no
thought of speed, and takes what it knows from the file system and from the rows.
"""

import fnmatch
import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.workshop import Row, Workshop

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_COLUMN = 255
_LARGEST = 64 << 20  # bytes that are ever looked at
_EXTENSIONS = ("jpg", "jpeg", "png")


@dataclass(frozen=True)
class Terms:
    """What the import is told."""

    image_roots: Sequence[str] = ("goods/import_files",)
    extensions: Sequence[str] = _EXTENSIONS
    ignore: Sequence[str] = ()
    prefix: str = "products"
    placeholder: str = "products/placeholder.png"
    mirror: bool = False
    checksum: bool = False
    max_file_size: int = _LARGEST


@dataclass(frozen=True)
class File:
    """What can be known of one file."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    content: bytes


@dataclass
class Expected:
    """What must be there after the import."""

    media: dict[str, tuple[bytes, int]]
    pictures: dict[int, tuple[str | None, Any]] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    copied: int = 0
    bytes_copied: int = 0
    skipped_files: int = 0
    compared_files: int = 0
    unmatched: int = 0
    missing: int = 0
    total_products: int = 0

    @property
    def figures(self) -> dict[str, int]:
        """The figures of the session."""
        return {
            "total_products": self.total_products,
            "processed": self.total_products,
            "copied": self.copied,
            "bytes_copied": self.bytes_copied,
            "skipped_files": self.skipped_files,
            "compared_files": self.compared_files,
            "errors": len(self.refused),
            "unmatched": self.unmatched,
            "missing": self.missing,
        }


def expected(
    workshop: Workshop, catalogue: Mapping[str, Sequence[str]], terms: Terms | None = None
) -> Expected:
    """Work out what a full import must make of a workshop as it is now."""
    return _Oracle(workshop, catalogue, terms or Terms()).answer()


def check(workshop: Workshop, before: Sequence[Row], foreseen: Expected, figures: Mapping[str, Any]) -> None:
    """Compare what is there now with what was foreseen."""
    stored = {path: (file.content, file.mtime_ns) for path, file in workshop.stored().items()}
    assert stored.keys() == foreseen.media.keys()
    assert stored == foreseen.media
    old = {row.id: row for row in before}
    rows = workshop.rows()
    assert {row.id: (row.main_image, row.gallery_images) for row in rows} == foreseen.pictures
    assert {row.id for row in rows if row.updated_at != old[row.id].updated_at} == foreseen.changed
    assert {name: figures[name] for name in foreseen.figures} == foreseen.figures
    assert figures["skipped"] == figures["skipped_files"] + figures["skipped_products"]
    assert {os.path.basename(sample["path"]) for sample in figures["error_samples"]} <= foreseen.refused


class _Oracle:
    def __init__(self, workshop: Workshop, catalogue: Mapping[str, Sequence[str]], terms: Terms) -> None:
        self.terms = terms
        self.catalogue = catalogue
        self.rows = workshop.rows()
        self.keys = {_folded(key) for row in self.rows if (key := _key(row.onec_id))}
        self.sources = self._sources(workshop.exchange)
        self.media = _media(workshop.media)
        self.sound: dict[str, bool] = {}
        self.replaced: set[str] = set()
        self.result = Expected({path: (file.content, file.mtime_ns) for path, file in self.media.items()})

    def answer(self) -> Expected:
        active: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.is_active:
                self.result.total_products += 1
                if key := _key(row.onec_id):
                    active.setdefault(_folded(key), []).append(row)
        owned = self._owned(active)
        for key, rows in active.items():
            for name in owned[key]:
                self._bring(_key(rows[0].onec_id) or "", name)
        for row in self.rows:
            self.result.pictures[row.id] = (row.main_image, row.gallery_images)
        for key, rows in active.items():
            for row in rows:
                self._compose(row, owned[key])
        self._count_what_is_gone(active)
        return self.result

    def _owned(self, active: Collection[str]) -> dict[str, list[str]]:
        """Give each active key the names of its pictures, and count those that no active key owns."""
        owned: dict[str, list[str]] = {key: [] for key in active}
        for name, source in self.sources.items():
            owner = self._owner(name)
            if owner in owned:
                owned[owner].append(name)
            elif stat.S_ISREG(source.mode):
                self.result.unmatched += 1
        return owned

    def _sources(self, exchange: Path) -> dict[str, File]:
        """Find the pictures by name; of several with one name, the one that changed last."""
        found: dict[str, File] = {}
        for root in self.terms.image_roots:
            directories = [exchange / root]
            if not directories[0].is_dir():
                continue
            directories += [
                path
                for path in directories[0].iterdir()
                if len(path.name) == 2 and path.is_dir() and not path.is_symlink()
            ]
            for directory in directories:
                for path in directory.iterdir():
                    if self._is_picture(path.name):
                        file = _file(path)
                        if path.name not in found or found[path.name].ctime_ns < file.ctime_ns:
                            found[path.name] = file
        return found

    def _is_picture(self, name: str) -> bool:
        if name.startswith(".") or name.endswith((".lock", ".tmp", ".part", "~")):
            return False
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.terms.ignore):
            return False
        stem, dot, extension = name.rpartition(".")
        return bool(stem and dot) and extension.lower() in self.terms.extensions

    def _owner(self, name: str) -> str | None:
        """Return the longest part of a name that is a key."""
        stem = name.rpartition(".")[0]
        parts = [stem, *(stem[:at] for at in range(len(stem) - 1, 0, -1) if stem[at] == "_")]
        return next((_folded(part) for part in parts if _folded(part) in self.keys), None)

    def _path(self, key: str, name: str) -> str:
        shard = "00" if len(key) == 1 else _folded(key)[:2]
        return f"{self.terms.prefix}/{shard}/{name}"

    def _bring(self, key: str, name: str) -> None:
        source, path = self.sources[name], self._path(key, name)
        self.sound[name] = (
            stat.S_ISREG(source.mode)
            and 0 < source.size <= self.terms.max_file_size
            and len(path) <= _COLUMN
            and name == os.fsencode(name).decode(errors="replace")
        )
        if not self.sound[name]:
            self.result.refused.add(name)
            return
        copy = self.media.get(path)
        if copy and _is_current(source, copy) and not self.terms.checksum:
            self.result.skipped_files += 1  # whatever it holds: nothing tells of a difference
            return
        self.result.compared_files += copy is not None and copy.size == source.size
        if copy and copy.content == source.content:
            self.result.skipped_files += 1
        else:
            self.result.copied += 1
            self.result.bytes_copied += source.size
            if copy:
                self.replaced.add(name)
        self.result.media[path] = (source.content, source.mtime_ns)

    def _compose(self, row: Row, owned: Sequence[str]) -> None:
        key = _key(row.onec_id) or ""
        named = self._named(row)
        here = {name for name in owned if self.sound[name]}
        ordered = [name for name in named if name in here]
        ordered += sorted(here.difference(ordered), key=str.encode)
        after = None
        if self.terms.mirror and named:
            wanted = [name for name in named if name in here or self._path(key, name) in self.media]
            after = self._mirrored(row, wanted) if wanted else (row.main_image, row.gallery_images)
        after = after or self._appended(row, ordered)
        self.result.pictures[row.id] = after
        if after != (row.main_image, row.gallery_images) or self.replaced & here:
            self.result.changed.add(row.id)

    def _named(self, row: Row) -> list[str]:
        """Return the product's own among the pictures that the catalogue names for it, or else for its key."""
        key = _key(row.onec_id) or ""
        names = self.catalogue.get(row.onec_id or "", self.catalogue.get(key, ()))
        return [name for name in dict.fromkeys(names) if self._owner(name) == _folded(key)]

    def _appended(self, row: Row, ordered: Sequence[str]) -> tuple[str | None, Any]:
        key = _key(row.onec_id) or ""
        main, gallery = row.main_image, list(row.gallery_images or [])
        if not ordered:
            return main, row.gallery_images
        if main in (None, "", self.terms.placeholder):
            main = self._path(key, ordered[0])
            gallery = [entry for entry in gallery if os.path.basename(_text(entry)) != ordered[0]]
        for at, entry in enumerate(gallery):
            if _text(entry).startswith(f"{self.terms.prefix}/") and os.path.basename(entry) in ordered:
                gallery[at] = self._path(key, os.path.basename(entry))
        there = {os.path.basename(entry) for entry in map(_text, [main, *gallery])}
        gallery += [self._path(key, name) for name in ordered if name not in there]
        return main, gallery if gallery or row.gallery_images is not None else None

    def _mirrored(self, row: Row, wanted: Sequence[str]) -> tuple[str | None, Any]:
        key = _key(row.onec_id) or ""
        main, *others = (self._path(key, name) for name in wanted)
        entries = [row.main_image, *(row.gallery_images or [])]
        if row.main_image in {None, "", self.terms.placeholder}:
            del entries[0]
        staff = [entry for entry in entries if not self._is_of_1c(key, entry)]
        return main, [*others, *staff]

    def _is_of_1c(self, key: str, entry: object) -> bool:
        return self._owner(os.path.basename(_text(entry))) == _folded(key)

    def _count_what_is_gone(self, active: Mapping[str, Sequence[Row]]) -> None:
        """Count what rows or the catalogue name and the exchange does not hold."""
        stored, missing = set(), set()
        for key, rows in active.items():
            for row in rows:
                entries = [row.main_image, *(row.gallery_images or [])]
                for entry in filter(None, map(_text, entries)):
                    name = os.path.basename(entry)
                    is_own = self._owner(name) == key
                    if entry == self.terms.placeholder or (is_own and name in self.sources):
                        continue
                    if is_own and self._path(key, name) in self.media:
                        stored.add(name)
                    elif entry not in self.media:
                        missing.add(name if is_own else entry)
                for name in self._named(row):
                    if name not in self.sources and self._path(key, name) in self.media:
                        stored.add(name)
        self.result.skipped_files += len(stored)
        self.result.missing += len(missing)


def _key(onec_id: str | None) -> str | None:
    """Return what a name must begin with, if an onec_id can name a file."""
    key = (onec_id or "").split("#")[0]
    return None if not key or "/" in key or "\0" in key or key.startswith(".") else key


def _folded(key: str) -> str:
    return key.lower() if _UUID.fullmatch(key) else key


def _text(entry: object) -> str:
    return entry if isinstance(entry, str) else ""


def _is_current(source: File, copy: File) -> bool:
    return source.size == copy.size and source.mtime_ns == copy.mtime_ns and source.ctime_ns <= copy.ctime_ns


def _file(path: Path) -> File:
    found = path.lstat()
    is_readable = stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST
    content = path.read_bytes() if is_readable else b""
    return File(found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, content)


def _media(media: Path) -> dict[str, File]:
    return {
        str(path.relative_to(media)): file
        for path in media.rglob("*")
        if stat.S_ISREG((file := _file(path)).mode)
    }
