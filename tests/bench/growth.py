"""How the time of an import grows with the number of products."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from bench.databases import Make
from bench.figures import Figure, Outcome, Series, Target, exponent
from bench.pairs import Contender, alternate
from bench.plot import plot
from bench.processes import Run
from bench.sites import Site
from bench.stands import Stand
from bench.trees import Tree

_MOST = 100_000  # products
_RANGE = 100  # times as many as the fewest
_SIZE = 2_000  # bytes; a hundred thousand products with real pictures take 27 GB, more than memory keeps
_LEAST = 1e-3  # seconds that an import says it took
_TARGET = Target(1.05, 1.0)

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Step:
    """One size, with a shop that has everything already."""

    site: Site
    make: Make
    stand: Stand

    @property
    def products(self) -> int:
        """How many products it has."""
        return len(self.stand.tree.onec_ids)

    def first(self) -> Run:
        """Time the first import into another shop."""
        return self.site.stand(self.make, self.stand.tree).imported_first()


def measure(site: Site) -> Outcome:
    """Measure both kinds of imports at some sizes by turns, and find the exponent of their growth."""
    trees = list(_trees(site))
    with ExitStack() as stack:
        steps = [_step(site, stack, tree) for tree in trees]
        options = site.options
        start = Contender("start alone", _step(site, stack, site.tree_of(1, _SIZE, copies=1)).stand.imported)
        firsts = [Contender(f"first import, {step.products:,} products", step.first) for step in steps]
        repeated = [
            Contender(f"nothing changed, {step.products:,} products", step.stand.imported_again)
            for step in steps
        ]
        series = alternate([start, *firsts, *repeated], options.pairs, options.throw_away)
    products = [step.products for step in steps]
    first_series, repeated_series = series[1 : len(steps) + 1], series[len(steps) + 1 :]
    lines = {
        "first import": _points(products, first_series),
        "nothing changed": _points(products, repeated_series),
    }
    if options.plot:
        plot(options.plot, "Time of an import, whole processes", lines)
    figures = [
        *_exponents("first import", products, first_series),
        *_exponents("nothing changed", products, repeated_series),
        Figure("start of an import of nothing", median(series[0].seconds), "s", series[0].seconds),
    ]
    notes = ["; ".join(map(str, trees))]
    unmeasured = ["pictures of their real size: those of a hundred thousand products do not fit into memory"]
    return Outcome(figures, series, notes, unmeasured, lines)


def _trees(site: Site) -> Iterator[Tree]:
    most, size = site.options.products or _MOST, site.options.size or _SIZE
    steps, rounds = site.options.steps, site.options.pairs + site.options.throw_away
    for step in range(steps):
        products = round(most / _RANGE ** (1 - step / (steps - 1)))
        yield site.tree_of(max(products, 1), size, copies=rounds + 1)


def _step(site: Site, stack: ExitStack, tree: Tree) -> Step:
    """Prepare a size; databases of PostgreSQL are dropped after some more were made, except for the stand's own."""
    stand = site.stand(stack.enter_context(site.databases(tree)), tree)
    site.bring(stand)
    return Step(site, stack.enter_context(site.databases(tree)), stand)


def _points(products: Sequence[int], series: Sequence[Series]) -> Points:
    return [(float(number), median(one.seconds)) for number, one in zip(products, series, strict=True)]


def _exponents(what: str, products: Sequence[int], series: Sequence[Series]) -> Iterator[Figure]:
    """Yield the exponents with and without the start, which is the same at every size and flattens the curve."""
    yield Figure(f"{what}: exponent of the time", exponent(_points(products, series)), "", target=_TARGET)
    rest = [
        (float(number), median(_duration(run) for run in one.runs))
        for number, one in zip(products, series, strict=True)
    ]
    yield Figure(f"{what}: exponent without the start", exponent(rest), "", target=_TARGET)


def _duration(run: Run) -> float:
    """Return how long an import took by its own account, in seconds."""
    seconds: float = json.loads(run.output)["report_details"]["duration_s"]
    return max(seconds, _LEAST)
