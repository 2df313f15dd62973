import pytest

from daemon.http.distribution import Distribution, Histogram


def test_durations_are_counted_up_to_each_bound() -> None:
    counted = Distribution([0.1, 1.0])
    for seconds in (0.05, 0.1, 0.5, 7.0):
        counted.add(seconds)
    told = counted.histogram()
    assert (told.buckets, told.count) == (((0.1, 2), (1.0, 3)), 4)
    assert told.sum == pytest.approx(7.65)


def test_a_histogram_stays_as_it_was_told() -> None:
    counted = Distribution([1.0])
    before = counted.histogram()
    counted.add(0.5)
    assert before == Histogram(((1.0, 0),), 0, 0.0)
