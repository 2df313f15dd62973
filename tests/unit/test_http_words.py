from collections.abc import Mapping
from dataclasses import fields

import pytest

from daemon.db.sessions import ImportType, Trigger
from daemon.http.words import WORDS, Words
from daemon.state import STATES


@pytest.mark.parametrize("words", WORDS.values(), ids=list(WORDS))
def test_every_state_import_and_trigger_has_a_word(words: Words) -> None:
    assert set(words.states) == set(STATES)
    assert set(words.imports) == set(ImportType)
    assert set(words.triggers) == set(Trigger)


def test_nothing_is_left_untranslated() -> None:
    english, russian = WORDS["en"], WORDS["ru"]
    for field in fields(Words):
        before, after = getattr(english, field.name), getattr(russian, field.name)
        pairs = (
            [(before[key], after[key]) for key in before]
            if isinstance(before, Mapping)
            else [(before, after)]
        )
        assert all(one and other and one != other for one, other in pairs), field.name


def test_each_language_is_known_by_its_code() -> None:
    assert all(code == words.language for code, words in WORDS.items())
