from datetime import UTC, datetime, timedelta

from daemon.http.throughput import SLOT, SLOTS, Slot, Throughput

_AT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
_BEGAN = int(_AT.timestamp())


def test_what_happens_within_five_minutes_is_one_slot() -> None:
    counted = Throughput()
    counted.add(_AT, 2, 0)
    counted.add(_AT + timedelta(seconds=SLOT - 1), 3, 1)
    counted.add(_AT + timedelta(seconds=SLOT), 4, 0)
    assert counted.slots(_AT + timedelta(hours=1)) == (
        Slot(_BEGAN, 5, 1),
        Slot(_BEGAN + SLOT, 4, 0),
    )


def test_nothing_makes_no_slot() -> None:
    counted = Throughput()
    counted.add(_AT, 0, 0)
    assert counted.slots(_AT) == ()


def test_what_happened_a_day_ago_is_no_longer_told() -> None:
    counted = Throughput()
    counted.add(_AT, 1, 0)
    assert len(counted.slots(_AT + timedelta(seconds=SLOT * (SLOTS - 1)))) == 1
    assert counted.slots(_AT + timedelta(seconds=SLOT * SLOTS)) == ()


def test_no_more_than_a_day_is_remembered() -> None:
    counted = Throughput()
    for number in range(3 * SLOTS):
        counted.add(_AT + timedelta(seconds=number * SLOT), 1, 0)
    assert len(counted._counted) <= SLOTS + 1  # noqa: SLF001  the memory is what is tested


def test_an_import_is_spread_over_the_time_it_took() -> None:
    counted = Throughput()
    counted.spread(_AT + timedelta(seconds=SLOT / 2), _AT + timedelta(seconds=SLOT * 2), 300, 3)
    assert counted.slots(_AT + timedelta(hours=1)) == (
        Slot(_BEGAN, 100, 1),
        Slot(_BEGAN + SLOT, 200, 2),
    )


def test_an_import_of_no_time_or_less_is_where_it_ended() -> None:
    counted = Throughput()
    counted.spread(_AT, _AT, 3, 0)
    counted.spread(_AT + timedelta(hours=1), _AT, 4, 0)  # somebody has set the clock back
    assert sum(slot.copied for slot in counted.slots(_AT + timedelta(hours=2))) == 7


def test_of_an_import_that_took_weeks_the_last_day_is_counted() -> None:
    counted = Throughput()
    counted.spread(_AT - timedelta(days=20), _AT, 20 * SLOTS, 0)
    told = counted.slots(_AT)
    assert len(told) == SLOTS - 1  # of the present one nothing has passed
    assert {slot.copied for slot in told} == {1}
