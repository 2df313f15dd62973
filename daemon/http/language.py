"""Which language a reader wants."""

from collections.abc import Sequence


def preferred(header: str, offered: Sequence[str]) -> str:
    """Given an Accept-Language header and what there is, return the best: the first one offered if none is wanted."""
    best, best_quality = offered[0], 0.0
    for entry in header.split(","):
        tag, _, parameters = entry.partition(";")
        language = tag.strip().lower().partition("-")[0]
        language = offered[0] if language == "*" else language
        quality = _quality(parameters)
        if language in offered and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
