"""A trigger of ours is put in place whole, known again wherever it goes, and told from those of others."""

import json
import os
from collections.abc import Iterator
from errno import EACCES, ENOSPC
from pathlib import Path
from typing import Any

import pytest
from support.accounts import umask
from support.audits import before
from support.descriptors import none_left_open
from support.files import change_status_after, mode, replace
from support.rights import as_owner

from daemon.triggers.drop import Drop, Whereabouts
from daemon.triggers.order import Order
from daemon.triggers.spot import TriggerSpot, result_path, running_path

ORDER = Order(task_id="5b1c")
ANSWER: dict[str, Any] = {"status": "completed", "task_id": "5b1c"}


@pytest.fixture
def trigger(tmp_path: Path) -> Iterator[Path]:
    """The path of a trigger file; no descriptor may be left open."""
    with none_left_open():
        yield tmp_path / "import_images.trigger"


def spot(trigger: Path) -> TriggerSpot:
    return TriggerSpot(trigger, 0o644)


def run(trigger: Path, answer: dict[str, Any] = ANSWER) -> None:
    """Do what the daemon does."""
    claim = spot(trigger).claim()
    assert claim is not None
    spot(trigger).finish(answer)


@pytest.mark.parametrize("mask", [0, 0o077])
def test_a_trigger_is_written_so_that_every_daemon_can_read_it(trigger: Path, mask: int) -> None:
    with umask(mask), Drop(trigger, ORDER):
        assert mode(trigger) == 0o644
        assert trigger.read_bytes() == ORDER.content()
    assert os.listdir(trigger.parent) == [trigger.name]


def test_a_trigger_that_nobody_has_claimed_is_not_replaced(trigger: Path) -> None:
    trigger.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        Drop(trigger, ORDER)
    trigger.unlink()
    trigger.write_bytes(b"images")
    with pytest.raises(FileExistsError):
        Drop(trigger, ORDER)
    assert trigger.read_bytes() == b"images"


@pytest.mark.parametrize("place", ["/proc/", "a descriptor"])
def test_a_trigger_that_cannot_be_written_leaves_no_empty_one_to_be_claimed(
    trigger: Path, place: str
) -> None:
    def fail(arguments: tuple[Any, ...]) -> None:
        opened = "a descriptor" if isinstance(arguments[0], int) else str(arguments[0])
        if opened.startswith(place):
            raise OSError(ENOSPC, os.strerror(ENOSPC))

    with before("open", fail), pytest.raises(OSError, match="No space left"):
        Drop(trigger, ORDER)
    assert not trigger.exists()


def test_a_trigger_is_known_again_until_it_is_answered(trigger: Path) -> None:
    with Drop(trigger, ORDER) as drop:
        assert drop.whereabouts() is Whereabouts.UNCLAIMED
        spot(trigger).claim()
        assert drop.whereabouts() is Whereabouts.RUNNING
        assert drop.result() is None
        spot(trigger).finish(ANSWER)
        assert drop.whereabouts() is Whereabouts.GONE
        assert drop.result() == ANSWER


def test_a_result_is_there_before_the_claimed_file_is_gone(trigger: Path) -> None:
    with Drop(trigger, ORDER) as drop:
        spot(trigger).claim()
        result_path(trigger).write_text(json.dumps(ANSWER))
        assert drop.whereabouts() is Whereabouts.RUNNING
        assert drop.result() == ANSWER


def test_the_result_of_a_run_that_was_not_watched_is_found(trigger: Path) -> None:
    result_path(trigger).write_text('{"status": "failed"}')
    with Drop(trigger, ORDER) as drop:
        run(trigger)
        assert drop.result() == ANSWER


def test_a_result_that_was_there_before_is_anothers(trigger: Path) -> None:
    result_path(trigger).write_text('{"status": "failed"}')
    with Drop(trigger, Order()) as drop:
        trigger.unlink()
        assert drop.whereabouts() is Whereabouts.GONE
        assert drop.result() is None


def test_a_result_that_came_while_the_trigger_was_unclaimed_is_anothers(trigger: Path) -> None:
    with Drop(trigger, Order()) as drop:
        result_path(trigger).write_text('{"status": "failed"}')
        assert drop.whereabouts() is Whereabouts.UNCLAIMED
        replace(trigger, b"images")
        assert drop.whereabouts() is Whereabouts.GONE
        assert drop.result() is None


def test_the_result_of_a_later_trigger_is_anothers(trigger: Path) -> None:
    with Drop(trigger, Order()) as drop:
        run(trigger)
        trigger.touch()
        change_status_after(trigger, trigger.stat().st_ctime_ns)  # the clock of files ticks
        run(trigger, {"status": "completed"})
        assert drop.whereabouts() is Whereabouts.GONE
        assert drop.result() is None


def test_a_result_for_another_task_is_anothers(trigger: Path) -> None:
    with Drop(trigger, ORDER) as drop:
        run(trigger, ANSWER | {"task_id": ["other"]})
        assert drop.result() is None


def test_a_refusal_has_no_task_and_is_ours(trigger: Path) -> None:
    with Drop(trigger, ORDER) as drop:
        run(trigger, {"status": "failed", "task_id": None})
        assert drop.result() == {"status": "failed", "task_id": None}


def test_a_trigger_that_is_written_over_is_noticed(trigger: Path) -> None:
    with Drop(trigger, ORDER) as drop:
        assert not drop.is_overwritten()
        spot(trigger).claim()
        assert not drop.is_overwritten()
        running_path(trigger).write_text("images")
        assert drop.is_overwritten()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_result_is_none(trigger: Path, content: bytes) -> None:
    with Drop(trigger, ORDER) as drop:
        spot(trigger).claim()
        result_path(trigger).write_bytes(content)
        assert drop.result() is None


def test_a_fifo_or_a_directory_instead_of_a_result_is_none(trigger: Path) -> None:
    with Drop(trigger, ORDER) as drop:
        for make, remove in ((os.mkfifo, os.unlink), (os.mkdir, os.rmdir)):
            make(result_path(trigger))
            assert drop.result() is None
            remove(result_path(trigger))


def test_a_result_that_may_not_be_read_is_told(trigger: Path) -> None:
    with Drop(trigger, ORDER) as drop:
        result_path(trigger).touch(mode=0)
        with as_owner(), pytest.raises(OSError, match=os.strerror(EACCES)):
            drop.result()


def test_a_directory_that_is_removed_takes_the_trigger_with_it(tmp_path: Path) -> None:
    trigger = tmp_path / "place" / "trigger"
    trigger.parent.mkdir()
    with Drop(trigger, ORDER) as drop:
        trigger.unlink()
        trigger.parent.rmdir()
        assert drop.whereabouts() is Whereabouts.GONE
        assert drop.result() is None
