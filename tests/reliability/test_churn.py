"""Everything at once, by chance: whatever was done, the shop is what the exchange says when it ends."""

import random

import pytest
from support.churn import Churn
from support.losses import Figures
from support.upshot import assert_no_trace_is_left, assert_nothing_lost
from support.workshop import Workshop

_SHORT, _LONG = 6.0, 120.0  # seconds
_CATCHING_UP = 60.0  # seconds: recovery that was of no use is tried less and less often, up to a minute


@pytest.mark.fault("everything at once, by chance")
@pytest.mark.parametrize("number", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 4))])
@pytest.mark.parametrize("database", ["lite", "served"])
def test_whatever_happens_nothing_is_lost(
    request: pytest.FixtureRequest, figures: Figures, is_long: bool, database: str, number: int
) -> None:
    """Every case has a seed of its own, which a failure prints; put it in the place of the next line to try again."""
    seed = random.SystemRandom().randrange(10**6) * 10 + number
    workshop: Workshop = request.getfixturevalue(database)
    workshop.configure("watch", settle=0.2, max_wait=2, retry_unmatched=0.5, reconcile_interval=0)
    workshop.configure("import", retry_delay=0.5, chunk_size=10)
    print(f"seed {seed}")  # noqa: T201  pytest shows it beside what failed
    churn = Churn(workshop, seed)
    try:
        churn.go_on(_LONG if is_long else _SHORT)
        assert_nothing_lost(churn.service, within=2 * _CATCHING_UP)
        figures.tried(len(churn.done))
    except BaseException:
        print(" ".join(churn.done))  # noqa: T201
        raise
    finally:
        churn.close()
    assert_no_trace_is_left(workshop)
