"""The names of pictures in the exchange, cut into sections where they are listed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daemon.exchange import Place, not_listed
from daemon.importer.delivery import Carrier
from daemon.naming import PictureNames, section_of
from daemon.packed import pack


class Piece(NamedTuple):
    """Some of what lies in a place.

    pictures: by section, how many there are, and the place with their names, packed.
    below: the listings of what lies below.
    trouble: why no more can be listed, if it cannot.
    """

    place: Place
    pictures: Mapping[str, tuple[int, bytes]]
    below: Sequence["Listing"] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Lists a place.

    names: which of them are pictures'.
    follows: whether what lies below an image root is to be listed too.
    """

    place: Place
    names: PictureNames
    follows: bool

    def __call__(self, carrier: Carrier) -> Iterator[Piece]:
        """Given who can open the place, yield what lies there, piece by piece."""
        try:
            for names, shards in carrier.names(self.place):
                below = [self._of(shard) for shard in sorted(shards) if self.follows]
                yield piece(self.place, names, self.names, below)
        except OSError as error:
            yield Piece(self.place, {}, trouble=not_listed(error))

    def _of(self, shard: str) -> "Listing":
        return Listing(Place(self.place.root, shard), self.names, follows=False)


def piece(place: Place, listed: Iterable[str], names: PictureNames, below: Sequence[Listing] = ()) -> Piece:
    """Given a place, names listed there, which names are pictures', and what lies below, return them as a piece."""
    sections = by_section(listed, names)
    pictures = {section: (len(some), pack((place, some))) for section, some in sections.items()}
    return Piece(place, pictures, below)


def by_section(listed: Iterable[str], names: PictureNames) -> Mapping[str, list[str]]:
    """Given names, and which names are pictures', return those by the section that they belong to."""
    sections: dict[str, list[str]] = {}
    for name in listed:
        stem = names.stem(name)
        if stem is not None:
            sections.setdefault(section_of(stem), []).append(name)
    return sections
