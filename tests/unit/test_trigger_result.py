"""What is answered to a trigger."""

import json
from datetime import UTC, datetime
from typing import Any

from daemon.db.sessions import SessionRecord
from daemon.triggers.order import Order
from daemon.triggers.result import completed, failed

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
BOTH = Order(("catalog", "images"), task_id="5b1c")


def session(number: int, kind: str, status: str = "completed", **details: Any) -> dict[str, Any]:
    """Return a session as its record gives it."""
    return SessionRecord(number, kind, status, None, "trigger", NOW, NOW, NOW, details, "").as_json()


def test_a_full_import_is_answered_with_its_session() -> None:
    images = session(7, "images", copied=3, errors=0)
    assert completed(Order(), [images]) == {
        "status": "completed",
        "type": "images",
        "message": "Изображения обновлены",
        "task_id": None,
        "session_id": 7,
        "report_details": {"copied": 3, "errors": 0},
        "sessions": [images],
    }


def test_a_catalogue_is_answered_in_its_own_words() -> None:
    result = completed(Order(("catalog",)), [session(7, "catalog")])
    assert (result["type"], result["message"]) == ("catalog", "Каталог импортирован")


def test_of_several_types_the_last_one_is_shown_and_all_are_listed() -> None:
    sessions = [session(7, "catalog", processed=1), session(8, "images", processed=2)]
    result = completed(BOTH, sessions)
    assert (result["type"], result["session_id"], result["task_id"]) == ("images", 8, "5b1c")
    assert result["message"] == "Изображения обновлены"
    assert result["report_details"] == {"processed": 2}
    assert result["sessions"] == sessions


def test_a_failure_has_an_error_and_no_message() -> None:
    images = session(8, "images", "failed", processed=2)
    assert failed(Order(task_id="5b1c"), "the disk is full", [images]) == {
        "status": "failed",
        "type": "images",
        "error": "the disk is full",
        "task_id": "5b1c",
        "session_id": 8,
        "report_details": {"processed": 2},
        "sessions": [images],
    }


def test_a_chain_that_failed_shows_the_type_at_which_it_ended() -> None:
    result = failed(BOTH, "no file could be read", [session(7, "catalog", "failed")])
    assert (result["type"], result["session_id"]) == ("catalog", 7)


def test_a_failure_before_the_first_session_shows_the_type_that_would_have_been_first() -> None:
    result = failed(BOTH, "the database is gone", [])
    assert (result["type"], result["session_id"], result["report_details"]) == ("catalog", None, {})
    assert result["sessions"] == []


def test_an_order_that_could_not_be_read_has_neither_type_nor_task_nor_session() -> None:
    assert failed(None, "Неизвестный тип импорта: prices", []) == {
        "status": "failed",
        "type": None,
        "error": "Неизвестный тип импорта: prices",
        "task_id": None,
        "session_id": None,
        "report_details": {},
        "sessions": [],
    }


def test_an_import_without_a_record_is_answered_all_the_same() -> None:
    result = completed(Order(), [])
    assert (result["type"], result["session_id"], result["message"]) == (
        "images",
        None,
        "Изображения обновлены",
    )


def test_a_result_is_json() -> None:
    result = completed(BOTH, [session(7, "catalog"), session(8, "images")])
    assert json.loads(json.dumps(result)) == result
