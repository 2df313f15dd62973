"""The descriptors that this process holds."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def held() -> dict[int, str]:
    """Return what each open descriptor leads to."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
    return found


@contextmanager
def none_left_open() -> Iterator[None]:
    """Assert that the block closes what it opens."""
    before = held()
    yield
    assert held() == before
