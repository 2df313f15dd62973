"""The state of the service, told by its process to every other one that may read a file.

Each state is a new file, put in the place of the former one: nobody ever reads half of it. Its writer holds a lock on
whatever file is in that place, from before it is there: one without the lock was left by a process that died.
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from daemon.errors import OnecImagesError
from daemon.log import logger
from daemon.state import State

#: Of a process that does not hold the lock, or not yet: it leaves the place to a living one that may.
_MODEST = frozenset({"starting", "standby"})

_FRESH = 5.0  # seconds after which even a state that has not changed is told again
_MOST_BYTES = 1 << 20  # of a state that is read
_ATTEMPTS = 1000  # to read a file that is replaced all the time

#: Not even a fifo in the place of a state is waited for.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Publisher:
    """Tells others the states of a service, for as long as it lives. To be used by one thread.

    What cannot be told is logged once and holds nobody up. A process that only waits for the lock leaves the place
    to the living one that has it.
    """

    def __init__(
        self, file: Path | None, mode: int = 0o644, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Given where to write, None for nowhere, and with which permissions, whatever the umask."""
        self._file = file
        self._mode = mode
        self._clock = clock
        self._held: int | None = None
        self._told: State | None = None
        self._told_at = 0.0
        self._is_failing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, state: State) -> None:
        """Given the state, tell it, unless it was told within the last seconds."""
        if self._file is None or self._is_told(self._file, state):
            return
        try:
            if state.state in _MODEST and self._is_anothers(self._file):
                return
            self._write(self._file, json.dumps(state.as_json()).encode())
        except OSError as error:
            self._fail(self._file, error)
            return
        self._told, self._told_at = state, self._clock()
        if self._is_failing:
            self._is_failing = False
            logger().info("state_told", message=f"The state is told again in {self._file}")

    def _is_told(self, file: Path, state: State) -> bool:
        if self._told is None or self._clock() - self._told_at >= _FRESH:
            return False
        return replace(self._told, written_at=state.written_at) == state and self._is_ours(file)

    def _is_ours(self, file: Path) -> bool:
        return self._held is not None and _is_at(self._held, file)

    def _is_anothers(self, file: Path) -> bool:
        """Return whether another process that lives tells its state there."""
        if self._is_ours(file):
            return False
        descriptor = _opened_by_writer(file)
        if descriptor is None:
            return False
        os.close(descriptor)
        return True

    def _write(self, file: Path, content: bytes) -> None:
        coming = f"{file}.{os.getpid()}.new"
        descriptor = _made(coming)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(descriptor, "wb", closefd=False) as stream:
                stream.write(content)
            os.fchmod(descriptor, self._mode)
            os.replace(coming, file)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(coming)
            raise
        self._let_go()
        self._held = descriptor

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _fail(self, file: Path, error: OSError) -> None:
        if self._is_failing:
            return
        self._is_failing = True
        message = (
            f"The state cannot be written to {file} ({error.strerror}): `onec-images status` does not see it"
        )
        logger().warning("state_untold", message=message, path=str(file))

    def close(self) -> None:
        """Remove the state: whoever reads it from now on sees that there is no service."""
        if self._file is not None and self._is_ours(self._file):
            with suppress(OSError):
                os.unlink(self._file)
        self._let_go()
        self._told = None


def _made(path: str) -> int:
    """Make a file in the place of one that a process left which had our number and died, and return it."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


# Reading ------------------------------------------------------------------------------------------------------


def find(places: Iterable[Path]) -> State | None:
    """Given where a state may be, return the first that is a living service's, None if there is none.

    Raises OnecImagesError where there is none but what cannot be read might be one.
    """
    failure: OnecImagesError | None = None
    for file in places:
        try:
            if state := read(file):
                return state
        except OnecImagesError as error:
            failure = failure or error
    if failure:
        raise failure
    return None


def read(file: Path) -> State | None:
    """Given where a service tells its state, return it, None if no service lives there.

    Raises OnecImagesError where it cannot be read or understood.
    """
    try:
        descriptor = _opened_by_writer(file)
        if descriptor is None:
            return None
        with open(descriptor, "rb") as stream:
            return _understood(stream.read(_MOST_BYTES))
    except OSError as error:
        raise OnecImagesError(
            f"the state of the service in {file} cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise OnecImagesError(
            f"the state of the service in {file} cannot be understood ({error});"
            " is the service of the same version as this command?"
        ) from error


def _understood(content: bytes) -> State:
    try:
        return State.from_json(json.loads(content))
    except RecursionError:
        raise ValueError("too many brackets") from None


def _opened_by_writer(file: Path) -> int | None:
    """Return a file open for reading, None if it is not there or nobody who lives has written it. Raises OSError."""
    for _ in range(_ATTEMPTS):
        try:
            descriptor = os.open(file, _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if _is_locked(descriptor):
            return descriptor
        is_left = _is_at(descriptor, file)
        os.close(descriptor)
        if is_left:
            return None
    return None


def _is_locked(descriptor: int) -> bool:
    """Return whether the writer of a file has it; asking does not get into the writer's way."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _is_at(descriptor: int, file: Path) -> bool:
    """Return whether an open file is the one that lies in a place."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(file))
    except OSError:
        return False
