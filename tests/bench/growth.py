"""How the time of an import grows with the number of products."""

from collections.abc import Iterator
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
    lines = _lines([step.products for step in steps], series[1:])
    if options.plot:
        plot(options.plot, "Time of an import, whole processes", lines)
    figures = list(_figures(lines, median(series[0].seconds)))
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
    make = stack.enter_context(site.databases(tree))
    stand = site.stand(make, tree)
    site.bring(stand)
    return Step(site, make, stand)


def _lines(products: list[int], series: list[Series]) -> dict[str, Points]:
    medians = [median(one.seconds) for one in series]
    number = len(products)
    first, again = medians[:number], medians[number:]
    return {
        "first import": list(zip(map(float, products), first, strict=True)),
        "nothing changed": list(zip(map(float, products), again, strict=True)),
    }


def _figures(lines: dict[str, Points], start: float) -> Iterator[Figure]:
    """Yield the exponents with and without the start, which is the same at every size and flattens the curve."""
    for name, points in lines.items():
        yield Figure(f"{name}: exponent of the time", exponent(points), "", target=_TARGET)
        rest = [(x, max(y - start, 1e-3)) for x, y in points]
        yield Figure(f"{name}: exponent without the start", exponent(rest), "", target=_TARGET)
