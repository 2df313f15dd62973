"""Streams are cut into pieces, nothing of them is lost, and no more is read than is asked for."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.batches import batched


@given(st.lists(st.integers()), st.integers(1, 5))
def test_all_pieces_together_are_the_stream_and_only_the_last_may_be_shorter(
    items: list[int], size: int
) -> None:
    pieces = list(batched(items, size))
    assert [item for piece in pieces for item in piece] == items
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(1 <= len(piece) <= size for piece in pieces)


def test_a_piece_is_given_before_the_next_one_is_read() -> None:
    stream = iter(range(10))
    assert next(batched(stream, 3)) == [0, 1, 2]
    assert next(stream) == 3
