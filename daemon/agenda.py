"""What is to be done when: changed products, those to try again, and full imports. Pure; the caller has the clock."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from typing import NamedTuple

from daemon.naming import group_of

_FIRST_RETRY = 1.0  # seconds; doubles each time
_LONGEST_RETRY = 60.0  # seconds
_MOST_HINTS = 100  # remembered of one product that is not there; one of each directory finds all its pictures


class Hint(NamedTuple):
    """That something happened to a picture: what its name says of its product, and the directory it lies in."""

    text: str
    directory: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things wait, in seconds, and how many may."""

    settle: float
    max_wait: float
    max_pending: int  #: hints
    retry_unmatched: float
    longest_unmatched: float
    reconcile_interval: float  #: 0: never


@dataclass(frozen=True, slots=True)
class Wish:
    """That a full import is wanted: why, since when, not before when, and how often it was tried."""

    reason: str
    since: float
    not_before: float
    attempt: int = 1
    retries: int = 0


@dataclass(slots=True)
class _Pending:
    """What has happened to the pictures of one product, and when it was first and last heard of."""

    first: float
    last: float
    hints: set[Hint] = field(default_factory=set)
    has_settled: bool = False  #: nothing more is waited for
    not_before: float = -inf
    delay: float = _FIRST_RETRY

    def due(self, terms: Terms) -> float:
        """Given the terms, return when the product is due."""
        if self.has_settled:
            return self.not_before
        return max(min(self.last + terms.settle, self.first + terms.max_wait), self.not_before)

    def lateness(self, terms: Terms, now: float) -> float:
        """Given the terms and the time, return how many seconds ago it was due first, however often it was tried."""
        due = self.last if self.has_settled else min(self.last + terms.settle, self.first + terms.max_wait)
        return max(now - due, 0.0)

    def is_overdue(self, terms: Terms, now: float) -> bool:
        """Given the terms and the time, return whether it is due because it has waited as long as it may."""
        return not self.has_settled and self.first + terms.max_wait <= now < self.last + terms.settle


@dataclass(slots=True)
class _Unmatched:
    """Pictures whose product is not there yet, and when it is looked for again."""

    hints: set[Hint]
    delay: float
    not_before: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Products that are due: their hints by group, and what was known of those that were not just sought again."""

    groups: Mapping[str, frozenset[Hint]]
    waiting: Mapping[str, "_Pending"]
    awaited: Mapping[str, "_Unmatched"]  #: what was remembered of those that had been looked for before
    is_overdue: bool  #: they have waited as long as they may: pictures that still grow are taken as they are

    @property
    def hints(self) -> frozenset[Hint]:
        """All hints."""
        return frozenset().union(*self.groups.values())

    def first(self, group: str, now: float) -> float:
        """Given a group and the time, return when it was first heard of; now if it was not in this batch."""
        known = self.waiting.get(group)
        return min(known.first, now) if known else now

    def only(self, groups: Iterable[str]) -> "Batch":
        """Given some of the groups, return the batch without the others."""
        return replace(self, groups={group: self.groups[group] for group in groups})


class Agenda:
    """All that waits. Times are seconds of one monotonic clock.

    A product leaves it only by ``done``, ``unmatched`` (which remembers it) or a full import that began after
    its last event.
    """

    def __init__(self, terms: Terms, now: float, jitter: Callable[[], float] = lambda: 1.0) -> None:
        """Given the terms, the time, and a source of factors by which the reconcile interval varies."""
        self._terms = terms
        self._jitter = jitter
        self._pending: dict[str, _Pending] = {}
        self._size = 0
        self._due: list[tuple[float, str]] = []
        self._unmatched: dict[str, _Unmatched] = {}
        self._looked_for: list[tuple[float, str]] = []
        self._wish: Wish | None = None
        self._reconcile_at = inf
        self.schedule_reconcile(now)

    @property
    def pending(self) -> int:
        """How many products wait."""
        return len(self._pending)

    @property
    def unmatched(self) -> int:
        """How many products are waited for."""
        return len(self._unmatched)

    @property
    def oldest(self) -> float | None:
        """Since when the product that has waited longest has waited, None if none does."""
        return min((entry.first for entry in self._pending.values()), default=None)

    @property
    def reconcile_at(self) -> float | None:
        """When the next reconcile begins, None if there is none."""
        return None if self._reconcile_at == inf else self._reconcile_at

    @property
    def wish(self) -> Wish | None:
        """The full import that is wanted."""
        return self._wish

    # Events -----------------------------------------------------------------------------------------------

    def mark(self, hint: Hint, first: float, last: float) -> None:
        """Given a hint, and when it was first and last heard of, let its product wait until it has settled."""
        entry = self._entry(group_of(hint.text), first)
        entry.last = max(entry.last, last)
        self._size += hint not in entry.hints
        entry.hints.add(hint)
        if self._size > self._terms.max_pending:
            self.overflow(last)

    def mark_due(self, hints: Iterable[Hint], now: float) -> None:
        """Given hints that need not settle, let their products be due at once."""
        for hint in hints:
            self.mark(hint, now, now)
            if entry := self._pending.get(group_of(hint.text)):
                entry.has_settled = True
                heapq.heappush(self._due, (now, group_of(hint.text)))

    def _entry(self, group: str, first: float) -> _Pending:
        """Return what waits of a group that was heard of then; the heap never has it later than it may be due."""
        entry = self._pending.setdefault(group, _Pending(inf, first))
        if first < entry.first:
            entry.first = first
            heapq.heappush(self._due, (first + min(self._terms.settle, self._terms.max_wait), group))
        return entry

    # Batches ----------------------------------------------------------------------------------------------

    def take(self, now: float, most: int) -> Batch | None:
        """Given the time and how many products at most, take those that are due, None if none is.

        Those whose product was not there when it was last looked for, and may be by now, are among them. Of each
        product there is all that waits: its pictures may lie in any number of directories.
        Those that are overdue come in batches of their own.
        """
        ripe = list(self._ripe(now, most))
        overdue = [group for group in ripe if self._pending[group].is_overdue(self._terms, now)]
        if len(overdue) < len(ripe):
            for group in overdue:
                heapq.heappush(self._due, (now, group))
            ripe = [group for group in ripe if group not in set(overdue)]
            overdue = []
        taken = {group: self._remove(group) for group in ripe}
        sought = () if overdue else list(self._sought(now, most))
        if not taken and not sought:
            return None
        awaited = {group: self._unmatched[group] for group in (*taken, *sought) if group in self._unmatched}
        groups = {group: _hints(taken.get(group), awaited.get(group)) for group in (*taken, *sought)}
        return Batch(groups, taken, awaited, bool(overdue))

    def _ripe(self, now: float, most: int) -> Iterator[str]:
        """Yield groups that are due. The heap holds the earliest time of each; what came later is looked at here."""
        seen: set[str] = set()
        while len(seen) < most and self._due and self._due[0][0] <= now:
            _, group = heapq.heappop(self._due)
            entry = self._pending.get(group)
            if entry is None or group in seen:
                continue
            if (due := entry.due(self._terms)) > now:
                heapq.heappush(self._due, (due, group))
                continue
            seen.add(group)
            yield group

    def _sought(self, now: float, most: int) -> Iterator[str]:
        while most > 0 and self._looked_for and self._looked_for[0][0] <= now:
            at, group = heapq.heappop(self._looked_for)
            if group in self._unmatched and self._unmatched[group].not_before == at:
                most -= 1
                yield group

    def _remove(self, group: str) -> _Pending:
        entry = self._pending.pop(group)
        self._size -= len(entry.hints)
        return entry

    def done(self, batch: Batch, group: str) -> None:
        """Given a batch and a group of it whose product was there, forget that it was looked for by its hints.

        Those that came to be awaited meanwhile stay: nobody has looked into their directories yet. So does what
        another batch has found missing since.
        """
        awaited = self._unmatched.get(group)
        if awaited and awaited is batch.awaited.get(group):
            awaited.hints.difference_update(batch.groups[group])
            if not awaited.hints:
                del self._unmatched[group]

    def lateness(self, batch: Batch, groups: Iterable[str], now: float) -> list[float]:
        """Given a batch, groups of it and the time, return how many seconds ago those were due that had changed."""
        changed = [batch.waiting[group] for group in groups if group in batch.waiting]
        return [entry.lateness(self._terms, now) for entry in changed]

    def failed(self, batch: Batch, now: float) -> None:
        """Given a batch that could not be done, let it be due again, later each time."""
        for group, hints in batch.groups.items():
            if known := batch.waiting.get(group):
                self._put_off(group, hints, now, known)
            if known is None or group in self._unmatched:
                self.seek(group, hints, now)

    def hold(self, hints: Iterable[Hint], now: float) -> None:
        """Given hints of products that could not be done, keep them due, and try again a little later."""
        for hint in hints:
            self._put_off(group_of(hint.text), [hint], now, _Pending(now, now))

    def _put_off(self, group: str, hints: Iterable[Hint], now: float, known: _Pending) -> None:
        for hint in hints:
            self.mark(hint, known.first, known.last)
        if entry := self._pending.get(group):
            entry.has_settled = known.has_settled
            entry.not_before = now + known.delay
            entry.delay = min(known.delay * 2, _LONGEST_RETRY)

    def seek(self, group: str, hints: Iterable[Hint], now: float) -> None:
        """Given a group whose product is not there, look for it again later, and later each time.

        Beyond ``max_pending`` it is not remembered: the reconcile finds it.
        """
        known = self._unmatched.get(group)
        if known is None and len(self._unmatched) >= self._terms.max_pending:
            return
        delay = known.delay if known else self._terms.retry_unmatched
        remembered = _some({*(known.hints if known else ()), *hints})
        next_delay = min(delay * 2, max(self._terms.longest_unmatched, self._terms.retry_unmatched))
        self._unmatched[group] = _Unmatched(remembered, next_delay, now + delay)
        heapq.heappush(self._looked_for, (now + delay, group))

    def remember(self, hint: Hint, now: float) -> None:
        """Given a picture that a full import found without a product, look for that later, if nobody does yet."""
        group = group_of(hint.text)
        if group not in self._unmatched:
            self.seek(group, [hint], now)
        else:
            awaited = self._unmatched[group]
            awaited.hints = _some({*awaited.hints, hint})

    def awaited(self, most: int) -> list[Hint]:
        """Given how many at most, return hints of products that are waited for, one of each."""
        return [hint for entry in islice(self._unmatched.values(), most) for hint in islice(entry.hints, 1)]

    # Full imports -----------------------------------------------------------------------------------------

    def want(self, reason: str, now: float, not_before: float = -inf) -> None:
        """Given why and from when on, let there be a full import; what waits is part of it.

        One that is wanted already is that, as soon as either would be; the first reason stays.
        """
        if self._wish is None:
            self._wish = Wish(reason, now, not_before)
        else:
            self._wish = replace(self._wish, not_before=min(self._wish.not_before, not_before))

    def overflow(self, now: float) -> None:
        """Given the time, drop what waits, since it is too much; a full import will find it when it has settled."""
        since = max([now, *(entry.last for entry in self._pending.values())])
        self._pending.clear()
        self._due.clear()
        self._size = 0
        self.want("overflow", since, since + self._terms.settle)
        self._wish = replace(self._wish, since=since) if self._wish else None

    def take_wish(self, now: float) -> Wish | None:
        """Given the time, take the full import that is due, None if none is."""
        if self._reconcile_at <= now and self._wish is None:
            self._wish = Wish("reconcile", now, now)
        if self._wish is None or self._wish.not_before > now:
            return None
        wish, self._wish = self._wish, None
        return wish

    def renew(self, wish: Wish, not_before: float, *, costs_retry: bool) -> None:
        """Given a full import that failed, and from when on, let it be tried again."""
        newer = self._wish or Wish(wish.reason, wish.since, not_before)
        self._wish = replace(
            wish,
            since=max(wish.since, newer.since),
            not_before=min(not_before, newer.not_before),
            attempt=wish.attempt + 1,
            retries=wish.retries + costs_retry,
        )

    def satisfied(self, began: float) -> None:
        """Given when a full import began that has been completed, drop the wish if that is older."""
        if self._wish and self._wish.since < began:
            self._wish = None

    def schedule_reconcile(self, now: float, pause: float = 0.0) -> None:
        """Given the time and how long to pause at least, put the next reconcile off until then."""
        interval = self._terms.reconcile_interval
        self._reconcile_at = now + max(interval * self._jitter(), pause) if interval else inf

    # The clock --------------------------------------------------------------------------------------------

    def batch_at(self) -> float:
        """Return when a batch may be due, never too late; infinity if none is."""
        return min(self._due[0][0] if self._due else inf, self._looked_for[0][0] if self._looked_for else inf)

    def import_at(self) -> float:
        """Return when a full import is due; infinity if none is."""
        return min(self._wish.not_before if self._wish else inf, self._reconcile_at)


def _hints(waiting: _Pending | None, awaited: _Unmatched | None) -> frozenset[Hint]:
    return frozenset(waiting.hints if waiting else ()) | frozenset(awaited.hints if awaited else ())


def _some(hints: set[Hint]) -> set[Hint]:
    """Return as many hints as are remembered of one product, of each directory one at the least if there is room."""
    if len(hints) <= _MOST_HINTS:
        return hints
    one_each = {hint.directory: hint for hint in hints}
    return set(islice(dict.fromkeys([*one_each.values(), *hints]), _MOST_HINTS))
