"""The log: sentences and fields, in the journal of systemd, or in words or as JSON lines on standard error."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from daemon.errors import ConfigurationError
from daemon.journal import ADDRESS, Field, Journal, field_name, goes_to_journal
from daemon.naming import printable


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Have whoever would use a module if it were there not find it during the block: None is how that is said."""
    former = sys.modules.get(module)
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
        if former:
            sys.modules[module] = former


with _hidden("rich"):  # a tenth of the time to start; it draws tracebacks, which our entries have as text
    import structlog

Entry = MutableMapping[str, Any]
Stream = Callable[[], TextIO]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "nothing": logging.CRITICAL,
}

#: As syslog counts them.
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}

_IDENTIFIER = "onec-images"


def logger() -> Any:  # noqa: ANN401  structlog's loggers have no type of their own
    """Return the log. An entry is ``log.info("event_name", message="A sentence.", field=…)``."""
    return structlog.get_logger()


def configure(
    level: str,
    log_format: str,
    stream: Stream = lambda: sys.stderr,
    environ: Mapping[str, str] = os.environ,
    address: str = ADDRESS,
) -> None:
    """Given a level (the highest is ``nothing``), a format and where to write, set the log up.

    The formats are ``journal``, ``console``, ``json`` and ``auto``, which is ``journal`` where the stream leads there,
    ``console`` on a terminal and ``json`` elsewhere. The stream is asked for at each entry, since a progress bar stands
    in for it while it is drawn. Raises ConfigurationError where there is no journal, and leaves the log as it was: who
    names it looks nowhere else, and ``auto`` is there for those who do not care.
    """
    journal = Journal(address)
    chosen = _chosen(stream(), environ, journal) if log_format == "auto" else log_format
    if chosen == "journal":
        _reach(journal, address)
    lines = _Lines(stream)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            *_renderers(chosen, colors=stream().isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_names: _Entries(journal, lines) if chosen == "journal" else lines,
        cache_logger_on_first_use=False,
    )


def _chosen(stream: TextIO, environ: Mapping[str, str], journal: Journal) -> str:
    """Return the format that suits a stream."""
    with suppress(OSError):  # no descriptor, or a sandbox that hides the socket: lines arrive all the same
        if goes_to_journal(stream.fileno(), environ):
            journal.reach()
            return "journal"
    return "console" if stream.isatty() else "json"


def _reach(journal: Journal, address: str) -> None:
    try:
        journal.reach()
    except OSError as error:
        raise ConfigurationError(
            f'[log] format is "journal", but journald does not answer at {address}'
            f' ({error.strerror or error}); "auto" is for hosts without it'
        ) from error


def _renderers(log_format: str, *, colors: bool) -> list[structlog.typing.Processor]:
    if log_format == "journal":
        return [_arguments]  # the journal knows the time
    if log_format == "console":
        clock = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        return [clock, _sentence, structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0)]
    clock = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [clock, structlog.processors.JSONRenderer(ensure_ascii=False)]


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


class _Entries:
    """Sends each entry to the journal, or writes its sentence where standard error leads, if that fails."""

    def __init__(self, journal: Journal, lines: _Lines) -> None:
        self._journal = journal
        self._lines = lines

    def msg(self, sentence: str, priority: int, fields: Sequence[Field]) -> None:
        known = [("MESSAGE", sentence), ("PRIORITY", priority), ("SYSLOG_IDENTIFIER", _IDENTIFIER)]
        try:
            self._journal.send([*known, *fields])
        except OSError:  # journald is gone or busy; the work goes on
            self._lines.msg(f"<{priority}>{sentence}")

    debug = info = warning = error = msg


def _arguments(_logger: object, _method: str, entry: Entry) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return an entry as the arguments of ``_Entries.msg``."""
    sentence, priority = _said(entry), _PRIORITIES[entry.pop("level")]
    fields = [(field_name(name), value) for name, value in entry.items() if value is not None]
    return (sentence, priority, fields), {}


def _sentence(_logger: object, _method: str, entry: Entry) -> Entry:
    """Say the sentence instead of the event's name, and leave out what it says already."""
    sentence = _said(entry)
    fields = ("timestamp", "level", "session")
    return {"event": sentence, **{field: entry[field] for field in fields if field in entry}}


def _said(entry: Entry) -> str:
    """Take the sentence out of an entry, and return it with nothing in it that a terminal would obey."""
    return printable(str(entry.pop("message", entry["event"])))
