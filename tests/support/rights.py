"""The rights of files hold for their owner, root or not, while a block runs."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION = 0x20080522  # of capset(2), with two words for each set
_BEYOND_RIGHTS = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Word(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextmanager
def as_owner() -> Iterator[None]:
    """Let this thread do with files what the rights of their owner allow, even where it is root's."""
    words = _capabilities()
    kept = words[0].effective
    words[0].effective &= ~_BEYOND_RIGHTS
    _set(words)
    try:
        yield
    finally:
        words[0].effective = kept
        _set(words)


def _capabilities() -> "ctypes.Array[_Word]":
    words = (_Word * 2)()
    _call("capget", words)
    return words


def _set(words: "ctypes.Array[_Word]") -> None:
    _call("capset", words)


def _call(name: str, words: "ctypes.Array[_Word]") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(ctypes.byref(_Header(_VERSION, 0)), words):
        raise OSError(ctypes.get_errno(), name)
