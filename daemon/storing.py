"""How one picture is brought from the exchange to the media: judged, compared or copied, and looked at again."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from daemon.exchange import Source, kind_of
from daemon.media import Media, Target, fatal_errors

_ATTEMPTS = 3  # a source that changes during each of them is still being written
_PIECE = 1 << 20  # bytes read at once
#: The time of a copy that was replaced and whose product's row does not tell so yet. No picture has it.
_UNTOLD_NS = 123_456_789
_TICK_NS = 20_000_000  # longer than the kernel's clock tick: two changes within one can have the same time

#: Given a descriptor of a picture, returns why it cannot be decoded, None if it can.
Validate = Callable[[int], str | None]


class Result(Enum):
    """What became of one picture."""

    COPIED = auto()  #: it was not there
    REPLACED = auto()  #: another content was stored under its name
    SKIPPED = auto()  #: the stored copy is current
    GONE = auto()  #: the source has vanished
    LEFT = auto()  #: it may still be growing, and is left to a later import
    ERROR = auto()  #: it could not be brought over


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture, and what it took."""

    result: Result
    reason: str = ""
    bytes_copied: int = 0
    compared: bool = False
    rest: float = 0.0  #: seconds until a picture that was left may be brought
    #: What was read of a source whose copy was replaced, until ``Store.tell``.
    seen: os.stat_result | None = field(default=None, compare=False)


GONE = Outcome(Result.GONE)
CURRENT = Outcome(Result.SKIPPED)


class Refused(Exception):  # noqa: N818  not an error of the program: it becomes a recorded outcome
    """A picture that is not brought over, with the reason in words."""


class Vanished(Refused):
    """The picture is no longer there."""


def is_current(source: os.stat_result, stored: os.stat_result | None) -> bool:
    """Given the status of a source and of its stored copy, return whether the copy is current by its times.

    It is if size and time of modification are equal and the source has not changed since the copy was
    made or last compared. Anything else needs a look at the contents.
    """
    return (
        stored is not None
        and stat.S_ISREG(stored.st_mode)
        and source.st_size == stored.st_size
        and source.st_mtime_ns == stored.st_mtime_ns
        and source.st_ctime_ns <= stored.st_ctime_ns
    )


def remaining_rest(source: os.stat_result, settle: float) -> float:
    """Given the status of a source and how long it rests when it is whole, return how much of that is left, in seconds.

    A time of change in the future says nothing: the clock was set back.
    """
    age = time.time() - source.st_ctime
    return settle - age if stat.S_ISREG(source.st_mode) and 0 <= age < settle else 0.0


def refusal(source: os.stat_result, max_file_size: int) -> str | None:
    """Given the status of a source and the largest size allowed, return why it is refused, None if it is not."""
    if not stat.S_ISREG(source.st_mode):
        return f"is {kind_of(source)}, not a regular file"
    if source.st_size == 0:
        return "is empty"
    if source.st_size > max_file_size:
        return f"is larger than [import] max_file_size ({source.st_size} bytes)"
    return None


@dataclass(frozen=True, slots=True)
class Store:
    """Brings pictures over. May be used by several threads at once."""

    media: Media
    max_file_size: int  #: bytes
    validate: Validate | None = None

    def bring(self, source: Source, target: Target | None) -> Outcome:
        """Given a source and its target, make the stored copy equal to the source, and return the outcome.

        Whatever the source's writer does meanwhile, no part of a file is ever seen under the target's
        name, and a change that the copy does not have is noticed. Raises MediaError.
        """
        if target is None:
            raise ValueError("a picture can only be stored in a directory that exists")
        brought: Outcome | None = None
        try:
            for _ in range(_ATTEMPTS):
                outcome, is_final = self._attempt(source, target)
                brought = _together(brought, outcome)
                if brought and is_final:
                    return brought
        except Vanished:
            return brought or GONE
        except Refused as refused:
            return Outcome(Result.ERROR, str(refused))
        except OSError as error:
            return _not_stored(error)
        return Outcome(Result.ERROR, "is still being written")

    def _attempt(self, source: Source, target: Target) -> tuple[Outcome | None, bool]:
        """Bring the source over once; return what became of it, and whether the copy is what the source is now."""
        with _reading(source) as (descriptor, seen):
            if reason := refusal(seen, self.max_file_size):
                raise Refused(reason)
            with fatal_errors():
                outcome = self._brought(descriptor, seen, target)
        return outcome, outcome is not None and _is_unchanged(source, seen)

    def _brought(self, descriptor: int, seen: os.stat_result, target: Target) -> Outcome | None:
        """Renew the stored copy, or put a new one in place; None if the source changed while it was read."""
        stored = target.status()
        is_compared = _is_comparable(seen, stored)
        if is_compared and _has_equal_content(descriptor, seen, target):
            if stored and stored.st_mtime_ns == _UNTOLD_NS:
                return Outcome(Result.REPLACED, compared=True, seen=seen)
            if _is_renewed(seen, target):
                return Outcome(Result.SKIPPED, compared=True)
        copied = self._copied(descriptor, seen, target, _UNTOLD_NS if stored else seen.st_mtime_ns)
        if copied is None:
            return None
        if stored is None:
            return Outcome(Result.COPIED, "", copied, is_compared)
        return Outcome(Result.REPLACED, "", copied, is_compared, seen=seen)

    def tell(self, source: Source | None, target: Target, seen: os.stat_result) -> None:
        """Given a replaced copy, and what was read of its source (None: gone), take note that the rows tell of it.

        Only now it is given the source's time, by which it counts as current: whoever dies before has it
        replaced once more, and its rows written, by the next import. A source that has changed in the
        meantime is compared again then. Raises MediaError.
        """
        with suppress(OSError, Refused), fatal_errors():
            _set_time(target, seen.st_mtime_ns)
            if source and not _is_unchanged(source, seen):
                _set_time(target, _UNTOLD_NS)

    def _copied(self, descriptor: int, seen: os.stat_result, target: Target, modified_ns: int) -> int | None:
        """Put a copy in place, and return its size in bytes; None if the source changed while it was read."""
        with self.media.temporary(target) as temporary:
            copied = copy(descriptor, temporary.descriptor, seen.st_size)
            if copied != seen.st_size or not _is_same(os.fstat(descriptor), seen):
                return None
            if self.validate and (reason := self.validate(temporary.descriptor)):
                raise Refused(reason)
            temporary.publish(modified_ns)
        return copied


def _is_renewed(seen: os.stat_result, target: Target) -> bool:
    """Give the stored copy the source's time; False where it is another user's: it is replaced, and then ours."""
    try:
        _set_time(target, seen.st_mtime_ns)
    except PermissionError:
        return False
    return True


def _set_time(target: Target, modified_ns: int) -> None:
    os.utime(target.name, ns=(modified_ns, modified_ns), dir_fd=target.directory, follow_symlinks=False)


def _together(former: Outcome | None, latter: Outcome | None) -> Outcome | None:
    """Return what became of a picture that took two attempts: new is still new when it is looked at again."""
    if former is None or latter is None or former.result is Result.SKIPPED:
        return latter or former
    return replace(former, bytes_copied=latter.bytes_copied or former.bytes_copied, seen=latter.seen)


def _not_stored(error: OSError) -> Outcome:
    return Outcome(Result.ERROR, f"cannot be stored: {error.strerror}")


@dataclass(frozen=True, slots=True)
class Preview:
    """Tells what Store would do, and only reads."""

    max_file_size: int  #: bytes
    validate: Validate | None = None

    def bring(self, source: Source, target: Target | None) -> Outcome:
        """Given a source and its target (None where not even its directory exists), return what would become of it."""
        try:
            with _reading(source) as (descriptor, seen):
                return self._outcome(descriptor, seen, target)
        except Vanished:
            return GONE
        except Refused as refused:
            return Outcome(Result.ERROR, str(refused))
        except OSError as error:
            return _not_stored(error)

    def tell(self, source: Source | None, target: Target, seen: os.stat_result) -> None:
        """Do nothing: nothing was replaced."""

    def _outcome(self, descriptor: int, seen: os.stat_result, target: Target | None) -> Outcome:
        stored = target.status() if target else None
        reason = refusal(seen, self.max_file_size)
        is_compared = not reason and _is_comparable(seen, stored)
        if target and is_compared and _has_equal_content(descriptor, seen, target):
            return Outcome(Result.SKIPPED, compared=True)
        reason = reason or (self.validate(descriptor) if self.validate else None)
        if reason:
            raise Refused(reason)
        return Outcome(Result.REPLACED if stored else Result.COPIED, "", seen.st_size, is_compared)


@contextmanager
def _reading(source: Source) -> Iterator[tuple[int, os.stat_result]]:
    try:
        descriptor = source.open()
    except FileNotFoundError as error:
        raise Vanished from error
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error
    try:
        yield descriptor, os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _is_same(now: os.stat_result | None, seen: os.stat_result) -> bool:
    return now is not None and (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (
        seen.st_ino,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
    )


def _is_unchanged(source: Source, seen: os.stat_result) -> bool:
    """Look at the source again by name: a replacement since then has an earlier ctime than our copy.

    A source that has vanished since is no change: what was read was whole. Raises Refused where that cannot be told.
    """
    age = time.time_ns() - seen.st_ctime_ns
    if 0 <= age < _TICK_NS:
        time.sleep((_TICK_NS - age) / 1e9)  # a change within the same tick would leave no trace
    try:
        now = source.status()
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error
    return now is None or _is_same(now, seen)


def _is_comparable(seen: os.stat_result, stored: os.stat_result | None) -> bool:
    return stored is not None and stat.S_ISREG(stored.st_mode) and stored.st_size == seen.st_size


def _has_equal_content(descriptor: int, seen: os.stat_result, target: Target) -> bool:
    """Return whether a source and its stored copy of the same size are equal; what we may not read is not."""
    try:
        stored = target.open()
    except PermissionError:
        return False
    try:
        pieces = [(min(_PIECE, seen.st_size - offset), offset) for offset in range(0, seen.st_size, _PIECE)]
        return all(_read(descriptor, *piece) == os.pread(stored, *piece) for piece in pieces)
    finally:
        os.close(stored)


def _read(source: int, length: int, offset: int) -> bytes:
    try:
        return os.pread(source, length, offset)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error


def copy(source: int, target: int, size: int) -> int:
    """Given two descriptors and the size to copy in bytes, copy that much from start to start.

    Returns how many bytes were copied, fewer if the source is shorter. The kernel copies where it can, and
    shares the blocks where the file system can. Raises Refused if the source cannot be read, OSError if
    the target cannot be written.
    """
    copied = 0
    # it fails across some file systems and on old kernels; copying by hand then tells which side is broken
    with suppress(OSError):
        while copied < size and (done := os.copy_file_range(source, target, size - copied, copied, copied)):
            copied += done
    while copied < size and (piece := _read(source, min(_PIECE, size - copied), copied)):
        copied += os.pwrite(target, piece, copied)
    return copied
