"""Which products an import is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.importer.selection import Selection
from daemon.naming import canonical_id, key_of

UUID = "001a16a4-b810-11ed-860f-fa163edba792"
VARIANT = "24062354-2f7b-11ee-998f-fa163e775e1f"


def takes(selection: Selection, onec_id: str) -> bool:
    """Return whether an import is about a product."""
    return selection.takes(onec_id, key_of(onec_id) or "")


@given(st.text(min_size=1))
def test_without_a_word_it_is_about_every_product_and_picture(onec_id: str) -> None:
    assert takes(Selection.of(), onec_id)
    assert Selection.of().takes_unmatched(onec_id)


@pytest.mark.parametrize("onec_id", ["12", "12#1", "12#2#3"])
def test_an_id_without_a_hash_selects_all_that_share_the_key(onec_id: str) -> None:
    assert takes(Selection.of(["12"]), onec_id)


@pytest.mark.parametrize("onec_id", ["12#1", "12#1#"])
def test_an_id_with_a_hash_selects_that_product(onec_id: str) -> None:
    assert takes(Selection.of([onec_id]), onec_id)
    assert not takes(Selection.of([onec_id]), "12")
    assert not takes(Selection.of([onec_id]), "12#2")


@pytest.mark.parametrize("onec_id", ["1", "123", "12_1", "1#2"])
def test_an_id_selects_no_product_with_another_key(onec_id: str) -> None:
    assert not takes(Selection.of(["12"]), onec_id)


def test_uuids_are_selected_in_any_case() -> None:
    for asked in (UUID, UUID.upper()):
        assert takes(Selection.of([asked]), UUID)
        assert takes(Selection.of([asked]), f"{UUID.upper()}#1")
    assert takes(Selection.of([f"{UUID.upper()}#{VARIANT}"]), f"{UUID}#{VARIANT.upper()}")


def test_other_codes_are_selected_exactly() -> None:
    assert not takes(Selection.of(["мяч"]), "Мяч")


def test_a_shard_selects_the_products_whose_pictures_lie_there() -> None:
    selection = Selection.of(shards=["00", "Мя"])
    assert [
        onec_id for onec_id in (UUID, UUID.upper(), "1", "Мяч", "12", VARIANT) if takes(selection, onec_id)
    ] == [
        UUID,
        UUID.upper(),
        "1",
        "Мяч",
    ]


def test_a_shard_is_written_in_either_case() -> None:
    assert takes(Selection.of(shards=["FF"]), "ff" + UUID[2:])


def test_ids_and_shards_are_both_to_be_met() -> None:
    selection = Selection.of(["12", "34"], ["12"])
    assert takes(selection, "12")
    assert not takes(selection, "34")
    assert not takes(selection, "121")


def test_the_keys_are_those_of_the_ids() -> None:
    selection = Selection.of(["12", "12#1", f"{UUID.upper()}#1", ".hidden", "#", ""])
    assert selection.keys == {"12", UUID}
    assert Selection.of(shards=["00"]).keys == frozenset()


def test_ids_of_which_no_product_was_seen_are_unknown() -> None:
    selection = Selection.of(["12", "34#1", "34#2", UUID.upper()])
    assert selection.unknown() == sorted(["12", "34#1", "34#2", UUID])
    takes(selection, "34#2")
    takes(selection, "12#5")
    takes(selection, "77")
    assert selection.unknown() == sorted(["34#1", UUID])
    takes(selection, UUID)
    assert selection.unknown() == ["34#1"]


@given(
    st.lists(st.sampled_from(["12", "12#1", "34", UUID, UUID.upper()])),
    st.lists(st.sampled_from(["12", "12#1", "34", UUID])),
)
def test_what_is_unknown_was_asked_for_and_not_seen(asked: list[str], seen: list[str]) -> None:
    selection = Selection.of(asked)
    for onec_id in seen:
        takes(selection, onec_id)
    found = {canonical_id(onec_id) for onec_id in seen} | {key_of(onec_id) for onec_id in seen}
    assert selection.unknown() == sorted({canonical_id(onec_id) for onec_id in asked} - found)


def test_an_import_of_some_products_does_not_count_pictures_of_none() -> None:
    assert not Selection.of(["12"]).takes_unmatched("12_a")


def test_an_import_of_some_shards_counts_the_pictures_of_none_there() -> None:
    selection = Selection.of(shards=["ff"])
    assert selection.takes_unmatched("FF1_a")
    assert not selection.takes_unmatched("121_a")
