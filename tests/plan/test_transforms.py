"""Transforms in a plan: a step for each table that they fill, and the refusals before any of them is called."""

from __future__ import annotations

from schemasync.diff.compare import compare
from schemasync.plan.in_place import obstacles
from schemasync.plan.make import converting, make
from schemasync.plan.model import Action, Plan, Transform
from schemasync.plan.transforms import problems
from schemasync.schema import document
from schemasync.schema.transform_function import TransformFunction
from schemasync.transforms import ONE_TO_MANY, SHARED, transform

OLD = '{"T": {"a": "INTEGER PRIMARY KEY"}, "F": {"_virtual": "fts5(x)"}}'
NEW = """{
    "T": {"a": "INTEGER PRIMARY KEY"}, "U": {"c": "TEXT PRIMARY KEY"}, "F": {"_virtual": "fts5(x)"}, "K": {"c": "TEXT"},
    "N": {"c": "TEXT", "_primary_key": ["c COLLATE NOCASE"]}, "D": {"a": "INTEGER PRIMARY KEY"}
}"""


def one(table: str, *into: str, name: str = "x", shared: bool = False) -> TransformFunction:
    group = (lambda row: 1) if shared else None
    return transform(table, into=into, kind=SHARED if shared else ONE_TO_MANY, name=name, group=group)(lambda row: ())


def planned(*transforms: TransformFunction) -> Plan:
    old, new = document.read(OLD.encode()), document.with_transforms(document.read(NEW.encode()), transforms)
    diff = compare(old.schema, new.schema, new.hints)
    return make(
        diff,
        old.schema,
        new.schema,
        new.version,
        base_version=None,
        base_fingerprint=None,
        volatile=lambda table, column: False,
    )


def faults(*transforms: TransformFunction) -> list[str]:
    old, new = document.read(OLD.encode()), document.read(NEW.encode())
    return [problem.message for problem in problems(transforms, old.schema, new.schema, {"d"})]


def test_each_table_that_a_transform_fills_has_a_step_with_what_it_reads() -> None:
    found = planned(one("T", "T", "U"))
    old, new = (step for step in found.transformed)
    assert [old.name, new.name] == ["T", "U"]
    assert old.action is Action.TRANSFORM
    assert old.reads == new.reads == ("T",)
    assert old.replaced == old.sources[0] and new.replaced is None
    assert found.transforms == old.functions
    assert found.reads == {"t"}
    assert found.replaced == (("T", "T"),)
    assert found.filled == found.transformed
    assert isinstance(found.step("u"), Transform)
    assert converting(found) == found


def test_no_transform_acts_in_the_live_file() -> None:
    assert "T: filled by the transform x" in obstacles(planned(one("T", "T")))


def test_what_fits_has_no_problem_also_if_groups_fill_one_table_together() -> None:
    assert faults(one("T", "T", "U")) == []
    assert faults(one("T", "U", name="x", shared=True), one("t", "u", name="y", shared=True)) == []


def test_all_that_does_not_fit_is_named_at_once() -> None:
    assert faults(one("TT", "UU"), one("F", "F", name="y"), one("T", "K", "N", "D", name="z")) == [
        'the transform "x" reads "TT", which the database does not have',
        'the transform "x" fills "UU", which schema.json does not have',
        'the transform "y" reads "F", a virtual table',
        'the transform "y" fills "F", a virtual table',
        'the transform "z" fills "K", which has no such primary key',
        'the transform "z" fills "N", which has no such primary key',
        'the transform "z" fills "D", and so does its _from',
    ]


def test_two_transforms_of_rows_do_not_fill_one_table() -> None:
    assert faults(one("T", "U"), one("T", "u", name="y", shared=True)) == [
        'the transform "x" fills "U", and so does another one'
    ]
