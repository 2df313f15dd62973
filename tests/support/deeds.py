"""What an exchange may do to its tree, each of it as a deed that can be done to any shop."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from support.upshot import whole
from support.watching import exchange
from support.workshop import Workshop

PRODUCT = "001a16a4-b810-11ed-860f-fa163edba792"


class Tree:
    """The image root of a shop, and a place beside it on the same file system."""

    def __init__(self, workshop: Workshop) -> None:
        """Given the shop."""
        self.root = workshop.root
        self.stage = workshop.place / "stage"
        self.stage.mkdir(exist_ok=True)
        self.number = 0

    def name(self) -> str:
        """Return the name of a picture that there was not before."""
        self.number += 1
        return f"{PRODUCT}_{self.number:05}.jpg"

    def content(self) -> bytes:
        """Return content that there was not before, always of the same size."""
        self.number += 1
        return whole(b"%08d" % self.number)

    def put(self, directory: Path, name: str | None = None) -> Path:
        """Write a picture into a directory that may have to be made."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / (name or self.name())
        path.write_bytes(self.content())
        return path

    def fill(self, directory: Path, amount: int = 20) -> None:
        """Write pictures into a directory."""
        for _ in range(amount):
            self.put(directory)

    def away(self) -> Path:
        """Return a name beside the exchange that nothing has."""
        self.number += 1
        return self.stage / f"away{self.number}"


def _appended(tree: Tree) -> None:
    name, content = tree.name(), tree.content()
    for at in range(0, len(content), 10):
        with open(tree.root / name, "ab") as file:
            file.write(content[at : at + 10])


def _renamed_over(tree: Tree) -> None:
    former = tree.put(tree.root)
    old = former.stat()
    other = tree.put(tree.stage)
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.rename(former)


def _dot_renamed(tree: Tree) -> None:
    for _ in range(20):
        name = tree.name()
        tree.put(tree.root, f".{name}.Xy12").rename(tree.root / name)


def _linked(tree: Tree) -> None:
    outside = tree.put(tree.stage)
    os.link(outside, tree.root / outside.name)


def _unnamed(tree: Tree) -> None:
    descriptor = os.open(tree.root, os.O_TMPFILE | os.O_RDWR, 0o644)
    os.write(descriptor, tree.content())
    name = tree.root / tree.name()
    os.link(
        f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor
    )  # follows the link, with a directory only
    os.close(descriptor)


def _born(tree: Tree) -> None:
    tree.fill(tree.root / "q1")


def _moved_in(tree: Tree) -> None:
    place = tree.away()
    tree.fill(place)
    place.rename(tree.root / "q2")


def _moved_out_and_made_again(tree: Tree) -> None:
    tree.put(tree.root / "q3")
    (tree.root / "q3").rename(tree.away())
    tree.fill(tree.root / "q3")


def _out_again_removed_twice(tree: Tree) -> None:
    tree.put(tree.root / "q4")
    away = tree.away()
    (tree.root / "q4").rename(away)
    (tree.root / "q4").mkdir()
    shutil.rmtree(tree.root / "q4")
    shutil.rmtree(away)
    tree.fill(tree.root / "q4")


def _made_again_and_again(tree: Tree) -> None:
    for _ in range(50):
        tree.put(tree.root / "q5")
        shutil.rmtree(tree.root / "q5")
    tree.fill(tree.root / "q5")


def _renamed_in_a_chain(tree: Tree) -> None:
    for name in ("qa", "qb", "qc"):
        tree.put(tree.root / name)
    (tree.root / "qc").rename(tree.root / "qd")
    (tree.root / "qb").rename(tree.root / "qc")
    (tree.root / "qa").rename(tree.root / "qb")
    (tree.root / "qd").rename(tree.root / "qa")
    for name in ("qa", "qb", "qc"):
        tree.put(tree.root / name)


def _exchanged(tree: Tree) -> None:
    for name in ("qe", "qf"):
        tree.put(tree.root / name)
    exchange(tree.root / "qe", tree.root / "qf")
    for name in ("qe", "qf"):
        tree.put(tree.root / name)


def _moved_out_and_back(tree: Tree) -> None:
    tree.put(tree.root / "q6")
    away = tree.away()
    (tree.root / "q6").rename(away)
    tree.put(away)
    away.rename(tree.root / "q6")
    tree.put(tree.root / "q6")


def _file_becomes_directory(tree: Tree) -> None:
    (tree.root / "q7").write_bytes(b"no picture")
    (tree.root / "q7").unlink()
    tree.fill(tree.root / "q7")


def _file_moved_within(tree: Tree) -> None:
    path = tree.put(tree.root / "q8")
    (tree.root / "q9").mkdir(exist_ok=True)
    path.rename(tree.root / "q9" / tree.name())


def _root_removed(tree: Tree) -> None:
    shutil.rmtree(tree.root)
    tree.fill(tree.root / "q1")


def _parent_removed(tree: Tree) -> None:
    shutil.rmtree(tree.root.parent)
    tree.fill(tree.root / "q1")
    tree.put(tree.root)


def _root_replaced(tree: Tree) -> None:
    other = tree.away()
    tree.fill(other / "q1")
    tree.root.rename(tree.away())
    other.rename(tree.root)
    tree.put(tree.root / "q1")


def _root_exchanged(tree: Tree) -> None:
    other = tree.away()
    tree.fill(other / "q2")
    exchange(other, tree.root)
    tree.put(tree.root / "q2")


def _root_renamed_and_back(tree: Tree) -> None:
    away = tree.away()
    tree.root.rename(away)
    tree.put(away / "q1")
    away.rename(tree.root)
    tree.put(tree.root)


#: What is done, in words, and how.
DEEDS: dict[str, Callable[[Tree], None]] = {
    "a picture in pieces": _appended,
    "another picture of the same size and time over one": _renamed_over,
    "pictures renamed from a temporary name": _dot_renamed,
    "a second name of a file outside": _linked,
    "a file that had no name": _unnamed,
    "a directory made and filled at once": _born,
    "a directory moved in": _moved_in,
    "a directory moved out and made again": _moved_out_and_made_again,
    "a directory moved out, made again and removed twice": _out_again_removed_twice,
    "a directory removed and made again fifty times": _made_again_and_again,
    "directories renamed in a chain": _renamed_in_a_chain,
    "two directories exchanged": _exchanged,
    "a directory moved out and back": _moved_out_and_back,
    "a file that becomes a directory": _file_becomes_directory,
    "a picture moved to another directory and name": _file_moved_within,
    "the image root removed and made again": _root_removed,
    "what is above the image root removed and made again": _parent_removed,
    "another directory in the place of the image root": _root_replaced,
    "the image root exchanged with another directory": _root_exchanged,
    "the image root renamed and back": _root_renamed_and_back,
}
