"""What can be typed: quick to load, the same words as elsewhere, and a help that shows how."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from support.commands import Command

from daemon.cli import commands
from daemon.cli.main import program
from daemon.cli.unit import PLACES
from daemon.db.sessions import Status

_PROJECT = Path(__file__).parents[2]

_HEAVY = {"sqlalchemy", "pydantic", "pydantic_settings", "structlog", "rich", "PIL", "psycopg", "watchdog"}

NAMES = [command.name for command in commands.ALL]


def loaded_by(*arguments: str, environment: dict[str, str] | None = None) -> set[str]:
    """Return the packages that the program has loaded when it ends."""
    program = f"""
import sys
from contextlib import suppress
from daemon.cli.main import main
with suppress(SystemExit):
    main({list(arguments)!r})
print("loaded", *{{name.partition(".")[0] for name in sys.modules}})
"""
    command = Command((), Path(), environment or {})
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=command.whole_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["import", "--help"], ["nonsense"]])
def test_what_needs_no_shop_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(*arguments) & _HEAVY == set()


def test_completion_loads_nothing_heavy() -> None:
    asked = {"_ONEC_IMAGES_COMPLETE": "bash_complete", "COMP_WORDS": "onec-images im", "COMP_CWORD": "1"}
    loaded = loaded_by(environment=asked)
    assert "click" in loaded
    assert loaded & _HEAVY == set()


def test_the_statuses_are_those_of_sessions() -> None:
    [option] = [param for param in commands.sessions.params if param.name == "status"]
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(Status)


def test_the_files_for_systemd_are_those_that_are_shipped() -> None:
    [argument] = [param for param in commands.unit.params if param.name == "name"]
    assert isinstance(argument.type, click.Choice)
    assert list(argument.type.choices) == list(PLACES)
    assert len(PLACES) == sum(path.is_file() for path in (_PROJECT / "systemd").rglob("*"))


@pytest.mark.parametrize("command", commands.ALL, ids=NAMES)
def test_each_command_says_what_it_is_for_and_shows_how_it_is_typed(command: click.Command) -> None:
    shown = command.get_help(click.Context(command, info_name=command.name))
    assert command.help
    assert "Examples:" in shown
    assert f" {command.name}" in shown.partition("Examples:")[2]


@pytest.mark.parametrize("command", commands.ALL, ids=NAMES)
def test_no_line_of_the_list_of_commands_is_cut_off(command: click.Command) -> None:
    assert "..." not in command.get_short_help_str(60)


@pytest.mark.parametrize(
    "name, module",
    [("init-db", "configuration"), ("session", "records"), ("import", "importing"), ("unit", "unit")],
)
def test_what_a_command_does_is_in_its_module(name: str, module: str) -> None:
    assert callable(getattr(import_module(f"daemon.cli.{module}"), f"{name.replace('-', '_')}_command"))


def test_commands_are_listed_with_the_most_important_first() -> None:
    assert program.list_commands(click.Context(program))[:2] == ["run", "import"]
