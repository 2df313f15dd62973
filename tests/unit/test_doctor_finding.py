"""What an examination finds, and what becomes of one that fails itself."""

from collections.abc import Iterator

from daemon.doctor.finding import Finding, State, error, guarded, ok, warning
from daemon.errors import DatabaseUnavailableError


def test_what_is_well_needs_no_remedy() -> None:
    assert ok("media", "can be written to") == Finding(State.OK, "media", "can be written to", "")


def test_what_is_not_well_has_its_remedy() -> None:
    assert warning("queue", "short", "lengthen it").remedy == "lengthen it"
    assert error("media", "closed", "open it").state is State.ERROR


def test_json_has_the_four_texts() -> None:
    finding = error("media", "closed", "open it")
    assert finding.as_json() == {
        "state": "error",
        "subject": "media",
        "message": "closed",
        "remedy": "open it",
    }


def test_a_failing_examination_is_one_error_more_after_what_it_found() -> None:
    def examination(failure: Exception) -> Iterator[Finding]:
        yield ok("media", "is there")
        raise failure

    for failure in (OSError(5, "Input/output error"), DatabaseUnavailableError("it went away")):
        found = list(guarded("media", "look into the log", examination(failure)))
        assert found == [ok("media", "is there"), error("media", str(failure), "look into the log")]
