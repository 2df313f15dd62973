"""Run the command line many times without importing it each time; a program apart.

It loads the package once and forks for every command, which then runs as ``python -m daemon`` would: a process
of its own, with its own arguments, environment, directory and streams. It ends when standard input closes.

    python warm_process.py SOCKET
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import time
from typing import NoReturn


def main(address: str) -> None:
    """Given the address of a socket to listen on, serve until standard input ends."""
    preload()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b"ready\n")
        while sys.stdin not in (ready := select.select([listener, sys.stdin], [], [], 1.0)[0]):
            if listener in ready:
                connection, _ = listener.accept()
                with connection:
                    if not os.fork():
                        listener.close()
                        handle(connection)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def preload() -> None:
    """Import every module of the package, and what its commands import later."""
    for later in ("psycopg", "tomlkit"):
        importlib.import_module(later)
    package = importlib.import_module("daemon")
    for module in pkgutil.walk_packages(package.__path__, "daemon."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()  # or every command would spend its last 200 ms on looking at what they share


def handle(connection: socket.socket) -> NoReturn:
    """Run the command that a connection asks for in a child, and tell its process id and how it ended."""
    request, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    command = os.fork()
    if not command:
        connection.close()
        become(json.loads(request), *descriptors)
    connection.sendall(b"%d\n" % command)
    ended = os.waitid(os.P_PID, command, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"%d\n" % status)
        connection.recv(1)  # until the other end is closed, the process id belongs to nobody else
    os._exit(0)


def become(request: dict[str, object], out: int, err: int) -> NoReturn:
    """Turn this process into the command."""
    arguments, environment, directory, umask = (
        request[name] for name in ("arguments", "environment", "directory", "umask")
    )
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    assert isinstance(umask, int)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, stream in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(str(directory))
    os.umask(umask)
    sys.argv = ["onec-images", *arguments]
    if request["halted"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    try:
        runpy.run_module("daemon", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        leave(ended.code)
    leave(0)


def leave(status: int) -> NoReturn:
    """End as Python does, but for the 50 ms that it takes to clear the memory away."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()  # noqa: SLF001 - measuring of coverage is ended by one
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
