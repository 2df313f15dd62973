"""Rows that the shop's own rules do not let be written."""

from support.workshop import Workshop, paths

_SQLITE = """CREATE TRIGGER keep BEFORE UPDATE ON products WHEN old.onec_id = '13'
BEGIN SELECT raise(ABORT, 'the photographer has locked it'); END"""

_POSTGRESQL = """CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'the photographer has locked it'; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON products FOR EACH ROW WHEN (old.onec_id = '13') EXECUTE FUNCTION keep()"""


def test_a_row_that_a_trigger_refuses_is_an_error_and_the_others_of_its_chunk_are_written(
    workshop: Workshop,
) -> None:
    workshop.products("12", "13", "14")
    workshop.pictures("12_a.jpg", "13_a.jpg", "14_a.jpg")
    workshop.database.execute(_SQLITE if workshop.database.is_sqlite else _POSTGRESQL)
    figures = workshop.figures(status=3)
    assert (figures["processed"], figures["copied"], figures["errors"]) == (3, 3, 1)
    [sample] = figures["error_samples"]
    assert sample["path"] == "13"
    assert "the photographer has locked it" in sample["reason"]
    assert [row.pictures for row in workshop.rows()] == [paths("12", "12_a.jpg"), [], paths("14", "14_a.jpg")]


def test_a_refused_row_is_written_once_the_shop_lets_it_be(workshop: Workshop) -> None:
    workshop.products("13")
    workshop.pictures("13_a.jpg")
    workshop.database.execute(_SQLITE if workshop.database.is_sqlite else _POSTGRESQL)
    workshop.imported(status=3)
    workshop.database.execute("DROP TRIGGER keep" + ("" if workshop.database.is_sqlite else " ON products"))
    workshop.imported()
    assert workshop.row("13").pictures == paths("13", "13_a.jpg")


_DEADLOCK = _POSTGRESQL.replace("locked it'", "locked it' USING ERRCODE = 'deadlock_detected'")


def test_a_row_in_a_deadlock_is_tried_again_and_is_an_error_while_the_others_of_its_chunk_are_written(
    served: Workshop,
) -> None:
    served.products("12", "13", "14")
    served.pictures("12_a.jpg", "13_a.jpg", "14_a.jpg")
    served.database.execute(_DEADLOCK)
    figures = served.figures(status=3)
    assert (figures["processed"], figures["copied"], figures["errors"]) == (3, 3, 1)
    [sample] = figures["error_samples"]
    assert sample == {"path": "13", "reason": "has a row that another transaction holds"}
    assert [row.pictures for row in served.rows()] == [paths("12", "12_a.jpg"), [], paths("14", "14_a.jpg")]
