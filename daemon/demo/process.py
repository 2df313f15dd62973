"""The service as a child process: its log goes to a file, from which it is told line by line."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import daemon

_PDEATHSIG: Final = 1  # of prctl(2)
_LONGEST_END: Final = 11.0  # seconds: the service promises to end within ten
_PATIENCE: Final = 5.0  # seconds that a process which is not there by itself needs to vanish

#: What a process is told by whoever runs it. It is meant for a shop, not for its demonstration.
_FOREIGN: Final = ("ONEC_IMAGES_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")


class Process:
    """A service at work. Whatever ends the process that has started it, it is told to end too."""

    def __init__(self, configuration: Path, log: Path, environ: Mapping[str, str]) -> None:
        """Given its configuration, where its log goes and the environment, start the service."""
        self.log = log
        self._told = 0
        with log.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "daemon", "--config", configuration.absolute(), "run"],
                cwd=Path(daemon.__file__).parents[1],  # the same package as ours, whatever lies where we are
                env={key: value for key, value in environ.items() if not key.startswith(_FOREIGN)},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                process_group=0,  # Ctrl-C is for us, who end the service in order
                preexec_fn=_ending_with(os.getpid()),  # noqa: PLW1509  no other thread runs in a demonstration
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.end()
        finally:
            if self.status is None:
                self._process.kill()
                self._process.wait(_PATIENCE)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, None as long as the service runs; a signal that ended it is a negative one."""
        return self._process.poll()

    def news(self) -> list[str]:
        """Return the lines of the log that are whole and have not been returned yet."""
        content = self.log.read_bytes()
        end = content.rfind(b"\n") + 1
        lines = content[self._told : end].decode(errors="replace").splitlines()
        self._told = max(self._told, end)
        return lines

    def end(self) -> None:
        """Tell the service to end, and wait until it has, as long as that may take."""
        if self.status is None:
            self._process.terminate()
            try:
                self._process.wait(_LONGEST_END)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_PATIENCE)


def _ending_with(parent: int) -> Callable[[], None]:
    """Return what has the kernel tell a child to end when its parent is gone, however that ended."""
    prctl = ctypes.CDLL(None).prctl

    def bind() -> None:
        prctl(_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was gone before
            os.kill(os.getpid(), signal.SIGTERM)

    return bind
