"""An entry reaches journald as the fields that were sent, whatever is in them, and holds nobody up for long."""

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from errno import ECONNREFUSED, ENOENT
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.descriptors import none_left_open
from support.journald import Journald, journald

from daemon.journal import Journal, datagram, field_name, goes_to_journal

LARGE = "Ж" * 150_000  # 300 kB, which no datagram of the usual size holds
SEALED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Journald]:
    """A journald that listens at a path of its own."""
    with journald(tmp_path / "socket") as listening:
        yield listening


def test_fields_arrive_as_they_were_sent(listener: Journald) -> None:
    Journal(listener.address).send([("MESSAGE", "Готово"), ("PRIORITY", 6), ("ONEC_SESSION", 42)])
    assert listener.fields() == [
        ("MESSAGE", "Готово".encode()),
        ("PRIORITY", b"6"),
        ("ONEC_SESSION", b"42"),
    ]
    assert listener.is_idle()


@pytest.mark.parametrize(
    "value, content",
    [
        ("one\ntwo\n", b"one\ntwo\n"),
        ("\n", b"\n"),
        ("", b""),
        ("a=b", b"a=b"),
        ("a\0b", b"a\0b"),
        (b"\xff\n", b"\xff\n"),
        (os.fsdecode(b"\xff_a.jpg"), b"\xff_a.jpg"),
        ("\ud800", rb"\ud800"),
        ("\udcff\ud800", rb"\udcff\ud800"),
        (1.5, b"1.5"),
        (True, b"True"),
        (Path("a.jpg"), b"a.jpg"),
    ],
)
def test_a_value_may_be_anything(listener: Journald, value: object, content: bytes) -> None:
    Journal(listener.address).send([("ONEC_PATH", value), ("ONEC_NEXT", "next")])
    assert listener.fields() == [("ONEC_PATH", content), ("ONEC_NEXT", b"next")]


def test_a_value_of_several_lines_has_its_length_before_it() -> None:
    assert datagram([("A", "1\n2")]) == b"A\n\x03\0\0\0\0\0\0\x001\n2\n"
    assert datagram([("A", "1")]) == b"A=1\n"
    assert datagram([]) == b""


def test_a_field_may_come_more_than_once(listener: Journald) -> None:
    Journal(listener.address).send([("ONEC_ID", "a"), ("ONEC_ID", "b")])
    assert listener.fields() == [("ONEC_ID", b"a"), ("ONEC_ID", b"b")]


@pytest.mark.parametrize(
    "name, field",
    [
        ("onec_id", "ONEC_ID"),
        ("path", "ONEC_PATH"),
        ("total_products", "ONEC_TOTAL_PRODUCTS"),
        ("_hidden", "ONEC__HIDDEN"),
        ("2nd", "ONEC_2ND"),
        ("a b-ж\n=", "ONEC_A_B____"),
    ],
)
def test_a_field_bears_the_name_of_the_product(name: str, field: str) -> None:
    assert field_name(name) == field


@given(st.text())
def test_a_name_is_always_legal(name: str) -> None:
    assert re.fullmatch(r"ONEC_[A-Z0-9_]{0,59}", field_name(name))


def test_what_no_datagram_holds_comes_as_a_sealed_file(listener: Journald) -> None:
    with none_left_open():
        Journal(listener.address).send([("MESSAGE", LARGE), ("ONEC_SESSION", 42)])
        data, descriptor = listener.received()
        assert data == b""
        assert descriptor is not None
        assert fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) == SEALED
        os.close(descriptor)


def test_a_large_entry_arrives_whole(listener: Journald) -> None:
    with none_left_open():
        Journal(listener.address).send([("MESSAGE", LARGE), ("ONEC_PATH", "a\nb")])
        assert listener.entry() == {"MESSAGE": LARGE.encode(), "ONEC_PATH": b"a\nb"}


def test_entries_of_several_threads_do_not_mix(listener: Journald) -> None:
    journal = Journal(listener.address, patience=60)
    texts = [f"{number} " + "x" * (number % 7) * 50_000 for number in range(200)]  # some are too large
    with ThreadPoolExecutor(8) as threads:
        sending = [threads.submit(journal.send, [("MESSAGE", text), ("ONEC_NEXT", "")]) for text in texts]
        received = [listener.entry() for _ in texts]
        for sent in sending:
            sent.result()
    assert sorted(entry["MESSAGE"] for entry in received) == sorted(text.encode() for text in texts)
    assert all(entry["ONEC_NEXT"] == b"" for entry in received)
    assert listener.is_idle()


def test_a_busy_journald_is_waited_for(listener: Journald) -> None:
    waiting = listener.fill()
    with ThreadPoolExecutor(1) as threads:
        sent = threads.submit(Journal(listener.address, patience=60).send, [("MESSAGE", "last")])
        received = [listener.entry() for _ in range(waiting + 1)]
        sent.result()
    assert received[-1] == {"MESSAGE": b"last"}


def test_a_hung_journald_is_waited_for_once_and_found_again(listener: Journald) -> None:
    listener.fill()
    journal = Journal(listener.address, patience=0.1)
    with none_left_open():
        with pytest.raises(TimeoutError):
            journal.send([("MESSAGE", "first")])
        for _ in range(100):
            with pytest.raises(BlockingIOError):
                journal.send([("MESSAGE", "more")])
    listener.empty()
    journal.send([("MESSAGE", "last")])
    assert listener.entry() == {"MESSAGE": b"last"}


def test_a_large_entry_does_not_wait_for_a_hung_journald_either(listener: Journald) -> None:
    listener.fill()
    with none_left_open(), pytest.raises(TimeoutError):
        Journal(listener.address, patience=0.1).send([("MESSAGE", LARGE)])


def test_a_journald_that_is_gone_is_an_error_and_one_started_anew_is_found(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    journal = Journal(str(path))
    with none_left_open():
        with journald(path) as former:
            journal.send([("MESSAGE", "one")])
            assert former.entry() == {"MESSAGE": b"one"}
        with pytest.raises(ConnectionRefusedError):
            journal.send([("MESSAGE", "two")])
        path.unlink()
        with pytest.raises(FileNotFoundError):
            journal.send([("MESSAGE", "three")])
        with journald(path) as anew:
            journal.send([("MESSAGE", "four")])
            assert anew.entry() == {"MESSAGE": b"four"}


def test_whether_journald_listens_is_found_out_without_an_entry(listener: Journald, tmp_path: Path) -> None:
    with none_left_open():
        Journal(listener.address).reach()
        assert listener.is_idle()
        with pytest.raises(OSError, match=re.escape(f"[Errno {ENOENT}]")):
            Journal(str(tmp_path / "nowhere")).reach()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as closed:
            closed.bind(str(tmp_path / "closed"))
        with pytest.raises(OSError, match=re.escape(f"[Errno {ECONNREFUSED}]")):
            Journal(str(tmp_path / "closed")).reach()


def test_a_descriptor_goes_to_the_journal_if_it_is_the_one_that_systemd_names(tmp_path: Path) -> None:
    with open(tmp_path / "stream", "w") as stream, open(tmp_path / "other", "w") as other:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert goes_to_journal(stream.fileno(), environ)
        assert not goes_to_journal(other.fileno(), environ)
        assert not goes_to_journal(stream.fileno(), {})
        closed = stream.fileno()
    assert not goes_to_journal(closed, environ)


@pytest.mark.parametrize("text", ["", ":", "1", "a:b", "1:2:3", "-1:-1"])
def test_a_variable_that_makes_no_sense_names_no_journal(text: str) -> None:
    assert not goes_to_journal(0, {"JOURNAL_STREAM": text})
