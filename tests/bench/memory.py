"""What a full import takes of the machine's memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.figures import Figure, Outcome, Target
from bench.pairs import tell
from bench.processes import FailedError
from bench.sites import Site
from bench.stands import Stand
from bench.trees import Tree
from support.commands import start
from support.usage import Memory, memory

_PRODUCTS = 370_000  # which have a million pictures
_FEW = 1_000
_SIZE = 100  # bytes
_EVERY = 0.01  # seconds; an import of a few products has other processes for a tenth of a second
_LONG_ENOUGH = 3 * 3600.0  # seconds
_MB = 1e6

_IMPORTS = ("first import", "nothing changed")


class Peak:
    """The most that a process and those it started took whenever it was looked at."""

    def __init__(self, pid: int) -> None:
        self.pss = self.rss = self.looks = 0
        self._pid = pid
        self._ended = threading.Event()

    def note(self, found: Memory) -> None:
        """Take a look into account."""
        self.pss = max(self.pss, found.pss)
        self.rss = max(self.rss, found.rss)
        self.looks += 1

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look again and again during the block."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_EVERY):
            self.note(memory(self._pid))


def measure(site: Site) -> Outcome:
    """Measure the peak of a first import and of one in which nothing changed, of many products and of a few."""
    many = site.tree(_PRODUCTS, _SIZE, copies=1)
    large = _peaks(site, many)
    looked_at = list(large)
    figures = list(_figures(large))
    if len(many.onec_ids) > _FEW:
        small = _peaks(site, site.tree_of(_FEW, site.options.size or _SIZE, copies=1))
        looked_at += small
        figures += _growth(large, small)
    looks = min(peak.looks for peak in looked_at)
    notes = [
        str(many),
        f"Looked at every {_EVERY * 1000:.0f} ms, {looks:,} times at the least",
        "PSS shares the pages of Python itself with the measuring program; RSS does not, and is the upper bound",
    ]
    unmeasured = ["what came and went between two looks", "the database server"]
    return Outcome(figures, notes=notes, unmeasured=unmeasured)


def _figures(peaks: Sequence[Peak]) -> Iterator[Figure]:
    for what, peak in zip(_IMPORTS, peaks, strict=True):
        yield Figure(f"{what}: peak of PSS", peak.pss / _MB, "MB", target=Target(80, 64))
        yield Figure(f"{what}: peak of RSS, nothing shared out", peak.rss / _MB, "MB")


def _growth(large: Sequence[Peak], small: Sequence[Peak]) -> Iterator[Figure]:
    for what, much, little in zip(_IMPORTS, large, small, strict=True):
        growth = (much.pss - little.pss) / _MB
        yield Figure(f"{what}: growth of PSS from {_FEW:,} products", growth, "MB", target=Target(10))


def _peaks(site: Site, tree: Tree) -> list[Peak]:
    with site.databases(tree) as make:
        stand = site.stand(make, tree)
        return [_peak(stand), _peak(stand)]


def _peak(stand: Stand) -> Peak:
    """Import, and return what that took at most. Raises FailedError."""
    running = start(stand.command("import", "--json"))
    peak = Peak(running.pid)
    with peak.watched():
        result = running.result(_LONG_ENOUGH)
    if result.status:
        raise FailedError(result.stderr)
    tell(f"{len(stand.tree.onec_ids):,} products: {peak.pss / _MB:.1f} MB")
    return peak
