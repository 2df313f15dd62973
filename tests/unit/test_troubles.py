"""Why the service is degraded is known, and logged when it begins, changes and ends."""

from structlog.testing import capture_logs

from daemon.service.troubles import Troubles


def test_at_first_there_is_no_trouble() -> None:
    assert Troubles().reasons == ()


def test_a_trouble_is_logged_as_an_error_once() -> None:
    troubles = Troubles()
    with capture_logs() as logged:
        troubles.set("watching", "the disk is gone")
        troubles.set("watching", "the disk is gone")
    assert troubles.reasons == ("the disk is gone",)
    assert logged == [
        {
            "log_level": "error",
            "event": "degraded",
            "message": "The service is degraded: the disk is gone",
            "subject": "watching",
        }
    ]


def test_its_end_is_logged_once_with_what_it_was() -> None:
    troubles = Troubles()
    troubles.set("watching", "the disk is gone")
    with capture_logs() as logged:
        troubles.set("watching", "")
        troubles.set("watching", "")
    assert troubles.reasons == ()
    assert logged == [
        {
            "log_level": "info",
            "event": "degraded_over",
            "message": "No longer: the disk is gone",
            "subject": "watching",
        }
    ]


def test_no_trouble_where_there_was_none_is_not_worth_a_word() -> None:
    with capture_logs() as logged:
        Troubles().set("watching", "")
    assert logged == []


def test_another_reason_takes_the_place_of_the_former_and_is_logged() -> None:
    troubles = Troubles()
    troubles.set("watching", "one")
    with capture_logs() as logged:
        troubles.set("watching", "other")
    assert troubles.reasons == ("other",)
    assert [entry["message"] for entry in logged] == ["The service is degraded: other"]


def test_troubles_of_several_subjects_stand_side_by_side() -> None:
    troubles = Troubles()
    troubles.set("watching", "one")
    troubles.set("database", "other")
    assert troubles.reasons == ("one", "other")


def test_a_trouble_that_ends_leaves_those_of_other_subjects() -> None:
    troubles = Troubles()
    troubles.set("watching", "one")
    troubles.set("database", "other")
    troubles.set("watching", "")
    assert troubles.reasons == ("other",)
