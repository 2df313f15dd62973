"""An import that failed is tried again as often as is configured, and where that may help."""

import pytest

from daemon.errors import (
    DatabaseUnavailableError,
    MediaError,
    RootsMissingError,
    SchemaError,
    StoppedError,
    TimeLimitError,
    UnknownProductsError,
)
from daemon.service.retries import Another, Retries

RETRIES = Retries(most=2, delay=60.0)


@pytest.mark.parametrize(
    "error",
    [
        RootsMissingError(),
        MediaError(),
        DatabaseUnavailableError(),
        TimeLimitError(),
        OSError(),
        ValueError(),
    ],
)
def test_what_may_pass_is_tried_again_after_the_delay_as_often_as_is_configured(error: Exception) -> None:
    assert RETRIES.after(error, 0, has_advanced=False) == Another(60.0, costs_retry=True)
    assert RETRIES.after(error, 1, has_advanced=False) == Another(60.0, costs_retry=True)
    assert RETRIES.after(error, 2, has_advanced=False) is None


@pytest.mark.parametrize("error", [StoppedError(), UnknownProductsError(), SchemaError()])
def test_what_will_not_pass_is_not_tried_again(error: Exception) -> None:
    assert RETRIES.after(error, 0, has_advanced=True) is None


@pytest.mark.parametrize("used", [0, 2, 99])
def test_what_ran_out_of_time_goes_on_at_once_as_long_as_it_gets_further(used: int) -> None:
    assert RETRIES.after(TimeLimitError(), used, has_advanced=True) == Another(0.0, costs_retry=False)


def test_getting_further_makes_no_difference_to_other_failures() -> None:
    assert RETRIES.after(MediaError(), 2, has_advanced=True) is None


def test_without_retries_nothing_is_tried_again() -> None:
    assert Retries(most=0, delay=60.0).after(MediaError(), 0, has_advanced=False) is None
