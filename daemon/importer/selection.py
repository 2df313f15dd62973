"""Which products an import is about."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from daemon.naming import canonical_id, key_of, shard_of


@dataclass(frozen=True, slots=True)
class Selection:
    """All products, those of some onec_ids or those of some shards, and at most ``limit`` of them."""

    onec_ids: frozenset[str] = frozenset()
    shards: frozenset[str] = frozenset()
    limit: int | None = None
    _found: set[str] = field(default_factory=set, compare=False)

    @classmethod
    def of(
        cls, onec_ids: Iterable[str] = (), shards: Iterable[str] = (), limit: int | None = None
    ) -> "Selection":
        """Given onec_ids and shards as an operator writes them, return the selection; none of them means all."""
        return cls(frozenset(map(canonical_id, onec_ids)), frozenset(map(str.lower, shards)), limit)

    @property
    def keys(self) -> frozenset[str]:
        """The canonical keys asked for, empty if no onec_ids were given."""
        return frozenset(filter(None, map(key_of, self.onec_ids)))

    def takes(self, onec_id: str, key: str) -> bool:
        """Given an active product's onec_id and key, return whether the import is about it.

        An onec_id with ``#`` selects that product, one without all that share the key.
        """
        if self.shards and shard_of(key).lower() not in self.shards:
            return False
        if not self.onec_ids:
            return True
        asked = self.onec_ids & {canonical_id(onec_id), key}
        self._found.update(asked)
        return bool(asked)

    def takes_unmatched(self, stem: str) -> bool:
        """Given the stem of a picture that no product claims, return whether this import counts it."""
        return not self.onec_ids and (not self.shards or shard_of(stem).lower() in self.shards)

    def unknown(self) -> list[str]:
        """Return the onec_ids for which no active product has been seen so far."""
        return sorted(self.onec_ids - self._found)
