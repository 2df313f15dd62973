"""The command group, and what its errors mean to the shell."""

import gc
import json
import os
import resource
import sys
from importlib import import_module
from pathlib import Path

import click

from daemon import __version__
from daemon.cli.context import Context
from daemon.cli.output import abandon, complete_streams
from daemon.errors import OnecImagesError, OutputError, ReaderGoneError

_GARBAGE = (
    50_000  # objects made before cycles are looked for: an import makes many objects and hardly a cycle
)

#: Command -> module of the function of the same name; each is imported only when it is used.
_COMMANDS = {
    "run": "run",
    "import": "importing",
    "catalog": "catalog",
    "status": "status",
    "sessions": "records",
    "session": "records",
    "report": "report",
    "trigger": "trigger",
    "check": "check",
    "config": "configuration",
    "init-db": "configuration",
    "demo": "demo",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"daemon.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),  # whether it is, is told with the other mistakes in it
    help="The configuration; otherwise $ONEC_IMAGES_CONFIG, ./config.toml or /etc/onec-images/config.toml.",
)
@click.version_option(__version__, prog_name="onec-images")
@click.pass_context
def commands(ctx: click.Context, file: Path | None) -> None:
    """Bring the product pictures of a 1C exchange into a shop's media directory and database."""
    ctx.obj = Context(file, os.environ, Path.cwd())


def main(arguments: list[str] | None = None) -> int:
    """Given arguments (those of the process by default), run the command and return the exit status.

    0 done, 1 failed, 2 wrong usage, 3 done but single files failed, 75 locked by another, 78 bad
    configuration. An operator's mistake is one line on standard error.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    complete_streams()
    _allow_open_files()
    gc.set_threshold(_GARBAGE)
    try:
        status = commands.main(arguments, prog_name="onec-images", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("onec-images: stopped", err=True)
        return 1
    except ReaderGoneError as error:
        abandon()
        return error.exit_status
    except OutputError as error:
        abandon()
        return _failed(error, as_json=False)
    except OnecImagesError as error:
        return _failed(error, as_json="--json" in arguments)
    return status if isinstance(status, int) else 0


def _allow_open_files() -> None:
    """Let as many files be open as may be: an import holds directories by descriptor."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _failed(error: OnecImagesError, *, as_json: bool) -> int:
    click.echo(f"onec-images: {error}", err=True)
    if as_json:
        click.echo(json.dumps({"session_id": None, "error": str(error)}, ensure_ascii=False))
    return error.exit_status
