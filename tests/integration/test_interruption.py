"""Imports that meet another one, are killed, or lose their connection."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from support import sql
from support.commands import Running
from support.workshop import Workshop, paths, wait_until

from daemon.db import lock
from daemon.db.engine import Database

MANY = 100


@pytest.fixture
def shop(bare: Workshop) -> Workshop:
    """A shop with tables, once on each kind of database."""
    assert bare.run("init-db").status == 0
    return bare


@pytest.fixture
def busy(shop: Workshop) -> Workshop:
    """A shop whose import takes a while."""
    give_work(shop)
    return shop


@pytest.fixture
def served_shop(served: Workshop) -> Workshop:
    """A shop with tables and work to do on PostgreSQL."""
    assert served.run("init-db").status == 0
    served.products("1", "2")
    served.pictures("1_a.jpg", "2_a.jpg")
    return served


def give_work(shop: Workshop) -> None:
    shop.configure(chunk_size=1, progress_every=1)
    onec_ids = [f"{number:04}" for number in range(MANY)]
    shop.products(*onec_ids)
    for onec_id in onec_ids:
        shop.picture(f"{onec_id}_a.jpg")


def begun(shop: Workshop) -> Running:
    """Start an import and wait until it has begun its session and brought some pictures over."""
    running = shop.start("import")
    wait_until(lambda: len(list(shop.media.rglob("*.jpg"))) > 2)
    return running


def statuses(shop: Workshop) -> list[tuple[str, str]]:
    return [(session["status"], session["error_message"].partition("\n")[0]) for session in shop.sessions()]


# two at once


def test_beside_an_import_a_second_one_is_refused_and_told_who_is_at_work(busy: Workshop) -> None:
    first = begun(busy)
    busy.halt(first)
    for command in (["import"], ["import", "0001"], ["catalog"]):
        second = busy.run(*command)
        assert second.status == 75
        assert second.stderr.count("\n") == 1
        found = re.search(r"\(host (\S+), process (\d+), since (\S+)\)", second.stderr)
        assert found is not None
        assert (found[1], int(found[2])) == (socket.gethostname(), first.pid)
        assert datetime.now(UTC) - datetime.fromisoformat(found[3]) < timedelta(minutes=1)
        assert "use `onec-images trigger`" in second.stderr
    first.signal(signal.SIGCONT)
    assert first.result().status == 0
    assert statuses(busy) == [("completed", "")]


def test_what_needs_no_lock_works_beside_an_import(busy: Workshop) -> None:
    first = begun(busy)
    busy.halt(first)
    for command in (
        ["import", "--dry-run"],
        ["sessions"],
        ["session", "1"],
        ["report", "errors"],
        ["init-db"],
    ):
        assert busy.run(*command).status == 0
    first.signal(signal.SIGCONT)
    assert first.result().status == 0


@contextmanager
def held(shop: Workshop, exchange: object) -> Iterator[None]:
    """Hold the lock in this process, which is another one than the command's."""
    with Database(shop.database.url) as database, lock.held(database, str(exchange)):
        yield


@pytest.mark.parametrize("spelling", ["exchange/.", "link", "link/../exchange"])
def test_the_lock_is_that_of_the_exchange_whatever_links_lead_there(shop: Workshop, spelling: str) -> None:
    (shop.place / "link").symlink_to(shop.exchange)
    shop.configure("exchange", dir=spelling)
    with held(shop, shop.exchange.resolve()):
        refused = shop.run("import", "--json")
    assert refused.status == 75
    assert f"process {os.getpid()}, since" in refused.stderr
    assert refused.json["session_id"] is None
    assert "another process is at work" in refused.json["error"]


def test_an_import_for_another_exchange_is_not_held_up(shop: Workshop) -> None:
    with held(shop, "/srv/another"):
        assert shop.run("import").status == 0


def test_after_a_killed_import_the_next_one_closes_its_session_and_ends_its_work(busy: Workshop) -> None:
    first = begun(busy)
    first.signal(signal.SIGKILL)
    assert first.result().status == -signal.SIGKILL
    wait_until(lambda: busy.run("import").status == 0)  # the server may take a moment to notice
    assert statuses(busy) == [("failed", "interrupted"), ("completed", "")]
    interrupted, completed = busy.sessions()
    assert interrupted["finished_at"] is not None
    assert 0 < completed["report_details"]["copied"] < MANY
    assert all(row.main_image for row in busy.rows())


# a connection that is lost


def test_a_connection_lost_before_the_session_fails_the_command(served_shop: Workshop) -> None:
    with sql.transaction(served_shop.database.url, "LOCK TABLE products"):
        running = served_shop.start("import")
        sql.end_waiting(served_shop.database.url)
        result = running.result()
    assert result.status == 1
    assert result.stderr.count("\n") == 1
    assert "terminating connection due to administrator command" in result.stderr
    assert served_shop.sessions() == []


def test_a_connection_lost_while_rows_are_written_ends_the_import(served_shop: Workshop) -> None:
    with sql.transaction(served_shop.database.url, "LOCK TABLE products IN EXCLUSIVE MODE"):
        running = served_shop.start("import")
        sql.end_waiting(served_shop.database.url)
        before = sql.bytes_of(served_shop.database.url, "import_sessions")
        result = running.result()
    assert result.status == 1
    assert "terminating connection due to administrator command" in result.stderr
    assert "Traceback" not in result.stderr
    assert sql.bytes_of(served_shop.database.url, "import_sessions") == before
    assert [row.main_image for row in served_shop.rows()] == ["", ""]
    assert served_shop.run("import").status == 0
    assert statuses(served_shop) == [("failed", "interrupted"), ("completed", "")]
    assert served_shop.named("1") == paths("1", "1_a.jpg")


def test_a_connection_lost_while_the_session_is_written_keeps_what_was_committed(
    served_shop: Workshop,
) -> None:
    url = served_shop.database.url
    with sql.transaction(url, "LOCK TABLE products IN EXCLUSIVE MODE") as first:
        running = served_shop.start("import")
        sql.wait_for_waiting(url)
        with sql.transaction(url, "SELECT 1 FROM import_sessions FOR UPDATE"):
            first.exec_driver_sql("ROLLBACK")
            sql.end_waiting(url)
            result = running.result()
    assert result.status == 1
    assert "terminating connection due to administrator command" in result.stderr
    assert served_shop.named("1") == paths("1", "1_a.jpg")
    assert statuses(served_shop) == [("in_progress", "")]
    second = served_shop.imported()
    assert second.figures["copied"] == 0
    assert statuses(served_shop) == [("failed", "interrupted"), ("completed", "")]


def test_another_import_may_begin_as_soon_as_the_connection_is_lost(served_shop: Workshop) -> None:
    url = served_shop.database.url
    with sql.transaction(url, "LOCK TABLE products IN EXCLUSIVE MODE") as blocking:
        first = served_shop.start("import")
        sql.wait_for_waiting(url)
        first.signal(signal.SIGSTOP)
        sql.end_waiting(url)
        blocking.exec_driver_sql("ROLLBACK")
        assert served_shop.run("import").status == 0
    before = sql.bytes_of(url, "import_sessions"), sql.bytes_of(url, "products")
    first.signal(signal.SIGCONT)
    assert first.result().status == 1
    assert (sql.bytes_of(url, "import_sessions"), sql.bytes_of(url, "products")) == before
    assert statuses(served_shop) == [("failed", "interrupted"), ("completed", "")]


def test_a_lost_connection_is_told_as_json_too(served_shop: Workshop) -> None:
    with sql.transaction(served_shop.database.url, "LOCK TABLE products IN EXCLUSIVE MODE"):
        running = served_shop.start("import", "--json")
        sql.end_waiting(served_shop.database.url)
        result = running.result()
    assert result.status == 1
    assert result.json["status"] == "failed"
    assert "terminating connection" in result.json["error_message"]


def test_a_catalogue_meets_a_lost_connection_likewise(served_shop: Workshop) -> None:
    served_shop.catalogue({"1": ["1_a.jpg"]})
    with sql.transaction(served_shop.database.url, "LOCK TABLE onec_images_catalogue IN EXCLUSIVE MODE"):
        running = served_shop.start("catalog")
        sql.end_waiting(served_shop.database.url)
        result = running.result()
    assert result.status == 1
    assert "terminating connection due to administrator command" in result.stderr
    assert "Traceback" not in result.stderr
    assert served_shop.run("catalog").status == 0
    assert statuses(served_shop) == [("failed", "interrupted"), ("completed", "")]
