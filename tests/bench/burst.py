"""How quickly many pictures that arrive at once are on their rows, and whether all of them are."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from bench.databases import Make
from bench.figures import Figure, Outcome, Target
from bench.onlookers import seen
from bench.pairs import tell
from bench.peers import count
from bench.services import SETTINGS, SETTLE, service
from bench.sites import Site
from bench.trees import MEAN_PICTURES, Tree, name, numbers, onec_ids, put, shards

_PICTURES = 10_000
_SIZE = 2_000  # bytes
_LONG_ENOUGH = 60.0  # seconds

_LENGTH = {"sqlite": "json_array_length", "postgresql": "jsonb_array_length"}
_ON_ROWS = "SELECT coalesce(sum({length}(gallery_images) + CASE main_image WHEN '' THEN 0 ELSE 1 END), 0) FROM products"


@dataclass(frozen=True)
class Burst:
    """One burst: how quickly it was sent and how quickly it was committed, per second, and what was lost."""

    sent: float
    committed: float
    lost: int


def measure(site: Site) -> Outcome:
    """Measure bursts into a watched exchange, each into another one."""
    size = site.options.size or _SIZE
    number = round(site.options.products * MEAN_PICTURES) if site.options.products else _PICTURES
    figures: list[Figure] = []
    for kind in site.kinds:
        bursts = [
            _burst(site, kind, number, size) for _ in range(-site.options.throw_away, site.options.pairs)
        ]
        figures += _figures(kind, bursts[site.options.throw_away :])
    notes = [
        f"{number:,} pictures of {size:,} bytes, {MEAN_PICTURES} per product, product by product",
        f"From the first close to the last commit, less the {SETTLE} s that they settle",
        "The sender has one of the processors meanwhile",
    ]
    return Outcome(figures, notes=notes)


def _burst(site: Site, kind: str, number: int, size: int) -> Burst:
    names = _names(number, Random(number))
    tree = site.empty_tree(list(dict.fromkeys(file[:36] for file in names)))
    with site.databases(tree, kind) as make:
        burst = _sent(site, make, tree, names, bytes(size))
    tell(
        f"{kind}: {burst.committed:,.0f} per second, {burst.lost} lost (sent at {burst.sent:,.0f} per second)"
    )
    return burst


def _sent(site: Site, make: Make, tree: Tree, names: Sequence[str], content: bytes) -> Burst:
    """Send pictures into the exchange of a service, and wait until all are on their rows or no more come."""
    stand = site.stand(make, tree, watch=SETTINGS)
    on_rows = _ON_ROWS.format(length=_LENGTH["sqlite" if stand.database.is_sqlite else "postgresql"])
    with service(stand) as watching:
        watching.wait_until_imported()
        began, ended = _send(tree, names, content)
        committed = seen(watching.onlooker, on_rows, len(names), _LONG_ENOUGH)
        there = min(watching.onlooker.ask(on_rows), count(stand.pictures))
    taken = (committed or time.monotonic()) - began - SETTLE
    return Burst(len(names) / (ended - began), there / taken, len(names) - there)


def _send(tree: Tree, names: Sequence[str], content: bytes) -> tuple[float, float]:
    """Write pictures as quickly as possible; return when the first was closed, and the last."""
    with shards(tree.pictures) as opened:
        put(opened[names[0][:2]], names[0], content)
        began = time.monotonic()
        for file in names[1:]:
            put(opened[file[:2]], file, content)
        return began, time.monotonic()


def _names(number: int, chance: Random) -> list[str]:
    names: list[str] = []
    for pictures, onec_id in zip(numbers(chance), onec_ids(number), strict=False):
        names += [name(onec_id, chance) for _ in range(pictures)]
        if len(names) >= number:
            break
    return names[:number]


def _figures(kind: str, bursts: Sequence[Burst]) -> Iterator[Figure]:
    rates = [burst.committed for burst in bursts]
    target = Target(2000, 3000, is_least=True)
    yield Figure(f"burst, {kind}", median(rates), "pictures per s", rates, target)
    yield Figure(f"burst, {kind}: lost", sum(burst.lost for burst in bursts), "pictures", target=Target(0))
    sent = [burst.sent for burst in bursts]
    yield Figure(f"burst, {kind}: sent", median(sent), "pictures per s", sent)
