"""Where measurements are made, and how large they are."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.databases import Make, Servers
from bench.pairs import tell
from bench.processes import FailedError
from bench.stands import Stand, fresh, make_stand
from bench.surroundings import Vigil, room_for
from bench.trees import MEAN_PICTURES, Tree, empty_tree, make_tree, warm
from support.commands import WarmStarter
from support.workshop import Setting

#: What options change the figures.
_TOLD = ("products", "size", "pairs", "throw_away", "database", "durable", "steps", "idle")

_LONG_ENOUGH = 3600.0  # seconds

_BLOCK = 4096  # bytes that the smallest file takes, and an inode's share besides


@dataclass(frozen=True)
class Options:
    """What was asked for; None is the measurement's own choice."""

    products: int | None = None
    size: int | None = None
    pairs: int = 5
    throw_away: int = 1
    database: str | None = None
    durable: bool | None = None
    steps: int = 5
    idle: float = 30.0
    plot: Path | None = None

    def as_json(self) -> Mapping[str, object]:
        """Return what was asked for otherwise than by default."""
        default, chosen = vars(Options()), vars(self)
        return {name: chosen[name] for name in _TOLD if chosen[name] != default[name]}


@dataclass(frozen=True)
class Site:
    """A directory on the file system that is measured on, with what is in it and beside it."""

    place: Path
    starter: WarmStarter
    servers: Servers
    vigil: Vigil
    options: Options

    @property
    def kind(self) -> str:
        """The kind of database where one is enough."""
        return self.options.database or "sqlite"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of databases where both count."""
        return (self.options.database,) if self.options.database else ("sqlite", "postgresql")

    @property
    def durable(self) -> bool:
        """Whether files have to be on disk before their rows, as is the default."""
        return self.options.durable is not False

    def tree(self, products: int, size: int, copies: int) -> Tree:
        """Make a tree of this or the size asked for, of which so many copies are going to be made.

        It has been written and read when it is returned. Raises FailedError where there is no room.
        """
        products, size = self.options.products or products, self.options.size or size
        return self.tree_of(products, size, copies)

    def tree_of(self, products: int, size: int, copies: int) -> Tree:
        """Make a tree of just this size."""
        needed = int(products * MEAN_PICTURES * (size + _BLOCK) * (copies + 1))
        if lack := room_for(self.place, needed):
            raise FailedError(lack)
        tree = make_tree(fresh(self.place, "exchange"), products, size)
        tell(str(tree))
        warm(tree)
        return tree

    def empty_tree(self, onec_ids: Sequence[str]) -> Tree:
        """Make an exchange of products that have no picture yet."""
        return empty_tree(fresh(self.place, "exchange"), onec_ids)

    @contextmanager
    def databases(self, tree: Tree, kind: str | None = None) -> Iterator[Make]:
        """Yield what makes databases with the products of a tree."""
        with self.servers.products(kind or self.kind, tree.onec_ids) as make:
            yield make

    def stand(
        self,
        make: Make,
        tree: Tree,
        *,
        durable: bool | None = None,
        watch: Mapping[str, Setting] = MappingProxyType({}),
    ) -> Stand:
        """Make a shop with empty media for the pictures of a tree."""
        self.vigil.look()
        durable = self.durable if durable is None else durable
        return make_stand(self.place, make, tree, durable=durable, watch=watch)

    def bring(self, stand: Stand) -> None:
        """Import everything, which is not what is measured. Raises FailedError."""
        result = self.starter.start(stand.command("import", "--json")).result(_LONG_ENOUGH)
        if result.status:
            raise FailedError(result.stderr)
        stand.check(result.json, copied=stand.tree.files)
