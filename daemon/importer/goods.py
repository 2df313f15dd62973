"""Loading catalogue files: each product's pictures are remembered, and our own products table is filled."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from glob import glob
from pathlib import Path
from typing import BinaryIO

from daemon.catalogue import CatalogueProduct, generated_at, read
from daemon.db.catalogues import Catalogue
from daemon.db.engine import Database
from daemon.directories import Directories
from daemon.errors import CatalogueError, ImportFailedError, StoppedError
from daemon.exchange import kind_of
from daemon.importer.host import Host
from daemon.importer.session import Session

_BATCH = 1_000  # products in one short transaction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class GoodsFile:
    """A catalogue file: the path to show, and how it is opened."""

    path: str
    opener: Callable[[], int]

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the file, open for reading. Raises CatalogueError where it is no regular file, and OSError."""
        descriptor = self.opener()
        try:
            kind = os.fstat(descriptor)
            if not stat.S_ISREG(kind.st_mode):
                raise CatalogueError(f"is {kind_of(kind)}, not a regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(descriptor)

    def written_at(self) -> datetime:
        """Return when the file says it was made, else when it was written; the oldest time if it cannot be read."""
        # file systems keep times that no calendar has
        with suppress(OSError, CatalogueError, OverflowError), self.open() as file:
            return generated_at(file) or _EPOCH + timedelta(seconds=os.fstat(file.fileno()).st_mtime)
        return datetime.min.replace(tzinfo=UTC)


def in_exchange(directory: Path, patterns: Sequence[str]) -> list[GoodsFile]:
    """Given the exchange directory and shell patterns of relative paths, return the catalogue files there are.

    Links below the exchange directory are not followed when such a file is opened.
    """
    paths = {path for pattern in patterns for path in glob(pattern, root_dir=directory, recursive=True)}
    return [GoodsFile(path, partial(_open_below, directory, path)) for path in sorted(paths)]


def on_command_line(paths: Sequence[Path]) -> list[GoodsFile]:
    """Given paths that an operator names, return them as catalogue files."""
    return [GoodsFile(str(path), partial(os.open, path, _READ)) for path in paths]


def _open_below(directory: Path, path: str) -> int:
    parent, _, name = path.rpartition("/")
    with closing(Directories(directory, parent)) as directories:
        return os.open(name, _READ | os.O_NOFOLLOW, dir_fd=directories.open(""))


class CatalogueLoader:
    """Loads catalogue files for one session."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        session: Session,
        host: Host | None = None,
        named: Callable[[Sequence[CatalogueProduct]], None] = lambda _products: None,
    ) -> None:
        """Given the database, the catalogue in it, the session that records the work, the host of the work.

        ``named`` is told the products whose pictures have been recorded.
        """
        self._database = database
        self._catalogue = catalogue
        self._session = session
        self._host = host or Host()
        self._named = named

    def load(self, files: Sequence[GoodsFile]) -> None:
        """Given catalogue files, load them, the oldest first.

        One that cannot be read is an error of the session; what stood before the break is kept, and the
        others are loaded. Raises ImportFailedError if none could be, and DatabaseUnavailableError.
        """
        reasons = {file.path: self._load(file) for file in sorted(files, key=GoodsFile.written_at)}
        if all(reasons.values()):
            told = ", ".join(f"{path} {reason}" for path, reason in reasons.items())
            raise ImportFailedError(f"no catalogue could be loaded: {told or 'there is no file'}")

    def _load(self, file: GoodsFile) -> str:
        """Load one file, and return why it could not be read to its end, nothing if it could."""
        batch: list[CatalogueProduct] = []
        reason = ""
        try:
            with file.open() as opened:
                for product in read(opened):
                    batch.append(product)
                    if len(batch) == _BATCH:
                        self._record(batch)
                        batch = []
        except (CatalogueError, OSError) as error:
            reason = str(error)
            self._session.file_failed(file.path, reason)
        self._record(batch)  # also what stood before a break
        return reason

    def _record(self, products: Sequence[CatalogueProduct]) -> None:
        self._host.attend()
        if self._host.should_stop():
            raise StoppedError("The load was stopped; the products read so far are kept")
        refused = self._host.patiently(partial(self._recorded, products))
        self._named(products)
        for product in refused:
            self._session.warn(
                "product_refused", f"The id {product.onec_id} is too long", onec_id=product.onec_id
            )
        figures = self._session.figures
        figures.total_products += len(products)
        figures.processed += len(products)
        figures.skipped_products += len(refused)
        self._session.progress()

    def _recorded(self, products: Sequence[CatalogueProduct]) -> Sequence[CatalogueProduct]:
        with self._database.writing() as connection:
            return self._catalogue.record(connection, products)
