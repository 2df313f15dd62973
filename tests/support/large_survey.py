"""Join as many products as the argument says with a picture each; print how many came together, and at what peak.

A program apart: in a process that has worked before, memory that was used and freed would hide what is used now.
The peak is in bytes above what a survey of a few takes.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

from daemon.exchange import Place
from daemon.importer.listing import piece
from daemon.importer.selection import Selection
from daemon.importer.survey import Survey
from daemon.naming import PictureNames

BATCH = 10_000  # products and names listed at once


def main(number: int) -> None:
    """Survey a few, then as many as asked for."""
    survey(100)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    found = survey(number)
    sys.stdout.write(f"{found} {memory('VmHWM') - before}\n")


def survey(number: int) -> int:
    """Return for how many of the products a picture is found."""
    names = PictureNames.from_patterns(["jpg"], [])
    with closing(Survey(names, Selection())) as joined:
        for start in range(0, number, BATCH):
            onec_ids = list(some(range(start, min(start + BATCH, number)), number))
            joined.add_products(
                [(onec_id, onec_id, True, ("", "[]")) for onec_id in onec_ids], {}, lambda _id, _onec_id: None
            )
            pictures = [f"{onec_id}_{UUID(int=1)}.jpg" for onec_id in onec_ids]
            joined.add_pictures(piece(Place(0, ""), pictures, names))
        return sum(
            len(section.pictures[product.key])
            for section in (portion.joined() for portion in joined.portions())
            for product in section.products
        )


def some(indexes: range, number: int) -> Iterator[str]:
    """Yield UUIDs, spread as those of 1C are, and codes that begin alike, by turns."""
    for index in indexes:
        yield str(UUID(int=index * (2**128 // number))) if index % 2 else f"НФ-{index:08}"


def memory(field: str) -> int:
    """Return what the kernel says of this process, in bytes."""
    found = re.search(rf"^{field}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) << 10


if __name__ == "__main__":
    main(int(sys.argv[1]))
