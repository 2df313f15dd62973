"""Bringing the pictures of one key to the media directory."""

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from daemon.exchange import Exchange, Place, Source
from daemon.media import Media, Target, fatal_errors
from daemon.naming import is_text, shard_of
from daemon.storing import CURRENT, GONE, Outcome, Refused, Result, is_current, refusal, remaining_rest

#: A file name and the places where it lies.
Found = dict[str, list[Place]]


@dataclass(frozen=True, slots=True)
class Job:
    """A picture that is not current: where it is, where it belongs, its place and the path to show."""

    source: Source
    target: Target | None
    place: Place
    path: str


@dataclass(slots=True)
class Delivery:
    """What became of the pictures of one key.

    directory: that of their product images, relative to the media directory.
    current: the names of those whose stored copies were found current by their times.
    outcomes: by name, what became of the others, with the path to show.
    """

    directory: str
    current: set[str] = field(default_factory=set)
    outcomes: dict[str, tuple[Outcome, str]] = field(default_factory=dict)
    is_counted: bool = False
    #: By name, pictures that were replaced: their places and what was read there, until the rows tell of them.
    untold: dict[str, tuple[Place, os.stat_result]] = field(default_factory=dict)

    def take(self, other: "Delivery | None", pictures: Collection[str]) -> None:
        """Given what another process noted of these pictures, note the same; None: they are all current."""
        if other is None:
            self.current.update(pictures)
        else:
            self.current, self.outcomes, self.untold = other.current, other.outcomes, other.untold

    @property
    def delivered(self) -> set[str]:
        """The names whose stored copies are complete and current."""
        return self.current | self._names_with(Result.COPIED, Result.REPLACED, Result.SKIPPED)

    @property
    def paths(self) -> set[str]:
        """The product images of those found current."""
        return {f"{self.directory}/{name}" for name in self.current}

    @property
    def in_exchange(self) -> set[str]:
        """The names that the exchange has, those refused or left for later too."""
        return self.delivered | self._names_with(Result.ERROR, Result.LEFT)

    @property
    def has_copied(self) -> bool:
        """Whether any picture was new or got another content."""
        return bool(self._names_with(Result.COPIED, Result.REPLACED))

    @property
    def has_replaced(self) -> bool:
        """Whether any stored picture got another content."""
        return bool(self._names_with(Result.REPLACED))

    def _names_with(self, *results: Result) -> set[str]:
        return {name for name, (outcome, _) in self.outcomes.items() if outcome.result in results}


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be delivered: from the configuration and the command line."""

    prefix: str
    path_length: int | None  #: characters of a product image that the column takes
    max_file_size: int  #: bytes
    checksum: bool = False  #: compare the contents of everything
    dry_run: bool = False
    settle: float = 0.0  #: seconds that a new picture must have rested


class Brings(Protocol):
    """Brings one picture over, or tells what would become of it."""

    def bring(self, source: Source, target: Target | None) -> Outcome:
        """Given a source and its target, return the outcome. Raises MediaError."""

    def tell(self, source: Source | None, target: Target, seen: os.stat_result, /) -> None:
        """Given a replaced copy, and what was read of its source (None: gone), take note that the rows tell of it."""


class Carrier:
    """Judges pictures by their status, and brings over those that are not current."""

    def __init__(self, exchange: Exchange, media: Media, store: Brings, terms: Terms) -> None:
        """Given the two sides, the store between them and the terms."""
        self._exchange = exchange
        self._media = media
        self._store = store
        self._terms = terms

    @property
    def descriptors(self) -> Collection[int]:
        """Those that another process must have, under the same numbers, to do the work of this one."""
        return [*self._exchange.descriptors, *self._media.descriptors]

    def names(self, place: Place) -> Iterator[tuple[list[str], list[str]]]:
        """Given a place, yield names in it, and shards, as the exchange does. Raises OSError."""
        return self._exchange.names(place)

    def directories(self, pictures: Found) -> set[str]:
        """Given pictures, return the directories of the image roots where they lie."""
        return {place.directory for places in pictures.values() for place in places}

    def directory(self, key: str) -> str:
        """Given a key, return where its product images are, relative to the media directory."""
        return f"{self._terms.prefix}/{shard_of(key)}"

    def deliver(self, pictures: Found, delivery: Delivery) -> None:
        """Given the pictures of one key and an empty delivery, deliver them and note what became of each.

        Raises MediaError; what became of those before is noted.
        """
        if pictures:
            delivery.current.update(self._current(pictures, delivery.directory))
        for name, places in pictures.items():
            if name in delivery.current:
                continue
            judged = self._judged(name, places, f"{delivery.directory}/{name}")
            if isinstance(judged, Job):
                self._bring(delivery, name, judged)
            else:
                delivery.outcomes[name] = judged

    def sweep(self) -> None:
        """Remove what importers that died have left in the media."""
        self._media.sweep()

    def trim(self) -> None:
        """Close descriptors of directories if they are many."""
        self._exchange.trim()
        self._media.trim()

    def are_current(self, pictures: Found, directory: str) -> bool:
        """Given pictures of one key, and where their product images are, return whether all are current by times."""
        return sum(1 for _ in self._current(pictures, directory)) == len(pictures)

    def _current(self, pictures: Found, directory: str) -> Iterator[str]:
        """Yield the names of pictures that need no further look: the everyday case, in two calls of the system each.

        Whatever is unusual about a picture is for ``_judged`` to say.
        """
        if self._terms.checksum or (stored_in := self._directory(directory)) is None:
            return
        longest = (self._terms.path_length or sys.maxsize) - len(directory) - 1
        largest = self._terms.max_file_size
        place, listed_in = None, -1  # nearly always the same for all
        for name, places in pictures.items():
            if len(places) > 1 or not name.isascii() or len(name) > longest:
                continue
            try:
                if places[0] is not place:
                    place, listed_in = places[0], self._exchange.directory(places[0])
                stored = os.stat(name, dir_fd=stored_in, follow_symlinks=False)
                source = os.stat(name, dir_fd=listed_in, follow_symlinks=False)
            except OSError:
                continue
            if is_current(source, stored) and not refusal(source, largest):
                yield name

    def _directory(self, path: str) -> int | None:
        """Return the descriptor of a directory in the media, None where it cannot be had."""
        try:
            return self._media.directory(path)
        except OSError:
            return None

    def _bring(self, delivery: Delivery, name: str, job: Job) -> None:
        outcome = self._store.bring(job.source, job.target)
        delivery.outcomes[name] = outcome, job.path
        if outcome.seen:
            delivery.untold[name] = job.place, outcome.seen

    def tell(self, delivery: Delivery) -> None:
        """Given a delivery whose rows are all committed, take note that they tell of what was replaced.

        What cannot be looked at any more is compared by the next import. Raises MediaError.
        """
        for name, (place, seen) in delivery.untold.items():
            with suppress(OSError):
                source = self._exchange.source(place, name)
                target = self._media.target(f"{delivery.directory}/{name}")
                if target:
                    self._store.tell(source, target, seen)
        delivery.untold.clear()

    def _judged(self, name: str, places: list[Place], image: str) -> tuple[Outcome, str] | Job:
        place = places[0]
        try:
            self._check_name(name, image)
            source, status, place = self._latest(name, places)
            judged = self._judge(source, status, image)
        except Refused as refused:
            judged = Outcome(Result.ERROR, str(refused))
        path = self._exchange.path(place, name)
        return (judged, path) if isinstance(judged, Outcome) else Job(*judged, place, path)

    def _check_name(self, name: str, image: str) -> None:
        if not is_text(name):
            raise Refused("has a name that is not UTF-8")
        if not self._fits(image):
            raise Refused(f"has too long a name: main_image takes {self._terms.path_length} characters")

    def _fits(self, image: str) -> bool:
        return not self._terms.path_length or len(image) <= self._terms.path_length

    def _judge(
        self, source: Source | None, status: os.stat_result | None, image: str
    ) -> Outcome | tuple[Source, Target | None]:
        """Return the outcome where there is nothing to do, else what is to be brought where."""
        if source is None or status is None:
            return GONE
        if rest := remaining_rest(status, self._terms.settle):
            return Outcome(Result.LEFT, rest=rest)
        if reason := refusal(status, self._terms.max_file_size):
            raise Refused(reason)
        with _media_errors():
            target = self._target(image)
            if target and not self._terms.checksum and is_current(status, target.status()):
                return CURRENT
        return source, target

    def _latest(self, name: str, places: list[Place]) -> tuple[Source | None, os.stat_result | None, Place]:
        """Return the picture that counts of those with the same name: the one that changed last."""
        best: tuple[Source | None, os.stat_result | None, Place] = (None, None, places[0])
        for place in places:
            try:
                source = self._exchange.source(place, name)
                status = source.status() if source else None
            except OSError as error:
                raise Refused(f"cannot be read: {error.strerror}") from error
            if status and (best[1] is None or status.st_ctime_ns > best[1].st_ctime_ns):
                best = source, status, place
        return best

    def _target(self, image: str) -> Target | None:
        return self._media.target(image) or (
            None if self._terms.dry_run else self._media.target(image, make=True)
        )


@contextmanager
def _media_errors() -> Iterator[None]:
    """Turn errors of the media into the refusal of one picture, or into MediaError where no other would escape."""
    try:
        with fatal_errors():
            yield
    except OSError as error:
        raise Refused(f"cannot be stored: {error.strerror}") from error
