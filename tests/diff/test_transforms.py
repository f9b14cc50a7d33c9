"""Transforms in a comparison: which act, what they change, and how the history records them."""

from __future__ import annotations

import json

import pytest

from schemasync.diff.changes import AddColumn, CreateTable, TransformTable, as_json, describe, subject
from schemasync.diff.compare import AddedTable, TablePair, compare
from schemasync.diff.hint_keys import (
    Transformed,
    all_hints,
    data_version,
    from_json,
    hints_that_acted,
    spelled,
    transformed,
)
from schemasync.diff.hint_keys import as_json as hint_json
from schemasync.schema import document
from schemasync.schema.document import Document
from schemasync.schema.transform_function import TransformFunction
from schemasync.transforms import ONE_TO_MANY, ONE_TO_ONE, SHARED, transform

OLD = '{"T": {"a": "INTEGER PRIMARY KEY"}}'
NEW = '{"T": {"a": "INTEGER PRIMARY KEY", "b": "TEXT"}, "U": {"c": "TEXT PRIMARY KEY"}}'


@transform("T", into=["t", "u"], kind=ONE_TO_MANY, name="both")
def both(row: dict[str, int]) -> list[tuple[str, dict[str, str | None]]]:
    return [("U", {"c": str(row["a"])})]


ACTED = frozenset({Transformed("both", 1)})


def read(text: str, *transforms: TransformFunction) -> Document:
    return document.with_transforms(document.read(text.encode()), transforms)


def test_a_transform_fills_tables_whatever_the_case_of_their_names() -> None:
    new = read(NEW, both)
    found = compare(read(OLD).schema, new.schema, new.hints)
    pair, added = found.tables
    assert isinstance(pair, TablePair) and isinstance(added, AddedTable)
    assert pair.transforms == added.transforms == (both,)
    kinds = [type(change) for change in found.changes]
    assert kinds == [AddColumn, TransformTable, CreateTable, TransformTable]
    assert found.acted == ACTED
    assert found.applied_hints >= ACTED


def test_a_recorded_transform_does_not_act_again_whatever_becomes_of_its_tables() -> None:
    gone = read('{"V": {"c": "TEXT"}, "_dropped": ["T"]}', both)
    found = compare(read(OLD).schema, gone.schema, gone.hints, ACTED)
    assert not found.acted and not found.spent
    assert found.applied_hints >= ACTED


def test_a_higher_version_acts_again() -> None:
    again = transform("T", into="T", kind=ONE_TO_ONE, name="both", version=2)(both.function)
    new = read(OLD, again)
    found = compare(new.schema, new.schema, new.hints, ACTED)
    assert found.acted == {Transformed("both", 2)}
    assert found.applied_hints == ACTED | found.acted


def test_the_change_says_which_transform_fills_the_table() -> None:
    change = TransformTable("T", "both")
    assert describe(change) == "T: filled by the transform both"
    assert subject(change) == "T"
    assert as_json(change)["transform"] == "both"


def test_a_new_database_has_every_transform_behind_it_and_an_adopted_one_those_whose_tables_it_has() -> None:
    new = read(NEW, both)
    assert all_hints(new.hints) == ACTED
    assert hints_that_acted(new.hints, new.schema, new.schema) == ACTED
    assert hints_that_acted(new.hints, read(OLD).schema, new.schema) == frozenset()


def test_the_history_gives_back_what_it_recorded() -> None:
    key = transformed(both)
    assert from_json(json.loads(json.dumps(hint_json(key)))) == key
    assert spelled(key, read(OLD).schema) == ("both", "")


def test_the_version_of_the_data_is_that_of_the_transforms_that_acted() -> None:
    assert data_version(frozenset()) == ""
    one, two = data_version(ACTED), data_version(ACTED | {Transformed("other", 1)})
    assert len({one, two, data_version({Transformed("both", 2)})}) == 3
    assert one.startswith("1:")


def test_other_transforms_make_other_data_for_the_fast_path() -> None:
    assert read(NEW).data != read(NEW, both).data
    assert read(NEW).version == read(NEW, both).version


def test_a_declaration_without_what_it_needs_is_an_error_of_python() -> None:
    with pytest.raises(ValueError, match="at least one table"):
        transform("T", into=[], kind=ONE_TO_ONE)
    with pytest.raises(TypeError, match="group="):
        transform("T", into="T", kind=SHARED)
    with pytest.raises(TypeError, match="needs name="):
        transform("T", into="T", kind=ONE_TO_ONE)(type("Nameless", (), {"__call__": lambda self, row: ()})())


def test_a_declared_function_can_be_called_by_its_test() -> None:
    assert list(both({"a": 1}) or ()) == [("U", {"c": "1"})]
    assert (both.name, both.into) == ("both", ("t", "u"))


def test_a_transform_acts_again_when_a_table_that_it_made_was_dropped_and_comes_again() -> None:
    new = read(NEW, both)
    assert compare(read(OLD).schema, new.schema, new.hints, ACTED).acted == ACTED
    assert compare(new.schema, new.schema, new.hints, ACTED).acted == frozenset()
    elsewhere = transform("Gone", into="U", kind=ONE_TO_MANY, name="both")(both.function)
    without = read(NEW, elsewhere)
    assert not compare(read(OLD).schema, without.schema, without.hints, ACTED).acted


def test_a_transform_of_a_table_that_is_created_empty_counts_as_having_acted() -> None:
    new = read(NEW, both)
    found = compare(read("{}").schema, new.schema, new.hints)
    assert not found.acted and not [change for change in found.changes if isinstance(change, TransformTable)]
    assert found.applied_hints >= ACTED


def test_a_transform_of_a_table_that_the_same_run_fills_does_not() -> None:
    second = transform("U", into="V", kind=ONE_TO_ONE, name="second")(both.function)
    text = NEW[:-1] + ', "V": {"c": "TEXT PRIMARY KEY"}}'
    new = read(text, both, second)
    assert compare(read(OLD).schema, new.schema, new.hints).acted >= {Transformed("second", 1)}
    alone = read(NEW[:-1] + ', "V": {"c": "TEXT PRIMARY KEY", "_from": "SELECT a AS c FROM T"}}', transform(
        "V", into="U", kind=ONE_TO_ONE, name="third")(both.function))  # fmt: skip
    assert compare(read(OLD).schema, alone.schema, alone.hints).acted >= {Transformed("third", 1)}
