import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from daemon import errors
from daemon.cli.main import program
from daemon.config import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a line that begins with the heading."""
    _, _, rest = README.partition(f"\n{heading}")
    table = re.search(r"(?:^\|.*\|\n)+", rest, re.MULTILINE)
    assert table, f"there is no table below {heading}"
    lines = [re.split(r"(?<!\\)\|", line.strip("|\n")) for line in table[0].splitlines()]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_every_command_is_in_the_table_and_every_one_in_the_table_exists() -> None:
    named = {
        name for cells in rows_below("## Use it") for name in re.findall(r"`onec-images ([\w-]+)", cells[0])
    }
    assert named == set(program.list_commands(click.Context(program)))


def test_every_option_of_import_in_the_table_exists() -> None:
    command = program.get_command(click.Context(program), "import")
    assert command
    existing = {option for parameter in command.params for option in parameter.opts}
    told = {
        option for cells in rows_below("## Use it") for option in re.findall(r"import.* (--[\w-]+)", cells[0])
    }
    assert told
    assert told <= existing


def test_the_table_of_exit_statuses_is_that_of_the_errors() -> None:
    told = {int(cells[0]) for cells in rows_below("With `--json`")}
    raised = {error.exit_status for error in vars(errors).values() if hasattr(error, "exit_status")}
    assert told == raised | {0, 3}


def defaults() -> dict[str, dict[str, Any]]:
    """Return the keys of each section with their defaults, sections in sections included."""
    found: dict[str, dict[str, Any]] = {}
    waiting = {"": Settings().model_dump(mode="json", by_alias=True)}
    while waiting:
        section, values = waiting.popitem()
        waiting |= {
            f"{section}.{key}".strip("."): value for key, value in values.items() if isinstance(value, dict)
        }
        found[section] = {key: value for key, value in values.items() if not isinstance(value, dict)}
    return {section: keys for section, keys in found.items() if section}


@pytest.mark.parametrize("section", sorted(defaults()))
def test_the_table_of_the_configuration_has_each_key_with_its_default(section: str) -> None:
    cells = next(cells for cells in rows_below("TOML: `--config FILE`") if cells[0] == f"`[{section}]`")
    told = dict(re.findall(r"`(\w+)` `([^`]*)`", cells[1]))
    assert told == {key: written(value) for key, value in defaults()[section].items()}


def written(value: object) -> str:
    """Return a default as the table has it: text without quotes unless it is empty, all else as in TOML."""
    if isinstance(value, str) and value:
        return value
    return json.dumps(value, ensure_ascii=False)
