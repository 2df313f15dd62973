"""How far long work is: a bar on a terminal, a status for systemd, lines elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from daemon.cli import standing
from daemon.importer.figures import Figures
from daemon.importer.session import Watch
from daemon.notify import Supervisor
from daemon.state import Current

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

_LINES = 10.0  # seconds between two lines where there is no bar
_STATUSES = 1.0  # seconds between two messages to systemd

#: Told what the service does now, None if it imports nothing.
Follow = Callable[[Current | None], None]


class Bar:
    """Told the figures of a session whenever they have moved."""

    def __init__(self, watch: Watch, give_way: Callable[[], None] = lambda: None) -> None:
        """Given what shows the figures, and what takes that off the terminal."""
        self._watch = watch
        self._give_way = give_way

    def __call__(self, figures: Figures) -> None:
        """Given the figures, show them."""
        self._watch(figures)

    def give_way(self) -> None:
        """Make room for what is printed, if that goes to the terminal too; it tells of progress itself."""
        if sys.stdout.isatty():
            self._give_way()


@contextmanager
def progress_bar(
    title: str, told: str = "products", environ: Mapping[str, str] = os.environ
) -> Iterator[Bar]:
    """Given a title and what is told beside the figures, draw a bar on standard error, and yield who moves it.

    ``{copied}`` in the text is the number of pictures copied. Where standard error is no terminal there is no bar: the
    log tells of progress there, and systemd is told where it wants to know.
    """
    if not sys.stderr.isatty():
        yield Bar(_for_systemd(title, told, Supervisor(environ)))
        return
    with _timed_bar() as progress:
        task = progress.add_task(title, total=None, told="")

        def watch(figures: Figures) -> None:
            total = figures.total_products or None
            progress.update(
                task, total=total, completed=figures.processed, told=told.format(copied=figures.copied)
            )

        def give_way() -> None:
            progress.live.transient = True
            progress.stop()

        yield Bar(watch, give_way)


def _for_systemd(title: str, told: str, supervisor: Supervisor) -> Watch:
    next_at = 0.0

    def watch(figures: Figures) -> None:
        nonlocal next_at
        now = time.monotonic()
        if now >= next_at:
            next_at = now + _STATUSES
            of_all = f" of {figures.total_products}" if figures.total_products else ""
            more = told.format(copied=figures.copied)
            supervisor.status(f"{title}: {figures.processed}{of_all} {more}")

    return watch


@contextmanager
def following_bar() -> Iterator[Follow]:
    """Draw a bar for what the service imports, or now and then a line elsewhere, and yield who is told what that is."""
    if not sys.stderr.isatty():
        yield _in_lines()
        return
    with _timed_bar() as progress:
        task = progress.add_task("Waiting for the service", total=None, told="")

        def follow(current: Current | None) -> None:
            if current:
                progress.update(
                    task,
                    description=standing.title(current),
                    total=current.total,
                    completed=current.processed,
                    told=f"products, {current.copied} pictures copied",
                )

        yield follow


def _in_lines() -> Follow:
    next_at = time.monotonic() + _LINES

    def follow(current: Current | None) -> None:
        nonlocal next_at
        now = time.monotonic()
        if current and now >= next_at:
            next_at = now + _LINES
            click.echo(f"onec-images: {standing.current_line(current)}", err=True)

    return follow


@contextmanager
def working(title: str) -> Iterator[None]:
    """Given a title, show on a terminal that something is done of which nobody knows how long it takes.

    Nothing may be printed on the same terminal meanwhile.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        progress.add_task(title, total=None)
        yield


def _timed_bar() -> "Progress":
    """Return bars on standard error with the time left."""
    from rich.console import Console
    from rich.progress import TimeRemainingColumn

    return bar(TimeRemainingColumn(), console=Console(stderr=True))


def bar(*more: "ProgressColumn", console: "Console | None" = None) -> "Progress":
    """Given further columns and where to draw, return bars, each with its title, figures, and the field ``told``.

    What is printed meanwhile goes where it is sent to.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    told = TextColumn("{task.fields[told]}", markup=False)
    title = TextColumn("{task.description}", markup=False)
    columns = (title, BarColumn(), MofNCompleteColumn(), told, *more)
    return Progress(*columns, console=console, redirect_stdout=False)
