"""What is due when, and that nothing is ever forgotten."""

from collections.abc import Iterable
from itertools import count
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.agenda import Agenda, Batch, Hint, Terms, Wish

_TERMS = Terms(
    settle=10,
    max_wait=60,
    max_pending=1000,
    retry_unmatched=60,
    longest_unmatched=3600,
    reconcile_interval=0,
)


def agenda(**terms: float) -> Agenda:
    given = {name: getattr(_TERMS, name) for name in _TERMS.__slots__} | terms
    return Agenda(Terms(**given), now=0)


def heard(agenda: Agenda, name: str, at: float, directory: str = "") -> None:
    agenda.mark(Hint(name, directory), at, at)


def taken(agenda: Agenda, now: float, most: int = 100) -> set[str]:
    batch = agenda.take(now, most)
    return set(batch.groups) if batch else set()


# Settling -------------------------------------------------------------------------------------------------


def test_a_product_is_due_when_nothing_more_came_for_as_long_as_pictures_settle() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    assert not taken(plan, 9.9)
    assert taken(plan, 10) == {"7"}


def test_each_event_puts_its_product_off() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    heard(plan, "7_b", 6)
    assert not taken(plan, 15.9)
    assert taken(plan, 16) == {"7"}


def test_a_product_waits_no_longer_than_it_may_however_much_comes() -> None:
    plan = agenda()
    for moment in range(0, 60, 5):
        heard(plan, "7_a", moment)
        assert not taken(plan, moment)
    batch = plan.take(60, 100)
    assert batch
    assert batch.is_overdue


def test_a_product_that_has_settled_is_not_overdue() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    batch = plan.take(100, 100)
    assert batch
    assert not batch.is_overdue


def test_products_that_are_overdue_come_in_a_batch_of_their_own() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    heard(plan, "8_a", 0)
    heard(plan, "7_a", 55)
    assert taken(plan, 60) == {"8"}
    batch = plan.take(60, 100)
    assert batch
    assert (set(batch.groups), batch.is_overdue) == ({"7"}, True)


def test_an_event_that_is_heard_of_late_counts_from_when_it_happened() -> None:
    plan = agenda()
    heard(plan, "7_a", 30)
    plan.mark(Hint("7_b", ""), 0, 4)
    plan.mark(Hint("7_c", ""), 59, 59)
    assert plan.batch_at() <= 60
    assert taken(plan, 60) == {"7"}


def test_pictures_of_one_product_are_one_entry() -> None:
    plan = agenda()
    for name in ("7_a", "7_b", "7_c"):
        heard(plan, name, 0)
    assert plan.pending == 1
    batch = plan.take(10, 100)
    assert batch
    assert {hint.text for hint in batch.hints} == {"7_a", "7_b", "7_c"}


def test_a_batch_holds_no_more_products_than_asked_for() -> None:
    plan = agenda()
    for number in range(5):
        heard(plan, f"{number}_a", 0)
    assert len(taken(plan, 10, most=3)) == 3
    assert len(taken(plan, 10, most=3)) == 2
    assert plan.pending == 0


def test_the_oldest_product_tells_since_when_it_waits() -> None:
    plan = agenda()
    assert plan.oldest is None
    heard(plan, "7_a", 5)
    heard(plan, "8_a", 3)
    assert plan.oldest == 3


def test_what_need_not_settle_is_due_at_once() -> None:
    plan = agenda()
    plan.mark_due([Hint("7", "")], 5)
    assert plan.batch_at() <= 5
    assert taken(plan, 5) == {"7"}


# Trying again ---------------------------------------------------------------------------------------------


def test_what_failed_is_tried_again_later_each_time_up_to_a_minute() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    now, pauses = 10.0, []
    for _ in range(8):
        batch = plan.take(now, 100)
        assert batch
        plan.failed(batch, now)
        assert plan.take(now, 100) is None
        later = plan.batch_at()
        pauses.append(later - now)
        now = later
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_an_event_during_a_batch_has_its_product_imported_once_more() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    batch = plan.take(10, 100)
    assert batch
    heard(plan, "7_b", 11)
    plan.done(batch, "7")
    assert taken(plan, 21) == {"7"}


def test_what_others_hold_is_tried_again_a_little_later() -> None:
    plan = agenda()
    plan.hold([Hint("7", "")], 5)
    assert not taken(plan, 5.9)
    assert taken(plan, 15) == {"7"}


# Lateness -------------------------------------------------------------------------------------------------


def lateness(plan: Agenda, now: float, later: float) -> list[float]:
    batch = plan.take(now, 100)
    assert batch
    return plan.lateness(batch, batch.groups, later)


def test_a_product_is_late_from_when_its_pictures_had_settled() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    heard(plan, "7_b", 5)
    assert lateness(plan, 15, 17.5) == [2.5]


def test_a_product_that_never_settles_is_late_from_when_it_had_waited_long_enough() -> None:
    plan = agenda()
    for at in range(0, 61, 5):
        heard(plan, "7_a", at)
    assert lateness(plan, 60, 61) == [1]


def test_a_product_that_need_not_settle_is_late_at_once() -> None:
    plan = agenda()
    plan.mark_due([Hint("7_a", "")], 5)
    assert lateness(plan, 5, 6) == [1]


def test_a_product_is_no_less_late_for_having_been_tried() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    batch = plan.take(10, 100)
    assert batch
    plan.failed(batch, 10)
    assert lateness(plan, 20, 20) == [10]


def test_a_product_that_was_not_there_was_not_late() -> None:
    plan = agenda()
    plan.seek("7", [Hint("7_a", "")], 0)
    assert lateness(plan, 60, 61) == []


# Products that are not there ------------------------------------------------------------------------------


def test_a_product_that_is_not_there_is_looked_for_at_doubling_intervals() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    now, pauses = 10.0, []
    for _ in range(8):
        batch = plan.take(now, 100)
        assert batch
        plan.seek("7", batch.groups["7"], now)
        later = plan.batch_at()
        pauses.append(later - now)
        now = later
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (plan.pending, plan.unmatched) == (0, 1)


def test_a_product_that_has_come_is_looked_for_no_more() -> None:
    plan = agenda()
    plan.seek("7", [Hint("7_a", "")], 0)
    batch = plan.take(60, 100)
    assert batch
    plan.done(batch, "7")
    assert plan.unmatched == 0
    assert plan.take(10_000, 100) is None


def test_a_product_that_has_come_is_imported_from_all_directories_where_it_was_awaited() -> None:
    plan = agenda()
    plan.seek("7", [Hint("7_a", "aa")], 0)
    plan.mark(Hint("7_b", "bb"), 5, 5)
    batch = plan.take(15, 100)
    assert batch
    assert {hint.directory for hint in batch.hints} == {"aa", "bb"}


def test_what_comes_to_be_awaited_during_a_batch_is_looked_for_after_it() -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    batch = plan.take(10, 100)
    assert batch
    plan.seek("7", [Hint("7_b", "bb")], 11)
    plan.done(batch, "7")
    assert plan.unmatched == 1
    assert taken(plan, 71) == {"7"}


def test_what_another_batch_has_missed_meanwhile_is_looked_for_after_this_one() -> None:
    plan = agenda()
    plan.seek("7", [Hint("7_a", "")], 0)
    first = plan.take(60, 100)
    heard(plan, "7_a", 60)
    second = plan.take(70, 100)
    assert first
    assert second
    plan.seek("7", second.groups["7"], 71)
    plan.done(first, "7")
    assert plan.unmatched == 1
    assert taken(plan, 300) == {"7"}


def test_of_a_product_with_many_pictures_no_directory_is_forgotten() -> None:
    plan = agenda()
    plan.seek("7", [Hint(f"7_{number}", "aa") for number in range(500)], 0)
    plan.remember(Hint("7_x", "bb"), 1)
    plan.seek("7", [Hint("7_y", "cc"), *(Hint(f"7_{number}", "dd") for number in range(500))], 2)
    batch = plan.take(200, 100)
    assert batch
    assert {hint.directory for hint in batch.hints} == {"aa", "bb", "cc", "dd"}
    assert len(batch.hints) == 100


def test_some_of_the_products_that_are_looked_for_are_told() -> None:
    plan = agenda()
    for number in range(5):
        plan.seek(str(number), [Hint(f"{number}_a", "00"), Hint(f"{number}_b", "00")], 0)
    told = plan.awaited(3)
    assert [hint.text.partition("_")[0] for hint in told] == ["0", "1", "2"]
    assert agenda().awaited(3) == []


def test_no_more_products_are_looked_for_than_may_be_pending() -> None:
    plan = agenda(max_pending=2)
    for number in range(5):
        plan.remember(Hint(f"{number}_a", ""), 0)
    assert plan.unmatched == 2


def test_what_a_full_import_finds_without_a_product_does_not_put_off_the_next_look() -> None:
    plan = agenda()
    plan.seek("7", [Hint("7_a", "")], 0)
    plan.remember(Hint("7_b", ""), 50)
    batch = plan.take(60, 100)
    assert batch
    assert {hint.text for hint in batch.hints} == {"7_a", "7_b"}


# Full imports ---------------------------------------------------------------------------------------------


def test_too_many_products_become_a_full_import() -> None:
    plan = agenda(max_pending=3)
    for number in range(4):
        heard(plan, f"{number}_a", 1)
    assert plan.pending == 0
    assert plan.take_wish(10.9) is None  # they may still be growing
    wish = plan.take_wish(11)
    assert wish
    assert wish.reason == "overflow"


def test_while_too_much_goes_on_happening_full_imports_are_as_far_apart_as_pictures_settle() -> None:
    plan = agenda(max_pending=3)
    begun = []
    for tick in range(400):
        now = tick / 10
        for number in range(5):
            heard(plan, f"{number}_a", now)
        if plan.take_wish(now):
            begun.append(now)
    assert begun == [10, 20.1, 30.2]


def test_many_reasons_for_a_full_import_make_one() -> None:
    plan = agenda()
    plan.want("startup", 0)
    plan.want("recovery", 1)
    assert plan.take_wish(1)
    assert plan.take_wish(1) is None


def test_a_full_import_that_is_wanted_later_does_not_put_off_one_that_is_wanted_now() -> None:
    plan = agenda()
    plan.want("recovery", 0, 500)
    assert plan.take_wish(100) is None
    plan.want("overflow", 100)
    assert plan.take_wish(100)


def test_what_was_wanted_before_an_import_began_is_satisfied_by_it_and_nothing_else() -> None:
    plan = agenda()
    plan.want("recovery", 5)
    plan.satisfied(5)
    assert plan.wish
    plan.satisfied(5.1)
    assert plan.wish is None


def test_a_full_import_that_failed_is_wanted_again_and_counts_its_attempts() -> None:
    plan = agenda()
    plan.want("startup", 0)
    wish = plan.take_wish(0)
    assert wish
    plan.renew(wish, 60, costs_retry=True)
    assert plan.take_wish(59) is None
    again = plan.take_wish(60)
    assert again == Wish("startup", 0, 60, attempt=2, retries=1)


def test_all_is_reconciled_at_intervals() -> None:
    plan = agenda(reconcile_interval=100)
    assert plan.import_at() == 100
    wish = plan.take_wish(100)
    assert wish
    assert wish.reason == "reconcile"
    plan.schedule_reconcile(100)
    assert plan.reconcile_at == 200


def test_a_reconcile_rests_as_long_as_is_asked_for() -> None:
    plan = agenda(reconcile_interval=100)
    plan.schedule_reconcile(0, pause=700)
    assert plan.reconcile_at == 700


def test_intervals_vary_so_that_many_daemons_do_not_begin_at_once() -> None:
    plan = Agenda(Terms(10, 60, 10, 60, 60, 100), 0, jitter=lambda: 1.25)
    assert plan.reconcile_at == 125


def test_where_nothing_is_reconciled_nothing_is_due() -> None:
    plan = agenda()
    assert plan.reconcile_at is None
    assert plan.batch_at() == plan.import_at() == inf


# Nothing is ever forgotten --------------------------------------------------------------------------------

_NAMES = st.sampled_from(["1_a", "1_b", "2_a", "3_a", "4_a", "4_b", "5_a"])
_KEYS = st.sampled_from("12345")
_DIRECTORIES = ("", "aa", "bb")

#: A product's key, and a directory where pictures of it may lie.
Spot = tuple[str, str]


def spots(hints: Iterable[Hint]) -> set[Spot]:
    """Return what hints are about."""
    return {(hint.text[0], hint.directory) for hint in hints}


class NothingIsForgotten(RuleBasedStateMachine):
    """Events, batches and full imports in any order: each is imported, from where it was, after its last event."""

    @initialize(max_pending=st.sampled_from([2, 4, 100]))
    def begin(self, max_pending: int) -> None:
        self.now = 0.0
        self.ticks = count(1)
        self.agenda = agenda(max_pending=max_pending, reconcile_interval=0)
        self.happened: dict[Spot, int] = {}  # when something happened to a product's pictures there last
        self.imported: dict[Spot, int] = {}  # when they were imported from there last
        self.absent: set[str] = set()
        self.batches: list[tuple[Batch, int]] = []
        self.full: tuple[Wish, float, int] | None = None

    def late(self) -> set[Spot]:
        return {spot for spot, tick in self.happened.items() if self.imported.get(spot, 0) < tick}

    def has_imported(self, done: Iterable[Spot], tick: int) -> None:
        self.imported |= {spot: max(tick, self.imported.get(spot, 0)) for spot in done}

    # what happens

    @rule(name=_NAMES, directory=st.sampled_from(_DIRECTORIES), ago=st.floats(0, 5))
    def event(self, name: str, directory: str, ago: float) -> None:
        self.happened[name[0], directory] = next(self.ticks)
        self.agenda.mark(Hint(name, directory), self.now - ago, self.now)

    @rule(seconds=st.sampled_from([0.1, 1, 9, 30, 100, 5000]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=_KEYS)
    def product_comes_or_goes(self, key: str) -> None:
        self.absent ^= {key}

    @rule(key=_KEYS)
    def catalogue_names(self, key: str) -> None:
        self.happened[key, ""] = next(self.ticks)
        self.agenda.mark_due([Hint(f"{key}_c", "")], self.now)

    @rule(reason=st.sampled_from(["recovery", "reload"]))
    def full_import_is_wanted(self, reason: str) -> None:
        self.agenda.want(reason, self.now)

    # what is done

    @rule(most=st.sampled_from([1, 2, 100]))
    def batch_begins(self, most: int) -> None:
        if batch := self.agenda.take(self.now, most):
            self.batches.append((batch, next(self.ticks)))

    @precondition(lambda self: self.batches)
    @rule()
    def batch_ends(self) -> None:
        batch, began = self.batches.pop()
        for group, hints in batch.groups.items():
            if group in self.absent:
                self.agenda.seek(group, hints, self.now)
            else:
                self.agenda.done(batch, group)
                self.has_imported(spots(hints), began)

    @precondition(lambda self: self.batches)
    @rule()
    def batch_fails(self) -> None:
        batch, _ = self.batches.pop()
        self.agenda.failed(batch, self.now)

    @precondition(lambda self: self.batches)
    @rule()
    def batch_finds_all_rows_held(self) -> None:
        batch, _ = self.batches.pop()
        self.agenda.failed(batch.only(batch.groups), self.now)

    @precondition(lambda self: self.full is None)
    @rule()
    def full_import_begins(self) -> None:
        if wish := self.agenda.take_wish(self.now):
            self.full = wish, self.now, next(self.ticks)

    @precondition(lambda self: self.full)
    @rule()
    def full_import_ends(self) -> None:
        assert self.full
        _, began, tick = self.full
        self.full = None
        there = {spot for spot in self.happened if spot[0] not in self.absent}
        self.has_imported(there, tick)
        for key, directory in self.happened.keys() - there:
            self.agenda.remember(Hint(f"{key}_a", directory), self.now)
        self.agenda.satisfied(began)

    @precondition(lambda self: self.full)
    @rule(delay=st.sampled_from([0, 60]))
    def full_import_fails(self, delay: float) -> None:
        assert self.full
        wish, _, _ = self.full
        self.full = None
        self.agenda.renew(wish, self.now + delay, costs_retry=True)

    # what must hold

    @invariant()
    def what_is_late_is_known(self) -> None:
        """Each product that something happened to since it was imported waits somewhere, or is being imported."""
        if not hasattr(self, "agenda") or self.agenda.wish or self.full:
            return
        under_way = [hint for batch, _ in self.batches for hint in batch.hints]
        pending = [hint for entry in self.agenda._pending.values() for hint in entry.hints]  # noqa: SLF001
        awaited = [hint for entry in self.agenda._unmatched.values() for hint in entry.hints]  # noqa: SLF001
        waiting = spots([*under_way, *pending, *awaited])
        if self.agenda.unmatched < self.agenda._terms.max_pending:  # noqa: SLF001
            assert self.late() <= waiting

    @invariant()
    def what_waits_is_bounded(self) -> None:
        if hasattr(self, "agenda"):
            assert self.agenda.pending <= self.agenda._terms.max_pending  # noqa: SLF001

    def teardown(self) -> None:
        """With no further help, everything is imported in the end."""
        if not hasattr(self, "agenda"):
            return
        self.absent.clear()
        if self.agenda.unmatched >= self.agenda._terms.max_pending:  # noqa: SLF001
            self.agenda.want("reconcile", self.now)  # beyond the bound it is the reconcile that finds them
        for _ in range(100):
            while self.batches:
                self.batch_ends()
            if self.full:
                self.full_import_ends()
            self.full_import_begins()
            self.batch_begins(100)
            if not self.full and not self.batches:
                at = min(self.agenda.batch_at(), self.agenda.import_at())
                if at == inf:
                    break
                self.now = max(self.now, at)
        assert not self.late()
        assert self.agenda.pending == self.agenda.unmatched == 0


TestNothingIsForgotten = NothingIsForgotten.TestCase
TestNothingIsForgotten.settings = settings(max_examples=500, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("groups", [["7"], []])
def test_a_batch_can_be_narrowed_to_some_of_its_products(groups: list[str]) -> None:
    plan = agenda()
    heard(plan, "7_a", 0)
    heard(plan, "8_a", 0)
    batch = plan.take(10, 100)
    assert batch
    assert set(batch.only(groups).groups) == set(groups)
