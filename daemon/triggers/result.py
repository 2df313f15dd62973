"""What is answered to a trigger. Pure, no input or output."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daemon.triggers.order import Order

COMPLETED: Final = "completed"
FAILED: Final = "failed"

_MESSAGES = {"images": "Изображения обновлены", "catalog": "Каталог импортирован"}

Session = Mapping[str, Any]


def completed(order: Order, sessions: Sequence[Session]) -> dict[str, Any]:
    """Given an order that has been carried out and its sessions as JSON has them, return the result."""
    kind = _type(sessions, order.import_types[-1])
    return {
        "status": COMPLETED,
        "type": kind,
        "message": _MESSAGES.get(str(kind), ""),
        **_told(order, sessions),
    }


def failed(order: Order | None, error: str, sessions: Sequence[Session]) -> dict[str, Any]:
    """Given an order (None if it could not be read), what went wrong, and its sessions, return the result."""
    kind = _type(sessions, order.import_types[0] if order else None)
    return {"status": FAILED, "type": kind, "error": error, **_told(order, sessions)}


def _type(sessions: Sequence[Session], otherwise: str | None) -> str | None:
    """Return the type of the last session."""
    return sessions[-1]["import_type"] if sessions else otherwise


def _told(order: Order | None, sessions: Sequence[Session]) -> dict[str, Any]:
    last = sessions[-1] if sessions else {}
    return {
        "task_id": order.task_id if order else None,
        "session_id": last.get("id"),
        "report_details": dict(last.get("report_details") or {}),
        "sessions": [dict(session) for session in sessions],
    }
