"""The command ``unit``."""

import sys
from pathlib import Path
from typing import Final

import daemon
from daemon.cli.context import Context
from daemon.cli.output import say

#: What is shipped for systemd -> the directory that it is installed in.
PLACES: Final = {
    "onec-images.service": "/usr/local/lib/systemd/system",
    "onec-images@.service": "/usr/local/lib/systemd/system",
    "sysusers.conf": "/usr/local/lib/sysusers.d",
    "tmpfiles.conf": "/usr/local/lib/tmpfiles.d",
    "config.toml": "/etc/onec-images",
}

#: Name -> where the file lies, and what it is called where it is installed, if not by its name.
_FILES: Final = {
    "sysusers.conf": "sysusers.d/onec-images.conf",
    "tmpfiles.conf": "tmpfiles.d/onec-images.conf",
}

_USUAL_PROGRAM: Final = "/opt/onec-images/bin/onec-images"  # as the units have it


def unit_command(_context: Context, name: str, *, lists: bool) -> int:
    """Given the name of a file, print it; or else print the names, and where each file is installed."""
    if lists:
        for each, directory in PLACES.items():
            say(f"{each:<22}{directory}/{Path(_FILES.get(each, each)).name}")
    else:
        say(_content(name), ends_line=False)
    return 0


def _content(name: str) -> str:
    text = (_directory() / _FILES.get(name, name)).read_text(encoding="utf-8")
    return text.replace(_USUAL_PROGRAM, _program())


def _directory() -> Path:
    """Return where the files are: in the package, of an editable installation beside it."""
    package = Path(daemon.__file__).parent
    packed = package / "_data" / "systemd"
    return packed if packed.is_dir() else package.with_name("systemd")


def _program() -> str:
    """Return how this installation is called, the usual way where it has no script."""
    script = Path(sys.executable).with_name("onec-images")
    return str(script) if script.exists() else _USUAL_PROGRAM
