"""Hold the lock of a database and an exchange directory until standard input ends; a program apart, to be killed.

python lock_holder.py DATABASE_URL EXCHANGE
"""

import sys

from daemon.db import lock
from daemon.db.engine import Database


def main(url: str, exchange: str) -> None:
    """Given a database URL and the real path of an exchange directory, hold their lock and say so."""
    with Database(url) as database, lock.held(database, exchange):
        print("held", flush=True)  # noqa: T201 - to who waits for it
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
