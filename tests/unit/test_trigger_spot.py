"""A trigger is claimed once and answered once, whatever lies beside it and whoever dies when."""

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from errno import EACCES, EIO, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.accounts import umask
from support.audits import before, told
from support.descriptors import none_left_open
from support.files import mode
from support.rights import as_owner

from daemon.errors import OnecImagesError
from daemon.triggers.order import MOST_BYTES, Order
from daemon.triggers.spot import Claim, TriggerSpot, TriggerStuckError, result_path, running_path

NAME = "import_images.trigger"
RESULT = {"status": "completed", "message": "Изображения обновлены", "session_id": 7}
FULL = Claim(Order())


class KilledError(BaseException):
    """Stands for the death of the daemon at that moment."""


class Place:
    """A directory for triggers, and what a shop and the daemon do in it."""

    def __init__(self, directory: Path, name: str = NAME) -> None:
        self.directory = directory
        self.trigger = directory / name
        self.running = directory / f"{name}.running"
        self.result = directory / f"{name}.result"
        self.spot = TriggerSpot(self.trigger, 0o640)

    def claimed(self, content: bytes = b"") -> Claim | None:
        """Drop a trigger and claim it."""
        self.trigger.write_bytes(content)
        return self.spot.claim()

    def answer(self) -> Any:
        """Return the result that lies there."""
        return json.loads(self.result.read_bytes())

    def names(self) -> set[str]:
        """Return what lies in the directory, without the name of the trigger."""
        return {name.replace(self.trigger.name, "", 1) for name in os.listdir(self.directory)}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A directory for triggers; no descriptor of it may be left open."""
    directory = tmp_path / "place"
    directory.mkdir()
    with none_left_open():
        yield Place(directory)


def dies(*_arguments: object) -> None:
    raise KilledError


def fails(number: int) -> Callable[..., None]:
    def fail(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# what lies there


def test_nothing_is_seen_where_nothing_was_dropped(place: Place) -> None:
    assert place.spot.seen() is None
    assert place.spot.claim() is None
    assert place.spot.leftover() is None


def test_a_directory_that_is_not_there_has_no_trigger(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path / "nowhere", tmp_path / "file"):
        place = Place(directory)
        assert place.spot.seen() is None
        assert place.spot.claim() is None
        assert place.spot.leftover() is None


def test_what_is_seen_changes_with_the_file(place: Place) -> None:
    place.trigger.write_bytes(b"{")
    first = place.spot.seen()
    assert first == place.spot.seen()
    found = place.trigger.stat()
    assert first == (found.st_ino, 1, found.st_mtime_ns, found.st_ctime_ns)
    place.trigger.write_bytes(b"{}")
    assert place.spot.seen() != first


def test_a_link_is_seen_as_itself(place: Place) -> None:
    place.trigger.symlink_to("nowhere")
    seen = place.spot.seen()
    assert seen is not None
    assert seen.inode == place.trigger.lstat().st_ino


def test_a_place_that_cannot_be_looked_into_is_an_operators_matter(place: Place) -> None:
    place.trigger.touch()
    place.directory.chmod(0)
    with as_owner(), pytest.raises(TriggerStuckError, match="let the daemon's account write"):
        place.spot.seen()
    place.directory.chmod(0o755)


# claiming


def test_a_claim_renames_the_trigger_and_says_what_is_asked_for(place: Place) -> None:
    assert place.claimed(b'{"task_id": "5b1c"}') == Claim(Order(task_id="5b1c"))
    assert place.names() == {".running"}
    assert place.running.read_bytes() == b'{"task_id": "5b1c"}'


def test_a_claim_takes_the_former_result_away(place: Place) -> None:
    place.result.touch()
    assert place.claimed() == FULL
    assert place.names() == {".running"}


def test_the_former_result_stays_where_nothing_is_claimed(place: Place) -> None:
    place.result.touch()
    assert place.spot.claim() is None
    assert place.names() == {".result"}


def test_a_drop_during_a_run_waits_and_is_one_more(place: Place) -> None:
    place.claimed()
    place.trigger.write_bytes(b'{"task_id": "1"}')
    place.trigger.write_bytes(b'{"task_id": "2"}')
    place.spot.finish(RESULT)
    assert place.spot.claim() == Claim(Order(task_id="2"))
    assert place.spot.claim() is None


def test_what_is_wrong_with_the_content_is_told(place: Place) -> None:
    assert place.claimed(b'{"import_type": "prices"}') == Claim(None, "Неизвестный тип импорта: prices")
    assert place.names() == {".running"}


def test_a_trigger_that_is_too_large_is_not_read_to_its_end(place: Place) -> None:
    assert place.claimed(b"{}".ljust(MOST_BYTES)) == FULL
    place.trigger.touch()
    os.truncate(place.trigger, 1 << 40)
    assert place.spot.claim() == Claim(None, "the trigger file is larger than 64 KiB")


def make_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_socket(path: Path) -> None:
    directory = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{directory}/{path.name}")  # an address has room for 107 bytes
    os.close(directory)


ODD = [
    pytest.param(make_link, "a symbolic link", id="link"),
    pytest.param(make_loop, "a symbolic link", id="loop"),
    pytest.param(os.mkfifo, "a fifo", id="fifo"),
    pytest.param(os.mkdir, "a directory", id="directory"),
    pytest.param(make_socket, "a socket", id="socket"),
]


@pytest.mark.parametrize("make, kind", ODD)
def test_what_is_no_file_is_refused_answered_and_gone(
    place: Place, make: Callable[[Path], None], kind: str
) -> None:
    make(place.trigger)
    assert place.spot.claim() == Claim(None, f"the trigger file is {kind}, not a regular file")
    place.spot.finish(RESULT)
    assert place.names() == {".result"}
    assert place.claimed() == FULL


def test_a_file_that_becomes_a_link_before_it_is_opened_is_not_followed(place: Place) -> None:
    place.trigger.touch()

    def swap(_arguments: object) -> None:
        if place.running.exists():
            place.running.unlink()
            place.running.symlink_to("/etc/hostname")

    with before("open", swap):
        claim = place.spot.claim()
    assert claim is not None
    assert claim.order is None
    assert claim.error.startswith("the trigger file cannot be read by the daemon: ")


def test_a_file_that_may_not_be_read_is_refused(place: Place) -> None:
    place.trigger.touch()
    place.trigger.chmod(0)
    with as_owner():
        claim = place.spot.claim()
    assert claim == Claim(None, "the trigger file cannot be read by the daemon: Permission denied")


def test_a_file_that_vanishes_after_it_was_renamed_is_no_trigger(place: Place) -> None:
    place.trigger.touch()

    def vanish(_arguments: object) -> None:
        place.running.unlink(missing_ok=True)

    with before("open", vanish):
        assert place.spot.claim() is None
    assert place.names() == set()


def test_a_file_that_vanishes_before_it_is_renamed_is_no_trigger(place: Place) -> None:
    place.trigger.touch()
    with before("os.rename", lambda _: place.trigger.unlink()):
        assert place.spot.claim() is None


@pytest.mark.parametrize("name", ["запуск", "a b\nc", "\udcff\udcfe.trigger", "%s", "-f", "x" * 247])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path, name)
    assert place.claimed() == FULL
    assert place.names() == {".running"}
    place.spot.finish(RESULT)
    assert place.names() == {".result"}
    assert (running_path(place.trigger), result_path(place.trigger)) == (place.running, place.result)


# what an operator has to mend


def test_an_error_is_one_sentence_with_the_path_and_the_remedy(place: Place) -> None:
    place.trigger.touch()
    place.directory.chmod(0o555)
    with as_owner(), pytest.raises(TriggerStuckError) as stuck:
        place.spot.claim()
    place.directory.chmod(0o755)
    assert str(stuck.value) == (
        f"{place.trigger}: the trigger cannot be claimed: Permission denied;"
        " let the daemon's account write in its directory"
    )
    assert isinstance(stuck.value, OnecImagesError)
    assert place.names() == {""}


@pytest.mark.parametrize("number", [EACCES, EPERM, EROFS, ENOSPC, EIO])
def test_a_trigger_that_cannot_be_renamed_is_left_alone(place: Place, number: int) -> None:
    place.trigger.touch()
    with before("os.rename", fails(number)), pytest.raises(TriggerStuckError, match=os.strerror(number)):
        place.spot.claim()
    assert place.names() == {""}
    assert place.spot.claim() == FULL


def test_a_trigger_whose_former_result_cannot_be_removed_is_left_alone(place: Place) -> None:
    place.trigger.touch()
    (place.result / "full").mkdir(parents=True)
    with pytest.raises(TriggerStuckError, match="remove the directory that is in the way"):
        place.spot.claim()
    assert place.names() == {"", ".result"}


def test_an_empty_directory_instead_of_the_result_is_removed(place: Place) -> None:
    place.result.mkdir()
    assert place.claimed() == FULL
    place.result.mkdir()
    with pytest.raises(TriggerStuckError):
        place.spot.finish(RESULT)
    assert place.names() == {".running", ".result"}


def test_a_directory_instead_of_the_claimed_file_is_in_the_way(place: Place) -> None:
    place.running.mkdir()
    with pytest.raises(TriggerStuckError, match="remove the directory that is in the way"):
        place.claimed()
    assert place.names() == {"", ".running"}


def test_a_dropped_directory_is_not_put_over_a_claimed_file(place: Place) -> None:
    place.trigger.mkdir()
    place.running.touch()
    with pytest.raises(TriggerStuckError, match="remove what is in the way"):
        place.spot.claim()


def test_a_dropped_directory_that_is_full_is_answered_and_told(place: Place) -> None:
    (place.trigger / "full").mkdir(parents=True)
    claim = place.spot.claim()
    assert claim is not None
    assert claim.order is None
    with pytest.raises(TriggerStuckError, match="the trigger cannot be answered: Directory not empty"):
        place.spot.finish(RESULT)
    assert place.answer() == RESULT


def test_a_planted_link_instead_of_the_claimed_file_is_replaced(place: Place, tmp_path: Path) -> None:
    place.running.symlink_to(tmp_path / "planted")
    assert place.claimed() == FULL
    assert stat.S_ISREG(place.running.lstat().st_mode)
    assert not (tmp_path / "planted").exists()


# answering


def test_a_result_takes_the_place_of_what_was_claimed(place: Place) -> None:
    place.claimed()
    place.spot.finish(RESULT)
    assert place.names() == {".result"}
    assert place.answer() == RESULT
    assert place.result.read_text().count("\n") == 1
    assert "обновлены" in place.result.read_text()


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_a_result_has_its_mode_whatever_the_umask(place: Place, mask: int) -> None:
    place.claimed()
    with umask(mask):
        place.spot.finish(RESULT)
    assert mode(place.result) == 0o640


def test_a_result_is_whole_before_it_has_its_name(place: Place) -> None:
    place.claimed()
    seen = []

    def look(arguments: tuple[Any, ...]) -> None:
        temporary = place.directory / arguments[0]
        seen.append((json.loads(temporary.read_bytes()), mode(temporary), temporary.name[:13]))
        assert place.names() == {temporary.name, ".running"}

    with before("os.rename", look):
        place.spot.finish(RESULT)
    assert seen == [(RESULT, 0o640, ".onec-images-")]


def test_links_instead_of_a_result_are_replaced_and_not_followed(place: Place, tmp_path: Path) -> None:
    place.claimed()
    with told("os.rename") as renames:
        place.spot.finish(RESULT)
    for name in (renames[0][0], place.result.name):
        (place.directory / name).unlink(missing_ok=True)
        (place.directory / name).symlink_to(tmp_path / "planted")
    place.spot.finish(RESULT)
    assert place.names() == {".result"}
    assert place.answer() == RESULT
    assert not (tmp_path / "planted").exists()


def test_a_result_is_text_for_every_reader(place: Place) -> None:
    place.claimed()
    place.spot.finish({"error": "a\udcff", "path": place.directory})
    assert place.answer() == {"error": "a?", "path": str(place.directory)}


def test_a_result_that_cannot_be_written_is_still_owed(place: Place) -> None:
    place.claimed()
    with before("os.rename", fails(ENOSPC)), pytest.raises(TriggerStuckError, match=r"answered.*; make room"):
        place.spot.finish(RESULT)
    assert place.names() == {".running"}
    assert place.spot.leftover() == FULL


def test_a_claimed_file_that_is_gone_is_answered(place: Place) -> None:
    place.claimed()
    place.running.unlink()
    place.spot.finish(RESULT)
    assert place.names() == {".result"}


def test_a_result_without_a_place_is_lost_with_a_warning(place: Place) -> None:
    place.claimed()
    place.running.unlink()
    place.directory.rmdir()
    with capture_logs() as entries:
        place.spot.finish(RESULT)
    assert [(entry["event"], entry["log_level"]) for entry in entries] == [("trigger_result_lost", "warning")]
    assert not place.directory.exists()


@pytest.mark.parametrize("event", ["open", "os.rename"])
def test_a_place_that_is_emptied_while_the_result_is_written_loses_it(place: Place, event: str) -> None:
    place.claimed()

    def empty(arguments: tuple[Any, ...]) -> None:
        if str(arguments[0]).startswith(".onec-images-"):
            for path in place.directory.iterdir():
                path.unlink()
            place.directory.rmdir()

    with capture_logs() as entries, before(event, empty):
        place.spot.finish(RESULT)
    assert [entry["event"] for entry in entries] == ["trigger_result_lost"]
    assert not place.directory.exists()


# a daemon that died


def test_what_was_claimed_by_a_daemon_that_died_is_claimed_again(place: Place) -> None:
    place.claimed(b'{"task_id": "5b1c"}')
    assert Place(place.directory).spot.leftover() == Claim(Order(task_id="5b1c"))
    assert place.names() == {".running"}


@pytest.mark.parametrize("make, kind", ODD)
def test_what_is_no_file_is_refused_after_a_death_too(
    place: Place, make: Callable[[Path], None], kind: str
) -> None:
    make(place.running)
    assert place.spot.leftover() == Claim(None, f"the trigger file is {kind}, not a regular file")
    place.spot.finish(RESULT)
    assert place.names() == {".result"}


def test_a_result_alone_is_left_where_it_is(place: Place) -> None:
    place.result.touch()
    assert place.spot.leftover() is None
    assert place.names() == {".result"}


def test_a_link_instead_of_a_result_says_nothing_about_a_run(place: Place) -> None:
    place.running.touch()
    place.result.symlink_to("/etc/hostname")
    assert place.spot.leftover() == FULL


def test_files_of_a_neighbour_are_left_alone(place: Place) -> None:
    (place.directory / ".onec-images-neighbour").touch()
    neighbour = Place(place.directory, "other.trigger")
    neighbour.claimed()
    place.spot.leftover()
    assert neighbour.running.exists()
    assert (place.directory / ".onec-images-neighbour").exists()


@pytest.mark.parametrize("event, number", [("os.remove", 1), ("os.rename", 1), ("open", 1), ("open", 2)])
def test_a_trigger_survives_a_death_during_its_claim(place: Place, event: str, number: int) -> None:
    place.result.touch()
    place.trigger.touch()
    with before(event, dies, number=number), pytest.raises(KilledError):
        place.spot.claim()
    spot = Place(place.directory).spot
    assert [spot.leftover(), spot.claim()].count(FULL) == 1


@pytest.mark.parametrize("event, number", [("open", 1), ("open", 2), ("os.remove", 1), ("os.rename", 1)])
def test_an_answer_is_owed_until_it_is_in_place(place: Place, event: str, number: int) -> None:
    place.claimed()
    with before(event, dies, number=number), pytest.raises(KilledError):
        place.spot.finish(RESULT)
    spot = Place(place.directory).spot
    assert spot.leftover() == FULL
    spot.finish(RESULT)
    assert place.names() == {".result"}


def test_what_has_been_answered_is_not_run_again(place: Place) -> None:
    place.claimed()
    with before("os.remove", dies, number=2), pytest.raises(KilledError):
        place.spot.finish(RESULT)
    assert place.names() == {".running", ".result"}
    assert place.spot.leftover() is None
    assert place.names() == {".result"}
    assert place.answer() == RESULT


def test_a_temporary_file_is_swept_after_a_death(place: Place) -> None:
    place.claimed()
    with before("os.rename", dies), pytest.raises(KilledError):
        place.spot.finish(RESULT)
    assert len(place.names()) == 2
    place.spot.leftover()
    assert place.names() == {".running"}


def test_what_cannot_be_swept_is_an_operators_matter(place: Place) -> None:
    place.running.touch()
    place.result.touch()
    place.directory.chmod(0o555)
    with as_owner(), pytest.raises(TriggerStuckError, match="cannot be cleaned up: Permission denied"):
        place.spot.leftover()
    place.directory.chmod(0o755)
