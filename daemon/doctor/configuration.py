"""Whether the configuration makes sense as a whole."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from daemon.config import Settings
from daemon.doctor.directories import is_missing, quoted
from daemon.doctor.finding import Finding, error, ok, warning


def examine(settings: Settings, file: Path) -> Iterator[Finding]:
    """Given the settings and the file they were read from, yield what is found."""
    yield ok("configuration", f"read from {file}")
    yield from _waiting(settings)
    yield from _nesting(settings)


def _waiting(settings: Settings) -> Iterator[Finding]:
    settle, longest = settings.watch.settle, settings.watch.max_wait
    if longest < settle:
        yield warning(
            "waiting times",
            f"max_wait ({longest:g} s) ends before settle ({settle:g} s): pictures are taken before they settle",
            f"set [watch] max_wait to {settle:g} at least",
        )


def _nesting(settings: Settings) -> Iterator[Finding]:
    media = settings.media.dir
    absolute_roots = [Path(root) for root in settings.exchange.image_roots if Path(root).is_absolute()]
    for place in (settings.exchange.dir, *absolute_roots):
        if is_within(media, place):
            yield error(
                "media directory",
                f"{media} lies in {place}, which the exchange empties",
                "set [media] dir to a directory outside of it",
            )
        elif is_within(place, media):
            yield warning(
                "media directory",
                f"{place} lies in {media}: the shop may serve to everyone what 1C sends",
                f"move {place} out of it, and set [exchange] to its new place",
            )


def is_within(inner: Path, outer: Path) -> bool:
    """Given two paths, return whether the first is, or lies in, the second, wherever links lead."""
    return Path(os.path.realpath(inner)).is_relative_to(os.path.realpath(outer))


def correcting(section: str, file: Path) -> str:
    """Given a section of the configuration and its file, return the remedy where the section is wrong."""
    return f"correct [{section}] in {file}"


def initializing(file: Path) -> str:
    """Given the configuration file, return the command that makes the daemon's tables."""
    return f"{program()} --config {quoted(file)} init-db"


def program() -> str:
    """Return how a shell calls this program, be it on the path or not."""
    script = Path(sys.executable).with_name("onec-images")
    found = shutil.which(script.name)
    if found and not is_missing(script) and os.path.samefile(found, script):
        return script.name
    return f"{quoted(Path(sys.executable))} -m daemon" if is_missing(script) else quoted(script)
