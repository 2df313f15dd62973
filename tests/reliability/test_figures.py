"""The page that says how much was tried and lost is that of these tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import losses
from support.losses import Figures

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


def test_a_run_replaces_what_an_earlier_one_wrote_of_its_tests(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures: begin -->\n<!-- figures: end -->\nafter\n")
    losses.write(page, [Figures("old", "a.py::test_a", 1), Figures("new", "b.py::test_b", 1)])
    losses.write(page, [Figures("new", "b.py::test_b", 2), Figures("new", "b.py::test_b", 3, 1)])
    assert losses.read(page) == {("old", "a.py::test_a"): (1, 0), ("new", "b.py::test_b"): (5, 1)}
    assert losses.lost(losses.read(page)) == [("new", "b.py::test_b")]
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("\nafter\n")


def test_a_case_that_raises_is_lost() -> None:
    figures = Figures("some", "a.py::test_a")
    with pytest.raises(AssertionError), figures.case():
        raise AssertionError
    figures.failed()
    assert (figures.cases, figures.lost) == (1, 1)
