"""The manual page onec-images(1), made from the commands: ``python -m daemon.cli.manual > docs/onec-images.1``."""

import inspect
import sys
from collections.abc import Iterator
from typing import Final

import click

from daemon import __version__
from daemon.cli.main import program

_STATUSES: Final = (
    ("0", "Done."),
    ("1", "Failed. Of check: an error was found. Of status: the service does not run, or is degraded."),
    ("2", "Wrong usage."),
    ("3", "Done, but single files failed."),
    ("75", "Another process holds the lock of this exchange directory and database."),
    ("78", "Bad configuration."),
)
_ENVIRONMENT: Final = (
    ("ONEC_IMAGES_CONFIG", "The configuration, where --config does not name it."),
    ("ONEC_IMAGES_SECTION__KEY", "The value of a key, in the place of that in the file."),
    ("CREDENTIALS_DIRECTORY", "Where systemd puts database-password, the password of the database."),
)
_FILES: Final = (
    ("./config.toml", "The configuration, where nothing else names it;"),
    ("/etc/onec-images/config.toml", "after that."),
)


def manual() -> str:
    """Return the manual page, as man(7) has it."""
    return "\n".join([*_head(), *_commands(), *_tail(), ""])


def _head() -> Iterator[str]:
    yield f'.TH ONEC\\-IMAGES 1 "" "onec\\-images {_text(__version__)}" "User Commands"'
    yield ".SH NAME"
    purpose = _first_line(program).rstrip(".")
    yield f"onec\\-images \\- {_text(purpose[0].lower() + purpose[1:])}"
    yield ".SH SYNOPSIS"
    yield ".B onec\\-images"
    yield "[\\fB\\-\\-config\\fR \\fIFILE\\fR] \\fICOMMAND\\fR [\\fIARGUMENT\\fR]..."
    yield ".SH DESCRIPTION"
    yield _text(
        "1C:Enterprise exports a shop's product pictures into an exchange directory. onec-images brings each of"
        " them into the shop's media directory, writes it on the product's row, and keeps a record of every import."
    )
    yield ".SH OPTIONS"
    yield from _options(program)


def _commands() -> Iterator[str]:
    yield ".SH COMMANDS"
    for name in program.list_commands(click.Context(program)):
        command = program.commands[name]
        yield f".SS {_text(' '.join(['onec-images', name, *_usage(command)]))}"
        yield from _paragraphs(command)
        yield from _options(command)
        yield from _examples(command)


def _usage(command: click.Command) -> list[str]:
    return command.collect_usage_pieces(click.Context(command))


def _first_line(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").partition("\n\n")[0]


def _paragraphs(command: click.Command) -> Iterator[str]:
    for number, paragraph in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))


def _options(command: click.Command) -> Iterator[str]:
    context = click.Context(command, **program.context_settings)
    for parameter in command.get_params(context):
        term, meaning = parameter.get_help_record(context) or ("", "")
        if meaning and (parameter.name != "help" or command is program):
            yield from _item(term, meaning)


def _examples(command: click.Command) -> Iterator[str]:
    _, _, examples = inspect.cleandoc(command.epilog or "").partition("Examples:\n")
    if not examples:
        return
    yield ".PP"
    yield "Examples:"
    for line in examples.splitlines():
        is_command = not line.startswith(" " * 6)
        yield from [".TP", f".B {_text(line.strip())}"] if is_command else [_text(line.strip())]


def _tail() -> Iterator[str]:
    for heading, items in (("EXIT STATUS", _STATUSES), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {heading}"
        for term, meaning in items:
            yield from _item(term, meaning)
    yield ".SH SEE ALSO"
    yield ".BR systemctl (1),"
    yield ".BR journalctl (1)"


def _item(term: str, meaning: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {_text(term)}"
    yield _text(" ".join(meaning.split()))


def _text(text: str) -> str:
    """Return a text in one line as troff shows it."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    sys.stdout.write(manual())
