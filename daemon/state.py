"""What the service does at the moment, told by its process to every other one that may read a file.

Each state is a new file, put in the place of the former one: nobody ever reads half of it. Its writer holds a lock on
whatever file is in that place, from before it is there: one without the lock was left by a process that died.
"""

import fcntl
import json
import math
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from daemon.errors import OnecImagesError
from daemon.log import logger

#: What a service can be doing. ``waiting`` is for an image root or for the database.
STATES: Final = ("starting", "standby", "waiting", "watching", "importing", "stopping")

#: Of a process that does not hold the lock, or not yet: it leaves the place to a living one that may.
_MODEST = frozenset({"starting", "standby"})

_FRESH = 5.0  # seconds after which even a state that has not changed is told again
_MOST_BYTES = 1 << 20  # of a state that is read
_MOST = 2**63 - 1  # of any number in it
_ATTEMPTS = 1000  # to read a file that is replaced all the time

#: Not even a fifo in the place of a state is waited for.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Current:
    """The import under way.

    total: None as long as nobody knows it.
    since: when it began.
    left_s: how many seconds it is going to take, None if nobody can tell.
    """

    what: str
    session_id: Any | None
    import_type: str
    trigger: str
    attempt: int
    processed: int
    total: int | None
    copied: int
    skipped: int
    errors: int
    since: datetime
    left_s: float | None

    @property
    def percent(self) -> int | None:
        """How much is done, None as long as nobody knows of how much."""
        return min(100, 100 * self.processed // self.total) if self.total else None

    def as_json(self) -> dict[str, Any]:
        """Return the import as values that JSON knows."""
        return _plain(self)

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Given what ``as_json`` returned, return the import. Raises ValueError for anything else."""
        given = _Fields(document)
        return cls(
            what=given.text("what"),
            session_id=given.session_id("session_id"),
            import_type=given.text("import_type"),
            trigger=given.text("trigger"),
            attempt=given.count("attempt"),
            processed=given.count("processed"),
            total=given.maybe("total", given.count),
            copied=given.count("copied"),
            skipped=given.count("skipped"),
            errors=given.count("errors"),
            since=given.moment("since"),
            left_s=given.maybe("left_s", given.seconds),
        )


@dataclass(frozen=True, slots=True)
class State:
    """What a service does, how it fares, and since when it runs.

    state: one of STATES.
    pending: how many products are due or will be; unmatched: how many pictures wait for their product.
    why: all that is wrong; whoever is degraded has a reason.
    """

    state: str
    pid: int
    since: datetime
    pending: int
    oldest_pending_s: float | None
    unmatched: int
    degraded: bool
    why: tuple[str, ...]
    backend: str
    current: Current | None
    next_reconcile: datetime | None
    written_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the state as values that JSON knows."""
        return _plain(self)

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Given what ``as_json`` returned, return the state. Raises ValueError for anything else."""
        given = _Fields(document)
        return cls(
            state=given.choice("state", STATES),
            pid=given.count("pid"),
            since=given.moment("since"),
            pending=given.count("pending"),
            oldest_pending_s=given.maybe("oldest_pending_s", given.seconds),
            unmatched=given.count("unmatched"),
            degraded=given.flag("degraded"),
            why=given.texts("why"),
            backend=given.text("backend"),
            current=given.maybe("current", lambda name: Current.from_json(given.value(name))),
            next_reconcile=given.maybe("next_reconcile", given.moment),
            written_at=given.moment("written_at"),
        )


def _plain(record: Current | State) -> dict[str, Any]:
    return {field.name: _plain_value(getattr(record, field.name)) for field in fields(record)}


def _plain_value(value: object) -> object:
    if isinstance(value, Current):
        return _plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


class _Fields:
    """The fields of a document from outside, each as what it has to be. All raise ValueError."""

    def __init__(self, document: object) -> None:
        self._document: Mapping[str, Any] = document if isinstance(document, dict) else {}

    def value(self, name: str) -> Any:  # noqa: ANN401  anything that JSON knows
        if name not in self._document:
            raise ValueError(f"{name} is missing")
        return self._document[name]

    def maybe(self, name: str, read: Callable[[str], Value]) -> Value | None:
        return None if self.value(name) is None else read(name)

    def _checked(self, name: str, *, is_right: bool) -> Any:  # noqa: ANN401  whatever was asked for
        if not is_right:
            raise ValueError(f"{name} is not what it has to be")
        return self._document[name]

    def text(self, name: str) -> str:
        checked: str = self._checked(name, is_right=isinstance(self.value(name), str))
        return checked

    def choice(self, name: str, choices: Iterable[str]) -> str:
        checked: str = self._checked(name, is_right=self.text(name) in choices)
        return checked

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        is_right = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return tuple(self._checked(name, is_right=is_right))

    def flag(self, name: str) -> bool:
        checked: bool = self._checked(name, is_right=isinstance(self.value(name), bool))
        return checked

    def count(self, name: str) -> int:
        value = self.value(name)
        checked: int = self._checked(name, is_right=_is_whole(value) and 0 <= value <= _MOST)
        return checked

    def seconds(self, name: str) -> float:
        value = self.value(name)
        is_right = _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
        return float(self._checked(name, is_right=is_right and abs(value) <= _MOST))

    def session_id(self, name: str) -> int | str | None:
        value = self.value(name)
        is_right = value is None or isinstance(value, str) or _is_whole(value)
        checked: int | str | None = self._checked(name, is_right=is_right)
        return checked

    def moment(self, name: str) -> datetime:
        text = self.text(name)
        try:
            moment = datetime.fromisoformat(text)
            at = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"{name} is no time") from None
        self._checked(name, is_right=moment.tzinfo is not None)
        return at


def _is_whole(value: Any) -> bool:  # noqa: ANN401  anything that JSON knows
    return isinstance(value, int) and not isinstance(value, bool)


# Telling ------------------------------------------------------------------------------------------------------


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
