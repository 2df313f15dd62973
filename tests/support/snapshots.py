"""Snapshots of a service to show, as its loop would have told them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.http.snapshot import Ending, Failure, Snapshot
from daemon.http.throughput import SLOT, Slot
from daemon.state import Current, State

NOW = datetime(2026, 11, 27, 15, 2, 30, tzinfo=UTC)


def state(**values: Any) -> State:
    """Return the state of a service that watches, with some values of its own."""
    return State(
        **{
            "state": "watching",
            "pid": 4711,
            "since": NOW - timedelta(days=3),
            "pending": 0,
            "oldest_pending_s": None,
            "unmatched": 0,
            "degraded": False,
            "why": (),
            "backend": "inotify",
            "current": None,
            "next_reconcile": None,
            "written_at": NOW,
            **values,
        }
    )


def current(**values: Any) -> Current:
    """Return an import under way, with some values of its own."""
    return Current(
        **{
            "what": "Importing all pictures (reconcile)",
            "session_id": 42,
            "import_type": "images",
            "trigger": "reconcile",
            "attempt": 1,
            "processed": 41_230,
            "total": 98_400,
            "copied": 312,
            "skipped": 110_456,
            "errors": 3,
            "since": NOW - timedelta(seconds=95),
            "left_s": 131.0,
            **values,
        }
    )


def ending(**values: Any) -> Ending:
    """Return a session that has ended, with some values of its own."""
    return Ending(
        **{
            "id": "41",
            "import_type": "images",
            "trigger": "watch",
            "status": "completed",
            "began": NOW - timedelta(minutes=5),
            "ended": NOW - timedelta(minutes=5) + timedelta(seconds=1.4),
            "processed": 12,
            "total": 12,
            "copied": 30,
            "skipped": 4,
            "errors": 0,
            "error": "",
            **values,
        }
    )


def failure(path: str = "goods/import_files/00/7_a.jpg", reason: str = "is empty") -> Failure:
    """Return an error of a picture."""
    return Failure(NOW - timedelta(minutes=2), path, reason)


def slot(minutes_ago: float, copied: int, errors: int = 0) -> Slot:
    """Return what became of pictures some time ago."""
    at = int((NOW - timedelta(minutes=minutes_ago)).timestamp())
    return Slot(at // SLOT * SLOT, copied, errors)


def snapshot(**values: Any) -> Snapshot:
    """Return a snapshot of a service that is well, with some values of its own."""
    return Snapshot(
        **{
            "told_at": time.monotonic(),
            "moment": NOW,
            "state": state(),
            "is_database_up": True,
            "generations": 1,
            **values,
        }
    )
