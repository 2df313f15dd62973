"""Whatever bytes are given to what reads them, they are read or refused, in words of one line."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import parsing
from support.losses import Figures

from daemon import naming
from daemon.state import State

_MARKUP = [
    *("<КоммерческаяИнформация>", "<Каталог>", "<Товары>", "<Товар>", "<Ид>7</Ид>", "<Картинка>", "a/b.jpg"),
    *("</Картинка>", "</Товар>", "</Товары>", "</Каталог>", "</КоммерческаяИнформация>", "<!--", "-->"),
    *("<![CDATA[", "]]>", "&amp;", "&#1;", "&x;", "<!DOCTYPE x [", "<!ENTITY e 'x'>", "\0", "\\", "<x:Ид>"),
    '<?xml version="1.0" encoding="windows-1251"?>',
]
_TOML = [
    "[watch]",
    "[exchange]",
    "[media]",
    "settle",
    "=",
    "1",
    '"x"',
    "\n",
    "[",
    "]",
    "{",
    "nan",
    "dir",
    "true",
    "-1",
    "\0",
    "'''",
]
_JSON = [
    "{",
    "}",
    "[",
    "]",
    '"import_type"',
    '"images"',
    '"onec_ids"',
    ":",
    ",",
    "null",
    "true",
    "1e999",
    '"\\ud800"',
    "NaN",
]
_NAME = st.text(st.sampled_from("aA0_#./\\- é\n\0\udcff"), max_size=20)

whatever = st.binary(max_size=300)
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def pieces(of: list[str]) -> st.SearchStrategy[bytes]:
    """Return bytes put together from pieces that mean something, and from others."""
    return st.lists(st.one_of(st.sampled_from(of).map(str.encode), st.binary(max_size=5)), max_size=30).map(
        b"".join
    )


@pytest.mark.fault("bytes instead of a trigger")
@relaxed
@given(content=st.one_of(whatever, pieces(_JSON)))
def test_a_trigger_is_understood_or_refused(figures: Figures, content: bytes) -> None:
    figures.tried()
    parsing.trigger(content)


@pytest.mark.fault("bytes instead of a catalogue")
@relaxed
@given(content=st.one_of(whatever, pieces(_MARKUP)))
def test_a_catalogue_is_read_or_refused_however_it_is_cut(figures: Figures, content: bytes) -> None:
    figures.tried()
    parsing.goods(content)


@pytest.mark.fault("bytes instead of a configuration")
@relaxed
@given(content=st.one_of(whatever, pieces(_TOML)))
def test_a_configuration_is_read_or_refused(figures: Figures, content: bytes) -> None:
    figures.tried()
    parsing.configuration(content)


@pytest.mark.fault("bytes in a column of JSON")
@relaxed
@given(content=st.one_of(whatever, pieces(_JSON)))
def test_a_column_of_json_has_a_value_or_is_unreadable(figures: Figures, content: bytes) -> None:
    figures.tried()
    parsing.column(content)


_DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda some: st.one_of(
        st.lists(some, max_size=3), st.dictionaries(st.text(max_size=5), some, max_size=3)
    ),
    max_leaves=5,
)
_FIELDS = list(State.__dataclass_fields__)


@pytest.mark.fault("any JSON instead of a state")
@relaxed
@given(document=st.one_of(_DOCUMENTS, st.dictionaries(st.sampled_from(_FIELDS), _DOCUMENTS)))
def test_a_state_is_understood_or_refused(figures: Figures, document: object) -> None:
    figures.tried()
    parsing.state(json.dumps(document).encode())


@pytest.mark.fault("any names")
@relaxed
@given(name=_NAME, ids=st.lists(_NAME, max_size=5))
def test_a_name_belongs_to_a_key_that_it_begins_with_or_to_none(
    figures: Figures, name: str, ids: list[str]
) -> None:
    figures.tried()
    names = naming.PictureNames.from_patterns(["jpg"], [])
    keys = {key for onec_id in ids if (key := naming.key_of(onec_id))}
    stem = names.stem(f"{name}.jpg")
    if stem is None:
        return
    owner = naming.owner(stem, keys, naming.underscores(keys))
    longest = [key for key in keys if naming.canonical(stem) == key or stem.startswith(f"{key}_")]
    assert owner == max(longest, key=len, default=None)
    for key in keys:
        path = os.path.normpath(f"/media/products/{naming.shard_of(key)}/x")
        assert path.startswith("/media/products/")
