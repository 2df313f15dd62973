"""Whether the configuration makes sense as a whole."""

import os
from collections.abc import Iterator
from pathlib import Path

from daemon.config import Settings
from daemon.config.values import formatted_seconds
from daemon.doctor.finding import Finding, error, ok, warning


def examine(settings: Settings, file: Path) -> Iterator[Finding]:
    """Given the settings and the file they were read from, yield what is found."""
    yield ok("configuration", f"read from {file}")
    yield from _waiting(settings)
    yield from _nesting(settings)


def _waiting(settings: Settings) -> Iterator[Finding]:
    settle, longest = map(formatted_seconds, (settings.watch.settle, settings.watch.max_wait))
    if longest < settle:
        yield warning(
            "waiting times",
            f"max_wait ({longest} s) ends before settle ({settle} s): pictures are never waited for to settle",
            f"set [watch] max_wait to {settle} at least",
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
