"""Conditions for many values are worded in a few ways, and mean what they say."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import column, create_engine, literal, select

from daemon.db.among import among

ENGINE = create_engine("sqlite://")


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(0, 30))
def test_a_value_is_among_those_given_and_no_other_is(values: list[int], value: int) -> None:
    with ENGINE.connect() as connection:
        assert connection.scalar(select(among(literal(value), values))) == (value in values)


def test_a_thousand_numbers_of_values_take_eleven_wordings() -> None:
    wordings = {
        str(among(column("id"), range(number)).compile(compile_kwargs={"render_postcompile": True}))
        for number in range(1, 1001)
    }
    assert len(wordings) == 11
