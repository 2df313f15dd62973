"""What an import counts, and how its session shows it."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.importer.figures import Figures
from daemon.storing import Outcome, Result


def test_a_session_shows_everything_it_promises() -> None:
    assert set(Figures().as_details()) == {
        "total_products",
        "processed",
        "copied",
        "skipped",
        "errors",
        "skipped_files",
        "skipped_products",
        "compared_files",
        "bytes_copied",
        "unmatched",
        "missing",
        "duration_s",
        "attempt",
        "error_samples",
    }


def test_outcomes_are_counted_by_what_they_are() -> None:
    figures = Figures()
    for outcome in (
        Outcome(Result.COPIED, bytes_copied=10),
        Outcome(Result.REPLACED, bytes_copied=5),
        Outcome(Result.SKIPPED),
        Outcome(Result.SKIPPED, compared=True),
        Outcome(Result.GONE),
        Outcome(Result.ERROR, "is empty"),
    ):
        figures.add(outcome)
    details = figures.as_details()
    assert {
        name: details[name] for name in ("copied", "bytes_copied", "skipped_files", "compared_files")
    } == {
        "copied": 2,
        "bytes_copied": 15,
        "skipped_files": 2,
        "compared_files": 1,
    }
    assert details["errors"] == 0


@given(st.integers(0, 9), st.integers(0, 9))
def test_skipped_are_the_files_and_the_products(files: int, products: int) -> None:
    assert Figures(skipped_files=files, skipped_products=products).as_details()["skipped"] == files + products


def test_all_errors_are_counted_and_the_first_twenty_are_kept() -> None:
    figures = Figures()
    for number in range(25):
        figures.add_error(f"{number}.jpg", "is empty")
    details = figures.as_details()
    assert details["errors"] == 25
    assert details["error_samples"] == [
        {"path": f"{number}.jpg", "reason": "is empty"} for number in range(20)
    ]


def test_samples_hold_only_what_every_database_takes() -> None:
    figures = Figures()
    figures.add_error("12_\udcff.jpg", "cannot be decoded: \0")
    assert figures.as_details()["error_samples"] == [
        {"path": r"12_\udcff.jpg", "reason": r"cannot be decoded: \x00"}
    ]


def test_what_was_shown_does_not_change_afterwards() -> None:
    figures = Figures()
    details = figures.as_details()
    figures.add_error("12_a.jpg", "is empty")
    assert details["error_samples"] == []


def test_the_duration_is_that_since_the_beginning() -> None:
    figures = Figures()
    figures.began -= 2
    assert 2 <= figures.as_details()["duration_s"] < 60
