"""The values of a configuration, one by one: every form that is accepted, and what is not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import texts, values
from daemon.config.values import EnvironmentText

UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "K": 2**10,
    "M": 2**20,
    "G": 2**30,
    "T": 2**40,
}


@given(st.integers(0, values.LARGEST_SIZE))
def test_a_size_reads_as_it_is_written(number: int) -> None:
    assert values.size()(values.formatted_size(number)) == number


@given(
    st.integers(0, 10**6),
    st.sampled_from(sorted(UNITS)),
    st.sampled_from(["", " ", "  "]),
    st.sampled_from([str.lower, str.upper, str]),
)
def test_a_size_is_its_number_times_its_unit(
    number: int, unit: str, space: str, case: Callable[[str], str]
) -> None:
    assert values.size()(f"{number}{space}{case(unit)}") == number * UNITS[unit]


@given(st.text())
def test_no_text_is_worse_than_a_size_that_is_refused(text: str) -> None:
    try:
        assert values.size()(text) >= 0
    except ValueError as error:
        assert str(error).startswith("must be a number of bytes")  # noqa: PT017 - either outcome is one


@pytest.mark.parametrize(
    "value, number",
    [
        (1024, 1024),
        ("2048", 2048),
        ("64 MiB", 67108864),
        ("256MB", 256_000_000),
        ("1 GiB", 2**30),
        ("1.5 GiB", 3 * 2**29),
    ],
)
def test_a_size_is_bytes_or_text(value: object, number: int) -> None:
    assert values.size()(value) == number


@pytest.mark.parametrize(
    "text", ["", "MiB", "1 XB", "-5", "1,5 GiB", "1e3", "٣", "9" * 30, -1, 1.5, True, [], 2**63]
)
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a number of bytes or a text such as"):
        values.size()(text)


def test_a_size_is_written_in_its_largest_whole_unit() -> None:
    assert values.formatted_size(64 * 2**20) == "64 MiB"
    assert values.formatted_size(1536 * 2**20) == "1536 MiB"
    assert values.formatted_size(1000) == 1000
    assert values.formatted_size(0) == 0


@given(st.integers(0, 0o777), st.booleans())
def test_a_mode_reads_as_it_is_written(bits: int, setgid: bool) -> None:
    mode = bits | (0o2000 if setgid else 0)
    assert values.directory_mode(values.formatted_mode(mode)) == mode


@pytest.mark.parametrize("text", ["0644", "644", "00644"])
def test_a_mode_is_octal_text(text: str) -> None:
    assert values.file_mode(text) == 0o644


@pytest.mark.parametrize(
    "text", ["", "0888", "rw-r--r--", "0o644", "1777", "2755", "-644", None, True, "6 44"]
)
def test_what_is_no_mode_of_a_file_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match='must be octal text in quotes from "0000" to "0777", not '):
        values.file_mode(text)


@pytest.mark.parametrize("text", ["1755", "4755", "6755", "02777777"])
def test_only_setgid_is_more_than_permissions(text: str) -> None:
    assert values.directory_mode("2775") == 0o2775
    with pytest.raises(ValueError, match="with setgid"):
        values.directory_mode(text)


def test_a_mode_that_is_a_number_is_explained() -> None:
    with pytest.raises(ValueError, match='a bare number would be decimal: write "0644"\\), not 644'):
        values.file_mode(644)


@pytest.mark.parametrize("text, number", [("0", 0.0), ("1.5", 1.5), ("1e2", 100.0), (" 7 ", 7.0)])
def test_a_duration_of_the_environment_is_a_number(text: str, number: float) -> None:
    assert values.seconds(EnvironmentText(text)) == number


@pytest.mark.parametrize(
    "text", ["", "ten", "NaN", "Infinity", "-1", "1e12", "true", "[1]", "10 s", '"5"', "[" * 9999]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number of seconds from 0"):
        values.seconds(EnvironmentText(text))


def test_a_duration_is_a_float_whatever_it_was() -> None:
    assert isinstance(values.seconds(3), float)
    assert values.formatted_seconds(3.0) == 3
    assert values.formatted_seconds(0.25) == 0.25


@pytest.mark.parametrize("text", ["true", "TRUE", "yes", "on", "1"])
def test_the_environment_says_yes_in_several_words(text: str) -> None:
    assert values.flag(EnvironmentText(text)) is True


@pytest.mark.parametrize("text", ["false", "False", "no", "off", "0"])
def test_the_environment_says_no_in_several_words(text: str) -> None:
    assert values.flag(EnvironmentText(text)) is False


@pytest.mark.parametrize("value", ["true", EnvironmentText(""), EnvironmentText("y"), 0, None])
def test_what_is_no_truth_value_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be true or false"):
        values.flag(value)


@pytest.mark.parametrize("value", ["products", "a/b", "Фото", ".hidden", "a b"])
def test_a_prefix_is_a_relative_path(value: str) -> None:
    assert texts.prefix(value) == value


@pytest.mark.parametrize("value", ["", "/", "/a", "a/", "a//b", ".", "./a", "a/..", "..", "a\0", "\udc80", 5])
def test_what_leads_out_of_the_media_is_no_prefix(value: object) -> None:
    with pytest.raises(ValueError, match="must be a relative path"):
        texts.prefix(value)


def test_image_roots_are_brought_to_their_normal_form() -> None:
    roots = texts.image_roots(["goods/import_files/", "goods//import_files", "/srv/pictures", "."])
    assert roots == ("goods/import_files", "/srv/pictures", ".")


@pytest.mark.parametrize("entry", ["", "..", "a/../b", "/a/..", 1, "a\0b", ["a"]])
def test_what_is_no_image_root_is_refused(entry: object) -> None:
    with pytest.raises(ValueError, match="must hold paths without"):
        texts.image_roots([entry])


def test_a_name_with_two_dots_in_it_leads_nowhere() -> None:
    assert texts.image_roots(["a..b"]) == ("a..b",)


def test_extensions_are_lower_case_without_their_dot_and_each_once() -> None:
    assert texts.extensions([".JPG", "jpg", "Png"]) == ("jpg", "png")


@pytest.mark.parametrize("entry", ["", ".", "tar.gz", "*", "a/b", "jp g", 1])
def test_what_is_no_extension_is_refused(entry: object) -> None:
    with pytest.raises(ValueError, match="must hold extensions"):
        texts.extensions([entry])


def test_there_may_be_no_catalogue_and_nothing_to_ignore() -> None:
    assert texts.catalog([]) == ()
    assert texts.ignore([]) == ()


def test_a_command_may_be_empty() -> None:
    empty: list[object] = ["", [], EnvironmentText(""), EnvironmentText("[]")]
    for value in empty:
        assert texts.command(value) == ()


def test_a_command_keeps_its_words_as_they_are() -> None:
    assert texts.command(["/bin/echo", "a", "a", "", "b c"]) == ("/bin/echo", "a", "a", "", "b c")


@pytest.mark.parametrize("value", ["echo hi", EnvironmentText('{"a": "b"}'), ["echo", 1], 5, [""], ["a\0"]])
def test_what_is_no_list_of_words_is_no_command(value: object) -> None:
    with pytest.raises(ValueError, match=r"must be a list of words|must begin with the program"):
        texts.command(value)


@pytest.mark.parametrize("value", ["", "127.0.0.1:9464", "[::1]:9180", "localhost:1", "host.example:65535"])
def test_an_address_to_listen_on_is_a_host_and_a_port(value: str) -> None:
    assert texts.listen_address(value) == value


@pytest.mark.parametrize(
    "value", ["9180", ":9180", "host", "host:", "host:0", "host:65536", "::1:80", "http://a:80", 80]
)
def test_what_is_no_host_and_port_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a host and a port"):
        texts.listen_address(value)


def test_a_path_may_be_given_as_one() -> None:
    assert texts.path(Path("a")) == Path("a")


def test_a_long_value_is_shown_in_part() -> None:
    assert values.shown("a" * 60) == f'"{"a" * 60}"'
    assert values.shown("a" * 61) == f'"{"a" * 60}…"'


def test_values_are_shown_as_an_operator_writes_them() -> None:
    assert values.shown(True) == "true"
    assert values.shown("a\x1b\u202e") == '"a\\x1b\\u202e"'
    assert values.shown([1, 2]) == "a list"
    assert values.shown({"a": 1}) == "a section"
