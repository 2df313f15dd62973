"""The manual page is that of the commands as they are, and man shows it without complaint."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from daemon.cli.main import program
from daemon.cli.manual import manual

_FILE = Path(__file__).parents[2] / "docs" / "onec-images.1"


def shown() -> str:
    environment = os.environ | {"MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-c"}
    command = ["man", "--warnings", "-E", "UTF-8", "-P", "cat", "-l", str(_FILE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_the_page_that_is_shipped_is_that_of_the_commands() -> None:
    command = [sys.executable, "-m", "daemon.cli.manual"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert _FILE.read_text() == made, "python -m daemon.cli.manual > docs/onec-images.1"


def test_each_command_has_its_section_its_options_and_an_example() -> None:
    page = manual().replace("\\-", "-")
    for name in program.list_commands(click.Context(program)):
        _, found, rest = page.partition(f"\n.SS onec-images {name} ")
        section = rest.partition("\n.SS")[0]
        assert found, name
        assert f".B onec-images {name}" in section or f" {name}" in section.partition("Examples:")[2], name
        for parameter in program.commands[name].params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in section, (name, option)


@pytest.mark.skipif(not (shutil.which("man") and shutil.which("groff")), reason="there is no man here")
def test_man_shows_it_without_a_warning() -> None:
    page = shown()
    assert "onec-images - bring the product pictures of a 1C exchange into a shop's media" in page
    assert "--shard XX" in page
