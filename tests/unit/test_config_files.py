"""The files of a configuration: which one counts, and what is said of one that cannot be read."""

import os
from pathlib import Path

import pytest

from daemon.config import find_file, load
from daemon.errors import ConfigurationError


def problem(file: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load(file, {})
    line = str(raised.value)
    assert "\n" not in line
    return line.removeprefix(f"{file}: ")


@pytest.fixture
def usual(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.touch()
    return file


@pytest.fixture
def system(tmp_path: Path) -> Path:
    file = tmp_path / "etc.toml"
    file.touch()
    return file


def test_the_option_counts_first(tmp_path: Path, usual: Path) -> None:
    named = tmp_path / "named.toml"
    named.touch()
    assert find_file(named, {"ONEC_IMAGES_CONFIG": str(usual)}, tmp_path) == named


def test_the_variable_counts_before_the_usual_files(tmp_path: Path, usual: Path) -> None:
    named = tmp_path / "named.toml"
    named.touch()
    assert usual.exists()
    assert find_file(None, {"ONEC_IMAGES_CONFIG": str(named)}, tmp_path) == named


def test_a_named_file_may_be_relative(tmp_path: Path, usual: Path) -> None:
    assert find_file(Path("config.toml"), {}, tmp_path) == usual
    assert find_file(None, {"ONEC_IMAGES_CONFIG": "config.toml"}, tmp_path) == usual


def test_the_file_of_the_directory_counts_before_that_of_the_system(
    tmp_path: Path, usual: Path, system: Path
) -> None:
    assert find_file(None, {}, tmp_path, system_file=system) == usual


def test_an_empty_variable_names_no_file(tmp_path: Path, system: Path) -> None:
    assert find_file(None, {"ONEC_IMAGES_CONFIG": ""}, tmp_path, system_file=system) == system


def test_where_no_file_is_all_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_file(None, {}, tmp_path, system_file=tmp_path / "etc" / "config.toml")
    message = str(raised.value)
    assert "--config" in message
    assert "ONEC_IMAGES_CONFIG" in message
    assert str(tmp_path / "config.toml") in message
    assert str(tmp_path / "etc" / "config.toml") in message
    assert "write one of them" in message


def test_a_named_file_that_is_not_there_is_not_replaced_by_another(tmp_path: Path, usual: Path) -> None:
    assert usual.exists()
    with pytest.raises(ConfigurationError, match="no such file, but --config names it; name one that exists"):
        find_file(tmp_path / "gone.toml", {}, tmp_path)
    with pytest.raises(ConfigurationError, match="no such file, but ONEC_IMAGES_CONFIG names it"):
        find_file(None, {"ONEC_IMAGES_CONFIG": "gone.toml"}, tmp_path)


def test_a_file_below_a_file_is_not_there(tmp_path: Path, usual: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        find_file(usual / "config.toml", {}, tmp_path)


def test_a_file_that_cannot_be_looked_at_is_told_when_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 300)
    assert find_file(file, {}, tmp_path) == file
    assert problem(file).startswith("cannot be read: ")


def test_a_syntax_error_tells_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[watch]\nsettle 3\n")
    line = problem(file)
    assert line.startswith("line 2, column 8: Expected '='")
    assert line.endswith("; the file is no valid TOML")


@pytest.mark.parametrize("text", ["[watch]\n[watch]\n", "a = 1\na = 2\n", "[watch\n", 'a = "', "a = 0644"])
def test_any_syntax_error_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    assert problem(file).endswith("; the file is no valid TOML")


def test_what_a_reader_of_toml_chokes_on_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"a = {'9' * 5000}\n")
    assert problem(file) == "a number is too long or lists are nested too deeply"
    file.write_text(f"a = {'[' * 100_000}\n")
    assert problem(file) == "a number is too long or lists are nested too deeply"


def test_a_huge_number_is_refused_without_being_spelled_out(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[import]\nworkers = 0x{'f' * 9000}\n")
    assert problem(file).endswith("must be a whole number of at most 1024, not a far larger number")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert problem(tmp_path) == "cannot be read: Is a directory"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert problem(tmp_path / "gone.toml") == "cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_rights_is_told(usual: Path) -> None:
    usual.chmod(0)
    assert problem(usual) == "cannot be read: Permission denied"


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes("[exchange]\ndir = 'обмен'\n".encode("cp1251"))
    assert problem(file) == "line 2: not UTF-8; save the file in that encoding"


def test_the_mark_and_the_lines_of_windows_are_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf[watch]\r\nsettle = 3\r\n")
    assert load(file, {}).watch.settle == 3


def test_a_name_with_a_line_break_stays_on_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path / "a\nb.toml", {})
    assert "a\\nb.toml" in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff\n"])
def test_a_credential_that_is_no_password_is_told(tmp_path: Path, usual: Path, content: bytes) -> None:
    (tmp_path / "database-password").write_bytes(content)
    with pytest.raises(ConfigurationError, match="database-password: "):
        load(usual, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_credential_that_cannot_be_read_is_told(tmp_path: Path, usual: Path) -> None:
    (tmp_path / "database-password").mkdir()
    with pytest.raises(ConfigurationError, match="database-password: cannot be read: Is a directory"):
        load(usual, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
