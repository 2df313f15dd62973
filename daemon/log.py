"""The log: sentences and fields, in words on a terminal, as JSON lines elsewhere; always on standard error."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import structlog

from daemon.naming import printable

Entry = MutableMapping[str, Any]
Stream = Callable[[], TextIO]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "nothing": logging.CRITICAL,
}


def logger() -> Any:  # noqa: ANN401  structlog's loggers have no type of their own
    """Return the log. An entry is ``log.info("event_name", message="A sentence.", field=…)``."""
    return structlog.get_logger()


def configure(level: str, log_format: str, stream: Stream = lambda: sys.stderr) -> None:
    """Given a level (the highest is ``nothing``), a format and where to write, set the log up.

    The formats are ``console``, ``json`` and ``auto``, which is ``console`` on a terminal and ``json`` elsewhere. The
    stream is asked for at each entry, since a progress bar stands in for it while it is drawn.
    """
    console = log_format == "console" or (log_format == "auto" and stream().isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
            *(
                _console(colors=stream().isatty())
                if console
                else [structlog.processors.JSONRenderer(ensure_ascii=False)]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_names: _Lines(stream),
        cache_logger_on_first_use=False,
    )


class _Lines:
    """Writes each entry as a line, wherever the stream is at that moment."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        stream = self._stream()
        with suppress(BrokenPipeError):  # whoever read the log has gone; the work goes on
            stream.write(f"{line}\n")  # at once, lest the lines of two threads mix
            stream.flush()

    debug = info = warning = error = msg


def _console(*, colors: bool) -> list[structlog.typing.Processor]:
    return [_sentence, structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0)]


def _sentence(_logger: object, _method: str, entry: Entry) -> Entry:
    """Say the sentence instead of the event's name, and leave out what it says already."""
    sentence = printable(str(entry.pop("message", entry["event"])))
    fields = ("timestamp", "level", "session")
    return {"event": sentence, **{field: entry[field] for field in fields if field in entry}}
