"""Whether somebody is still at a trigger is told by what the kernel tells."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.workshop import wait_until

from daemon.watcher.inotify import TriggerWatcher


class Watched:
    """A trigger that is watched."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "go"
        self.completed = 0
        self.watcher = TriggerWatcher(self.file, self._complete)

    def _complete(self) -> None:
        self.completed += 1

    def has_come_to(self, completed: int, *, is_open: bool) -> None:
        """Wait until the watcher has seen what was done."""
        wait_until(lambda: (self.completed, self.watcher.is_open) == (completed, is_open))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Return a trigger that is not there yet."""
    made = Watched(tmp_path)
    yield made
    made.watcher.close()


def test_a_file_is_open_from_its_making_to_its_end(watched: Watched) -> None:
    with open(watched.file, "wb", buffering=0) as file:
        watched.has_come_to(0, is_open=True)
        file.write(b"1")
        with open(watched.file, "rb"):
            pass
        watched.has_come_to(0, is_open=True)
    watched.has_come_to(1, is_open=False)


def test_one_that_is_written_again_is_open_again(watched: Watched) -> None:
    watched.file.write_bytes(b"1")
    watched.has_come_to(1, is_open=False)
    with open(watched.file, "wb"):
        watched.has_come_to(1, is_open=True)
    watched.has_come_to(2, is_open=False)


def test_a_reader_that_stays_does_not_keep_it_open(watched: Watched) -> None:
    descriptor = os.open(watched.file, os.O_WRONLY | os.O_CREAT)
    with open(watched.file, "rb"):
        os.close(descriptor)
        watched.has_come_to(1, is_open=False)


@pytest.mark.parametrize("is_renamed", [True, False])
def test_one_that_is_gone_is_open_no_more(watched: Watched, *, is_renamed: bool) -> None:
    with open(watched.file, "wb"):
        watched.has_come_to(0, is_open=True)
        if is_renamed:
            watched.file.rename(watched.file.with_name("else"))
        else:
            watched.file.unlink()
        watched.has_come_to(0, is_open=False)


def test_one_that_is_renamed_or_linked_into_place_is_not_open(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "stage").touch()
    os.link(tmp_path / "stage", watched.file)
    (tmp_path / "other").touch()
    (tmp_path / "other").rename(watched.file)
    watched.has_come_to(1, is_open=False)


def test_others_in_the_same_directory_say_nothing_of_it(watched: Watched, tmp_path: Path) -> None:
    with open(tmp_path / "other", "wb") as file:
        file.write(b"1")
        watched.file.touch()
        watched.has_come_to(1, is_open=False)
