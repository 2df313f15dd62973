"""Which product a file name belongs to, by its whole key and nothing shorter."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.naming import (
    PictureNames,
    candidates,
    canonical,
    canonical_id,
    file_name,
    group_of,
    hint_of,
    is_shard,
    is_text,
    is_uuid,
    key_of,
    owner,
    printable,
    section_of,
    shard_of,
    underscores,
)

UUID = "001a16a4-b810-11ed-860f-fa163edba792"
PICTURE = "24062354-2f7b-11ee-998f-fa163e775e1f"
PLAIN = PictureNames.from_patterns(["jpg", "jpeg", "png"], [])

any_character = st.characters() | st.sampled_from("\udcff\ud800_#")  # undecodable bytes become surrogates
any_text = st.lists(any_character).map("".join)
uuids = st.uuids().map(str)


def any_case(text: str) -> st.SearchStrategy[str]:
    """Return spellings of a text in mixed case."""
    flags = st.lists(st.booleans(), min_size=len(text), max_size=len(text))
    return flags.map(
        lambda chosen: "".join(c.upper() if up else c for c, up in zip(text, chosen, strict=True))
    )


def owned(stem: str, *keys: str) -> str | None:
    """Return which of the keys owns the stem."""
    return owner(stem, keys, underscores(keys))


def test_a_name_belongs_to_the_key_before_its_underscore() -> None:
    assert owned(f"{UUID}_{PICTURE}", UUID) == UUID


def test_a_name_that_is_the_key_belongs_to_it() -> None:
    assert owned("12", "12") == "12"


def test_what_follows_the_key_may_have_any_number_of_underscores() -> None:
    assert owned("12_a_b__c_", "12") == "12"


def test_a_shorter_prefix_owns_nothing() -> None:
    assert owned("123_a", "12") is None
    assert owned("12a", "12") is None
    assert owned("12-1_a", "12") is None


def test_a_longer_key_owns_nothing() -> None:
    assert owned("12_a", "123") is None
    assert owned("12_3", "12_3_4") is None


def test_neighbouring_uuids_are_different_products() -> None:
    first, second = "8204be24-15b9-11ea-81b8-00155d3cae02", "8204be25-15b9-11ea-81b8-00155d3cae02"
    assert owned(f"{first}_{PICTURE}", first, second) == first
    assert owned(f"{second}_{PICTURE}", first) is None


def test_the_longest_key_wins() -> None:
    assert owned("12_3_a", "12", "12_3") == "12_3"
    assert owned("12_3", "12", "12_3") == "12_3"


def test_a_key_owns_what_no_longer_one_claims() -> None:
    assert owned("12_3_a", "12", "12_4") == "12"
    assert owned("12_33_a", "12", "12_3") == "12"


def test_a_key_may_end_or_begin_with_underscores() -> None:
    assert owned("12__a", "12_", "12") == "12_"
    assert owned("_12_a", "_12") == "_12"


def test_no_key_owns_what_begins_with_an_underscore_but_one_that_does() -> None:
    assert owned("_12_a", "12", "a") is None


def test_without_keys_nothing_is_owned() -> None:
    assert owned("12_a") is None


@given(st.data(), uuids)
def test_uuids_match_in_any_case(data: st.DataObject, uuid: str) -> None:
    key = key_of(data.draw(any_case(uuid)))
    assert key == uuid
    assert owned(f"{data.draw(any_case(uuid))}_a", key) == key


def test_other_keys_match_exactly() -> None:
    assert owned("Ab_1", "ab") is None
    assert owned("НФ-1_1", "нф-1") is None
    assert owned(f"{UUID.upper()}0_1", f"{UUID}0") is None


KEYS = st.text("12_", min_size=1, max_size=4) | st.sampled_from([UUID, f"{UUID}_1"])
STEMS = st.text("12_", max_size=8) | st.builds(
    "{}{}".format, st.sampled_from([UUID, UUID.upper(), UUID[:-1]]), st.text("12_", max_size=4)
)


@given(STEMS, st.frozensets(KEYS))
@example("12_3_4", frozenset({"12", "12_3", "12_3_4_5"}))
def test_the_owner_is_the_longest_whole_key_that_the_stem_begins_with(
    stem: str, keys: frozenset[str]
) -> None:
    parts = [stem, *(stem[: mark.start()] for mark in re.finditer("_", stem))]
    matching = {canonical(part) for part in parts} & keys
    assert owned(stem, *keys) == max(matching, key=len, default=None)


@given(any_text, st.frozensets(any_text))
def test_an_owner_is_followed_by_an_underscore_or_nothing(stem: str, keys: frozenset[str]) -> None:
    key = owned(stem, *keys)
    if key is not None:
        assert key in keys
        assert canonical(stem[: len(key)]) == key
        assert stem[len(key) : len(key) + 1] in {"", "_"}


@pytest.mark.parametrize(
    "onec_id, key",
    [
        ("12", "12"),
        ("12#3", "12"),
        ("12#3#4", "12"),
        ("12#", "12"),
        (f"{UUID.upper()}#{PICTURE.upper()}", UUID),
        ("Мяч#1", "Мяч"),
        ("1", "1"),
        ("a b.c", "a b.c"),
    ],
)
def test_the_key_is_what_stands_before_the_first_hash(onec_id: str, key: str) -> None:
    assert key_of(onec_id) == key


@pytest.mark.parametrize(
    "onec_id", [None, "", "#1", "a/b", "/", "a\0b", ".", "..", ".a", ".a#1", "../a", "a/b#1"]
)
def test_a_product_without_a_key_that_names_a_file_has_no_pictures(onec_id: str | None) -> None:
    assert key_of(onec_id) is None


def test_what_follows_the_hash_cannot_harm_the_key() -> None:
    assert key_of("12#/.\0") == "12"


def test_a_composite_id_is_compared_with_each_uuid_in_lower_case() -> None:
    assert canonical_id(f"{UUID.upper()}#{PICTURE.upper()}") == f"{UUID}#{PICTURE}"
    assert canonical_id(f"Ab#{PICTURE.upper()}") == f"Ab#{PICTURE}"
    assert canonical_id("Ab#Cd") == "Ab#Cd"


@pytest.mark.parametrize(
    "text", ["", UUID[:-1], f"{UUID}0", f"{UUID}\n", UUID.replace("-", ""), UUID.replace("0", "g"), "٣" * 36]
)
def test_only_the_exact_shape_is_a_uuid(text: str) -> None:
    assert not is_uuid(text)


@given(uuids)
def test_a_uuid_is_one_in_lower_and_in_upper_case(uuid: str) -> None:
    assert is_uuid(uuid)
    assert is_uuid(uuid.upper())


@pytest.mark.parametrize(
    "onec_id, shard",
    [(UUID.upper(), "00"), ("FF" + UUID[2:], "ff"), ("Мяч", "Мя"), ("AB", "AB"), ("1", "00")],
)
def test_the_shard_is_the_first_two_characters_of_the_key(onec_id: str, shard: str) -> None:
    assert shard_of(key_of(onec_id) or "") == shard


@pytest.mark.parametrize("name", ["00", "aB", "Ко", "--", "7 ", "\udcff\udcfe"])
def test_pictures_are_looked_for_in_directories_of_two_characters(name: str) -> None:
    assert is_shard(name)


@pytest.mark.parametrize("name", ["", "a", "abc", "К", ".a", ".."])
def test_pictures_are_not_looked_for_in_other_directories_nor_in_hidden_ones(name: str) -> None:
    assert not is_shard(name)


@given(
    st.data(),
    uuids | any_text | st.builds("{}_{}".format, uuids, any_text),
    st.just("") | any_text.map("_{}".format),
)
def test_a_key_and_every_name_it_could_own_are_in_one_section(
    data: st.DataObject, onec_id: str, rest: str
) -> None:
    key = key_of(onec_id)
    if key is not None:
        spelling = data.draw(any_case(key)) if is_uuid(key) else key
        assert section_of(key) == section_of(spelling + rest)


def test_the_sections_of_uuids_are_halves_of_their_shards() -> None:
    assert section_of(UUID) == section_of(f"{UUID.upper()}_{PICTURE}")
    digits = "0123456789abcdef"
    sections = [section_of(f"{UUID[:2]}{digit}{UUID[3:]}") for digit in digits]
    assert [sections.index(section) for section in sections] == [0] * 8 + [8] * 8
    assert {section[:2] for section in sections} == {shard_of(UUID)}


def test_codes_that_begin_alike_are_spread_over_many_sections() -> None:
    sections = [section_of(f"НФ-{number:08}") for number in range(10_000)]
    assert len(set(sections)) == 256
    assert max(map(sections.count, set(sections))) < 100


@pytest.mark.parametrize(
    "path, name", [("products/00/a.jpg", "a.jpg"), ("a.jpg", "a.jpg"), ("a/", ""), ("", "")]
)
def test_the_file_name_is_the_last_part_of_a_path(path: str, name: str) -> None:
    assert file_name(path) == name


@pytest.mark.parametrize(
    "name, stem",
    [
        ("12_a.jpg", "12_a"),
        ("12.JPEG", "12"),
        ("12.jPg", "12"),
        ("Мяч_1.png", "Мяч_1"),
        ("12.tar.jpg", "12.tar"),
        ("12..jpg", "12."),
        ("a\nb.jpg", "a\nb"),
        ("a\udcff.jpg", "a\udcff"),
    ],
)
def test_a_picture_has_a_known_extension_in_any_case(name: str, stem: str) -> None:
    assert PLAIN.stem(name) == stem


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "12",
        "12.",
        "jpg",
        ".jpg",
        ".12_a.jpg",
        ".12_a.jpg.Xy12Zw",
        ".exchange_complete",
        ".dry_run",
        ".stale-1.jpg",
        "12_a.gif",
        "12_a.jpg.lock",
        "12_a.jpg.tmp",
        "12_a.jpg.part",
        "12_a.jpg~",
        "12_a.jpg ",
        "12_a.jpg\n",
    ],
)
def test_what_is_hidden_or_has_another_extension_is_no_picture(name: str) -> None:
    assert PLAIN.stem(name) is None


def test_extensions_are_configured_in_any_case() -> None:
    names = PictureNames.from_patterns(["GIF", "webp"], [])
    assert names.stem("12.gif") == names.stem("12.WebP") == "12"
    assert names.stem("12.jpg") is None


def test_names_that_match_a_pattern_are_ignored() -> None:
    names = PictureNames.from_patterns(["jpg"], ["*_draft.*", "12_?.jpg", "34_[ab].jpg"])
    ignored = ["12_draft.jpg", "12_1.jpg", "34_a.jpg", "a\nb_draft.jpg"]
    kept = ["12_10.jpg", "34_c.jpg", "12_draft1.jpg", "draft.jpg"]
    assert [names.stem(name) for name in ignored] == [None] * 4
    assert [names.stem(name) for name in kept] == ["12_10", "34_c", "12_draft1", "draft"]


def test_a_pattern_that_is_a_file_name_ignores_that_file_alone() -> None:
    names = PictureNames.from_patterns(["jpg"], ["12_a.jpg"])
    assert names.stem("12_a.jpg") is None
    assert names.stem("12_a.jpg.jpg") == "12_a.jpg"
    assert names.stem("x12_a.jpg") == "x12_a"


def test_a_name_is_text_if_its_bytes_are_utf_8() -> None:
    assert is_text("Мяч_1.jpg")
    assert not is_text("12_\udcff.jpg")


@pytest.mark.parametrize(
    "text, shown",
    [
        ("Мяч 1.jpg", "Мяч 1.jpg"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\0b", r"a\x00b"),
        ("12_\udcff.jpg", r"12_\udcff.jpg"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("", ""),
    ],
)
def test_what_would_move_the_cursor_or_not_encode_is_shown_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(any_text)
def test_any_text_can_be_shown(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert is_text(shown)
    assert shown == text or not text.isprintable()


# Hints


def test_of_a_picture_that_begins_with_a_uuid_that_is_enough_to_find_its_product() -> None:
    assert hint_of(f"{UUID.upper()}_{PICTURE}") == UUID
    assert hint_of(UUID) == UUID


def test_of_any_other_picture_the_whole_stem_is_needed() -> None:
    assert hint_of("12_3_a") == "12_3_a"


def test_pictures_of_one_product_are_one_group_as_far_as_names_can_tell() -> None:
    assert group_of(hint_of("Код_1_a")) == group_of(hint_of("Код_1_b")) == "Код_1"
    assert group_of(hint_of("12")) == "12"
    assert group_of(hint_of("_a")) == "_a"
    assert group_of(hint_of(f"{UUID}_a")) == group_of(hint_of(f"{UUID.upper()}_b")) == UUID


def test_the_candidates_of_a_stem_are_its_beginnings_the_longest_first() -> None:
    assert candidates("12_3_a") == ["12_3_a", "12_3", "12"]
    assert candidates(UUID.upper()) == [UUID]


@given(st.lists(uuids | st.sampled_from(["1", "12", "a"]), min_size=1, max_size=4).map("_".join), st.data())
def test_a_hint_leads_to_whatever_owns_the_picture(stem: str, data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(candidates(stem))))
    if found := owned(stem, *keys):
        hint = hint_of(stem)
        assert found.startswith(hint) if is_uuid(hint) else found in candidates(hint)
