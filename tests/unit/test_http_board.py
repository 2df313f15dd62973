from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.snapshots import NOW, state

from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger
from daemon.http.board import MOST_FAILURES, MOST_SESSIONS, Board
from daemon.http.snapshot import Facts, Totals
from daemon.http.throughput import SLOT
from daemon.importer.session import Occasion, Session


class Clock:
    """A time that stands still."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(clock)


def session() -> Session:
    """Return a session that is not recorded anywhere."""
    nowhere: Any = None
    return Session(nowhere, None, "shop")


def facts(*running: Session, **values: Any) -> Facts:
    given: dict[str, Any] = {"awaited": (), "database": "", "generation": 1, "full_import": None, **values}
    return Facts(running, **given)


def show(board: Board, *running: Session, **values: Any) -> None:
    board.show(state(), facts(*running, **values))


def end(board: Board, made: Session, row: object = None, trigger: Trigger = Trigger.WATCH) -> None:
    """Run a session to its end; its row has an id if one is given."""
    with made.running(Occasion(ImportType.IMAGES, trigger)):
        pass
    if row is not None:
        object.__setattr__(made.record, "id", row)
    board.ended(made)


def record(**values: Any) -> SessionRecord:
    """Return a session of a former process."""
    given: dict[str, Any] = {
        "id": 7,
        "import_type": "images",
        "status": "completed",
        "task_id": None,
        "trigger": "startup",
        "started_at": NOW - timedelta(hours=2),
        "updated_at": NOW - timedelta(hours=1),
        "finished_at": NOW - timedelta(hours=1),
        "report_details": {},
        "error_message": "",
        **values,
    }
    return SessionRecord(**given)


# Figures --------------------------------------------------------------------------------------------------


def test_imports_under_way_are_counted_as_they_go_and_once(board: Board) -> None:
    made = session()
    with made.running(Occasion(ImportType.IMAGES, Trigger.WATCH)):
        made.figures.copied = 3
        show(board, made)
        assert board.snapshot.totals == Totals(copied=3)
        made.figures.copied, made.figures.skipped_files, made.figures.bytes_copied = 5, 2, 100
    board.ended(made)
    show(board)
    assert board.snapshot.totals == Totals(copied=5, skipped=2, bytes_copied=100)


def test_a_session_that_never_began_counts_for_nothing(board: Board) -> None:
    board.ended(session())
    show(board)
    assert board.snapshot.ended == ()


def test_sessions_are_counted_by_what_they_were(board: Board) -> None:
    end(board, session())
    end(board, session())
    end(board, session(), trigger=Trigger.RECONCILE)
    show(board)
    assert board.snapshot.ended == (
        (("images", "reconcile", "completed"), 1),
        (("images", "watch", "completed"), 2),
    )


def test_pictures_are_counted_when_they_were_copied(board: Board, clock: Clock) -> None:
    made = session()
    made.figures.copied = 3
    show(board, made)
    clock.now += timedelta(seconds=SLOT)
    made.figures.copied, made.figures.errors = 10, 1
    show(board, made)
    assert [(slot.copied, slot.errors) for slot in board.snapshot.day] == [(3, 0), (7, 1)]


def test_batches_are_counted_with_how_late_their_products_were(board: Board) -> None:
    board.batch_done(0.2, [0.01, 0.3])
    board.batch_failed()
    show(board)
    assert (board.snapshot.batches.count, board.snapshot.batches.sum) == (1, 0.2)
    assert board.snapshot.batches_failed == 1
    assert board.snapshot.delays.count == 2


def test_generations_go_on_when_the_service_is_made_anew(board: Board) -> None:
    for generations in ((1, 2, 3), (1,), (1, 2)):
        board.begin()
        for generation in generations:
            show(board, generation=generation)
    assert board.snapshot.generations == 3 + 1 + 2


def test_the_last_full_import_stays_known(board: Board) -> None:
    show(board, full_import=NOW)
    show(board)
    assert board.snapshot.full_import == NOW


@pytest.mark.parametrize("trouble, is_up", [("", True), ("connection refused", False)])
def test_trouble_with_the_database_is_shown(board: Board, trouble: str, is_up: bool) -> None:
    show(board, database=trouble)
    assert board.snapshot.is_database_up is is_up


def test_a_service_that_waits_for_its_database_is_shown(board: Board) -> None:
    board.waiting(state(state="starting"), is_database_up=False)
    assert board.snapshot.state == state(state="starting")
    assert not board.snapshot.is_database_up


def test_a_snapshot_stays_as_it_is(board: Board) -> None:
    show(board)
    before = board.snapshot
    end(board, session(), row=1)
    show(board)
    assert before.sessions == ()
    assert board.snapshot is not before


# Sessions and errors --------------------------------------------------------------------------------------


def test_the_last_sessions_are_shown_newest_first(board: Board) -> None:
    for number in range(MOST_SESSIONS + 5):
        end(board, session(), row=number)
    show(board)
    assert [ending.id for ending in board.snapshot.sessions] == [
        str(number) for number in reversed(range(5, MOST_SESSIONS + 5))
    ]


def test_a_session_without_a_row_is_not_listed(board: Board) -> None:
    end(board, session())
    show(board)
    assert board.snapshot.sessions == ()


def test_errors_are_shown_while_the_import_still_runs_newest_first(board: Board) -> None:
    made = session()
    made.figures.add_error("a.jpg", "is empty")
    show(board, made)
    made.figures.add_error("b.jpg", "is a link")
    show(board, made)
    show(board, made)
    assert [(failure.path, failure.reason) for failure in board.snapshot.failures] == [
        ("b.jpg", "is a link"),
        ("a.jpg", "is empty"),
    ]


def test_an_error_that_is_seen_again_is_shown_once_with_its_last_time(board: Board, clock: Clock) -> None:
    for _ in range(2):
        made = session()
        made.figures.add_error("a.jpg", "is empty")
        clock.now += timedelta(hours=1)
        end(board, made)
    show(board)
    assert [failure.at for failure in board.snapshot.failures] == [clock.now]


def test_of_many_errors_the_last_few_are_kept(board: Board) -> None:
    for number in range(MOST_FAILURES + 10):
        made = session()
        made.figures.add_error(f"{number}.jpg", "is empty")
        end(board, made)
    show(board)
    assert len(board.snapshot.failures) == MOST_FAILURES
    assert board.snapshot.failures[0].path == f"{MOST_FAILURES + 9}.jpg"


def test_long_and_unprintable_texts_are_cut_and_escaped(board: Board) -> None:
    show(board, awaited=("a\x1b\u202e", "x" * 1000))
    assert board.snapshot.awaited == ("a\\x1b\\u202e", "x" * 300 + "…")


def test_a_sessions_error_is_its_first_line(board: Board) -> None:
    made = session()
    with pytest.raises(ZeroDivisionError), made.running(Occasion(ImportType.IMAGES, Trigger.WATCH)):
        raise ZeroDivisionError("no\nway")
    object.__setattr__(made.record, "id", 1)
    board.ended(made)
    show(board)
    assert board.snapshot.sessions[0].error == "ZeroDivisionError: no"
    assert board.snapshot.sessions[0].status == "failed"


def test_what_has_ended_is_not_held_on_to(board: Board) -> None:
    for _ in range(3):
        made = session()
        show(board, made)
        end(board, made)
    assert not board._known  # noqa: SLF001  the memory is what is tested


# Former processes -----------------------------------------------------------------------------------------


def test_sessions_of_former_processes_are_recalled_behind_ours(board: Board) -> None:
    end(board, session(), row=8)
    board.recall([record(id=7), record(id=6)], [])
    show(board)
    assert [ending.id for ending in board.snapshot.sessions] == ["8", "7", "6"]
    assert board.is_recalled


def test_their_day_is_drawn_and_their_pictures_are_not_counted_as_ours(board: Board) -> None:
    details = {"copied": 24, "errors": 0}
    board.recall([], [record(report_details=details)])
    show(board)
    assert sum(slot.copied for slot in board.snapshot.day) == 24
    assert board.snapshot.totals == Totals()


def test_their_errors_are_recalled(board: Board) -> None:
    details = {"error_samples": [{"path": "a.jpg", "reason": "is empty"}]}
    board.recall([record(report_details=details)], [])
    show(board)
    assert [(failure.path, failure.at) for failure in board.snapshot.failures] == [
        ("a.jpg", NOW - timedelta(hours=1))
    ]


@pytest.mark.parametrize(
    "values, is_whole",
    [
        ({}, True),
        ({"trigger": "reconcile"}, True),
        ({"trigger": "watch"}, False),
        ({"trigger": "trigger"}, False),
        ({"status": "failed"}, False),
        ({"import_type": "catalog"}, False),
    ],
)
def test_the_last_full_import_is_recalled_where_that_is_certain(
    board: Board, values: dict[str, Any], is_whole: bool
) -> None:
    board.recall([], [record(**values)])
    show(board)
    assert board.snapshot.full_import == (NOW - timedelta(hours=1) if is_whole else None)


@pytest.mark.parametrize(
    "values",
    [
        {"status": "in_progress"},
        {"started_at": NOW + timedelta(seconds=1)},
        {"finished_at": None, "started_at": None},
    ],
)
def test_what_is_not_over_or_is_ours_is_not_recalled(board: Board, values: dict[str, Any]) -> None:
    board.recall([record(**values)], [record(**values)])
    show(board)
    assert board.snapshot.sessions == ()


@pytest.mark.parametrize(
    "details",
    [
        {"copied": "many", "errors": None, "error_samples": "none"},
        {"copied": -1, "errors": True, "error_samples": ["a", None, {"path": 7}]},
        {"copied": [1], "total_products": 1.5},
    ],
)
def test_what_others_have_left_in_a_row_does_no_harm(board: Board, details: dict[str, Any]) -> None:
    left = record(report_details=details, trigger=None, error_message="x\ny", status=Status.FAILED.value)
    board.recall([left], [left])
    show(board)
    assert board.snapshot.sessions[0].copied == 0
    assert board.snapshot.day == ()


def test_the_board_shows_something_before_it_was_told_anything() -> None:
    assert Board().snapshot.state is None
    assert Board().snapshot.moment.tzinfo is UTC
