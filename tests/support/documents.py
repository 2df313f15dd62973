"""The pages of the documentation: their blocks of code, headings and links."""

import re
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]

_FENCED = re.compile(r"^```([\w+-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")


class Block(NamedTuple):
    """A block of code."""

    language: str
    code: str


def page(name: str) -> str:
    """Return the text of a page, given where it lies in the project."""
    return (PROJECT / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return the blocks of code in a text."""
    return [Block(*found) for found in _FENCED.findall(text)]


def below(heading: str, text: str) -> str:
    """Return what stands between a heading and the next one, lines in blocks of code being none."""
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading}"
    inside = [match.span() for match in _FENCED.finditer(rest)]
    starts = (match.start() for match in _HEADING.finditer(rest))
    ends = [start for start in starts if not any(begin <= start < end for begin, end in inside)]
    return rest[: ends[0]] if ends else rest


def anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a text have."""
    return {_anchor(heading) for heading in _HEADING.findall(prose(text))}


def _anchor(heading: str) -> str:
    """Return the anchor of a heading as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(text: str) -> list[str]:
    """Return where a text leads to, pictures included."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(text)))


def prose(text: str) -> str:
    """Return a text without its blocks of code."""
    return _FENCED.sub("", text)
