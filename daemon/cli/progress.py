"""A progress bar on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from daemon.importer.figures import Figures
from daemon.importer.session import Watch


@contextmanager
def progress_bar(title: str) -> Iterator[Watch | None]:
    """Given a title, draw a bar on standard error while the block runs, and yield who moves it.

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
        TextColumn("products, {task.fields[copied]} pictures copied"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None, copied=0)

        def watch(figures: Figures) -> None:
            total = figures.total_products or None
            progress.update(task, total=total, completed=figures.processed, copied=figures.copied)

        yield watch
