"""The benchmark reckons rightly."""

import shutil
from pathlib import Path

import pytest
from bench.command import DOCUMENT, MEASUREMENTS
from bench.figures import Figure, Outcome, Series, Target, exponent, percentile, ratio, speedup
from bench.processes import Run
from bench.reports import Report, write_into
from bench.trees import make_tree
from support.files import tree


def series(*seconds: float) -> Series:
    return Series("some", [Run(one, one) for one in seconds])


def test_a_ratio_is_the_median_of_the_ratios_of_the_pairs() -> None:
    figure = ratio("ours", series(1, 2, 9), series(2, 2, 3), Target(1.1))
    assert (figure.value, figure.values, figure.is_reached) == (1, [0.5, 1, 3], True)


def test_being_faster_is_to_be_as_many_times_as_the_target_says_at_least() -> None:
    figure = speedup("ours", series(1, 1, 1), series(2, 5, 3), Target(3.5, is_least=True))
    assert (figure.value, figure.is_reached) == (3, False)


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_exponent_is_the_power_of_the_growth(power: float) -> None:
    assert exponent([(x, 3 * x**power) for x in (1, 10, 50)]) == pytest.approx(power)


def test_a_percentile_is_one_of_the_values() -> None:
    values = range(1, 101)
    assert [percentile(values, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]


def test_a_report_takes_the_place_of_the_one_before_it(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("a\n<!-- first: begin -->\nold\n<!-- first: end -->\nz\n", encoding="utf-8")
    outcome = Outcome([Figure("time", 2, "s", [1, 2, 3], Target(1, 0.5))])
    write_into(document, Report("first", {"products": 7}, {"Python": "3"}, outcome, ["noise"]))
    lines = document.read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[-1]) == ("a", "z")
    assert "old" not in lines
    assert "`python tests/bench first --products 7`" in lines
    assert [cell.strip() for cell in lines[9].split("|")[1:-1]] == [
        *("time", "2 s", "1-3", "3", "≤ 1 s (better 0.5)", "**no**")
    ]


def test_a_document_without_the_place_of_a_report_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.touch()
    with pytest.raises(ValueError, match="no place for first"):
        write_into(document, Report("first", {}, {}, Outcome([]), []))


def test_trees_of_one_seed_are_equal(tmp_path: Path) -> None:
    one, two = (make_tree(tmp_path / name, 300, 50) for name in ("one", "two"))
    assert tree(one.pictures) == tree(two.pictures)
    assert len(tree(one.pictures)) == one.files


def test_a_tree_is_shaped_like_a_shop(tmp_path: Path) -> None:
    made = make_tree(tmp_path / "exchange", 2000, 50)
    assert made.files / 2000 == pytest.approx(2.7, rel=0.1)
    assert made.bytes / made.files == pytest.approx(50, rel=0.1)
    assert {path[:2] for path in tree(made.pictures)} <= {onec_id[:2] for onec_id in made.onec_ids}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_each_measurement_has_its_place_in_the_document(name: str, tmp_path: Path) -> None:
    document = Path(shutil.copy(DOCUMENT, tmp_path))
    write_into(document, Report(name, {}, {}, Outcome([]), []))
    assert f"`python tests/bench {name}`" in document.read_text(encoding="utf-8")
