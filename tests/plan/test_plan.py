"""A plan keeps each table that it can, rewrites the others, and states the source of each value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from schemasync.diff import compare
from schemasync.diff.hazards import Hazard, HazardCode
from schemasync.diff.hint_keys import all_hints
from schemasync.plan.in_place import obstacles
from schemasync.plan.make import converting, idle_allowances, make, phrase, with_rewritten
from schemasync.plan.model import Action, Origin, Plan, Selection, Strategy
from schemasync.schema import document
from schemasync.schema.affinity import Affinity, affinity, converts_alike
from schemasync.schema.document import Document


def read(text: str) -> Document:
    return document.read(text.encode())


def one_column(declared: str) -> Document:
    return read(json.dumps({"T": {"a": declared}}))


def never(table: str, column: str) -> bool:
    return False


def plan(
    old: str,
    new: str,
    *,
    volatile: Callable[[str, str], bool] = never,
    fresh: str = "",
    recorded: bool = False,
    selections: Mapping[str, Selection] = MappingProxyType({}),
) -> Plan:
    before, after = read(old), read(new)
    known = all_hints(after.hints) if recorded else frozenset()
    diff = compare.compare(before.schema, after.schema, after.hints, known)
    assert not diff.problems
    return make(
        diff,
        before.schema,
        after.schema,
        after.version,
        base_version=before.version,
        base_fingerprint="f",
        volatile=volatile,
        fresh=fresh,
        selections=selections,
    )


def actions(made: Plan) -> dict[str, Action]:
    return {step.name: step.action for step in made.steps}


def test_a_column_that_may_lose_something_is_converted_although_its_type_stays() -> None:
    """A hazard of the data requires it: then the table is rewritten, even if its shape stays (a file that starts
    empty)."""
    text = '{"T": {"a": "INT", "b": "INT"}, "U": {"a": "INT"}}'
    allowed = (
        Hazard(HazardCode.ROWS_DROPPED, "", table="t", column="A"),
        Hazard(HazardCode.ROWS_DROPPED, "", table="U"),
        Hazard(HazardCode.LOSSY, "", table="T", column="b"),
    )
    made = converting(replace(plan(text, text, fresh="--rebuild-all was given"), hazards=allowed))
    assert actions(made) == {"T": Action.REWRITE, "U": Action.KEEP}
    assert [feed.same for step in made.carried for feed in step.feeds] == [False, True, True]
    assert converting(made) == made


def test_a_table_that_does_not_change_is_kept() -> None:
    text = '{"T": {"a": "INT"}}'
    assert actions(plan(text, text)) == {"T": Action.KEEP}


@pytest.mark.parametrize(
    "new",
    [
        '{"U": {"_was": ["T"], "a": "INT"}}',
        '{"T": {"b": {"type": "INT", "was": ["a"]}}}',
        '{"T": {"a": "INT", "_indexes": ["a"]}}',
        '{"T": {"a": "INT", "_triggers": {"x": "AFTER INSERT ON T BEGIN SELECT 1; END"}}}',
    ],
)
def test_names_indexes_and_triggers_change_without_writing_a_row(new: str) -> None:
    assert set(actions(plan('{"T": {"a": "INT"}}', new)).values()) == {Action.KEEP}


@pytest.mark.parametrize(
    "new",
    [
        '{"T": {"a": "INT", "b": "INT"}}',
        '{"T": {"a": "INT CHECK (a > 0)"}}',
        '{"T": {"b": {"type": "INTEGER NOT NULL", "was": ["a"]}}}',
    ],
)
def test_what_only_the_definition_says_changes_without_writing_a_row(new: str) -> None:
    assert actions(plan('{"T": {"a": "INT"}}', new)) == {"T": Action.ALTER}
    assert actions(plan('{"T": {"a": "INT"}}', new, fresh="all")) == {"T": Action.REWRITE}


@pytest.mark.parametrize(
    "new",
    [
        '{"T": {"a": "TEXT"}}',
        '{"T": {"a": "INT UNIQUE"}}',
        '{"T": {"b": {"type": "INT", "was": ["a"], "fill": "a + 1"}}}',
        '{"T": {"a": "INT", "b": "INT DEFAULT (random())"}}',
    ],
)
def test_every_other_change_writes_the_table_again(new: str) -> None:
    assert actions(plan('{"T": {"a": "INT"}}', new)) == {"T": Action.REWRITE}


def test_new_and_dropped_tables_are_created_and_dropped() -> None:
    made = plan('{"Old": {"a": "INT"}}', '{"New": {"a": "INT"}, "_dropped": ["Old"]}')
    assert actions(made) == {"New": Action.CREATE, "Old": Action.DROP}
    assert [step.name for step in made.dropped] == ["Old"]
    assert converting(made) == made


def test_a_plan_says_which_tables_go_on_which_are_written_again_and_which_the_new_schema_has() -> None:
    made = plan(
        '{"K": {"a": "INT"}, "R": {"a": "INT"}, "F": {"_virtual": "fts5(a)"}, "D": {"a": "INT"}}',
        '{"K": {"a": "INT"}, "R": {"a": "TEXT"}, "F": {"_virtual": "fts5(a, b)"}, "C": {"a": "INT"}, "_dropped": ["D"]}',
    )
    assert {step.name for step in made.carried} == {"K", "R", "F"}
    assert {step.name for step in made.carried if step.is_virtual} == {"F"}
    assert {step.name for step in made.rewritten} == {"R", "F"}
    assert {step.name for step in made.with_new_table} == {"K", "R", "F", "C"}


def test_each_column_says_where_its_values_come_from() -> None:
    made = plan(
        '{"T": {"a": "INT", "b": "TEXT", "gone": "INT"}}',
        """{"T": {"A2": {"type": "INT", "was": ["a"]}, "b": "INT", "c": "INT DEFAULT 7",
            "d": {"type": "TEXT", "fill": "upper(b)"}, "g": "INT AS (A2 + 1)", "_dropped": ["gone"]}}""",
    )
    feeds = {feed.column: (feed.origin, feed.source, feed.fill, feed.same) for feed in made.steps[0].feeds}
    assert feeds == {
        "A2": (Origin.CARRIED, "a", None, True),
        "b": (Origin.CARRIED, "b", None, False),
        "c": (Origin.DEFAULT, None, None, False),
        "d": (Origin.FILLED, None, "upper(b)", False),
        "g": (Origin.GENERATED, None, None, False),
    }
    assert list(made.steps[0].column_renames) == [("a", "A2")]


def test_the_plan_is_bound_to_what_it_was_made_from_and_what_it_makes() -> None:
    old, new = '{"T": {"a": "INT"}}', '{"T": {"a": "TEXT"}}'
    made = plan(old, new)
    assert (made.base_version, made.version) == (read(old).version, read(new).version)
    assert made.step("t") is made.steps[0]
    assert made.step("nothing") is None


def test_the_strategy_has_a_reason() -> None:
    text = '{"T": {"a": "INT"}}'
    assert plan(text, text).strategy is Strategy.CLONE
    made = plan(text, text, fresh="--rebuild-all was given")
    assert (made.strategy, made.reason) == (Strategy.FRESH, "--rebuild-all was given")


def test_a_value_that_differs_each_time_is_noted() -> None:
    made = plan('{"T": {"a": "INT"}}', '{"T": {"a": "INT", "b": "INT DEFAULT (random())"}}', volatile=lambda t, c: True)
    assert [(h.code, h.column, h.blocking) for h in made.hazards] == [(HazardCode.FILL_VOLATILE, "b", False)]


def test_a_fill_that_does_nothing_is_a_hazard_and_not_an_order() -> None:
    made = plan('{"T": {"a": "INT"}}', '{"T": {"a": {"type": "INT", "fill": "a * 100"}}}')
    assert [h.code for h in made.hazards] == [HazardCode.FILL_UNUSED]
    assert actions(made) == {"T": Action.KEEP}
    assert made.blocking == ()


def test_hints_that_have_acted_are_listed_for_deletion() -> None:
    made = plan('{"T": {"a": "INT"}}', '{"T": {"_was": ["S"], "a": {"type": "INT", "was": ["z"]}}}', recorded=True)
    assert [(h.code, h.table, h.column) for h in made.hazards] == [
        (HazardCode.HINT_ALREADY_APPLIED, "T", ""),
        (HazardCode.HINT_ALREADY_APPLIED, "T", "a"),
    ]


def test_a_name_that_something_new_bears_is_noted_unless_a_fill_says_what_it_takes() -> None:
    made = plan(
        '{"T": {"a": "INT", "b": "INT"}, "U": {"a": "INT"}}',
        """{"T": {"a": "INT", "aa": {"type": "INT", "was": ["a"]}, "b": {"type": "INT", "fill": "b + 1"},
            "bb": {"type": "INT", "was": ["b"]}}, "U": {"a": "INT"}, "V": {"_was": ["U"], "a": "INT"}}""",
    )
    assert [(h.code, h.table, h.column) for h in made.hazards] == [
        (HazardCode.NAME_REUSED, "U", ""),
        (HazardCode.NAME_REUSED, "T", "a"),
    ]
    assert actions(made) == {"T": Action.REWRITE, "U": Action.CREATE, "V": Action.KEEP}
    assert made.blocking == ()


def test_a_rename_that_does_nothing_is_noted() -> None:
    made = plan(
        '{"T": {"a": "INT", "b": "INT"}, "U": {"a": "INT"}}',
        '{"T": {"a": "INT", "b": {"type": "INT", "was": ["a"]}}, "U": {"_was": ["T"], "a": "INT"}}',
    )
    assert {(h.code, h.table, h.column) for h in made.hazards} == {
        (HazardCode.WAS_UNUSED, "T", "b"),
        (HazardCode.WAS_UNUSED, "U", ""),
    }
    assert made.changes == ()


def test_a_kept_table_can_be_written_again_after_all() -> None:
    text = '{"T": {"a": "INT"}, "U": {"a": "INT"}}'
    assert actions(with_rewritten(plan(text, text), {"T"})) == {"T": Action.REWRITE, "U": Action.KEEP}


def test_many_changes_are_reported_in_a_phrase() -> None:
    made = plan("{}", '{"A": {"a": "INT"}, "B": {"a": "INT"}, "C": {"a": "INT"}}')
    assert phrase(made.changes, limit=2) == "A: new table; B: new table; and 1 more"
    assert phrase(made.changes[:1]) == "A: new table"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("INT", Affinity.INTEGER),
        ("BIGINT UNSIGNED", Affinity.INTEGER),
        ("VARCHAR(10)", Affinity.TEXT),
        ("CLOB", Affinity.TEXT),
        ("CHARINT", Affinity.INTEGER),
        ("BLOB", Affinity.BLOB),
        ("", Affinity.BLOB),
        ("DOUBLE PRECISION", Affinity.REAL),
        ("FLOAT", Affinity.REAL),
        ("DECIMAL(10,2)", Affinity.NUMERIC),
        ("ANY", Affinity.NUMERIC),
    ],
)
def test_affinity_follows_the_declared_type(declared: str, expected: Affinity) -> None:
    table = one_column(declared).schema.tables[0]
    assert affinity(table.columns[0], strict=False) is expected


def test_any_converts_nothing_in_a_strict_table() -> None:
    table = read('{"T": {"a": "ANY", "_strict": true}}').schema.tables[0]
    assert affinity(table.columns[0], strict=True) is Affinity.BLOB


@pytest.mark.parametrize(
    ("before", "after", "alike"),
    [
        ("INT", "INTEGER", True),
        ("INT", "DECIMAL(5,2)", True),
        ("TEXT", "VARCHAR(5)", True),
        ("TEXT", "", True),
        ("", "TEXT", False),
        ("TEXT", "INT", False),
        ("INT", "REAL", False),
    ],
)
def test_values_pass_unchanged_between_alike_types(before: str, after: str, alike: bool) -> None:
    old = one_column(before).schema.tables[0]
    new = one_column(after).schema.tables[0]
    assert converts_alike(old, old.columns[0], new, new.columns[0]) is alike


def test_a_spent_hint_is_named_as_schema_json_spells_it() -> None:
    text = '{"Klub": {"_was": ["Verein"], "Ort": {"type": "TEXT", "was": ["Stadt"], "fill": "trim(Stadt)"}}}'
    made = plan(text, text, recorded=True)
    spent = [hazard for hazard in made.hazards if hazard.code is HazardCode.HINT_ALREADY_APPLIED]
    assert {hazard.message.partition(" does not")[0] for hazard in spent} == {
        "_was on Klub",
        "was on Klub.Ort",
        "fill on Klub.Ort",
    }
    assert {(hazard.table, hazard.column) for hazard in spent} == {("Klub", ""), ("Klub", "Ort")}


def test_what_may_go_and_is_not_there_is_noted() -> None:
    before, after = read('{"T": {"a": "INT"}, "U": {"b": "INT"}}'), read('{"T": {"a": "INT"}, "_dropped": ["U"]}')
    diff = compare.compare(before.schema, after.schema, after.hints)
    found = list(idle_allowances(diff, {"t", "T.A", "u.b", "T.fax", "Nope"}))
    assert [hazard.message.split()[1] for hazard in found] == ["Nope", "T.fax"]
    assert {(hazard.code, hazard.blocking) for hazard in found} == {(HazardCode.ALLOW_DROP_UNUSED, False)}


def test_nothing_comes_along_into_a_file_that_starts_empty() -> None:
    text = '{"T": {"a": "INT"}}'
    kept, fresh = plan(text, text), plan(text, text, fresh="wanted")
    assert [kept.effective(step).action for step in kept.steps] == [Action.KEEP]
    assert [fresh.effective(step).action for step in fresh.steps] == [Action.REWRITE]
    assert actions(fresh) == {"T": Action.KEEP}, "what the history compares by stays as it was"


@pytest.mark.parametrize(
    ("new", "renames"),
    [
        ('{"t": {"a": "TEXT"}}', ()),
        ('{"t": {"b": {"type": "TEXT", "was": ["a"]}}}', (("a", "b"),)),
    ],
)
def test_a_step_names_the_columns_that_it_renames_and_none_where_there_are_none(
    new: str, renames: tuple[tuple[str, str], ...]
) -> None:
    (step,) = plan('{"t": {"a": "TEXT"}}', new).carried
    assert step.column_renames == renames


def test_a_plan_that_no_schema_json_made_has_no_places_in_one() -> None:
    assert plan("{}", '{"T": {"a": "INT"}}').place("T", "a") == ""


def test_columns_of_tables_that_are_not_rewritten_keep_their_order_and_added_ones_stand_last() -> None:
    made = plan(
        '{"K": {"a": "INT", "b": "INT"}, "A": {"a": "INT", "b": "INT"}, "R": {"a": "INT", "b": "INT"}}',
        '{"K": {"b": "INT", "a": "INT"}, "A": {"c": "INT", "b": "INT", "a": "INT"}, "R": {"b": "TEXT", "a": "INT"}}',
    )
    assert [step.name for step in made.altered] == ["A"]
    assert {table.name: [column.name for column in table.columns] for table in made.built.tables} == {
        "A": ["a", "b", "c"],
        "K": ["a", "b"],
        "R": ["b", "a"],
    }
    assert made.other_order == ("A", "K")


CHAIN = """{
  "T": {"a": "INT"},
  "A": {"a": "INT", "_from": "SELECT a FROM B"},
  "B": {"a": "INT", "r": "INT DEFAULT (random())", "_was": ["O"], "_from": {"select": "SELECT a FROM old.T", "may_drop_rows": true}}
}"""
SELECTED = {"A": Selection(("a",), (), frozenset({"b"})), "B": Selection(("a",), ("T",), frozenset(), ("r",))}


def test_a_derived_table_is_filled_after_those_that_it_reads() -> None:
    made = plan('{"T": {"a": "INT"}, "O": {"a": "INT"}}', CHAIN, selections=SELECTED)
    assert actions(made) == {"A": Action.DERIVE, "B": Action.DERIVE, "T": Action.KEEP}
    assert [step.name for step in made.derived] == ["B", "A"]
    assert made.replaced == (("O", "B"),)
    assert [step.may_drop_rows for step in made.derived] == [True, False]
    assert [(hazard.code, hazard.table, hazard.column) for hazard in made.hazards] == [("fill-volatile", "B", "r")]
    assert obstacles(made) == ("A: new table", "A: filled by its _from", "O -> B", "B: +r", "B: filled by its _from")
    assert converting(made) == made
