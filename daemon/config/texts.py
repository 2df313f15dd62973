"""Texts, paths and lists of them: what is accepted, in its normal form.

Each parser is given what TOML or the environment holds, returns the plain value, and raises a ValueError
whose text says what is accepted and what was found.
"""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final, TypeGuard

from daemon.config.values import decoded, refuse

_LISTEN: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:/\s]+):([0-9]{1,5})")
_HIGHEST_PORT: Final = 65535


def is_text(value: object) -> TypeGuard[str]:
    """Return whether the value is a text that files, databases and TOML can hold."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(value: object) -> str:
    """Return a text, which may be empty."""
    if not is_text(value):
        refuse("must be a text in UTF-8 without NUL", value)
    return str(value)


def name(value: object) -> str:
    """Return the name of a table or a column."""
    if not is_text(value) or not value.strip():
        refuse("must be a name", value)
    return str(value)


def optional_name(value: object) -> str:
    """Return the name of a column, or an empty text for "no such column"."""
    return "" if value == "" else name(value)


def path(value: object) -> Path:
    """Return a path, which may be relative."""
    entry = str(value) if isinstance(value, Path) else value
    if not is_text(entry) or not entry:
        refuse("must be a path", value)
    return Path(entry)


def prefix(value: object) -> str:
    """Return the directory below the media directory that is part of every product image."""
    if not is_text(value) or any(segment in {"", ".", ".."} for segment in value.split("/")):
        refuse('must be a relative path such as "products", without empty, "." or ".." parts', value)
    return str(value)


def _image_root(value: object) -> str:
    """Return an image root: relative to the exchange directory, or absolute."""
    if not is_text(value) or not _is_downward(value):
        refuse('must hold paths without ".."', value)
    return str(PurePosixPath(value))


def _relative_pattern(value: object) -> str:
    """Return a pattern of files below the exchange directory."""
    if not is_text(value) or not _is_downward(value) or value.startswith("/"):
        refuse('must hold patterns of files relative to the exchange directory, without ".."', value)
    return str(PurePosixPath(value))


def _is_downward(entry: str) -> bool:
    return entry != "" and ".." not in entry.split("/")


def _name_pattern(value: object) -> str:
    """Return a pattern of names to ignore."""
    if not is_text(value) or not value:
        refuse("must hold file names or patterns of them", value)
    return str(value)


def _extension(value: object) -> str:
    """Return an extension of file names in lower case, without its dot."""
    bare = value.removeprefix(".").lower() if is_text(value) else ""
    if not bare or set(bare) & set("./*? "):
        refuse('must hold extensions of file names such as "jpg"', value)
    return bare


def command(value: object) -> tuple[str, ...]:
    """Return a command as its words, none where there is no command."""
    words = () if value == "" else decoded(value)
    if not isinstance(words, list | tuple) or not all(map(is_text, words)):
        refuse('must be a list of words such as ["/usr/bin/notify", "shop"], or empty', value)
    if words and not words[0]:
        refuse("must begin with the program to run", "")
    return tuple(map(str, words))


def listen_address(value: object) -> str:
    """Return a host and port to listen on, or an empty text for none."""
    if value == "":
        return ""
    parts = _LISTEN.fullmatch(value) if is_text(value) else None
    if parts is None or not 1 <= int(parts[1]) <= _HIGHEST_PORT:
        refuse('must be a host and a port such as "127.0.0.1:9464", or empty', value)
    return str(value)


def _list_of(
    entry: Callable[[object], str], example: str, *, filled: bool = False
) -> Callable[[object], tuple[str, ...]]:
    """Return the parser of lists of what ``entry`` parses, each once; ``filled`` refuses the empty list."""

    def parse(value: object) -> tuple[str, ...]:
        entries = decoded(value)
        if not isinstance(entries, list | tuple):
            refuse(f"must be a list such as {example}", value)
        if filled and not entries:
            refuse(f"must be a list such as {example}", "[]")
        return tuple(dict.fromkeys(entry(item) for item in entries))

    return parse


#: Image roots, relative to the exchange directory or absolute; one at least.
image_roots: Final = _list_of(_image_root, '["goods/import_files"]', filled=True)

#: Patterns of catalogue files below the exchange directory.
catalog: Final = _list_of(_relative_pattern, '["goods/goods*.xml"]')

#: Extensions of pictures, lower case, without their dot; one at least.
extensions: Final = _list_of(_extension, '["jpg", "png"]', filled=True)

#: Patterns of names to ignore.
ignore: Final = _list_of(_name_pattern, '["*_draft.jpg"]')
