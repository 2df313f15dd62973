"""Imports of so many pictures that several processes bring them, and the ends that these can come to."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commands import Running, has_ended
from support.oracle import check, expected
from support.workshop import Workshop, wait_until

COUNT = 700  # products, each with three pictures
_ALL = 3 * COUNT


@pytest.fixture
def crowded(workshop: Workshop) -> Workshop:
    """A shop with more pictures than one process is to bring."""
    workshop.configure("import", chunk_size=1, workers=2, progress_every=1)
    ids = [f"{number:03}" for number in range(COUNT)]
    workshop.products(*ids)
    workshop.pictures(*(f"{onec_id[:2]}/{onec_id}_{letter}.jpg" for onec_id in ids for letter in "abc"))
    return workshop


def porters_of(running: Running) -> list[int]:
    """Return the processes that a command has started."""
    tasks = Path(f"/proc/{running.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


@contextmanager
def in_its_middle(workshop: Workshop) -> Iterator[tuple[Running, list[int]]]:
    """Start an import, and wait until its porters have brought something."""
    running = workshop.start("import", "--json", anew=True)
    wait_until(lambda: len([name for name in workshop.contents() if ".onec-images-" not in name]) >= 20)
    yield running, porters_of(running)
    running.end()


def assert_next_import_completes(workshop: Workshop) -> None:
    """Check that no row names what is not there, and that another import does all that is left."""
    found = workshop.contents()
    for path in (path for row in workshop.rows() for path in row.pictures):
        assert found[path].endswith(os.path.basename(path).encode())
    before, foreseen = workshop.rows(), expected(workshop, {})
    foreseen.media = {path: file for path, file in foreseen.media.items() if ".onec-images-" not in path}
    check(workshop, before, foreseen, workshop.figures())
    assert len(workshop.contents()) == _ALL
    assert all(len(row.pictures) == 3 for row in workshop.rows())


def test_many_pictures_are_brought_as_few_are(crowded: Workshop) -> None:
    before, foreseen = crowded.rows(), expected(crowded, {})
    check(crowded, before, foreseen, crowded.figures())
    again = crowded.figures()
    assert (again["copied"], again["skipped_files"]) == (0, _ALL)


def test_a_terminal_that_stops_all_processes_stops_the_import_alone(crowded: Workshop) -> None:
    with in_its_middle(crowded) as (running, porters):
        assert len(porters) == 2
        for pid in (*porters, running.pid):
            os.kill(pid, signal.SIGINT)
        result = running.result()
    assert result.status == 1
    assert "Traceback" not in result.stderr
    [session] = crowded.sessions()
    assert "Traceback" not in session["error_message"]
    assert not [path for path in crowded.contents() if ".onec-images-" in path]
    assert all(has_ended(pid) for pid in porters)
    assert_next_import_completes(crowded)


def test_the_death_of_a_porter_is_that_of_the_import(crowded: Workshop) -> None:
    with in_its_middle(crowded) as (running, porters):
        os.kill(porters[0], signal.SIGKILL)
        result = running.result()
    assert result.status == 1
    assert "a process that delivers pictures has ended with status -9" in result.stderr
    [session] = crowded.sessions()
    assert session["status"] == "failed"
    assert all(has_ended(pid) for pid in porters)
    assert_next_import_completes(crowded)


def test_porters_end_with_the_import_that_is_killed(crowded: Workshop) -> None:
    with in_its_middle(crowded) as (running, porters):
        running.signal(signal.SIGKILL)
        running.result()
        wait_until(lambda: all(has_ended(pid) for pid in porters), within=10)
    assert_next_import_completes(crowded)
