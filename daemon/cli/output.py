"""What a command prints on standard output."""

import json
import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from typing import Any

import click

from daemon.errors import OutputError, ReaderGoneError


def say(text: str, *, ends_line: bool = True) -> None:
    """Given text, print it. Raises ReaderGoneError where nobody reads it any more, OutputError where it cannot be."""
    try:
        click.echo(text, nl=ends_line)
    except BrokenPipeError as error:
        raise ReaderGoneError from error
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def print_json(document: Mapping[str, Any]) -> None:
    """Given a document, print it as the one on standard output. Raises as ``say`` does."""
    say(json.dumps(document, ensure_ascii=False, indent=2))


def abandon() -> None:
    """Let what could not be written go, lest Python complains when it tries again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complete_streams() -> None:
    """Open what the caller has closed of the three standard streams, lest a file of ours takes the number.

    What the caller's encoding does not have is written escaped from here on.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115  open as long as the process
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
