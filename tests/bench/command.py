"""The command line of the benchmark."""

import compileall
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
from bench import burst, growth, imports, latency, memory
from bench.databases import Servers
from bench.figures import Outcome
from bench.pairs import tell
from bench.processes import FailedError
from bench.reports import Report, write_into
from bench.sites import Options, Site
from bench.surroundings import Vigil, facts
from support.commands import warm_starter

import daemon

#: What ``--docs`` writes into.
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmark.md"

_PACKAGE = Path(daemon.__file__).parent

Measure = Callable[[Site], Outcome]

#: Sub-command -> what it measures.
MEASUREMENTS: dict[str, Measure] = {
    "first": imports.first,
    "unchanged": imports.unchanged,
    "reference": imports.against_reference,
    "growth": growth.measure,
    "memory": memory.measure,
    "latency": latency.measure,
    "burst": burst.measure,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "names", metavar="MEASUREMENT...", nargs=-1, type=click.Choice([*MEASUREMENTS, "all"]), required=True
)
@click.option("--products", type=click.IntRange(1), help="How many products; the largest number, for growth.")
@click.option("--size", type=click.IntRange(1), metavar="BYTES", help="Mean size of a picture.")
@click.option("--pairs", type=click.IntRange(1), default=5, show_default=True, help="Runs of each contender.")
@click.option("--throw-away", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--database", type=click.Choice(["sqlite", "postgresql"]), help="Instead of the measurement's own."
)
@click.option("--durable/--no-durable", default=None, help="Of both, where both count, only one.")
@click.option("--steps", type=click.IntRange(2), default=5, show_default=True, help="Sizes, for growth.")
@click.option(
    "--idle", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds of idleness."
)
@click.option(
    "--place", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Measured in here."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where all figures go to.")
@click.option(
    "--plot", type=click.Path(path_type=Path), help="Where a picture of the growth goes to, as PNG."
)
@click.option("--docs", is_flag=True, help="Write the tables into docs/benchmark.md.")
def main(
    names: tuple[str, ...], place: Path | None, json_file: Path | None, *, docs: bool, **options: Any
) -> None:
    """Measure the daemon against its peers and its targets; docs/benchmark.md says how to read the figures.

    Everything is made in a directory of its own in --place (the current directory unless given), which is
    removed at the very end.
    """
    compileall.compile_dir(_PACKAGE, quiet=1)  # as an installer does, so that no run has to
    wanted = MEASUREMENTS if "all" in names else dict.fromkeys(names)
    reports = []
    with _site((place or Path.cwd()).resolve(), Options(**options)) as site:
        for name in wanted:
            report = _measured(name, site)
            sys.stdout.write(f"## {name}\n\n{report.as_text()}\n\n")
            sys.stdout.flush()
            reports.append(report)
            if docs:
                write_into(DOCUMENT, report)
    if json_file:
        document = {"reports": [report.as_json() for report in reports]}
        json_file.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _measured(name: str, site: Site) -> Report:
    tell(name)
    try:
        outcome = MEASUREMENTS[name](site)
    except FailedError as error:
        raise click.ClickException(str(error)) from error
    site.vigil.look()
    found = facts(site.place, site.servers.described())
    return Report(name, site.options.as_json(), found, outcome, list(site.vigil.warnings))


@contextmanager
def _site(place: Path, options: Options) -> Iterator[Site]:
    """Make a place to measure in; it goes at the very end, since deleting makes a file system slow for minutes."""
    directory = Path(tempfile.mkdtemp(prefix="onec-images-bench-", dir=place))
    directory.chmod(0o755)  # PostgreSQL runs as another user where root measures
    vigil = Vigil(directory)
    vigil.begin()
    try:
        with ExitStack() as stack:
            starter = stack.enter_context(warm_starter())
            yield Site(directory, starter, Servers(directory, starter, stack), vigil, options)
    finally:
        tell("clearing away")
        shutil.rmtree(directory)
