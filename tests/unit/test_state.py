"""The state of a service comes back from its document as it was, and nothing else comes from any other."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.services import IMPORT, IMPORTING, MOMENT, WATCHING

from daemon.state import STATES, Current, State

COUNTS = st.integers(0, 2**63 - 1)
SECONDS = st.none() | st.floats(-1e15, 1e15)
MOMENTS = st.datetimes(timezones=st.just(UTC))
CURRENTS = st.builds(
    Current,
    what=st.text(),
    session_id=st.none() | st.integers() | st.text(),
    import_type=st.text(),
    trigger=st.text(),
    attempt=COUNTS,
    processed=COUNTS,
    total=st.none() | COUNTS,
    copied=COUNTS,
    skipped=COUNTS,
    errors=COUNTS,
    since=MOMENTS,
    left_s=SECONDS,
)
STATES_TOLD = st.builds(
    State,
    state=st.sampled_from(STATES),
    pid=COUNTS,
    since=MOMENTS,
    pending=COUNTS,
    oldest_pending_s=SECONDS,
    unmatched=COUNTS,
    degraded=st.booleans(),
    why=st.lists(st.text()).map(tuple),
    backend=st.text(),
    current=st.none() | CURRENTS,
    next_reconcile=st.none() | MOMENTS,
    written_at=MOMENTS,
)
REFUSED = "is missing|has to be|is no time"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=5,
)


# the document


@given(STATES_TOLD)
def test_a_state_comes_back_as_it_was_told(state: State) -> None:
    assert State.from_json(json.loads(json.dumps(state.as_json()))) == state


def test_a_path_that_is_no_text_comes_back_as_well() -> None:
    state = replace(WATCHING, why=("\udcff.jpg is stuck",))
    assert State.from_json(json.loads(json.dumps(state.as_json()))) == state


def test_what_json_does_not_know_becomes_what_it_knows() -> None:
    told = replace(IMPORT, session_id=MOMENT.date(), left_s=float("inf")).as_json()
    assert (told["session_id"], told["left_s"]) == ("2026-11-23", None)


def test_what_a_later_service_tells_besides_is_passed_over() -> None:
    assert State.from_json(WATCHING.as_json() | {"weather": "fine"}) == WATCHING


@given(JSON)
def test_any_other_document_is_a_value_error(document: object) -> None:
    for kind in (State, Current):
        with pytest.raises(ValueError, match=REFUSED):
            kind.from_json(document)


@given(st.sampled_from(sorted(IMPORTING.as_json())), JSON)
def test_any_value_is_either_taken_or_a_value_error(name: str, value: object) -> None:
    with suppress(ValueError):
        State.from_json(IMPORTING.as_json() | {name: value})


@pytest.mark.parametrize("name", sorted(IMPORTING.as_json()))
def test_a_state_that_lacks_something_is_a_value_error(name: str) -> None:
    document = IMPORTING.as_json()
    del document[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        State.from_json(document)


@pytest.mark.parametrize(
    "name, value",
    [
        ("state", "sleeping"),
        ("state", ["watching"]),
        ("pid", True),
        ("pid", -1),
        ("pending", 10**30),
        ("pending", 1.0),
        ("since", "yesterday"),
        ("since", "2026-11-23T10:00:00"),
        ("since", "0001-01-01T00:00:00+23:59"),
        ("since", 5),
        ("oldest_pending_s", float("nan")),
        ("oldest_pending_s", float("inf")),
        ("oldest_pending_s", 10**400),
        ("degraded", 1),
        ("why", "text"),
        ("why", [1]),
        ("current", {}),
        ("current", [1]),
        ("current", IMPORT.as_json() | {"session_id": [1]}),
    ],
)
def test_a_value_that_makes_no_sense_is_a_value_error(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        State.from_json(IMPORTING.as_json() | {name: value})


@pytest.mark.parametrize(
    "processed, total, percent",
    [(41, 100, 41), (0, 3, 0), (2, 3, 66), (3, 3, 100), (4, 3, 100), (5, None, None), (0, 0, None)],
)
def test_a_part_is_known_where_the_whole_is(processed: int, total: int | None, percent: int | None) -> None:
    assert replace(IMPORT, processed=processed, total=total).percent == percent
