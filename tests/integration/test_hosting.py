"""What an import lets its host do while it runs, and leaves to it."""

import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from support.workshop import Workshop, paths

from daemon import config
from daemon import shop as shops
from daemon.db.sessions import ImportType, Trigger
from daemon.errors import DatabaseUnavailableError, RootsMissingError, StoppedError, TimeLimitError
from daemon.importer import importer, survey
from daemon.importer.findings import Findings
from daemon.importer.host import Host
from daemon.importer.plan import Plan
from daemon.importer.selection import Selection
from daemon.importer.session import Occasion, Session
from daemon.imports import Request, import_images

Result = TypeVar("Result")


@pytest.fixture
def shop(bare: Workshop) -> Workshop:
    """Return a shop with tables and three products."""
    return stocked(bare)


@pytest.fixture
def served_shop(served: Workshop) -> Workshop:
    """Return such a shop on PostgreSQL, where single rows can be held."""
    return stocked(served)


def stocked(workshop: Workshop) -> Workshop:
    """Return a shop with tables and three products, each of which has a picture to come."""
    assert workshop.run("init-db").status == 0
    workshop.products("1", "2", "3")
    workshop.pictures("1_a.jpg", "2_a.jpg", "3_a.jpg")
    return workshop


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
    shop.pictures("1_b.jpg", "2_b.jpg", "3_b.jpg")
    run(shop, Host(attend=attend, is_waiting=lambda: True))
    assert len(attended) >= alone + 2


def test_the_time_that_the_host_takes_does_not_count(shop: Workshop) -> None:
    shop.configure(chunk_size=1, time_limit=2)

    def attend() -> float:
        time.sleep(0.9)
        return 0.9

    run(shop, Host(attend=attend))
    shop.pictures("1_b.jpg", "2_b.jpg", "3_b.jpg")
    with pytest.raises(TimeLimitError):
        run(shop, Host(attend=lambda: attend() * 0))


@pytest.mark.parametrize("limit, told", [(3, 0), (4, 3)])
def test_a_session_that_fails_says_how_many_products_there_are_or_that_it_does_not_know(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, limit: int, told: int
) -> None:
    monkeypatch.setattr(importer, "_VERY_MANY", limit)
    shutil.rmtree(shop.exchange)
    with pytest.raises(RootsMissingError):
        run(shop, Host())
    assert shop.sessions()[-1]["report_details"]["total_products"] == told


def test_a_stop_does_not_wait_for_products_of_which_nothing_is_left_to_do(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_GROUP", 1)  # each product is a section
    told: list[object] = []

    class Told(Findings):
        def without_picture(self, id_: Any, onec_id: str) -> None:
            told.append((id_, onec_id))

    shop.products("4", "5", "6")
    run(shop, Host())
    with pytest.raises(StoppedError):
        run(shop, Host(should_stop=lambda: bool(told)), Told())
    assert len(told) == 1
    assert shop.sessions()[-1]["status"] == "failed"


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


def replaced(shop: Workshop) -> None:
    """Have the pictures of all products replaced after a first import."""
    run(shop, Host())
    for onec_id in "123":
        shop.picture(f"{onec_id}_a.jpg", f"the other {onec_id}", mtime_ns=10**18)


def times(shop: Workshop) -> list[int]:
    return [file.mtime_ns for file in shop.stored().values()]


@pytest.mark.parametrize("chunk_size", [1, 2, 100])
def test_rows_that_share_a_replaced_picture_all_tell_of_it_before_it_is_current(
    shop: Workshop, chunk_size: int
) -> None:
    shop.configure(chunk_size=chunk_size)
    shop.products("1#2", "1#3")
    replaced(shop)
    before = {row.id: row.updated_at for row in shop.rows()}
    seen: set[tuple[bool, bool]] = set()

    def attend() -> float:
        rows = [row for row in shop.rows() if (row.onec_id or "").startswith("1")]
        is_told = all(row.updated_at > before[row.id] for row in rows)
        seen.add((shop.stored()["products/00/1_a.jpg"].mtime_ns == 10**18, is_told))
        return 0.0

    run(shop, Host(attend=attend))
    assert (True, False) not in seen
    assert times(shop) == [10**18] * 3
    assert run(shop, Host()).figures.copied == 0


def test_a_replaced_picture_is_current_though_its_source_is_gone_by_then(shop: Workshop) -> None:
    replaced(shop)

    def lose(work: Callable[[], Result]) -> Result:
        result = work()
        if shop.root.exists() and any(
            content.startswith(b"the other") for content in shop.contents().values()
        ):
            shutil.rmtree(shop.root)
        return result

    run(shop, Host(patiently=lose))
    assert times(shop) == [10**18] * 3


def test_a_row_that_is_free_in_the_end_tells_of_what_was_replaced(served_shop: Workshop) -> None:
    replaced(served_shop)
    before = served_shop.row("2").updated_at
    connection = served_shop.database.connect()
    connection.execute("BEGIN")
    connection.execute("UPDATE products SET name = 'x' WHERE onec_id = '2'")

    def attend() -> float:
        if b"the other 3" in served_shop.contents().values() and not connection.closed:
            connection.execute("ROLLBACK")  # the server has done it when this returns, unlike on a close
            connection.close()
        return 0.0

    run(served_shop, Host(attend=attend))
    assert served_shop.row("2").updated_at > before
    assert times(served_shop) == [10**18] * 3


def test_a_row_that_is_never_free_is_told_of_what_was_replaced_by_the_next_import(
    served_shop: Workshop,
) -> None:
    replaced(served_shop)
    before = served_shop.row("2").updated_at
    connection = served_shop.database.connect()
    connection.execute("BEGIN")
    connection.execute("UPDATE products SET name = 'x' WHERE onec_id = '2'")
    assert run(served_shop, Host()).figures.errors == 1
    connection.close()
    assert served_shop.row("2").updated_at == before
    assert run(served_shop, Host()).figures.copied == 1
    assert served_shop.row("2").updated_at > before
    assert times(served_shop) == [10**18] * 3


def test_rows_that_others_hold_are_left_to_a_host_that_wants_them(served_shop: Workshop) -> None:
    shop = served_shop
    shop.picture("zz/2_b.jpg")
    kept: list[tuple[str, set[str]]] = []

    def keeps(onec_id: str, directories: Collection[str]) -> bool:
        kept.append((onec_id, set(directories)))
        return True

    connection = shop.database.connect()
    connection.execute("BEGIN")
    connection.execute("UPDATE products SET name = 'x' WHERE onec_id = '2'")
    released = threading.Timer(20, connection.close)
    released.start()
    session = run(shop, Host(keeps=keeps))
    released.cancel()
    connection.close()
    assert kept == [("2", {"", "zz"})]
    assert session.figures.errors == 0
    assert [bool(row.pictures) for row in shop.rows()] == [True, False, True]
