"""A shop to be measured: its own configuration, media and database, and the exchange of a tree."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.databases import Make
from bench.processes import FailedError, Run, timed
from bench.trees import Tree
from support.commands import Command, program
from support.workshop import Database, Setting, toml

_numbers = itertools.count()


@dataclass(frozen=True)
class Stand:
    """One shop, in a directory of its own that nobody deletes before the end."""

    place: Path
    database: Database
    tree: Tree

    @property
    def pictures(self) -> Path:
        """Where the pictures are brought to, shard by shard as they lie in the exchange."""
        return self.place / "media" / "products"

    def command(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Command:
        """Return the command for this shop."""
        return Command(arguments, self.place, environment or {})

    def imported(self, *arguments: str) -> Run:
        """Time an import of everything. Raises FailedError."""
        command = self.command("import", "--json", *arguments)
        return timed([*program(), *command.arguments], self.place, command.whole_environment)

    def imported_first(self) -> Run:
        """Time an import that has to bring every picture. Raises FailedError, also if it did not."""
        run = self.imported()
        self.check(json.loads(run.output), copied=self.tree.files, skipped_files=0)
        return run

    def imported_again(self) -> Run:
        """Time an import that finds everything in place. Raises FailedError, also if it did not."""
        run = self.imported()
        self.check(json.loads(run.output), copied=0, skipped_files=self.tree.files)
        return run

    def check(self, session: Mapping[str, Any], **expected: int) -> None:
        """See what an import says that it did. Raises FailedError where it should have done something else."""
        figures = session["report_details"]
        expected |= {"processed": len(self.tree.onec_ids), "errors": 0}
        found = {name: figures[name] for name in expected}
        if found != expected:
            raise FailedError(f"{self.place}: the import did {found} instead of {expected}")


def make_stand(place: Path, make: Make, tree: Tree, *, durable: bool, watch: Mapping[str, Setting]) -> Stand:
    """Given where shops may be made, make one whose media are empty."""
    shop = fresh(place, "shop")
    database = Database(make(shop))
    settings: dict[str, Mapping[str, Setting]] = {
        "exchange": {"dir": str(tree.exchange)},
        "media": {"dir": "media", "durable": durable},
        "database": {"url": database.url},
        "watch": watch,
    }
    (shop / "config.toml").write_text(toml(settings), encoding="utf-8")
    return Stand(shop, database, tree)


def fresh(place: Path, name: str) -> Path:
    """Make a directory that was never there before."""
    directory = place / f"{name}-{next(_numbers)}"
    directory.mkdir()
    return directory
