"""The log is lines: sentences on a terminal, JSON elsewhere, and never a control character from outside."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from daemon import log


class Terminal(StringIO):
    """A stream that says that somebody reads it."""

    def isatty(self) -> bool:
        return True


class Pieces(StringIO):
    """A stream that remembers what it was given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, piece: str) -> int:
        self.pieces.append(piece)
        return super().write(piece)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the log to other tests as they found it."""
    former = structlog.get_config()
    yield
    structlog.configure(**former)


def logged(log_format: str, stream: StringIO, event: str = "event_name", **fields: Any) -> str:
    """Return what one entry writes."""
    log.configure("debug", log_format, lambda: stream)
    log.logger().warning(event, **fields)
    return stream.getvalue()


def test_an_entry_is_one_json_document_on_a_line() -> None:
    line = logged("json", StringIO(), message="Изображение готово", path="00/a.jpg", session=42)
    assert line.endswith("\n")
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "event_name",
        "level": "warning",
        "message": "Изображение готово",
        "path": "00/a.jpg",
        "session": 42,
    }
    assert "Изображение готово" in line


@given(st.lists(st.characters() | st.sampled_from("\udcff\n\x1b")).map("".join))
def test_whatever_an_entry_says_it_is_one_line_of_json(text: str) -> None:
    former = structlog.get_config()
    try:
        line = logged("json", StringIO(), message=text, path=text)
    finally:
        structlog.configure(**former)
    assert line.count("\n") == 1
    entry = json.loads(line)
    assert (entry["message"], entry["path"]) == (text, text)


def test_what_json_does_not_know_is_shown_all_the_same() -> None:
    assert json.loads(logged("json", StringIO(), value={1}))["value"] == "{1}"


def test_on_a_terminal_the_sentence_stands_for_the_event() -> None:
    line = logged("auto", Terminal(), message="A sentence.", path="00/a.jpg", session=42)
    assert "A sentence." in line
    assert "warning" in line
    assert "42" in line
    assert "event_name" not in line
    assert "00/a.jpg" not in line


def test_an_entry_without_a_sentence_shows_its_event() -> None:
    assert "event_name" in logged("console", StringIO())


def test_control_characters_do_not_reach_the_terminal() -> None:
    line = logged("console", StringIO(), message="a\nb\x1b[2Jc\udcff")
    assert r"a\nb\x1b[2Jc\udcff" in line
    assert line.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "log_format, stream, is_json",
    [
        ("auto", StringIO(), True),
        ("auto", Terminal(), False),
        ("json", Terminal(), True),
        ("console", StringIO(), False),
    ],
)
def test_auto_is_words_on_a_terminal_and_json_elsewhere(
    log_format: str, stream: StringIO, is_json: bool
) -> None:
    assert logged(log_format, stream, message="A sentence.").startswith("{") == is_json


def test_colours_are_for_terminals() -> None:
    assert "\x1b[" in logged("console", Terminal(), message="A sentence.")
    assert "\x1b[" not in logged("console", StringIO(), message="A sentence.")


@pytest.mark.parametrize(
    "level, shown",
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_entries_below_the_level_are_left_out(level: str, shown: list[str]) -> None:
    stream = StringIO()
    log.configure(level, "json", lambda: stream)
    for method in ("debug", "info", "warning", "error"):
        getattr(log.logger(), method)("event_name")
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == shown


def test_the_stream_is_asked_for_at_each_entry() -> None:
    streams = [StringIO(), StringIO()]
    current = [streams[0]]
    log.configure("info", "json", lambda: current[0])
    logger = log.logger().bind(session=1)
    logger.info("first")
    current[0] = streams[1]
    logger.info("second")
    assert [json.loads(stream.getvalue())["event"] for stream in streams] == ["first", "second"]


def test_a_logger_follows_a_later_configuration() -> None:
    stream = StringIO()
    logger = log.logger()
    log.configure("warning", "json", lambda: stream)
    logger.info("hidden")
    log.configure("info", "json", lambda: stream)
    logger.info("shown")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["shown"]


def test_bound_fields_stand_in_every_entry() -> None:
    stream = StringIO()
    log.configure("info", "json", lambda: stream)
    logger = log.logger().bind(session=42, trigger="manual")
    logger.info("one")
    logger.info("two", session=43)
    assert [json.loads(line)["session"] for line in stream.getvalue().splitlines()] == [42, 43]


def test_a_line_is_written_at_once_so_that_threads_do_not_mix_theirs() -> None:
    stream = Pieces()
    log.configure("info", "json", lambda: stream)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: log.logger().info("event_name", number=number), range(100)))
    assert sorted(json.loads(piece)["number"] for piece in stream.pieces) == list(range(100))
    assert all(piece.endswith("\n") for piece in stream.pieces)


def test_by_default_entries_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    log.logger().info("event_name")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "event_name"
