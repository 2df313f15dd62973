"""How soon a picture is on its row, from the end of its writing to a commit that another connection sees."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from bench.databases import Make
from bench.figures import Figure, Outcome, Target, percentile
from bench.onlookers import seen
from bench.pairs import tell
from bench.processes import FailedError
from bench.services import SETTINGS, SETTLE, Service, service
from bench.sites import Site
from bench.trees import Tree, name, onec_ids, put, shards
from support.usage import cpu_time

_PICTURES = 300
_SIZE = 100_000  # bytes
_SHOP = 10  # times as many products, with pictures, are imported meanwhile
_APART = 0.05  # seconds, at most, from one commit to the next picture
_LONG_ENOUGH = 30.0  # seconds
_QUIET = 1.0  # seconds until what an import leaves behind has been tidied
_SEED = 2


@dataclass(frozen=True)
class Sender:
    """Sends single pictures to products that have none, one after the other's has been seen."""

    tree: Tree
    content: bytes
    chance: Random

    def latency(self, watching: Service, onec_id: str) -> float:
        """Send a picture and return how long it took to its row, less what it has to settle, in seconds.

        Raises FailedError.
        """
        time.sleep(self.chance.uniform(0, _APART))
        with shards(self.tree.pictures, [onec_id[:2]]) as opened:
            put(opened[onec_id[:2]], name(onec_id, self.chance), self.content)
            closed = time.monotonic()
        committed = seen(watching.onlooker, _has_picture(onec_id), 1, _LONG_ENOUGH)
        if committed is None:
            raise FailedError(f"the picture of {onec_id} was lost: {watching.running.said_so_far()}")
        return committed - closed - SETTLE


def measure(site: Site) -> Outcome:
    """Measure single pictures: while nothing else happens, and while a full import is under way."""
    number, size = site.options.products or _PICTURES, site.options.size or _SIZE
    figures: list[Figure] = []
    notes = [f"{number} single pictures of {size:,} bytes; the {SETTLE} s that they settle are taken off"]
    unmeasured = ["the processor time of the database server, when idle"]
    shop = site.tree_of(number * _SHOP, size, copies=len(site.kinds))
    for kind in site.kinds:
        alone = site.empty_tree(list(onec_ids(number, _SEED)))
        with site.databases(alone, kind) as make:
            figures += _alone(site, make, kind, Sender(alone, bytes(size), Random(_SEED)), notes)
        waiting = list(onec_ids(number, f"{_SEED} {kind}"))
        beside = shop.with_products(waiting)
        with site.databases(beside, kind) as make:
            values = _beside(site, make, Sender(beside, bytes(size), Random(_SEED)), waiting)
        tell(f"{kind}: {len(values)} pictures during a full import")
        if values:
            figures.append(
                Figure(f"during a full import, {kind}: slowest", max(values), "s", values, Target(1))
            )
        else:
            unmeasured.append(f"during a full import, {kind}: it was over before a picture had settled")
    return Outcome(figures, notes=[*notes, f"Meanwhile: {shop}"], unmeasured=unmeasured)


def _alone(site: Site, make: Make, kind: str, sender: Sender, notes: list[str]) -> Iterator[Figure]:
    with service(site.stand(make, sender.tree, watch=SETTINGS)) as watching:
        watching.wait_until_imported()
        values = [1000 * sender.latency(watching, onec_id) for onec_id in sender.tree.onec_ids]
        yield from _percentiles(f"single pictures, {kind}", values)
        notes.append(watching.onlooker.resolution)
    untouched = site.empty_tree(
        sender.tree.onec_ids
    )  # of the other, the youngest pictures would still settle
    with service(site.stand(make, untouched)) as watching:  # with its own idea of how often to look
        watching.wait_until_imported()
        share = _idleness(watching, site.options.idle)
        yield Figure(f"idle service, {kind}", share, "% of a processor", target=Target(0.1))


def _beside(site: Site, make: Make, sender: Sender, waiting: Sequence[str]) -> list[float]:
    """Return the latency of each picture that settles while the import of the start is under way, in seconds."""
    values = []
    with service(site.stand(make, sender.tree, watch=SETTINGS)) as watching:
        watching.wait_until_importing()
        for onec_id in waiting:
            value = sender.latency(watching, onec_id)
            if not watching.is_importing:
                break
            values.append(value)
        watching.wait_until_imported()
    return values


def _percentiles(what: str, values: Sequence[float]) -> Iterator[Figure]:
    tell(f"{what}: {percentile(values, 0.5):.1f} ms")
    yield Figure(f"{what}: p50", percentile(values, 0.5), "ms", values)
    yield Figure(f"{what}: p90", percentile(values, 0.9), "ms")
    yield Figure(f"{what}: p99", percentile(values, 0.99), "ms", target=Target(20, 5))
    yield Figure(f"{what}: slowest", max(values), "ms")


def _idleness(watching: Service, seconds: float) -> float:
    """Return which part of a processor the service takes while nothing happens, in percent."""
    time.sleep(_QUIET)
    before, began = cpu_time(watching.running.pid), time.monotonic()
    time.sleep(seconds)
    used = cpu_time(watching.running.pid) - before
    return 100 * used / (time.monotonic() - began)


def _has_picture(onec_id: str) -> str:
    return f"SELECT count(*) FROM products WHERE main_image <> '' AND onec_id = '{onec_id}'"  # noqa: S608 - ours
