"""The command ``check``."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext

import click

from daemon.cli.context import Context
from daemon.cli.output import print_json, say
from daemon.cli.progress import working
from daemon.doctor import Finding, State, examine
from daemon.naming import printable

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.ERROR: "red"}
_WIDTH = max(map(len, State)) + 1


def check_command(context: Context, *, as_json: bool) -> int:
    """Examine the configuration and all it points at, and name the remedies. Nothing is changed."""
    findings = examine(context.settings, context.file)
    is_silent = as_json or not sys.stdout.isatty()
    with working("Examining") if is_silent else nullcontext():
        seen = list(findings if as_json else _printed(findings))
    healthy = all(finding.state is not State.ERROR for finding in seen)
    if as_json:
        print_json({"ok": healthy, "findings": [_printable(finding) for finding in seen]})
    return 0 if healthy else 1


def _printed(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Print each finding as soon as it is there, and yield it."""
    for finding in findings:
        state = click.style(f"{finding.state:<{_WIDTH}}", fg=_COLOURS[finding.state])
        shown = _printable(finding)
        say(f"{state}{shown['subject']}: {shown['message']}")
        if finding.remedy:
            say(" " * _WIDTH + shown["remedy"])
        yield finding


def _printable(finding: Finding) -> dict[str, str]:
    return {name: printable(text) for name, text in finding.as_json().items()}
