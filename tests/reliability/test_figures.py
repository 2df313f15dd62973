"""The page that says how much was tried and lost is that of these tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

from support import losses

_HERE = Path(__file__).parent
_PROJECT = _HERE.parents[1]
_PAGE = _PROJECT / "docs/reliability.md"


def faults() -> set[str]:
    """Return the classes of faults that these tests are marked with."""
    return {fault for file in _HERE.glob("test_*.py") for fault in marks(ast.parse(file.read_text()))}


def marks(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Attribute(attr="fault"), args=[ast.Constant(value=str(fault))]):
                yield fault


def test_the_page_names_every_class_of_faults_and_no_other() -> None:
    assert {fault for fault, _ in losses.read(_PAGE)} == faults()


def test_nothing_on_the_page_was_lost() -> None:
    assert losses.lost(losses.read(_PAGE)) == []


def test_every_test_on_the_page_exists() -> None:
    for _, test in losses.read(_PAGE):
        file, _, name = test.partition("::")
        assert f"def {name}(" in (_PROJECT / file).read_text()
