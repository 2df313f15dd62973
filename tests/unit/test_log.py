"""The log is sentences on a terminal, fields in the journal, JSON elsewhere, and no control characters of others."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from support.journald import Journald, journald

from daemon import log
from daemon.errors import ConfigurationError


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


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Journald]:
    """A journald that listens at a path of its own."""
    with journald(tmp_path / "socket") as listening:
        yield listening


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


def journalled(listener: Journald, event: str = "event_name", **fields: Any) -> dict[str, bytes]:
    """Return the fields of what one warning sends to the journal."""
    log.configure("debug", "journal", StringIO, address=listener.address)
    log.logger().warning(event, **fields)
    return listener.entry()


def test_in_the_journal_an_entry_is_a_sentence_and_fields(listener: Journald) -> None:
    entry = journalled(
        listener,
        "file_failed",
        message="00/a.jpg is empty",
        session=42,
        trigger="watch",
        onec_id="0001#2",
        path="00/a.jpg",
        total_products=7,
    )
    assert entry == {
        "MESSAGE": b"00/a.jpg is empty",
        "PRIORITY": b"4",
        "SYSLOG_IDENTIFIER": b"onec-images",
        "ONEC_EVENT": b"file_failed",
        "ONEC_SESSION": b"42",
        "ONEC_TRIGGER": b"watch",
        "ONEC_ID": b"0001#2",
        "ONEC_PATH": b"00/a.jpg",
        "ONEC_TOTAL_PRODUCTS": b"7",
    }


def test_what_is_not_known_has_no_field_in_the_journal(listener: Journald) -> None:
    assert "ONEC_SESSION" not in journalled(listener, session=None)


def test_an_entry_without_a_sentence_has_its_event_for_one_in_the_journal(listener: Journald) -> None:
    entry = journalled(listener)
    assert (entry["MESSAGE"], entry["ONEC_EVENT"]) == (b"event_name", b"event_name")


def test_a_hostile_name_is_escaped_in_the_sentence_and_whole_in_its_field(listener: Journald) -> None:
    name = os.fsdecode(b"12_\xff\n\x1b[2J.jpg")
    entry = journalled(listener, message=f"{name} is empty", path=name)
    assert entry["MESSAGE"] == rb"12_\udcff\n\x1b[2J.jpg is empty"
    assert entry["ONEC_PATH"] == b"12_\xff\n\x1b[2J.jpg"


@given(st.lists(st.characters() | st.sampled_from("\udcff\n\x1b")).map("".join))
def test_whatever_an_entry_says_it_is_one_sentence_in_the_journal(text: str) -> None:
    former = structlog.get_config()
    try:
        with TemporaryDirectory() as directory, journald(Path(directory, "socket")) as listening:
            entry = journalled(listening, message=text, path=text, **{text: text})
    finally:
        structlog.configure(**former)
    assert entry["MESSAGE"].decode().isprintable()


@pytest.mark.parametrize(
    "method, priority",
    [("debug", b"7"), ("info", b"6"), ("warning", b"4"), ("error", b"3"), ("exception", b"3")],
)
def test_levels_are_priorities_in_the_journal(listener: Journald, method: str, priority: bytes) -> None:
    log.configure("debug", "journal", StringIO, address=listener.address)
    getattr(log.logger(), method)("event_name")
    assert listener.entry()["PRIORITY"] == priority


def raised() -> Exception:
    """Return an exception as it is caught."""
    with pytest.raises(ValueError, match="order") as caught:
        raise ValueError("out of order")
    return caught.value


def test_an_exception_is_carried_to_the_journal(listener: Journald) -> None:
    trace = journalled(listener, exc_info=raised())["ONEC_EXCEPTION"].decode()
    assert trace.startswith("Traceback")
    assert trace.endswith("ValueError: out of order")


def test_an_exception_is_carried_in_json() -> None:
    entry = json.loads(logged("json", StringIO(), exc_info=raised()))
    assert entry["exception"].endswith("ValueError: out of order")


def test_an_exception_is_not_shown_on_a_terminal() -> None:
    assert "Traceback" not in logged("console", Terminal(), message="A sentence.", exc_info=raised())


def test_entries_below_the_level_do_not_reach_the_journal(listener: Journald) -> None:
    log.configure("warning", "journal", StringIO, address=listener.address)
    log.logger().info("hidden")
    log.logger().error("shown")
    assert listener.entry()["ONEC_EVENT"] == b"shown"
    assert listener.is_idle()


def test_threads_log_to_the_journal_at_the_same_time(listener: Journald) -> None:
    log.configure("info", "journal", StringIO, address=listener.address)
    logger = log.logger().bind(session=42)
    with ThreadPoolExecutor(
        8
    ) as threads:  # no more than the socket holds, lest one of them is not waited for
        for number in range(8):
            threads.submit(logger.info, "event_name", number=number)
        entries = [listener.entry() for _ in range(8)]
    assert sorted(int(entry["ONEC_NUMBER"]) for entry in entries) == list(range(8))
    assert {entry["ONEC_SESSION"] for entry in entries} == {b"42"}


def test_what_the_journal_does_not_take_is_a_line_with_its_priority(tmp_path: Path) -> None:
    stream = StringIO()
    with journald(tmp_path / "socket") as listening:
        log.configure("info", "journal", lambda: stream, address=listening.address)
    log.logger().warning("event_name", message="a\nb", path="00/a.jpg")
    log.logger().error("event_name")
    assert stream.getvalue() == "<4>a\\nb\n<3>event_name\n"


def test_a_journal_that_is_full_is_no_more_waited_for_after_the_first_entry(listener: Journald) -> None:
    stream = StringIO()
    log.configure("info", "journal", lambda: stream, address=listener.address)
    listener.fill()
    for number in range(100):
        log.logger().info("event_name", message=str(number))
    assert stream.getvalue() == "".join(f"<6>{number}\n" for number in range(100))
    listener.empty()
    log.logger().info("event_name", message="taken")
    assert listener.entry()["MESSAGE"] == b"taken"


def test_a_journal_that_is_demanded_and_not_there_is_a_mistake_that_changes_nothing(tmp_path: Path) -> None:
    stream = StringIO()
    log.configure("info", "json", lambda: stream)
    with pytest.raises(ConfigurationError, match=r"journald does not answer at .*No such file"):
        log.configure("info", "journal", address=str(tmp_path / "nowhere"))
    log.logger().info("event_name")
    assert json.loads(stream.getvalue())["event"] == "event_name"


def told_in(directory: Path, address: str, variable: str = "") -> str:
    """Return what one entry writes to a file that systemd says, or does not, is the journal's."""
    with open(directory / "stream", "w+") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": variable or f"{status.st_dev}:{status.st_ino}"}
        log.configure("info", "auto", lambda: stream, environ, address)
        log.logger().info("event_name")
        stream.seek(0)
        return stream.read()


def test_auto_is_the_journal_where_the_stream_leads_there(tmp_path: Path, listener: Journald) -> None:
    assert told_in(tmp_path, listener.address) == ""
    assert listener.entry()["ONEC_EVENT"] == b"event_name"


def test_auto_is_json_where_the_stream_of_a_service_leads_elsewhere(
    tmp_path: Path, listener: Journald
) -> None:
    assert json.loads(told_in(tmp_path, listener.address, "1:1"))["event"] == "event_name"
    assert listener.is_idle()


def test_auto_is_json_where_the_journals_socket_is_out_of_reach(tmp_path: Path) -> None:
    assert json.loads(told_in(tmp_path, str(tmp_path / "nowhere")))["event"] == "event_name"
