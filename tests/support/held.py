"""What a service holds of the machine, seen from outside."""

import os
from dataclasses import dataclass
from pathlib import Path

from support import sql
from support.daemon_process import Daemon

_OURS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name LIKE 'onec-images%' AND datname = current_database()"
)


@dataclass(frozen=True)
class Held:
    """Memory in bytes, its share of what it shares with others included, and how many of the rest."""

    memory: int
    descriptors: int
    threads: int
    connections: int


def held_by(service: Daemon) -> Held:
    """Return what a service holds now."""
    process = Path(f"/proc/{service.running.pid}")
    url = service.workshop.database.url
    connections = 1 if sql.is_sqlite(url) else sql.execute(url, _OURS)[0][0]
    threads = len(os.listdir(process / "task"))
    return Held(memory_of(service), len(os.listdir(process / "fd")), threads, connections)


def memory_of(service: Daemon) -> int:
    """Return what a service and the processes it has started hold in memory, in bytes."""
    own = service.running.pid
    tasks = Path(f"/proc/{own}/task").glob("*/children")
    return sum(
        _memory(pid) for pid in (own, *(int(pid) for task in tasks for pid in task.read_text().split()))
    )


def _memory(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return 0
    return sum(int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:"))
