"""Which file name belongs to which product, and where its copy is stored. Pure text, no input or output."""

import fnmatch
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from zlib import crc32

_UUID = re.compile("-".join(f"[0-9a-fA-F]{{{digits}}}" for digits in (8, 4, 4, 4, 12)))
_UUID_FIRST = re.compile(rf"{_UUID.pattern}(?:_|\Z)")
_UUID_LENGTH = 36
_SHARD_LENGTH = 2  # characters

#: The shard of a key of one character.
SHARD_OF_SHORT_KEYS = "00"


def is_uuid(text: str) -> bool:
    """Given any text, return whether it has the shape of a UUID, in either case."""
    return len(text) == _UUID_LENGTH and _UUID.fullmatch(text) is not None


def canonical(key: str) -> str:
    """Given a key or a part of a file name, return the form in which keys are compared.

    UUIDs match without regard to case, everything else matches exactly.
    """
    if len(key) != _UUID_LENGTH or not _UUID.fullmatch(key):
        return key
    lower = key.lower()
    return key if key == lower else lower  # one text, not two that are equal: there may be a million of them


def canonical_id(onec_id: str) -> str:
    """Given an onec_id, return the form in which onec_ids are compared: each UUID in it in lower case."""
    return "#".join(map(canonical, onec_id.split("#")))


def known_as(onec_id: str, key: str) -> tuple[str, ...]:
    """Given an onec_id and its key, return the ids under which a catalogue may name the product, the closest first."""
    return (key,) if onec_id == key else (canonical_id(onec_id), key)


def key_of(onec_id: str | None) -> str | None:
    """Given an onec_id as the database has it, return its canonical key, None if it can have no pictures.

    The key is the part before the first ``#``. One with a path separator, a NUL or a leading dot could
    name a file elsewhere, and never matches anything.
    """
    key = (onec_id or "").partition("#")[0]
    if not key or key.startswith(".") or "/" in key or "\0" in key:
        return None
    return canonical(key)


def shard_of(key: str) -> str:
    """Given a canonical key, return the name of the directory that holds its pictures."""
    return key[:2] if len(key) > 1 else SHARD_OF_SHORT_KEYS


def is_shard(name: str) -> bool:
    """Given the name of a directory in an image root, return whether pictures are looked for in it."""
    return len(name) == _SHARD_LENGTH and name[0] != "."


def section_of(text: str) -> str:
    """Given a canonical key or the stem of a file name, return the section of the import it belongs to.

    A file name and every key it could belong to begin with the same text before the first ``_``, so they
    always fall into the same section, wherever the file lies. UUIDs go by halves of their shard, which keeps
    the work in one directory; other codes often begin alike and are spread evenly by a checksum.
    """
    if _UUID_FIRST.match(text):
        half = "-" if text[2] < "8" else "+"
        return text[:2].lower() + half
    first = text.partition("_")[0]
    return f"~{crc32(first.encode(errors='surrogatepass')) & 0xFF:02x}"


def underscores(keys: Iterable[str]) -> int:
    """Given keys, return how many underscores the one with most of them has."""
    return max((key.count("_") for key in keys), default=0)


def owner(stem: str, keys: Container[str], most_underscores: int) -> str | None:
    """Given the stem of a file name and the keys that exist, return the key it belongs to, None if none.

    Candidates are the stem and every part of it that ends before a ``_``. The whole key must match, and
    the longest one wins: ``12_3_a`` is a picture of ``12`` only where there is no ``12_3``. Candidates with
    more underscores than any key has are not tried.
    """
    parts = stem.split("_", most_underscores + 1)
    candidate = "_".join(parts[:-1]) if len(parts) > most_underscores + 1 else stem
    while candidate not in keys:  # most names are written as keys are, which is quickly seen
        if (key := canonical(candidate)) in keys:
            return key
        candidate, mark, _ = candidate.rpartition("_")
        if not mark:
            return None
    return candidate


def candidates(stem: str) -> list[str]:
    """Given the stem of a file name, return the canonical keys that it could belong to, the longest first."""
    parts = stem.split("_")
    return [canonical("_".join(parts[:length])) for length in range(len(parts), 0, -1)]


def hint_of(stem: str) -> str:
    """Given the stem of a picture, return what is enough to find its product: a UUID it begins with, else all of it."""
    first = stem.partition("_")[0]
    return first.lower() if is_uuid(first) else stem


def group_of(hint: str) -> str:
    """Given a hint, return what the pictures of one product have in common as far as names can tell.

    It is the UUID, or the part before the last ``_``, which 1C puts before the name of the picture.
    """
    return hint if is_uuid(hint) else hint.rpartition("_")[0] or hint


def file_name(path: str) -> str:
    """Given a path as a row or a catalogue has it, return its last part."""
    return path.rpartition("/")[2]


def is_text(name: str) -> bool:
    """Given a file name as the operating system gave it, return whether its bytes are UTF-8."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """Given any text from outside, return it with control and undecodable characters shown escaped."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


@dataclass(frozen=True, slots=True)
class PictureNames:
    """Which file names are pictures: those with a known extension that are neither hidden nor ignored."""

    extensions: frozenset[str]
    ignored: re.Pattern[str] | None

    @classmethod
    def from_patterns(cls, extensions: Iterable[str], ignore: Iterable[str]) -> "PictureNames":
        """Given extensions without their dot and shell patterns of file names to ignore, return the rule."""
        patterns = "|".join(fnmatch.translate(pattern) for pattern in ignore)
        return cls(frozenset(map(str.lower, extensions)), re.compile(patterns) if patterns else None)

    def stem(self, name: str) -> str | None:
        """Given a file name, return the part before its extension, None if it is not a picture's name."""
        stem, _, extension = name.rpartition(".")
        if not stem or stem[0] == "." or extension.lower() not in self.extensions:
            return None
        return None if self.ignored and self.ignored.match(name) else stem
