"""What an import lets its host do while it runs, and leaves to it."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from support.workshop import Workshop, paths

from daemon import config
from daemon import shop as shops
from daemon.db.sessions import ImportType, Trigger
from daemon.errors import DatabaseUnavailableError, StoppedError, TimeLimitError
from daemon.importer.findings import Findings
from daemon.importer.host import Host
from daemon.importer.importer import Plan
from daemon.importer.selection import Selection
from daemon.importer.session import Occasion, Session
from daemon.imports import Request, import_images

Result = TypeVar("Result")


@pytest.fixture
def shop(bare: Workshop) -> Workshop:
    """Return a shop with tables and three products."""
    assert bare.run("init-db").status == 0
    bare.products("1", "2", "3")
    bare.pictures("1_a.jpg", "2_a.jpg", "3_a.jpg")
    return bare


def run(
    workshop: Workshop,
    host: Host,
    findings: Findings | None = None,
    selection: Selection | None = None,
    change: Callable[[Plan], Plan] = lambda plan: plan,
) -> Session:
    """Import with a host, and return the session."""
    settings = config.load(workshop.config_file, {})
    with shops.at_work(settings) as opened:
        session = Session(opened.database, opened.sessions, opened.sessions.daemon)
        request = Request(
            Occasion(ImportType.IMAGES, Trigger.MANUAL),
            selection or Selection.of(),
            change(shops.plan(settings, opened.products)),
            findings or Findings(),
            host,
        )
        import_images(settings, opened, session, request)
    return session


def test_between_chunks_the_host_does_what_must_not_wait_and_sees_what_is_committed(shop: Workshop) -> None:
    shop.configure(chunk_size=1)
    seen: list[int] = []

    def attend() -> float:
        seen.append(sum(bool(row.pictures) for row in shop.rows()))
        return 0.0

    run(shop, Host(attend=attend))
    assert {0, 1, 2, 3} <= set(seen)


def test_a_chunk_ends_early_if_something_waits(shop: Workshop) -> None:
    attended: list[None] = []

    def attend() -> float:
        attended.append(None)
        return 0.0

    run(shop, Host(attend=attend))
    alone = len(attended)
    attended.clear()
    run(shop, Host(attend=attend, is_waiting=lambda: True))
    assert len(attended) >= alone + 2


def test_the_time_that_the_host_takes_does_not_count(shop: Workshop) -> None:
    shop.configure(chunk_size=1, time_limit=2)

    def attend() -> float:
        time.sleep(0.9)
        return 0.9

    run(shop, Host(attend=attend))
    with pytest.raises(TimeLimitError):
        run(shop, Host(attend=lambda: attend() * 0))


def test_a_stop_keeps_what_was_brought_over(shop: Workshop) -> None:
    shop.configure(chunk_size=1)
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return any(row.pictures for row in shop.rows())

    with pytest.raises(StoppedError):
        run(shop, Host(should_stop=stop))
    assert asked
    assert sum(bool(row.pictures) for row in shop.rows()) in {1, 2}
    [session] = shop.sessions()
    assert session["status"] == "failed"


def test_work_with_the_database_may_be_done_again(shop: Workshop) -> None:
    """Each piece of it is run twice: nothing comes out twice."""

    def twice(work: Callable[[], Result]) -> Result:
        work()
        return work()

    session = run(shop, Host(patiently=twice))
    assert [row.pictures for row in shop.rows()] == [paths(n, f"{n}_a.jpg") for n in "123"]
    assert (session.figures.copied, session.figures.errors) == (3, 0)


def test_a_database_that_stays_away_ends_the_import(shop: Workshop) -> None:
    def never(_work: Callable[[], Result]) -> Result:
        raise DatabaseUnavailableError("gone")

    with pytest.raises(DatabaseUnavailableError):
        run(shop, Host(patiently=never))


def test_pictures_that_may_still_grow_are_left_and_told(shop: Workshop) -> None:
    left: dict[str, float] = {}

    class Left(Findings):
        def left(self, path: str, rest: float) -> None:
            left[path] = rest

    def patient(plan: Plan) -> Plan:
        return replace(plan, terms=replace(plan.terms, settle=3600))

    session = run(shop, Host(), Left(), change=patient)
    assert sorted(left) == [f"goods/import_files/{n}_a.jpg" for n in "123"]
    assert all(3000 < rest <= 3600 for rest in left.values())
    assert shop.contents() == {}
    assert (session.figures.copied, session.figures.errors, session.figures.missing) == (0, 0, 0)


def test_only_some_directories_are_looked_into_if_that_is_all_that_is_asked_for(shop: Workshop) -> None:
    shop.picture("1/1_b.jpg")
    shop.picture("zz/1_c.jpg")
    flat = frozenset({""})
    run(shop, Host(), selection=Selection.of(["1"]), change=lambda plan: replace(plan, directories=flat))
    assert shop.named("1") == paths("1", "1_a.jpg")


def test_image_roots_that_are_awaited_are_no_failure(shop: Workshop, tmp_path: Path) -> None:
    shop.root.rename(tmp_path / "away")
    session = run(shop, Host(), change=lambda plan: replace(plan, waits_for_roots=True))
    assert session.figures.processed == 3


def test_rows_that_others_hold_are_left_to_a_host_that_wants_them(shop: Workshop) -> None:
    if shop.database.is_sqlite:
        return  # it holds all rows or none, and whoever writes waits for it
    kept: list[str] = []

    def keeps(onec_id: str) -> bool:
        kept.append(onec_id)
        return True

    connection = shop.database.connect()
    connection.execute("BEGIN")
    connection.execute("UPDATE products SET name = 'x' WHERE onec_id = '2'")
    released = threading.Timer(20, connection.close)
    released.start()
    session = run(shop, Host(keeps=keeps))
    released.cancel()
    connection.close()
    assert kept == ["2"]
    assert session.figures.errors == 0
    assert [bool(row.pictures) for row in shop.rows()] == [True, False, True]
