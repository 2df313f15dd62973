"""What a product's row should say: pictures found and the row as it is become the row as it should be. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from daemon.json_column import json_value
from daemon.naming import file_name


class Composition(StrEnum):
    """Who has the last word about a product's pictures."""

    #: The row: pictures are only ever added.
    APPEND = "append"
    #: The catalogue: its pictures are put, ordered and removed as 1C does.
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Rules:
    """How rows are composed, from the configuration."""

    prefix: str
    placeholder: str
    composition: Composition = Composition.APPEND

    def is_unset(self, main_image: str | None) -> bool:
        """Given a row's main image, return whether it stands for "none yet"."""
        return not main_image or main_image == self.placeholder


@dataclass(frozen=True, slots=True)
class Pictures:
    """One product's pictures that are completely in the media directory.

    names: file names, each once, in the order in which they are offered to the row.
    named: those of them that the catalogue names, in its order; None where it does not know the product.
    directory: where they are stored, relative to the media directory.
    belongs: whether a file name carries this product's key.
    """

    names: Sequence[str]
    named: Sequence[str] | None
    directory: str
    belongs: Callable[[str], bool]

    def path(self, name: str) -> str:
        """Given one of the names, return its product image: the path that a row stores."""
        return f"{self.directory}/{name}"


class Images(NamedTuple):
    """The two columns of a row: a main image and a gallery, whose entries may be anything that JSON allows."""

    main: str | None
    gallery: tuple[object, ...]


#: A row's main image, and its gallery as JSON; None where it says something else.
Said = tuple[str | None, str | None] | None


def images_of(said: Said) -> Images | None:
    """Given what a row says, return the images, None where that is something else than a path and a list."""
    if said is None:
        return None
    main, text = said
    gallery = None if text is None else json_value(text)
    return Images(main, tuple(gallery or ())) if gallery is None or isinstance(gallery, list) else None


def compose(images: Images, pictures: Pictures, rules: Rules) -> Images:
    """Given a row's images, the product's pictures and the rules, return the images the row should have.

    Composing the result again with the same pictures gives the same result.
    """
    if rules.composition is Composition.MIRROR and pictures.named is not None:
        return _mirrored(images, pictures, rules) if pictures.named else images
    return _appended(images, pictures, rules)


def _appended(images: Images, pictures: Pictures, rules: Rules) -> Images:
    main = images.main
    if rules.is_unset(main) and pictures.names:
        main = pictures.path(pictures.names[0])
    main_name = file_name(main or "")
    gallery = list(_kept(images.gallery, main_name, pictures, rules))
    there = {file_name(entry) for entry in gallery if isinstance(entry, str)} | {main_name}
    gallery += [pictures.path(name) for name in pictures.names if name not in there]
    return Images(main, tuple(gallery))


def _kept(gallery: Sequence[object], main_name: str, pictures: Pictures, rules: Rules) -> Iterator[object]:
    """Yield the entries that stay: all but second mentions of a known picture, which is given its one path."""
    known = frozenset(pictures.names)
    seen = {main_name}
    for entry in gallery:
        if (
            not isinstance(entry, str)
            or not entry.startswith(f"{rules.prefix}/")
            or file_name(entry) not in known
        ):
            yield entry
        elif file_name(entry) not in seen:
            seen.add(file_name(entry))
            yield pictures.path(file_name(entry))


def _mirrored(images: Images, pictures: Pictures, rules: Rules) -> Images:
    main, *following = (pictures.path(name) for name in pictures.named or ())
    former = () if rules.is_unset(images.main) or images.main in images.gallery else (images.main,)
    others = [entry for entry in (*former, *images.gallery) if not _is_of_1c(entry, pictures)]
    return Images(main, (*following, *others))


def _is_of_1c(entry: object, pictures: Pictures) -> bool:
    return isinstance(entry, str) and pictures.belongs(file_name(entry))
