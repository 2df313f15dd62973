"""A progress bar on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from daemon.importer.figures import Figures
from daemon.importer.session import Watch


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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None, told="")

        def watch(figures: Figures) -> None:
            total = figures.total_products or None
            progress.update(
                task, total=total, completed=figures.processed, told=told.format(copied=figures.copied)
            )

        yield watch
