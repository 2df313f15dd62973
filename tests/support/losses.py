"""How many cases of each class of fault were tried and how many were lost, and the table that says so."""

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_BEGIN = "<!-- figures: begin -->"
_END = "<!-- figures: end -->"


@dataclass
class Figures:
    """What a test has tried so far of its class of faults."""

    fault: str
    test: str
    cases: int = 0
    lost: int = 0

    def tried(self, cases: int = 1) -> None:
        """Count cases that came out as they must."""
        self.cases += cases

    @contextmanager
    def case(self) -> Iterator[None]:
        """Count the block as one case, which is lost where it raises."""
        self.cases += 1
        try:
            yield
        except Exception:
            self.lost += 1
            raise

    def failed(self) -> None:
        """Take in that the test failed, which it may have done outside of a case."""
        self.lost = max(self.lost, 1)
        self.cases = max(self.cases, self.lost)


#: What is in a line of the table besides the figures: the class of faults, and the test.
Line = tuple[str, str]


def summed(figures: Iterable[Figures]) -> dict[Line, tuple[int, int]]:
    """Add up what the parametrized forms of each test have tried and lost."""
    lines: dict[Line, tuple[int, int]] = {}
    for each in figures:
        line = each.fault, each.test
        tried, lost = lines.get(line, (0, 0))
        lines[line] = tried + each.cases, lost + each.lost
    return lines


def table(figures: Mapping[Line, tuple[int, int]]) -> str:
    """Return the figures as a table of Markdown."""
    lines = ["| class | tried | lost | test |", "| --- | ---: | ---: | --- |"]
    for (fault, test), (tried, lost) in sorted(figures.items()):
        lines.append(f"| {fault} | {tried} | {lost} | `{test}` |")
    return "\n".join(lines)


def write(file: Path, figures: Iterable[Figures]) -> None:
    """Put what a run has tried between the marks of a file, in place of what an earlier one tried with these tests."""
    tried = read(file) | summed(figures)
    before, rest = file.read_text(encoding="utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    today = datetime.now(UTC).date().isoformat()
    written = f"Written last on {today} on {machine()}.\n\n{table(tried)}"
    file.write_text(f"{before}{_BEGIN}\n{written}\n{_END}{after}", encoding="utf-8")


def read(file: Path) -> dict[Line, tuple[int, int]]:
    """Return the lines between the marks of a file."""
    written = file.read_text(encoding="utf-8").split(_BEGIN)[1].split(_END)[0]
    found = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| `(.+)` \|$", written, re.MULTILINE)
    return {(fault, test): (int(tried), int(lost)) for fault, tried, lost, test in found}


def machine() -> str:
    """Return what a machine is, for whoever reads the figures elsewhere."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    python = platform.python_version()
    return f"Linux {platform.release()}, {os.cpu_count()} CPUs, {gib:.0f} GiB, Python {python}"


def lost(lines: Mapping[Line, tuple[int, int]]) -> list[Line]:
    """Return the lines in which something was lost or nothing was tried."""
    return [line for line, (tried, lost) in lines.items() if lost or not tried]
