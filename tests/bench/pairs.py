"""Contenders that take turns: what changes on the machine meanwhile changes for both of them."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.figures import Series
from bench.processes import Run


@dataclass(frozen=True)
class Contender:
    """A program to be timed; each call prepares everything anew, and times only the program."""

    name: str
    run: Callable[[], Run]


def alternate(contenders: Sequence[Contender], rounds: int, thrown_away: int = 1) -> list[Series]:
    """Run the contenders in turns, A B B A A B …, and return the runs of each, without the first rounds."""
    runs: list[list[Run]] = [[] for _ in contenders]
    for number in range(-thrown_away, rounds):
        turn = list(enumerate(contenders))
        for index, contender in turn if number % 2 else reversed(turn):
            run = contender.run()
            tell(f"{contender.name}: {run.seconds:.3f} s" + (" (thrown away)" if number < 0 else ""))
            if number >= 0:
                runs[index].append(run)
    return [Series(contender.name, kept) for contender, kept in zip(contenders, runs, strict=True)]


def tell(text: str) -> None:
    """Tell who waits how things are going."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
