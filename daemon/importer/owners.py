"""Whose pictures have changed: from hints to the keys of products."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from daemon.db.engine import Database
from daemon.db.products import Listed, Products
from daemon.naming import candidates, is_uuid, key_of, owner, underscores


class Owners:
    """The products that pictures belong to, looked up by as much of their names as hints hold."""

    def __init__(self, database: Database, products: Products) -> None:
        """Given the database and its products."""
        self._database = database
        self._products = products

    def of(self, hints: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Given hints, return for each the keys of active products that may own its pictures, none if there are none.

        Raises DatabaseUnavailableError.
        """
        known = set(hints)
        uuids = {hint for hint in known if is_uuid(hint)}
        return {**self._of_uuids(uuids), **self._of_stems(known - uuids)}

    def _of_uuids(self, uuids: set[str]) -> dict[str, frozenset[str]]:
        """Every key that begins with the UUID may own a picture of which no more is known."""
        found: dict[str, set[str]] = defaultdict(set)
        with self._database.reading() as connection:
            for listed in self._products.around(connection, uuids):
                for key in _active(_keyed(listed)):
                    found[key.partition("_")[0]].add(key)
        return {uuid: frozenset(found.get(uuid, ())) for uuid in uuids}

    def _of_stems(self, stems: set[str]) -> dict[str, frozenset[str]]:
        possible = {key for stem in stems for key in candidates(stem)}
        is_active: dict[str, bool] = {}
        with self._database.reading() as connection:
            for listed in self._products.with_keys(connection, possible):
                for key, active in _keyed(listed):
                    is_active[key] = is_active.get(key, False) or active
        most = underscores(is_active)
        owners = {stem: owner(stem, is_active, most) for stem in stems}
        return {stem: frozenset({key} if key and is_active[key] else ()) for stem, key in owners.items()}


def _keyed(listed: Iterable[Listed]) -> list[tuple[str, bool]]:
    return [(key, active) for _, onec_id, active, _ in listed if (key := key_of(onec_id))]


def _active(keyed: Iterable[tuple[str, bool]]) -> list[str]:
    return [key for key, active in keyed if active]
