"""Imports beside the programs that do the same, or nearly: the first one, and one that finds nothing to do."""

from bench.databases import Make
from bench.figures import Figure, Outcome, Series, Target, ratio, speedup
from bench.pairs import Contender, alternate
from bench.peers import NO_RSYNC, Peers, different, has_rsync, reference, rsync_nothing
from bench.processes import FailedError
from bench.sites import Site
from bench.stands import Stand
from bench.trees import Tree

#: "at least 300 000 files", with 2.7 pictures per product.
_UNCHANGED_PRODUCTS = 112_000
_SMALL = 1_000  # bytes
_REAL = 100_000  # bytes
_SMALL_SHOP = 1_000  # products
_SHOPS = (_SMALL_SHOP, 5_000)  # products
_LARGE_SHOP = 50_000  # products


def first(site: Site) -> Outcome:
    """Measure the first import, durable and not, each against the program that promises the same.

    Of a small shop, where the start of the program counts, and of a larger one.
    """
    wanted = [True, False] if site.options.durable is None else [site.options.durable]
    unmeasured = ["cold caches: every source was read before, and every run waited until others were on disk"]
    if not has_rsync() and False in wanted:
        unmeasured.append(NO_RSYNC)
        wanted.remove(False)
    rounds = site.options.pairs + site.options.throw_away
    figures, series, trees = [], [], []
    for products in [site.options.products] if site.options.products else _SHOPS:
        tree = site.tree_of(products, site.options.size or _REAL, copies=2 * rounds * len(wanted))
        trees.append(str(tree))
        for durable in wanted:
            ours, theirs = _first(site, tree, durable=durable)
            figures.append(_first_figure(ours, theirs, durable=durable))
            series += [ours, theirs]
    return Outcome(figures, series, trees, unmeasured)


def unchanged(site: Site) -> Outcome:
    """Measure an import that finds everything in place, against ``rsync -an`` on the same two trees."""
    if not has_rsync():
        return Outcome([], unmeasured=[NO_RSYNC])
    tree = site.tree(_UNCHANGED_PRODUCTS, _SMALL, copies=1)
    with site.databases(tree) as make:
        stand = _brought(site, site.stand(make, tree))
        contenders = [
            Contender("import, nothing changed", stand.imported_again),
            Contender("rsync -an", lambda: rsync_nothing(stand)),
        ]
        ours, theirs = alternate(contenders, site.options.pairs, site.options.throw_away)
    figure = ratio("nothing changed, against rsync -an", ours, theirs, Target(2, 1.0))
    return Outcome(
        [figure], [ours, theirs], [str(tree), "Sizes do not matter here, since no content is read"]
    )


def against_reference(site: Site) -> Outcome:
    """Measure against the plain algorithm: a small shop, and a large one in which nothing changed."""
    small = site.tree(_SMALL_SHOP, _REAL, copies=2 * (site.options.pairs + site.options.throw_away) + 2)
    large_shop = _LARGE_SHOP * len(small.onec_ids) // _SMALL_SHOP
    large = site.tree_of(large_shop, site.options.size or _SMALL, copies=2)
    with site.databases(small) as make:
        first_import = _first_against_reference(site, small, make)
        little = _again_against_reference(site, small, make)
    with site.databases(large) as make:
        much = _again_against_reference(site, large, make)
    figures = [
        _faster("first import", small, *first_import, least=3),
        _faster("nothing changed", small, *little, least=6),
        _faster("nothing changed", large, *much, least=50),
    ]
    notes = [f"{small}; {large}", "Every run is whole, none is extrapolated"]
    unmeasured = [
        "the task itself: the reference is its algorithm without Celery, Django, logging and durability"
    ]
    return Outcome(figures, [*first_import, *little, *much], notes, unmeasured)


def _first(site: Site, tree: Tree, *, durable: bool) -> list[Series]:
    peers = Peers(site.place, tree)
    name = f"{'durable' if durable else 'not durable'}, {len(tree.onec_ids):,} products"
    theirs = Contender("cp -a, sync -f", peers.cp_and_sync) if durable else Contender("rsync -a", peers.rsync)
    with site.databases(tree) as make:
        ours = Contender(
            f"first import, {name}", lambda: site.stand(make, tree, durable=durable).imported_first()
        )
        return alternate([ours, theirs], site.options.pairs, site.options.throw_away)


def _first_figure(ours: Series, theirs: Series, *, durable: bool) -> Figure:
    target = Target(1.1, 0.9) if durable else Target(0.8, 0.6)
    return ratio(f"{ours.name}, against {theirs.name}", ours, theirs, target)


def _first_against_reference(site: Site, tree: Tree, make: Make) -> list[Series]:
    contenders = [
        Contender("first import", lambda: site.stand(make, tree).imported_first()),
        Contender("first import, reference", lambda: reference(site.stand(make, tree))),
    ]
    return alternate(contenders, site.options.pairs, site.options.throw_away)


def _again_against_reference(site: Site, tree: Tree, make: Make) -> list[Series]:
    ours, theirs = (_brought(site, site.stand(make, tree)) for _ in range(2))
    number = len(tree.onec_ids)
    contenders = [
        Contender(f"nothing changed, {number:,} products", ours.imported_again),
        Contender(f"nothing changed, {number:,} products, reference", lambda: reference(theirs)),
    ]
    return alternate(contenders, site.options.pairs, site.options.throw_away)


def _faster(what: str, tree: Tree, ours: Series, theirs: Series, *, least: float) -> Figure:
    name = f"{what}, against the reference: {len(tree.onec_ids):,} products"
    return speedup(name, ours, theirs, Target(least, is_least=True))


def _brought(site: Site, stand: Stand) -> Stand:
    """Import everything once, and see with other eyes that it is there. Raises FailedError."""
    site.bring(stand)
    if has_rsync() and (wrong := different(stand)):
        raise FailedError(f"{len(wrong)} pictures are not as they should be: {wrong[:3]}")
    return stand
