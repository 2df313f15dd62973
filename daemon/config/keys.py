"""The keys that the configuration knows, and what is said of one that it does not know."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from daemon.config.settings import Settings
from daemon.config.values import LONGEST_SHOWN, escaped

#: What a section holds: values and further sections, by their keys.
Values = Mapping[str, Any]

#: Where a key stands: the names of its sections, then its own.
Place = tuple[str, ...]

Candidate = TypeVar("Candidate")

VARIABLE_PREFIX: Final = "ONEC_IMAGES_"

#: Names the configuration file; it overrides no key.
FILE_VARIABLE: Final = "ONEC_IMAGES_CONFIG"

# How alike two names are, from 0 to 1, for one to be taken for a slip of the other; among the keys of all
# sections some name is always a little like it.
_LIKELY: Final = 0.6
_SURE: Final = 0.8


@cache
def sections() -> Mapping[Place, tuple[str, ...]]:
    """Return the names in every section, by its place; that of the whole file is the empty one."""
    return dict(_sections((), Settings))


def _sections(place: Place, model: type[BaseModel]) -> Iterator[tuple[Place, tuple[str, ...]]]:
    members = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    yield place, tuple(members)
    for name, annotation in members.items():
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _sections((*place, name), annotation)


@cache
def places() -> tuple[Place, ...]:
    """Return the place of every key that has a value, section by section."""
    every = ((*section, name) for section, names in sections().items() for name in names)
    return tuple(place for place in every if place not in sections())


@cache
def variables() -> Mapping[str, Place]:
    """Return the places of all keys, by the names of the environment variables that override them."""
    return {variable(place): place for place in places()}


def variable(place: Place) -> str:
    """Return the name of the environment variable that overrides a key."""
    return VARIABLE_PREFIX + "__".join(place).upper()


def label(place: Place) -> str:
    """Return how a message names a key, ``[section] key``, or a section."""
    if place in sections():
        return f"[{_dotted(place)}]"
    *section, key = place
    return f"[{_dotted(section)}] {_quoted(key)}" if section else _quoted(key)


def _dotted(place: Iterable[str]) -> str:
    return ".".join(map(_quoted, place))


def _quoted(name: str) -> str:
    return escaped(name[:LONGEST_SHOWN])


def known(values: Values, section: Place = ()) -> Values:
    """Return the values of a section without those that ``complaints`` is about."""
    return {
        name: known(value, (*section, name)) if (*section, name) in sections() else value
        for name, value in values.items()
        if name in sections()[section] and _has_its_kind((*section, name), value)
    }


def complaints(values: Values, section: Place = ()) -> Iterator[str]:
    """Return a line for every name in a section that is not known, or no section where it should be one."""
    for name, value in values.items():
        place = (*section, name)
        if name not in sections()[section]:
            yield _unknown_section(place) if isinstance(value, dict) else _unknown_key(place)
        elif not _has_its_kind(place, value):
            yield f"{label(place)}: must be a section with keys of its own, not a value"
        elif place in sections():
            yield from complaints(value, place)


def _has_its_kind(place: Place, value: object) -> bool:
    return place not in sections() or isinstance(value, dict)


def _unknown_section(place: Place) -> str:
    named = [section for section in sections() if section]
    by_name = {section[-1]: section for section in named} | {_dotted(section): section for section in named}
    nearest = _nearest(_dotted(place), by_name)
    hint = f"did you mean {label(nearest)}?" if nearest else f"known are {', '.join(map(label, named))}"
    return f"[{_dotted(place)}]: unknown section; {hint}"


def _unknown_key(place: Place) -> str:
    *section, key = place
    names = sections()[tuple(section)] if section else ()
    near = _nearest(key, {name: name for name in names})
    elsewhere = _nearest(key, {each[-1]: each for each in reversed(places())}, _SURE)
    if near:
        hint = f'did you mean "{near}"?'
    elif elsewhere:
        hint = f"did you mean {label(elsewhere)}?"
    else:
        hint = f"known are {', '.join(names)}" if names else "every key stands in a section"
    return f"{label(place)}: unknown key; {hint}"


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Return a line for every variable with the prefix of the product that overrides nothing."""
    for name in sorted(environ):
        if name.startswith(VARIABLE_PREFIX) and name != FILE_VARIABLE and name not in variables():
            yield f"{_quoted(name)}: unknown variable; {_variable_hint(name)}"


def _variable_hint(name: str) -> str:
    candidates = [*variables(), FILE_VARIABLE]
    bare = {candidate.removeprefix(VARIABLE_PREFIX): candidate for candidate in candidates}
    nearest = _nearest(name.removeprefix(VARIABLE_PREFIX), bare)
    return f"did you mean {nearest}?" if nearest else f"a key is overridden by {VARIABLE_PREFIX}SECTION__KEY"


def _nearest(name: str, candidates: Mapping[str, Candidate], likeness: float = _LIKELY) -> Candidate | None:
    """Return the candidate whose name is nearest to the given one, if any is so near, in whatever case."""
    lower = {candidate.lower(): value for candidate, value in candidates.items()}
    matches = get_close_matches(name.lower(), lower, n=1, cutoff=likeness)
    return lower[matches[0]] if matches else None
