"""A hook that could not be run is found before it has something to tell."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.rights import as_owner

from daemon.config import Settings
from daemon.doctor import hooks
from daemon.doctor.finding import Finding, State
from daemon.hooks import process

FILE = Path("/etc/onec-images/config.toml")


@pytest.fixture(autouse=True)
def _ordinary_rights() -> Iterator[None]:
    """Have rights decide, for root as for everyone."""
    with as_owner():
        yield


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that can be run."""
    file = tmp_path / "my tell"
    file.write_text("#!/bin/sh\nexit 0\n")
    file.chmod(0o755)
    return file


def examined(program: str | Path) -> Finding:
    """Return the one finding about a hook."""
    settings = Settings.model_validate({"hooks": {"on_degraded": [str(program), "word"]}})
    [finding] = hooks.examine(settings, FILE)
    assert finding.subject == "hook on_degraded"
    return finding


def runs(program: Path) -> bool:
    """Return whether a program can be run indeed."""
    try:
        return process.run((str(program),), b"", {}, lambda: float("inf")).status == 0
    except OSError:
        return False


def cure(finding: Finding) -> None:
    """Do what a finding says, as an administrator would."""
    subprocess.run(["sh", "-c", finding.remedy], check=True)


def test_no_hooks_are_nothing_to_look_at() -> None:
    assert list(hooks.examine(Settings(), FILE)) == []


def test_a_program_of_the_system_is_found_by_its_name() -> None:
    found = examined("sh")
    assert (found.state, found.message) == (State.OK, "/usr/bin/sh can be run")


def test_a_script_that_can_be_run_is_well(script: Path) -> None:
    assert runs(script)
    assert examined(script).state is State.OK


def test_a_program_that_is_nowhere_is_an_error() -> None:
    found = examined("no-such-program")
    assert found.state is State.ERROR
    assert found.message.startswith("there is no program no-such-program in /usr/local/sbin:")
    assert found.remedy == f"install it, or correct [hooks] in {FILE}"


def test_a_program_that_only_this_shell_finds_is_a_warning_with_its_path(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    found = examined("my tell")
    assert found.state is State.WARNING
    assert found.remedy == f'in {FILE}, [hooks] on_degraded = ["{script}", …]'
    assert examined(script).state is State.OK


def test_a_missing_script_is_an_error(tmp_path: Path) -> None:
    found = examined(tmp_path / "tell")
    assert found.state is State.ERROR
    assert found.message == f"{tmp_path}/tell does not exist"


def test_a_directory_is_no_program(tmp_path: Path) -> None:
    assert examined(tmp_path).message == f"{tmp_path} is a directory, not a program"


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o655])
def test_a_script_that_may_not_be_run_is_an_error_until_it_is_cured(script: Path, mode: int) -> None:
    script.chmod(mode)
    assert not runs(script)
    found = examined(script)
    assert found.state is State.ERROR
    assert found.message.endswith(f"may not run {script}")
    cure(found)
    assert runs(script)
    assert examined(script).state is State.OK


def test_a_directory_on_the_way_that_is_closed_is_named_until_it_is_cured(script: Path) -> None:
    script.parent.chmod(0o600)
    found = examined(script)
    assert found.state is State.ERROR
    cure(found)
    assert examined(script).state is State.OK


def test_line_ends_of_windows_are_an_error_until_they_are_cured(script: Path) -> None:
    script.write_bytes(b"#!/bin/sh\r\nexit 0\r\n")
    assert not runs(script)
    found = examined(script)
    assert found.state is State.ERROR
    assert "line ends of Windows" in found.message
    cure(found)
    assert runs(script)
    assert examined(script).state is State.OK


def test_a_missing_interpreter_is_an_error(script: Path) -> None:
    script.write_text("#! /no/such/interpreter -x\n")
    found = examined(script)
    assert found.state is State.ERROR
    assert found.message == f"/no/such/interpreter, which {script} is for, does not exist"
