"""What this process asks of the operating system, as Python's audit events tell it: to count, or to step in.

An event is told just before the call is made, by its name and arguments. What a listener itself does is not
told to it.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

Arguments = tuple[Any, ...]
Listener = Callable[[Arguments], object]

_listeners: dict[str, Listener] = {}


def _tell(event: str, arguments: Arguments) -> None:
    if listener := _listeners.pop(event, None):
        try:
            listener(arguments)
        finally:
            _listeners[event] = listener


sys.addaudithook(_tell)  # for good: Python has no way to remove it


@contextmanager
def _listening(event: str, listener: Listener) -> Iterator[None]:
    _listeners[event] = listener
    try:
        yield
    finally:
        del _listeners[event]


@contextmanager
def told(event: str) -> Iterator[list[Arguments]]:
    """Yield a list of the arguments of each such event in the block."""
    calls: list[Arguments] = []
    with _listening(event, calls.append):
        yield calls


@contextmanager
def before(event: str, act: Listener, *, number: int | None = None) -> Iterator[None]:
    """Act just before each such event in the block, or before the one of this number; what is raised fails the call."""
    numbers = count(1)

    def step_in(arguments: Arguments) -> None:
        if next(numbers) == number or number is None:
            act(arguments)

    with _listening(event, step_in):
        yield
