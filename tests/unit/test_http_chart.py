from datetime import UTC, datetime

import pytest
from support.snapshots import NOW, slot

from daemon.http.chart import HEIGHT, WIDTH, chart
from daemon.http.throughput import SLOT, SLOTS, Slot


def test_a_day_without_pictures_has_no_bars() -> None:
    drawn = chart([], NOW)
    assert (drawn.bars, drawn.peak, drawn.copied, drawn.errors) == ((), 0, 0, 0)


def test_the_highest_bar_is_as_high_as_the_chart() -> None:
    drawn = chart([slot(60, 25), slot(30, 75, 25)], NOW)
    assert drawn.peak == 100
    low, high = drawn.bars
    assert (low.copied_y, low.copied_height) == (HEIGHT * 0.75, HEIGHT * 0.25)
    assert (high.copied_y, high.copied_height) == (HEIGHT * 0.25, HEIGHT * 0.75)
    assert (high.errors_y, high.errors_height) == (0, HEIGHT * 0.25)


def test_a_single_picture_is_seen_beside_a_whole_import() -> None:
    drawn = chart([slot(60, 300_000), slot(30, 1), slot(20, 300_000, 1)], NOW)
    assert drawn.bars[1].copied_height >= 1
    assert drawn.bars[2].errors_height >= 1
    assert all(bar.errors_y >= 0 for bar in drawn.bars)


def test_the_present_is_at_the_right_and_a_day_ago_at_the_left() -> None:
    newest = int(NOW.timestamp()) // SLOT
    drawn = chart([Slot((newest - SLOTS + 1) * SLOT, 1, 0), Slot(newest * SLOT, 1, 0)], NOW)
    assert drawn.bars[0].x == 0
    assert drawn.bars[1].x + drawn.bars[1].width == pytest.approx(WIDTH, abs=1)


def test_the_axis_tells_the_time_every_six_hours() -> None:
    hours = [mark.hour for mark in chart([], datetime(2026, 11, 27, 11, 57, tzinfo=UTC)).marks]
    assert hours == [12, 18, 0, 6]


def test_the_sums_are_those_of_the_day() -> None:
    drawn = chart([slot(60, 25, 1), slot(30, 75, 2)], NOW)
    assert (drawn.copied, drawn.errors) == (100, 3)
