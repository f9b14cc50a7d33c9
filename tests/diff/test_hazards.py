"""A hazard states whether it blocks the run, in text and for programs."""

from schemasync.diff.hazards import (
    STOPS,
    Hazard,
    HazardCode,
    column_order,
    rebuilt_indexes,
    with_counted_hints,
    written_rows,
)
from schemasync.schema.model import ReferenceRows
from schemasync.schema.text import count


def test_a_hazard_about_the_data_stops_and_a_note_does_not() -> None:
    assert Hazard(HazardCode.NULLS, "m").blocking
    assert not Hazard(HazardCode.HINT_ALREADY_APPLIED, "m").blocking
    assert set(HazardCode) > STOPS


def test_a_hazard_as_json_has_all_its_facts() -> None:
    hazard = Hazard(HazardCode.DUPLICATES, "m", "h", "T", "c", 3, ("1", "2"))
    assert hazard.as_json() == {
        "code": "duplicates",
        "blocking": True,
        "message": "m",
        "hint": "h",
        "table": "T",
        "column": "c",
        "rows": 3,
        "keys": ["1", "2"],
        "place": "",
    }


def test_one_is_written_in_the_singular() -> None:
    assert count(1, "row") == "1 row"
    assert count(2, "row") == "2 rows"
    assert count(1000, "index", "indexes") == "1,000 indexes"


def test_a_hazard_begins_with_its_place_in_schema_json_if_it_has_one() -> None:
    assert str(Hazard(HazardCode.NULLS, "m")) == "m"
    assert str(Hazard(HazardCode.NULLS, "m", place="schema.json:5:5")) == "schema.json:5:5: m"


def test_several_applied_hints_are_one_note_and_one_stays_as_it_is() -> None:
    nulls = Hazard(HazardCode.NULLS, "m")
    one, other = (Hazard(HazardCode.HINT_ALREADY_APPLIED, text) for text in "ab")
    assert list(with_counted_hints([nulls, one])) == [nulls, one]
    counted, last = with_counted_hints([one, other, nulls])
    assert (counted.message, last) == ("2 hints of schema.json do not act again on this database", nulls)
    assert counted.hint.endswith("manage.py schemasync prune --hints")


def test_one_note_names_the_tables_whose_columns_have_another_order() -> None:
    assert list(column_order(())) == []
    (one,) = column_order(("a",))
    assert (one.code, one.table, one.blocking) == (HazardCode.COLUMN_ORDER, "a", False)
    (four,) = column_order(("a", "b", "c", "d"))
    assert "columns of a, b, c, d have" in four.message
    (five,) = column_order(("a", "b", "c", "d", "e"))
    assert "columns of a, b, c and 2 more have" in five.message


def test_rows_that_are_to_be_written_are_a_note_for_each_table():
    rows = ReferenceRows("Roles", ("name",), ("name",), (("admin",), ("guest",)), ((True,), (True,)))
    (found,) = written_rows([rows])
    assert not found.blocking
    assert found.message == "Roles: 2 rows of schema.json inserted, or updated by name"


def test_indexes_that_are_built_again_are_one_note() -> None:
    assert list(rebuilt_indexes([], "3.40.1", "3.54.1")) == []
    (one,) = rebuilt_indexes(["a"], "3.40.1", "3.54.1")
    assert one.code is HazardCode.STALE_INDEX and not one.blocking
    assert one.message.startswith("SQLite 3.40.1 built the live file, and 3.54.1 may compute")
    assert "the run builds 1 index over expressions" in one.message and one.message.endswith("(a)")
    (many,) = rebuilt_indexes(list("abcdefg"), "", "3.54.1")
    assert many.message.startswith("it is unknown which SQLite built the live file")
    assert many.message.endswith("(a, b, c, d, e and 2 more)")
