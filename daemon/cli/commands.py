"""What can be typed: each command with its arguments, its options, its help and examples.

Nothing that takes long to load is imported here, for the sake of ``--help`` and of completion in a shell: what a
command does is in a module of its own, which is imported when it runs.
"""

import gc
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from daemon.cli.context import Context
from daemon.triggers.order import TYPES

_STATUSES = ("pending", "started", "in_progress", "completed", "failed")
_UNITS = ("onec-images.service", "onec-images@.service", "sysusers.conf", "tmpfiles.conf", "config.toml")
_REPORTS = ("no-picture", "unmatched", "errors")

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
_checksum = click.option(
    "--checksum", is_flag=True, help="Compare the contents of everything, whatever the times say."
)
_onec_ids = click.argument("onec_ids", metavar="[ONEC_ID]...", nargs=-1)


def _examples(*lines: tuple[str, str]) -> str:
    """Given commands and what each is for, return how a help ends."""
    shown = (f"  onec-images {command}\n      {purpose}" for command, purpose in lines)
    return "\b\nExamples:\n" + "\n".join(shown)


def _run(module: str, context: Context, **given: Any) -> int:  # noqa: ANN401  as each command has it
    """Given the module of a command, the context and what was typed, run it, and return the exit status."""
    name = click.get_current_context().command.name or ""
    command = getattr(import_module(f"daemon.cli.{module}"), f"{name.replace('-', '_')}_command")
    gc.freeze()  # what modules are made of stays, and is not looked through for garbage again and again
    status: int = command(context, **given)
    return status


@click.command(
    "run",
    short_help="Keep the products up to date: the service.",
    epilog=_examples(
        ("run", "As the shipped unit does it."),
        ("--config shop.toml run --wait", "On a second host, to take over when the first one is gone."),
    ),
)
@click.option("--wait", "stands_by", is_flag=True, help="Stand by while another process is at work.")
@click.pass_obj
def run(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Keep the products up to date: import all pictures, then each one that arrives.

    SIGHUP has the configuration read again; SIGTERM ends the service in order.
    """
    return _run("run", context, **given)


@click.command(
    "import",
    epilog=_examples(
        ("import", "All active products."),
        ("import 001a16a4-b810-11ed-860f-fa163edba792", "One product and its variants."),
        ("import --shard 00,ff --checksum", "Two shards, contents compared."),
        ("import --dry-run --json", "Which rows would change, and how; nothing is written."),
    ),
)
@_onec_ids
@click.option(
    "--shard",
    "shards",
    metavar="XX",
    multiple=True,
    help="Only products of this shard; repeatable, or separated by commas.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing, and say what would be done.")
@_checksum
@click.option("--validate-images", is_flag=True, help="Decode each picture before it is copied.")
@click.option("--from-media", is_flag=True, help="Also take up stored pictures that no row names.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most this many products.")
@_json
@click.pass_obj
def import_(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Import pictures once, of all products or of those named."""
    return _run("importing", context, **given)


@click.command(
    "catalog",
    short_help="Load the catalogue.",
    epilog=_examples(
        ("catalog", "The files in the exchange directory."),
        ("catalog backup/goods.xml", "One that lies elsewhere."),
    ),
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, readable=False))
@_json
@click.pass_obj
def catalog(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Load the catalogue: the files given, or those in the exchange directory."""
    return _run("catalog", context, **given)


@click.command(
    "status",
    short_help="Tell what the service does now, and what is wrong.",
    epilog=_examples(
        ("status", "What the service does, and what is wrong."),
        ("status --follow", "The same until Ctrl-C, with a bar while something is imported."),
        ("status --json", "For a monitor, which may look at the exit status alone."),
    ),
)
@_json
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C; with --json a document a line.")
@click.pass_obj
def status(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Tell what the service does now, and its last sessions; the exit status is 1 if it is not running or degraded."""
    return _run("status", context, **given)


@click.command(
    "sessions",
    epilog=_examples(
        ("sessions", "The last twenty."),
        ("sessions --status failed --limit 5", "The last imports that could not go on."),
    ),
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="At most this many.",
)
@click.option("--status", metavar="S", type=click.Choice(_STATUSES), help="Only those with this status.")
@_json
@click.pass_obj
def sessions(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """List the sessions, newest first."""
    return _run("records", context, **given)


@click.command("session", epilog=_examples(("session 42", "Its figures, and what went wrong in it.")))
@click.argument("session_id", metavar="ID")
@_json
@click.pass_obj
def session(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Show one session."""
    return _run("records", context, **given)


@click.command(
    "report",
    short_help="List products without a picture, and the like.",
    epilog=_examples(
        ("report no-picture", "Products that have none."),
        ("report unmatched", "Pictures of no active product."),
        ("report errors --json", "What would be refused, and why."),
    ),
)
@click.argument("kind", type=click.Choice(_REPORTS))
@_json
@click.pass_obj
def report(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """List products without a picture, pictures without a product, or what cannot be imported.

    The lists are whole, and made from what lies in the exchange now; nothing is written.
    """
    return _run("report", context, **given)


@click.command(
    "trigger",
    short_help="Ask the running daemon for an import.",
    epilog=_examples(
        ("trigger --wait", "All pictures, and what came of it."),
        ("trigger 001a16a4-b810-11ed-860f-fa163edba792", "One product and its variants."),
        ("trigger --type catalog --type images", "First the catalogue, then all pictures."),
    ),
)
@_onec_ids
@click.option(
    "--type",
    "types",
    metavar="T",
    type=click.Choice(TYPES),
    multiple=True,
    help="What is imported: images (the default) or catalog; repeatable.",
)
@click.option("--task-id", metavar="ID", help="The task_id of the session.")
@_checksum
@click.option("--wait", is_flag=True, help="Wait for the result, print it, and exit as import would.")
@_json
@click.pass_obj
def trigger(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Ask the running daemon for an import: of all products, or of those named."""
    return _run("trigger", context, **given)


@click.command(
    "check",
    short_help="Examine the installation, and name the remedies.",
    epilog=_examples(
        ("check", "As the user whom the service runs as."),
        ("--config /etc/onec-images/retail.toml check --json", "One shop of several, for a script."),
    ),
)
@_json
@click.pass_obj
def check(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Examine the configuration and all it points at, and name the remedies. Nothing is changed."""
    return _run("check", context, **given)


@click.command("config", epilog=_examples(("config", "Each value, and where it comes from.")))
@click.pass_obj
def config(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Print the merged configuration, secrets masked."""
    return _run("configuration", context, **given)


@click.command("init-db", epilog=_examples(("init-db", "Before the first import, or after an update.")))
@click.pass_obj
def init_db(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Create or upgrade the daemon's own tables. In a shop's database that is only the catalogue's."""
    return _run("configuration", context, **given)


@click.command(
    "demo",
    short_help="Show all of it on a small shop.",
    epilog=_examples(
        ("demo", "In a temporary directory."), ("demo shop", "In a new directory, to look at it later.")
    ),
)
@click.argument(
    "directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False)
)
@click.pass_obj
def demo(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Build a small 1C exchange with real pictures in DIR, import it, and see the service at work on it."""
    return _run("demo", context, **given)


@click.command(
    "unit",
    short_help="Print the files for systemd.",
    epilog=_examples(
        ("unit --list", "What there is, and where it is installed."),
        (
            "unit | sudo install -D -m 0644 /dev/stdin /usr/local/lib/systemd/system/onec-images.service",
            "The service.",
        ),
    ),
)
@click.argument("name", metavar="[NAME]", type=click.Choice(_UNITS), default=_UNITS[0])
@click.option("--list", "lists", is_flag=True, help="List the files, and where each of them is installed.")
@click.pass_obj
def unit(context: Context, /, **given: Any) -> int:  # noqa: ANN401
    """Print a file for systemd, a unit that runs this installation or what belongs to it."""
    return _run("unit", context, **given)


#: The commands in the order in which they are listed.
ALL = (run, import_, catalog, status, sessions, session, report, trigger, check, config, init_db, unit, demo)
