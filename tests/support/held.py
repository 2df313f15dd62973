"""What a service holds of the machine, seen from outside."""

import os
from dataclasses import dataclass
from pathlib import Path

from support import sql
from support.daemon_process import Daemon
from support.usage import memory

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
    return Held(memory(service.running.pid).pss, len(os.listdir(process / "fd")), threads, connections)
