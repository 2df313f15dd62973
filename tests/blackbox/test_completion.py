"""Shells complete commands, options and their values, as README.md has it set up."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Command
from support.readme import shell_below

_PATIENCE = 30.0  # seconds
_PROMPT = b"ready> "


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `onec-images` is this package."""
    program = tmp_path / "bin" / "onec-images"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m daemon "$@"\n')
    program.chmod(0o755)
    whole = Command((), tmp_path).whole_environment
    return whole | {"PATH": f"{program.parent}:{whole['PATH']}", "HOME": str(tmp_path), "TERM": "dumb"}


def set_up(shell: str, environment: dict[str, str], place: Path) -> Path:
    """Do what README.md says for a shell, and return the file that it makes."""
    [lines] = shell_below("### Completion and manual page")
    [line] = [each for each in lines.splitlines() if f"={shell}_source" in each]
    making = re.sub(r"/opt/onec-images/bin/", "", line).partition(" | sudo ")[0]
    script = subprocess.run(["sh", "-c", making], env=environment, capture_output=True, text=True, check=True)
    file = place / f"completion.{shell}"
    file.write_text(script.stdout)
    return file


class Terminal:
    """A shell at a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._descriptor, text.encode())

    def shows(self, expected: str) -> bool:
        """Wait until something is shown, and return whether it was."""
        seen, until = b"", time.monotonic() + _PATIENCE
        while expected.encode() not in seen and time.monotonic() < until:
            if select.select([self._descriptor], [], [], 0.1)[0]:
                seen += os.read(self._descriptor, 65536)
        return expected.encode() in seen


@pytest.fixture
def bash(environment: dict[str, str], tmp_path: Path) -> Iterator[Terminal]:
    """A bash at a terminal, with the completion set up."""
    file = set_up("bash", environment, tmp_path)
    outer, inner = pty.openpty()
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with subprocess.Popen(
        shell, env=environment | {"PS1": _PROMPT.decode()}, stdin=inner, stdout=inner, stderr=inner,
        cwd=tmp_path, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(inner)
        terminal = Terminal(outer)
        assert terminal.shows(_PROMPT.decode())
        terminal.type(f". {file}\n")
        assert terminal.shows(_PROMPT.decode())
        yield terminal
        process.kill()
    os.close(outer)


@pytest.mark.parametrize(
    "typed, shown",
    [
        ("onec-images im\t", "onec-images import "),
        ("onec-images import --check\t", "--checksum "),
        ("onec-images report un\t", "unmatched "),
        ("onec-images sessions --status fa\t", "failed "),
        ("onec-images unit onec-images.\t", "onec-images.service "),
    ],
)
def test_bash_completes_what_is_typed(bash: Terminal, typed: str, shown: str) -> None:
    bash.type(typed)
    assert bash.shows(shown)


def test_bash_completes_the_name_of_a_configuration(bash: Terminal, tmp_path: Path) -> None:
    (tmp_path / "retail.toml").touch()
    bash.type("onec-images --config ret\t")
    assert bash.shows("retail.toml")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_understand_theirs(shell: str, environment: dict[str, str], tmp_path: Path) -> None:
    file = set_up(shell, environment, tmp_path)
    assert "_ONEC_IMAGES_COMPLETE" in file.read_text()
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    subprocess.run([shell, "-n", str(file)], check=True)
    program = (
        f"source {file}; complete -C 'onec-images im'"
        if shell == "fish"
        else f"autoload -U compinit; compinit -u; . {file}"
    )
    done = subprocess.run([shell, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    if shell == "fish":
        assert done.stdout.startswith("import")
