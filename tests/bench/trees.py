"""Exchanges made up for measuring: names, pictures per product and sizes as 1C's are, the same for the same seed."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

ROOT = "goods/import_files"
SEED = 1

MEAN_PICTURES = 2.7
WITHOUT_PICTURE = 0.04  # of all products
_MOST_PICTURES = 12

_SHARDS = [f"{number:02x}" for number in range(256)]

_SPREAD = 0.8  # of the logarithm of a picture's size
_POOL = 4 << 20  # bytes of noise that pictures are cut from
_LEAST = 20  # a picture is no smaller than this part of the mean
_MOST = 10  # and no larger than so many times the mean

#: The ends of the UUIDs of a real exchange: they are made of a time and of the server that made them.
_PRODUCT_END = "11ed-860f-fa163edba792"
_PICTURE_END = "11ee-998f-fa163e775e1f"


@dataclass(frozen=True)
class Tree:
    """An exchange directory, and the products whose pictures it holds."""

    exchange: Path
    onec_ids: Sequence[str]
    files: int
    bytes: int

    @property
    def pictures(self) -> Path:
        """The image root."""
        return self.exchange / ROOT

    def with_products(self, onec_ids: Sequence[str]) -> "Tree":
        """Return it with products besides that have no picture yet."""
        return replace(self, onec_ids=[*self.onec_ids, *onec_ids])

    def __str__(self) -> str:
        mean = self.bytes // max(self.files, 1)
        return f"{len(self.onec_ids):,} products, {self.files:,} files of {mean:,} bytes on average"


def make_tree(exchange: Path, products: int, size: int, *, seed: int = SEED) -> Tree:
    """Given a directory that is not there, fill it with the pictures of products, of a mean size in bytes."""
    chance = Random(seed)
    sizes = _sizes(chance, size)
    noise = _noise()
    ids = list(onec_ids(products, seed))
    files = written = 0
    with shards(exchange / ROOT) as opened:
        for onec_id, number in zip(ids, numbers(chance), strict=False):
            for _ in range(number):
                length = next(sizes)
                start = chance.randrange(_POOL - length)
                put(opened[onec_id[:2]], name(onec_id, chance), noise[start : start + length])
                files, written = files + 1, written + length
    return Tree(exchange, ids, files, written)


def onec_ids(number: int, seed: int | str = SEED) -> Iterator[str]:
    """Yield so many ids of products, spread over the shards as those of 1C are."""
    chance = Random(f"products {seed}")
    for _ in range(number):
        yield _uuid(chance, _PRODUCT_END)


def numbers(chance: Random) -> Iterator[int]:
    """Yield how many pictures the next product has: most have few, some have many."""
    numbers = range(1, _MOST_PICTURES + 1)
    ratio = _ratio(MEAN_PICTURES / (1 - WITHOUT_PICTURE))
    weights = [ratio**number for number in numbers]
    while True:
        yield 0 if chance.random() < WITHOUT_PICTURE else chance.choices(numbers, weights)[0]


def name(onec_id: str, chance: Random) -> str:
    """Return the name of a new picture of a product."""
    return f"{onec_id}_{_uuid(chance, _PICTURE_END)}.jpg"


def empty_tree(exchange: Path, ids: Sequence[str]) -> Tree:
    """Given a directory that is not there, make the shards for the pictures of products that have none yet."""
    with shards(exchange / ROOT):
        return Tree(exchange, ids, 0, 0)


@contextmanager
def shards(root: Path, names: Sequence[str] = _SHARDS) -> Iterator[dict[str, int]]:
    """Make directories of an image root that are not there; give a descriptor of each during the block."""
    opened = {}
    try:
        for shard in names:
            (root / shard).mkdir(parents=True, exist_ok=True)
            opened[shard] = os.open(root / shard, os.O_RDONLY | os.O_DIRECTORY)
        yield opened
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def put(directory: int, file: str, content: bytes | memoryview) -> None:
    """Write a new file as unpacking an archive does."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=directory)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def warm(tree: Tree) -> None:
    """Read every picture once, so that nobody is the first to wait for the disk."""
    for directory, _, files in os.walk(tree.pictures):
        for file in files:
            with open(os.path.join(directory, file), "rb", buffering=0) as opened:
                while opened.read(1 << 20):
                    pass


def _uuid(chance: Random, end: str) -> str:
    return f"{chance.getrandbits(32):08x}-{chance.getrandbits(16):04x}-{end}"


def _noise() -> memoryview:
    return memoryview(Random(SEED).randbytes(_POOL))


def _ratio(mean: float) -> float:
    """Find how much rarer a picture more is, for a mean number of pictures."""
    low, high = 0.01, 1.5
    for _ in range(60):
        ratio = (low + high) / 2
        weights = [ratio**number for number in range(1, _MOST_PICTURES + 1)]
        found = sum(number * weight for number, weight in enumerate(weights, 1)) / sum(weights)
        low, high = (ratio, high) if found < mean else (low, ratio)
    return low


def _sizes(chance: Random, mean: int) -> Iterator[int]:
    """Yield sizes in bytes, log-normal as those of photographs are."""
    middle = math.log(mean) - _SPREAD**2 / 2
    least, most = max(mean // _LEAST, 1), min(mean * _MOST, _POOL - 1)
    while True:
        yield min(max(round(chance.lognormvariate(middle, _SPREAD)), least), most)
