"""Whether the operator's commands can be run, by the service as well as in this shell."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from daemon.config import Settings
from daemon.doctor.configuration import correcting
from daemon.doctor.directories import SEE_KERNEL, granting, is_missing, may, obstacle, quoted, user
from daemon.doctor.finding import Finding, Problem, error, guarded, ok, warning

#: Where a service of systemd looks for programs.
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_SCRIPT: Final = b"#!"
_LONGEST_LINE: Final = 255  # bytes that the kernel looks at


def examine(settings: Settings, file: Path) -> Iterator[Finding]:
    """Given the settings and their file, yield what is found of each hook that there is."""
    for name, command in settings.hooks:
        if command:
            subject = f"hook {name}"
            yield from guarded(subject, SEE_KERNEL, _hook(subject, name, command[0], file))


def _hook(subject: str, name: str, program: str, file: Path) -> Iterator[Finding]:
    if "/" not in program:
        yield _looked_up(subject, name, program, file)
    elif problem := _problem(Path(program), file):
        yield error(subject, *problem)
    else:
        yield ok(subject, f"{program} can be run")


def _looked_up(subject: str, name: str, program: str, file: Path) -> Finding:
    """Return whether a program is found by its name alone."""
    found = shutil.which(program, path=_SYSTEM_PATH)
    if found:
        return ok(subject, f"{found} can be run")
    if elsewhere := shutil.which(program):
        message = f"{program} is {elsewhere} here, where a service of systemd does not look for it"
        remedy = f'in {file}, [hooks] {name} = ["{os.path.abspath(elsewhere)}", …]'
        return warning(subject, message, remedy)
    message = f"there is no program {program} in {_SYSTEM_PATH}"
    return error(subject, message, f"install it, or {correcting('hooks', file)}")


def _problem(program: Path, file: Path) -> Problem | None:
    """Return what keeps the effective user from running a program."""
    if is_missing(program):
        return Problem(f"{program} does not exist", f"put it there, or {correcting('hooks', file)}")
    if problem := obstacle(program.parent, "x"):
        return problem
    if program.is_dir():
        return Problem(f"{program} is a directory, not a program", correcting("hooks", file))
    if not may(program, "x"):
        is_for_nobody = not program.stat().st_mode & 0o111
        remedy = f"chmod a+rx {quoted(program)}" if is_for_nobody else granting("rx", program)
        return Problem(f"{user()} may not run {program}", remedy)
    return _interpreter_problem(program)


def _interpreter_problem(program: Path) -> Problem | None:
    """Return what is wrong with the first line of a script."""
    if not may(program, "r"):
        return None
    with program.open("rb") as opened:
        line = opened.readline(_LONGEST_LINE)
    words = line.removeprefix(_SCRIPT).rstrip(b"\n").strip(b" \t").split(None, 1)
    if not line.startswith(_SCRIPT) or not words:
        return None
    if line.rstrip(b"\n").endswith(b"\r"):
        message = f"{program} has line ends of Windows: its interpreter is not found"
        return Problem(message, f"sed -i 's/\\r$//' {quoted(program)}")
    interpreter = Path(os.fsdecode(words[0]))
    if is_missing(interpreter):
        return Problem(
            f"{interpreter}, which {program} is for, does not exist", f"install it, or correct {program}"
        )
    return None
