"""What a service tells is read whole, by anybody, for as long as it lives and no longer."""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.accounts import umask, unprivileged
from support.descriptors import none_left_open
from support.files import mode, tree
from support.filesystems import small
from support.rights import as_owner
from support.services import IMPORTING, MOMENT, WATCHING, service

from daemon.errors import OnecImagesError
from daemon.publication import Publisher, find, read
from daemon.state import State


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.db-01234567.state"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def publisher(file: Path, clock: Clock) -> Iterator[Publisher]:
    with none_left_open(), Publisher(file, clock=clock) as opened:
        yield opened


# telling and reading


def test_what_is_told_is_read(file: Path, publisher: Publisher) -> None:
    assert read(file) is None
    publisher.publish(IMPORTING)
    with none_left_open():
        assert read(file) == IMPORTING
    publisher.publish(WATCHING)
    assert read(file) == WATCHING


def test_nothing_else_lies_there_and_nothing_is_left(file: Path, publisher: Publisher) -> None:
    publisher.publish(IMPORTING)
    publisher.publish(WATCHING)
    assert list(tree(file.parent)) == [file.name]
    publisher.close()
    assert tree(file.parent) == {}
    assert read(file) is None


@pytest.mark.parametrize("permissions", [0o644, 0o640, 0o600])
def test_whoever_may_read_it_is_said_whatever_the_umask(file: Path, permissions: int) -> None:
    with umask(0o077), Publisher(file, permissions) as publisher:
        publisher.publish(WATCHING)
        assert mode(file) == permissions


def test_another_user_reads_it_as_well(
    file: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(WATCHING)
    file.parent.chmod(0o755)
    monkeypatch.chdir(file.parent)  # the directories above are closed to others
    with unprivileged():
        assert read(Path(file.name)) == WATCHING


def test_the_state_of_a_killed_service_is_none(file: Path) -> None:
    with service(file) as played:
        played.tells(IMPORTING)
        assert read(file) == IMPORTING
        played.is_killed()
        assert file.exists()
        with none_left_open():
            assert read(file) is None


def test_what_a_killed_service_left_is_in_nobodys_way(file: Path) -> None:
    with service(file) as played:
        played.tells(IMPORTING)
        played.is_killed()
    file.with_name(f"{file.name}.{os.getpid()}.new").write_text("half of i")
    with Publisher(file) as publisher:
        publisher.publish(replace(WATCHING, state="starting"))
        found = read(file)
        assert found is not None
        assert found.state == "starting"
        assert list(tree(file.parent)) == [file.name]


def test_a_reader_does_not_get_into_the_writers_way(file: Path, publisher: Publisher) -> None:
    publisher.publish(WATCHING)
    with open(file, "rb") as stream:
        for number in range(20):
            publisher.publish(replace(WATCHING, pending=number))
            found = read(file)
            assert found is not None
            assert found.pending == number
        assert stream.read() == json.dumps(WATCHING.as_json()).encode()


def test_nobody_reads_half_a_state_or_none_while_it_is_replaced(file: Path, publisher: Publisher) -> None:
    publisher.publish(WATCHING)
    done = threading.Event()
    wrong: list[State | None] = []

    def look() -> None:
        while not done.is_set():
            found = read(file)
            if found is None or found.why[:1] != found.why[-1:]:
                wrong.append(found)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(500):
        publisher.publish(replace(WATCHING, why=(str(number),) * (number % 300 + 1)))
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []


# telling often


def test_what_has_not_changed_is_told_again_after_a_while_only(
    file: Path, publisher: Publisher, clock: Clock
) -> None:
    publisher.publish(WATCHING)
    clock.now += 4.9
    later = replace(WATCHING, written_at=MOMENT + timedelta(seconds=5))
    publisher.publish(later)
    assert read(file) == WATCHING
    clock.now += 0.1
    publisher.publish(later)
    assert read(file) == later


def test_a_state_that_somebody_removed_is_told_again(file: Path, publisher: Publisher) -> None:
    publisher.publish(WATCHING)
    file.unlink()
    publisher.publish(WATCHING)
    assert read(file) == WATCHING


# more than one service


def test_who_waits_for_the_lock_leaves_the_place_to_who_has_it(file: Path, publisher: Publisher) -> None:
    with service(file) as other:
        other.tells(WATCHING)
        publisher.publish(replace(WATCHING, state="standby", pid=1))
        publisher.publish(replace(WATCHING, state="starting", pid=1))
        publisher.close()
        assert read(file) == WATCHING
        other.is_killed()
        publisher.publish(replace(WATCHING, state="standby", pid=1))
        found = read(file)
        assert found is not None
        assert found.pid == 1


def test_who_has_the_lock_takes_the_place(file: Path, publisher: Publisher) -> None:
    with service(file) as other:
        other.tells(WATCHING, state="standby")
        publisher.publish(WATCHING)
        other.tells(WATCHING, state="standby", pending=1)
        assert read(file) == WATCHING
    assert read(file) == WATCHING


# what cannot be told


def warnings(logs: list[Any]) -> list[str]:
    return [entry["message"] for entry in logs if entry["log_level"] == "warning"]


def test_a_directory_that_is_gone_is_told_once_and_again_when_it_has_come_back(tmp_path: Path) -> None:
    file = tmp_path / "gone" / "shop.state"
    with capture_logs() as logs, none_left_open(), Publisher(file) as publisher:
        for _ in range(3):
            publisher.publish(WATCHING)
        [warning] = warnings(logs)
        assert "No such file or directory" in warning
        file.parent.mkdir()
        publisher.publish(WATCHING)
        assert read(file) == WATCHING
        assert logs[-1]["event"] == "state_told"
        file.unlink()
        file.parent.rmdir()
        publisher.publish(WATCHING)
        assert len(warnings(logs)) == 2


def test_a_full_disk_leaves_the_former_state(tmp_path: Path) -> None:
    with small(tmp_path / "small", "64k") as directory, none_left_open():
        with capture_logs() as logs, Publisher(directory / "shop.state") as publisher:
            publisher.publish(WATCHING)
            for _ in range(2):
                publisher.publish(replace(WATCHING, why=("x" * 100_000,)))
            assert read(directory / "shop.state") == WATCHING
            assert list(tree(directory)) == ["shop.state"]
        assert len(warnings(logs)) == 1


def test_nowhere_is_a_place_as_well() -> None:
    with Publisher(None) as publisher:
        publisher.publish(WATCHING)


# what is not a state


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_state_is_one_line(file: Path, publisher: Publisher, content: bytes) -> None:
    publisher.publish(WATCHING)
    file.write_bytes(content)  # into the file whose lock is held
    with none_left_open(), pytest.raises(OnecImagesError, match="cannot be understood") as caught:
        read(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{}", json.dumps(WATCHING.as_json()).encode()])
def test_what_nobody_holds_is_nobodys_state(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert read(file) is None


def test_neither_a_directory_nor_a_fifo_nor_a_missing_directory_is_a_state(file: Path) -> None:
    assert read(file / "in" / "nowhere") is None
    os.mkfifo(file)
    assert read(file) is None
    assert read(file / "below") is None
    file.unlink()
    file.mkdir()
    assert read(file) is None


def test_a_state_that_may_not_be_read_is_not_taken_for_none(file: Path) -> None:
    with Publisher(file, 0o200) as publisher:
        publisher.publish(WATCHING)
        with as_owner(), pytest.raises(OnecImagesError, match="cannot be read: Permission denied"):
            read(file)


def test_the_living_one_is_found_among_many(file: Path, publisher: Publisher) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    publisher.publish(WATCHING)
    assert find([file.with_name("nowhere"), link, file]) == WATCHING
    assert find([file.with_name("nowhere")]) is None
    assert find([]) is None
    with pytest.raises(OnecImagesError, match="link cannot be read"):
        find([file.with_name("nowhere"), link])
