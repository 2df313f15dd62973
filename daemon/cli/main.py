"""The command group, and what its errors mean to the shell."""

import gc
import json
import os
import resource
import sys
from pathlib import Path

import click

from daemon import __version__
from daemon.cli import commands
from daemon.cli.context import Context
from daemon.cli.output import abandon, complete_streams
from daemon.errors import OnecImagesError, OutputError, ReaderGoneError

#: Objects made before cycles are looked for: an import makes many objects and few cycles.
_GARBAGE = 10_000


class _InOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands as they are listed, the most important first."""
        return list(self.commands)


@click.group(
    cls=_InOrder,
    commands=commands.ALL,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\n`onec-images COMMAND --help` tells more of a command, with examples. To begin with:\n"
    "  onec-images demo\n      A small shop, to see what this does.\n"
    "  onec-images check\n      What is wrong with an installation, and what mends it.",
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
def program(ctx: click.Context, file: Path | None) -> None:
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
        status = program.main(arguments, prog_name="onec-images", standalone_mode=False)
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
