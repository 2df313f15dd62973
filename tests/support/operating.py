"""An operator who does what docs/recipes.md says, on a shop of a test instead of that of the page."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import documents
from support.daemon_process import Daemon, daemon
from support.documents import Block
from support.workshop import Workshop

RECIPES = "docs/recipes.md"

_TIMEOUT = 300.0  # seconds; to install takes ten, with an index of packages at hand

#: Nobody but systemd itself can tell it what to do, and the service of a test is none of its units.
_SYSTEMCTL = re.compile(r"sudo systemctl ([a-z-]+)(?: --now)?(?: onec-images)?")

_SUDO = """\
#!/bin/sh
[ "$1" = -u ] && shift 2
exec "$@"
"""

_COMMAND = """\
#!/bin/sh
exec "{python}" -m daemon "$@"
"""


def blocks_below(heading: str) -> list[Block]:
    """Return the blocks of a recipe."""
    return documents.blocks(documents.below(f"## {heading}", documents.page(RECIPES)))


@dataclass
class Operator:
    """Somebody at a terminal; ``places`` says what there is instead of the paths of the page."""

    workshop: Workshop
    tools: Path
    stack: ExitStack
    directory: Path
    places: dict[str, str] = field(default_factory=dict)
    service: Daemon | None = None
    is_installed: bool = False

    def uses(self, command: Path) -> None:
        """Call an installed command from now on, with nothing else to be found in its place."""
        self.is_installed = True
        (self.tools / "onec-images").unlink()
        (self.tools / "onec-images").symlink_to(command)

    def follow(self, *recipe: Block) -> str:
        """Do what blocks of a recipe say, and return what the commands among them print."""
        return "".join(map(self._follow, recipe))

    def _follow(self, block: Block) -> str:
        if block.language == "toml":
            for section, settings in tomllib.loads(block.code).items():
                self.workshop.configure(section, **settings)
            return ""
        if block.language == "sql":
            self.workshop.database.execute(block.code)
            return ""
        return self.types(block.code)

    def types(self, commands: str) -> str:
        """Type lines of a shell, which stop at the first that fails, and return what they print."""
        printed, typed = [], ""
        for line in commands.splitlines(keepends=True):
            if found := _SYSTEMCTL.fullmatch(line.strip()):
                printed.append(self._shell(typed))
                typed = ""
                self._tell_systemd(found[1])
            else:
                typed += line
        return "".join([*printed, self._shell(typed)])

    def _shell(self, commands: str) -> str:
        if not commands:
            return ""
        for place, instead in self.places.items():
            commands = commands.replace(place, instead)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, (commands, done.stdout, done.stderr)
        return done.stdout

    def _environment(self) -> Mapping[str, str]:
        path = os.pathsep.join([str(self.tools), os.environ["PATH"]])
        named = {"PATH": path, "TZ": "UTC", "ONEC_IMAGES_CONFIG": str(self.workshop.config_file)}
        found = {} if self.is_installed else {"PYTHONPATH": str(documents.PROJECT)}
        outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return outside | found | named

    def _tell_systemd(self, verb: str) -> None:
        if verb in {"stop", "restart", "disable"} and self.service:
            self.service.stop()
        if verb in {"start", "restart", "enable"}:
            self.service = self.stack.enter_context(daemon(self.workshop))
        if verb == "reload":
            assert self.service
            self.service.reload()


@contextmanager
def operator(workshop: Workshop, tools: Path) -> Iterator[Operator]:
    """Given a shop, and a directory for what an operator calls, be the operator; the service is ended at the end."""
    for name, text in (("sudo", _SUDO), ("onec-images", _COMMAND.format(python=sys.executable))):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    with ExitStack() as stack:
        yield Operator(workshop, tools, stack, workshop.place)
