"""A progress bar on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from daemon.importer.figures import Figures
from daemon.importer.session import Watch

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn


@contextmanager
def progress_bar(title: str, told: str = "products") -> Iterator[Watch | None]:
    """Given a title and what is told beside the figures, draw a bar on standard error, and yield who moves it.

    ``{copied}`` in the text is the number of pictures copied.
    Where standard error is no terminal there is no bar, and None is yielded.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import TimeRemainingColumn

    with bar(TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None, told="")

        def watch(figures: Figures) -> None:
            total = figures.total_products or None
            progress.update(
                task, total=total, completed=figures.processed, told=told.format(copied=figures.copied)
            )

        yield watch


def bar(*more: "ProgressColumn", console: "Console | None" = None) -> "Progress":
    """Given further columns and where to draw, return bars, each with its title, figures, and the field ``told``."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    told = TextColumn("{task.fields[told]}", markup=False)
    title = TextColumn("{task.description}", markup=False)
    return Progress(title, BarColumn(), MofNCompleteColumn(), told, *more, console=console)
