"""What a trigger file may say, and what is said about one that says anything else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import OnecImagesError
from daemon.triggers.order import MOST_BYTES, Order, OrderError, read, understood

FULL = Order()


def said(document: Any) -> bytes:
    """Return a document as the shop writes it."""
    return json.dumps(document).encode()


def refusal(content: bytes) -> str:
    """Return why a content is refused, which is one line that can be shown."""
    with pytest.raises(OrderError) as refused:
        read(content)
    text = str(refused.value)
    assert text
    assert text.isprintable()
    return text


@pytest.mark.parametrize(
    "content",
    [b"", b" \t\r\n", b"images", b"images\n", b"  images\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbfimages"],
)
def test_nothing_and_the_word_images_are_a_full_import(content: bytes) -> None:
    assert read(content) == FULL


def test_a_full_import_takes_all_products_as_configured() -> None:
    assert Order(("images",), None, frozenset(), None, False) == FULL


def test_every_key_may_be_left_out() -> None:
    assert read(b"{}") == read(b"\xef\xbb\xbf {} \n") == FULL


def test_every_key_is_understood() -> None:
    content = said(
        {
            "import_type": "images",
            "task_id": "5b1c",
            "onec_ids": ["12", "13#красный", "12"],
            "validate_images": True,
            "checksum": True,
        }
    )
    assert read(content) == Order(("images",), "5b1c", frozenset({"12", "13#красный"}), True, True)


@pytest.mark.parametrize(
    "asked, run",
    [
        ("images", ("images",)),
        ("catalog", ("catalog",)),
        (["catalog"], ("catalog",)),
        (["images", "catalog"], ("catalog", "images")),
        (["images", "catalog", "images", "catalog"], ("catalog", "images")),
    ],
)
def test_types_are_run_once_each_and_the_catalogue_first(asked: Any, run: tuple[str, ...]) -> None:
    assert read(said({"import_type": asked})).import_types == run


def test_products_may_be_named_beside_a_catalogue() -> None:
    order = read(said({"import_type": ["catalog", "images"], "onec_ids": ["12"]}))
    assert order == Order(("catalog", "images"), onec_ids=frozenset({"12"}))


def test_what_a_serializer_writes_for_nothing_is_nothing() -> None:
    assert read(b'{"task_id": null, "validate_images": null}') == FULL


def test_validation_that_is_not_asked_for_is_not_one_that_is_unwanted() -> None:
    assert read(b"{}").validate_images is None
    assert read(b'{"validate_images": false}').validate_images is False


@pytest.mark.parametrize(
    "asked, text",
    [
        ("prices", "Неизвестный тип импорта: prices"),
        (["images", "prices"], "Неизвестный тип импорта: prices"),
        (["prices", "orders", "prices"], "Неизвестный тип импорта: prices, orders"),
        ("Images", "Неизвестный тип импорта: Images"),
        ("цены", "Неизвестный тип импорта: цены"),
        ("a\nb\x1b[1m", "Неизвестный тип импорта: a\\nb\\x1b[1m"),
    ],
)
def test_an_unknown_type_is_named(asked: Any, text: str) -> None:
    assert refusal(said({"import_type": asked})) == text


@pytest.mark.parametrize(
    "content", [b"catalog", b"Images", b"images catalog", b"{", b"{}{}", b'{"a":}', b"\0", b"'"]
)
def test_other_text_is_no_json(content: bytes) -> None:
    assert refusal(content).startswith('the trigger file is neither empty, nor "images", nor JSON: ')


@pytest.mark.parametrize("content", [b"null", b"[]", b'["images"]', b'"images"', b"1", b"true"])
def test_other_json_than_an_object_is_refused(content: bytes) -> None:
    assert refusal(content) == "the JSON of a trigger file must be an object"


def test_an_unknown_key_is_named_beside_those_that_are_known() -> None:
    assert refusal(said({"task": "1", "checksum": True})) == (
        "unknown key in the trigger file: task;"
        " accepted are import_type, task_id, onec_ids, validate_images, checksum"
    )


def test_a_foreign_text_is_shown_shortened() -> None:
    assert len(refusal(said({"k\n" * 10_000: 1}))) < 400


@pytest.mark.parametrize("content", [b'{"task_id": "1", "task_id": "2"}', b'{"a": {"b": 1, "b": 1}}'])
def test_a_key_that_is_there_twice_is_refused(content: bytes) -> None:
    assert refusal(content).endswith("twice")


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_word_for_is_refused(name: str) -> None:
    assert refusal(f'{{"checksum": {name}}}'.encode()) == f"the trigger file is not JSON: {name} is no value"


#: Key -> what is said of a value -> values.
WRONG: dict[str, dict[str, list[Any]]] = {
    "import_type": {"a list of texts that is not empty": [[], {}, None, 1, [1], [["images"]]]},
    "onec_ids": {
        "a list of texts that is not empty": [[], "12", None, [12], [None]],
        "a text of 1 to 100 characters": [["12", ""], ["1" * 101]],
        "must be text, not ": [["1\0"], ["\ud800"]],
    },
    "task_id": {
        "a text of 1 to 255 characters": ["", "1" * 256, 5, ["1"]],
        "must be text, not ": ["1\0", "\udfff"],
    },
    "checksum": {"must be true or false": [1, 0, "true", None, []]},
    "validate_images": {"must be true or false": [1, 0, "true", []]},
}


@pytest.mark.parametrize(
    "key, value, text",
    [(key, value, text) for key, wrong in WRONG.items() for text, some in wrong.items() for value in some],
)
def test_a_wrong_value_is_told_by_its_key(key: str, value: Any, text: str) -> None:
    told = refusal(said({key: value}))
    assert key in told
    assert text in told


@pytest.mark.parametrize("onec_ids", [["1" * 100], ["я" * 100]])
def test_an_id_may_be_as_long_as_its_column(onec_ids: list[str]) -> None:
    assert read(said({"onec_ids": onec_ids})).onec_ids == frozenset(onec_ids)


@pytest.mark.parametrize(
    "content",
    [b"[" * MOST_BYTES, b'{"a":' * 10_000, b'{"checksum": ' + b"9" * 5000 + b"}"],
    ids=["lists", "objects", "digits"],
)
def test_json_beyond_all_measure_is_refused(content: bytes) -> None:
    assert refusal(content) == "the trigger file is JSON that goes beyond all measure"


def test_a_file_may_have_64_kib_and_no_more() -> None:
    assert read(b"{}".ljust(MOST_BYTES)) == FULL
    assert refusal(b"{}".ljust(MOST_BYTES + 1)) == "the trigger file is larger than 64 KiB"
    assert refusal(b"[" * 100_000) == "the trigger file is larger than 64 KiB"


@pytest.mark.parametrize(
    "content", ["images".encode("utf-16"), "{}".encode("utf-16"), b'{"task_id": "\xff"}', b"\xff"]
)
def test_other_bytes_than_utf_8_are_refused(content: bytes) -> None:
    assert refusal(content).startswith("the trigger file is not UTF-8")


def test_an_error_is_one_that_is_told_in_a_line() -> None:
    assert issubclass(OrderError, OnecImagesError)


def texts(longest: int) -> st.SearchStrategy[str]:
    """Return texts that a database takes."""
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=longest
    )


orders = st.builds(
    Order,
    import_types=st.sampled_from([("images",), ("catalog",), ("catalog", "images")]),
    task_id=st.none() | texts(255),
    onec_ids=st.frozensets(texts(100), max_size=20),
    validate_images=st.none() | st.booleans(),
    checksum=st.booleans(),
)


@given(orders)
def test_what_an_order_writes_is_read_as_that_order(order: Order) -> None:
    assert read(order.content()) == order


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        read(content)
    except OrderError as error:
        assert str(error).isprintable()  # noqa: PT017  most of what is drawn is refused, and some is not


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
keys = st.sampled_from(["import_type", "task_id", "onec_ids", "validate_images", "checksum"]) | st.text(
    max_size=3
)


@given(values | st.dictionaries(keys, values, max_size=4))
def test_any_json_is_understood_or_refused(document: Any) -> None:
    try:
        order = understood(document)
    except OrderError as error:
        assert str(error).isprintable()  # noqa: PT017  as above
    else:
        assert read(order.content()) == order
