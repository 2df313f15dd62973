"""Imports that are stopped, killed, too slow or not alone."""

import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.commands import Running
from support.oracle import check, expected
from support.workshop import Workshop, wait_until

COUNT = 250


@pytest.fixture
def busy(workshop: Workshop) -> Workshop:
    """A shop whose import takes a while: each product is a chunk of its own."""
    workshop.configure("import", chunk_size=1, progress_every=1)
    ids = [f"{number:03}" for number in range(COUNT)]
    workshop.products(*ids)
    workshop.pictures(*(f"{onec_id}_{letter}.jpg" for onec_id in ids for letter in "ab"))
    return workshop


def copies(workshop: Workshop) -> int:
    """Count the pictures in the media directory."""
    return sum(len(files) for _, _, files in os.walk(workshop.media))


@contextmanager
def in_its_middle(workshop: Workshop, *arguments: str) -> Iterator[Running]:
    """Start an import and wait until it has made some progress."""
    running = workshop.start("import", "--json", *arguments)
    wait_until(lambda: copies(workshop) >= 20)
    yield running
    running.end()


def assert_rows_have_their_files(workshop: Workshop) -> int:
    """Check that no row names what is not whole in the media, and count the rows that have pictures."""
    contents = workshop.contents()
    rows = [row for row in workshop.rows() if row.pictures]
    for row in rows:
        for path in row.pictures:
            assert contents[path] == f"the picture {os.path.basename(path)}".encode()
    return len(rows)


def assert_next_import_completes(workshop: Workshop) -> None:
    """Check that another import does all that is left."""
    before, foreseen = workshop.rows(), expected(workshop, {})
    foreseen.media = {path: file for path, file in foreseen.media.items() if ".onec-images-" not in path}
    check(workshop, before, foreseen, workshop.figures())
    assert assert_rows_have_their_files(workshop) == COUNT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_import_that_is_stopped_has_failed_with_a_sentence(busy: Workshop, number: signal.Signals) -> None:
    with in_its_middle(busy) as running:
        running.signal(number)
        began = time.monotonic()
        result = running.result()
        assert time.monotonic() - began < 10
    assert result.status == 1
    assert "Traceback" not in result.stderr
    [session] = busy.sessions()
    assert session["status"] == "failed"
    assert session["finished_at"] is not None
    assert session["error_message"]
    assert "Traceback" not in session["error_message"]
    assert "\n" not in session["error_message"].strip()
    report = session["report_details"]
    assert 0 < report["processed"] < report["total_products"] == COUNT
    assert report["copied"] > 0
    assert result.json["status"] == "failed"
    assert result.json["session_id"] == session["id"]
    assert assert_rows_have_their_files(busy) == report["processed"]
    assert not [path for path in busy.contents() if ".onec-images-" in path]
    assert_next_import_completes(busy)


def test_an_import_that_is_told_twice_to_stop_has_failed_with_a_sentence_too(busy: Workshop) -> None:
    with in_its_middle(busy) as running:
        busy.halt(running)
        running.signal(signal.SIGINT)
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGCONT)
        result = running.result()
    assert result.status == 1
    assert "Traceback" not in result.stderr
    [session] = busy.sessions()
    assert session["status"] == "failed"
    assert session["error_message"]
    assert "Traceback" not in session["error_message"]
    assert isinstance(result.json, dict)


@pytest.mark.parametrize("durable", [False, True])
def test_an_import_that_is_killed_is_closed_by_the_next(busy: Workshop, durable: bool) -> None:
    busy.configure("media", durable=durable)
    with in_its_middle(busy) as running:
        running.signal(signal.SIGKILL)
        assert running.result().status == -signal.SIGKILL
    assert assert_rows_have_their_files(busy) < COUNT
    [session] = busy.sessions()
    assert session["status"] in {"started", "in_progress"}
    assert_next_import_completes(busy)
    first, second = busy.sessions()
    assert first["id"] == session["id"]
    assert first["status"] == "failed"
    assert "interrupted" in first["error_message"]
    assert first["finished_at"] is not None
    assert first["report_details"]["total_products"] == COUNT
    assert second["status"] == "completed"


def test_imports_that_are_killed_at_any_moment_never_show_half_a_picture(lite: Workshop) -> None:
    lite.configure("import", chunk_size=5)
    ids = [f"{number:03}" for number in range(60)]
    lite.products(*ids)
    contents = {}
    for onec_id in ids:
        path = f"products/{onec_id[:2]}/{onec_id}_a.jpg"
        contents[path] = os.urandom(300_000)
        lite.picture(f"{onec_id}_a.jpg", contents[path])
    for delay in (0.0, 0.01, 0.02, 0.05):
        running = lite.start("import")
        wait_until(lambda: (lite.media / "products").exists() or lite.sessions())
        time.sleep(delay)
        running.end()
        stored = {path: file for path, file in lite.contents().items() if ".onec-images-" not in path}
        assert stored.items() <= contents.items()
        assert all(path in stored for row in lite.rows() for path in row.pictures)
    lite.imported()
    assert lite.contents() == contents


def test_an_import_that_takes_too_long_has_failed(busy: Workshop) -> None:
    busy.configure("import", time_limit=1)
    with in_its_middle(busy) as running:
        busy.halt(running)
        time.sleep(1.1)
        running.signal(signal.SIGCONT)
        result = running.result()
    assert result.status == 1
    [session] = busy.sessions()
    assert session["status"] == "failed"
    assert "time_limit" in session["error_message"] or "time limit" in session["error_message"].lower()
    assert session["finished_at"] is not None
    report = session["report_details"]
    assert 0 < report["processed"] < report["total_products"]
    assert assert_rows_have_their_files(busy) == report["processed"]
    busy.configure("import", time_limit=3600)
    assert_next_import_completes(busy)


@contextmanager
def halted(workshop: Workshop) -> Iterator[Running]:
    """Start an import and halt it in its middle."""
    with in_its_middle(workshop) as running:
        workshop.halt(running)
        yield running
        running.signal(signal.SIGCONT)
        assert running.result().status == 0


@pytest.mark.parametrize("what", ["pictures", "image root", "exchange"])
def test_what_the_exchange_removes_meanwhile_is_no_error(busy: Workshop, what: str) -> None:
    with halted(busy):
        if what == "pictures":
            for path in busy.root.glob("*.jpg"):
                path.unlink()
        else:
            shutil.rmtree(busy.root if what == "image root" else busy.exchange)
    [session] = busy.sessions()
    assert session["status"] == "completed"
    assert session["report_details"]["errors"] == 0
    assert session["report_details"]["processed"] == COUNT
    assert 0 < assert_rows_have_their_files(busy) < COUNT


@pytest.mark.parametrize("command", ["import", "catalog"])
def test_a_second_command_beside_an_import_says_who_is_at_work(busy: Workshop, command: str) -> None:
    busy.catalogue({"001": ["001_a.jpg"]})
    with halted(busy) as first:
        result = busy.run(command)
        printed = busy.run(command, "--json")
        pid = first.pid
    assert (result.status, printed.status) == (75, 75)
    assert socket.gethostname() in result.stderr
    assert re.search(rf"\b{pid}\b", result.stderr)
    assert re.search(r"\d\d:\d\d", result.stderr)  # since when
    assert "Traceback" not in result.stderr
    assert json.loads(printed.stdout)["session_id"] is None
    assert len(busy.sessions()) == 1


def test_what_only_reads_needs_no_lock(busy: Workshop) -> None:
    with halted(busy):
        assert busy.run("sessions", "--json").json["sessions"][0]["status"] == "in_progress"
        assert busy.run("import", "--dry-run", "--json", "000").status == 0
        assert busy.run("report", "no-picture", "--json").status == 0
        assert busy.run("config").status == 0


def test_the_lock_ends_with_its_holder_even_when_that_is_killed(busy: Workshop) -> None:
    with in_its_middle(busy) as running:
        running.signal(signal.SIGKILL)
        running.result()
    busy.imported("000")


def test_another_exchange_on_the_same_database_is_another_lock(served: Workshop) -> None:
    served.configure("import", chunk_size=1)
    ids = [f"{number:03}" for number in range(COUNT)]
    served.products(*ids)
    served.pictures(*(f"{onec_id}_a.jpg" for onec_id in ids))
    with halted(served):
        other = served.place / "other exchange"
        (other / "goods/import_files").mkdir(parents=True)
        (other / "goods/import_files" / "249_z.jpg").write_text("from the other exchange")
        environment = {"ONEC_IMAGES_EXCHANGE__DIR": str(other)}
        result = served.run("import", "--json", "249", environment=environment)
        assert result.status == 0, result.stderr
        assert result.figures["copied"] == 1
        assert served.sessions()[0]["status"] == "in_progress"  # it is another's
    assert served.sessions()[0]["status"] == "completed"


def test_neither_exchange_nor_media_hold_anything_of_the_command_s_own(lite: Workshop) -> None:
    lite.products("12")
    lite.pictures("12_a.jpg")
    exchange = sorted(lite.exchange.rglob("*"))
    lite.imported()
    assert sorted(lite.exchange.rglob("*")) == exchange
    assert sorted(path for path in lite.media.rglob("*") if path.is_file()) == [
        lite.media / "products/12/12_a.jpg"
    ]


def lose_database(workshop: Workshop) -> None:
    """End all connections to the database."""
    workshop.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_an_import_that_loses_its_lock_writes_nothing_more_without_it(served: Workshop) -> None:
    served.configure("import", chunk_size=1)
    ids = [f"{number:03}" for number in range(COUNT)]
    served.products(*ids)
    served.pictures(*(f"{onec_id}_a.jpg" for onec_id in ids))
    with in_its_middle(served) as running:
        lose_database(served)
        result = running.result()
    assert result.status in {0, 1}
    assert "Traceback" not in result.stderr
    last = served.sessions()[-1]
    assert last["status"] == ("failed" if result.status else "completed") or last["finished_at"] is None
    served.imported()
    assert all(row.pictures for row in served.rows())


def test_a_database_that_cannot_be_reached_is_one_line(lite: Workshop) -> None:
    for url in ("postgresql+psycopg://nobody@127.0.0.1:1/none", "sqlite:////nowhere/at/all.db"):
        result = lite.run("import", "--json", environment={"ONEC_IMAGES_DATABASE__URL": url})
        assert result.status == 1
        assert "Traceback" not in result.stderr
        assert json.loads(result.stdout)["session_id"] is None
