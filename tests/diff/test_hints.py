"""Renames, drops and fills: the effect of a hint, when it acts, and what is refused without one."""

from __future__ import annotations

import json
import re

import pytest

from schemasync.diff.changes import CreateTable, DeriveTable, describe
from schemasync.diff.compare import Allowed, Diff, compare
from schemasync.diff.dropped import losses, repair_hint
from schemasync.diff.hint_keys import (
    ColumnRename,
    Fill,
    HintKey,
    TableDrop,
    TableFill,
    TableRename,
    all_hints,
    as_json,
    from_json,
    hints_that_acted,
)
from schemasync.diff.match import Match, match
from schemasync.errors import Code
from schemasync.schema import document


def diff(old: str, new: str, *, recorded: frozenset[HintKey] = frozenset(), allow: str = "") -> Diff:
    before, after = document.read(old.encode()), document.read(new.encode())
    return compare(before.schema, after.schema, after.hints, recorded, Allowed(frozenset(allow.lower().split())))


def sources(
    old: str, new: str, was: dict[str, list[str]] | None = None, recorded: set[tuple[str, str]] | None = None
) -> dict[str, str | None]:
    return dict(matched(old, new, was, recorded).sources)


def matched(
    old: str, new: str, was: dict[str, list[str]] | None = None, recorded: set[tuple[str, str]] | None = None
) -> Match:
    return match(old.split(), new.split(), was or {}, recorded or set())


def test_without_hints_names_match_whatever_their_case() -> None:
    assert sources("a B", "A b c") == {"A": "a", "b": "B", "c": None}


def test_a_rename_takes_the_newest_of_its_earlier_names_that_is_there() -> None:
    assert sources("oldest", "now", {"now": ["newer", "old", "oldest"]}) == {"now": "oldest"}
    assert sources("old oldest", "now", {"now": ["old", "oldest"]}) == {"now": "old"}


def test_two_names_swap() -> None:
    assert sources("a b", "a b", {"a": ["b"], "b": ["a"]}) == {"a": "b", "b": "a"}


def test_three_names_go_round() -> None:
    assert sources("a b c", "a b c", {"a": ["b"], "b": ["c"], "c": ["a"]}) == {"a": "b", "b": "c", "c": "a"}


def test_a_chain_of_names_moves_on_by_one() -> None:
    assert sources("a b", "b c", {"b": ["a"], "c": ["b"]}) == {"b": "a", "c": "b"}


def test_a_hint_does_not_act_where_its_new_name_is_there_already() -> None:
    found = matched("a b", "a", {"a": ["b"]})
    assert dict(found.sources) == {"a": "a"}
    assert found.lost == ("b",)
    assert dict(found.hinted) == {}


def test_a_name_feeds_its_successor_and_lives_on_with_a_new_meaning() -> None:
    found = matched("a", "a b", {"b": ["a"]})
    assert dict(found.sources) == {"a": None, "b": "a"}
    assert (dict(found.hinted), dict(found.reused), found.lost) == ({"b": "a"}, {"a": "b"}, ())


def test_all_names_move_on_by_one_and_the_first_is_new() -> None:
    hints = {"b": ["a"], "c": ["b"], "d": ["c"]}
    assert sources("a b c", "a b c d", hints) == {"a": None, "b": "a", "c": "b", "d": "c"}


def test_a_name_whose_hint_is_recorded_stays_though_another_still_has_that_hint() -> None:
    assert sources("a b", "a b", {"b": ["a"]}, {("b", "a")}) == {"a": "a", "b": "b"}
    assert sources("a b", "a b c", {"b": ["a"], "c": ["b"]}, {("b", "a")}) == {"a": "a", "b": None, "c": "b"}


def test_several_names_that_claim_one_old_name_are_found_whatever_their_order() -> None:
    for hints in ({"b": ["a"], "c": ["a"]}, {"c": ["a"], "b": ["a"]}):
        assert set(matched("a", "b c", hints).contested["a"]) == {"b", "c"}
    assert dict(matched("a b", "b c", {"b": ["a"], "c": ["a"]}).sources) == {"b": "b", "c": "a"}


def test_a_hint_that_does_nothing_beside_what_it_names_is_found() -> None:
    found = matched("a b", "a b", {"b": ["a"]})
    assert (dict(found.sources), dict(found.idle)) == ({"a": "a", "b": "b"}, {"b": "a"})
    assert dict(matched("a b", "a b", {"b": ["a"]}, {("b", "a")}).idle) == {}


def test_a_hint_that_has_acted_never_acts_again() -> None:
    assert sources("a", "b", {"b": ["a"]}, {("b", "a")}) == {"b": None}
    assert sources("a b", "a b", {"a": ["b"], "b": ["a"]}, {("a", "b"), ("b", "a")}) == {"a": "a", "b": "b"}


def test_a_hint_on_a_name_that_is_not_there_is_no_hint() -> None:
    assert sources("a", "b", {"z": ["a"]}) == {"b": None}


def test_what_acted_is_recorded_and_then_spent() -> None:
    old, new = '{"T": {"a": "INT"}}', '{"U": {"_was": ["T"], "b": {"type": "TEXT", "was": ["a"], "fill": "a + 1"}}}'
    first = diff(old, new)
    assert first.acted == {TableRename("u", "t"), ColumnRename("u", "b", "a"), Fill("u", "b", "a + 1")}
    assert first.spent == ()
    again = diff(new, new, recorded=first.acted)
    assert (again.changes, again.acted) == ((), frozenset())
    assert set(again.spent) == first.acted == all_hints(document.read(new.encode()).hints)


def test_what_moves_on_is_recorded_and_does_not_move_on_again() -> None:
    old = '{"T": {"a": "INT"}, "C": {"t": "INT"}}'
    new = """{"T": {"a": {"type": "TEXT", "fill": "a + 1"}, "b": {"type": "INT", "was": ["a"]}},
        "D": {"_was": ["C"], "t": "INT"}, "C": {"_was": ["B"], "t": {"type": "INT", "was": ["s"]}}}"""
    first = diff(old, new)
    assert [describe(change) for change in first.changes] == ["C: new table", "C -> D", "T: +a", "T: a -> b"]
    assert first.acted == {ColumnRename("t", "b", "a"), Fill("t", "a", "a + 1"), TableRename("d", "c")}
    assert first.applied_hints == first.acted | {TableRename("c", "b"), ColumnRename("c", "t", "s")}
    assert diff(new, new, recorded=first.applied_hints).changes == ()


def test_two_that_claim_one_old_name_are_refused() -> None:
    [columns] = diff(
        '{"T": {"a": "INT"}}',
        """{"T": {"b": {"type": "INT", "was": ["a"]},
        "c": {"type": "INT", "was": ["a"]}}}""",
    ).problems
    [tables] = diff(
        '{"A": {"a": "INT"}}', '{"B": {"_was": ["A"], "a": "INT"}, "C": {"_was": ["A"], "a": "INT"}}'
    ).problems
    assert columns.code is tables.code is Code.RENAME_CLASH
    assert columns.message.startswith('in table "T" the columns "b", "c" all say that they were "a"')
    assert tables.message.startswith('the tables "B", "C" all say that they were "A"')
    assert losses((columns, tables), {"T"}) == ()


def test_a_renamed_column_is_compared_with_what_it_was_and_not_with_what_it_displaces() -> None:
    found = diff('{"T": {"a": "INT", "b": "TEXT"}}', '{"T": {"b": {"type": "INT", "was": ["a"]}}}', allow="t.b")
    assert [describe(change) for change in found.changes] == ["T: -b, with its values", "T: a -> b"]


def test_a_fill_acts_on_columns_that_are_new_renamed_or_changed() -> None:
    new = """{"T": {"same": {"type": "INT", "fill": "1"}, "new": {"type": "INT", "fill": "2"},
        "renamed": {"type": "INT", "was": ["old"], "fill": "3"}, "typed": {"type": "TEXT", "fill": "4"},
        "checked": {"type": "INT CHECK (checked > 0)", "fill": "5"}}}"""
    found = diff('{"T": {"same": "INT", "old": "INT", "typed": "INT", "checked": "INT"}}', new)
    assert {name: sql.text for name, sql in found.tables[0].fills.items()} == {
        "new": "2",
        "renamed": "3",
        "typed": "4",
        "checked": "5",
    }
    assert found.idle_fills == (("T", "same"),)


@pytest.mark.parametrize(
    ("sql", "acts"),
    [("coalesce(a, OLD)", True), ('"Old" || a', True), ("old(a)", False), ("'old'", False), ("a + 1", False)],
)
def test_a_fill_acts_on_a_column_that_stays_if_it_reads_one_that_goes(sql: str, acts: bool) -> None:
    new = '{"T": {"a": {"type": "INT", "fill": %s}, "_dropped": ["old"]}}' % json.dumps(sql)
    found = diff('{"T": {"a": "INT", "old": "INT"}}', new)
    assert [*found.tables[0].fills] == ["a"] * acts
    assert found.idle_fills == (() if acts else (("T", "a"),))


@pytest.mark.parametrize(
    ("old", "new", "beside"),
    [
        ("INT", "INT UNIQUE", ""),
        ("INT", "INT", ', "_strict": true'),
        ("INT", "INT PRIMARY KEY", ""),
        ("INT", "INT REFERENCES T (b)", ""),
    ],
)
def test_whatever_is_said_of_a_column_counts_as_its_change(old: str, new: str, beside: str) -> None:
    before = '{"T": {"a": "%s", "b": "INT"}}' % old
    after = '{"T": {"a": {"type": "%s", "fill": "7"}, "b": "INT"%s}}' % (new, beside)
    assert list(diff(before, after).tables[0].fills) == ["a"]


def test_what_is_said_of_another_column_does_not() -> None:
    before = '{"T": {"a": "INT", "b": "INT"}}'
    after = """{"T": {"a": {"type": "INT", "fill": "7"}, "b": "INT PRIMARY KEY UNIQUE CHECK (b > 0) REFERENCES T"}}"""
    assert dict(diff(before, after).tables[0].fills) == {}


def test_a_lost_column_is_refused_with_the_hint_that_drops_it() -> None:
    [problem] = diff('{"T": {"a": "INT", "b": "INT"}}', '{"T": {"a": "INT"}}').problems
    assert problem.code == Code.LOST_COLUMN
    assert '"_dropped": ["b"] in "T"' in problem.hint
    assert "--allow-drop T.b" in problem.hint


def test_a_lost_and_a_gained_column_are_refused_with_both_hints() -> None:
    [problem] = diff('{"T": {"a": "INT"}}', '{"T": {"b": "INT", "c": "INT"}}').problems
    assert problem.code == Code.RENAME_OR_DROP
    assert 'If "a" was renamed (a guess; "c" fits as well): in "T": "b": {"type": "INT", "was": ["a"]}' in problem.hint
    assert problem.hint.count("was renamed") == 1, "one old column becomes one new one"
    assert '"_dropped": ["a"]' in problem.hint
    assert problem.facts == {"table": "T", "lost": ["a"], "gained": ["b", "c"], "candidates": {"a": ["b", "c"]}}


def test_several_lost_names_that_are_all_alike_are_paired_with_gained_ones_in_order() -> None:
    [problem] = diff('{"T": {"a": "INT", "b": "INT"}}', '{"T": {"x": "INT", "y": "INT"}}').problems
    assert '"x": {"type": "INT", "was": ["a"]}' in problem.hint
    assert '"y": {"type": "INT", "was": ["b"]}' in problem.hint
    assert "columns" in problem.message


def test_lost_columns_are_paired_by_their_type_and_then_by_their_name() -> None:
    old = '{"T": {"id": "INT", "born": "TEXT", "phone": "TEXT", "size": "REAL"}}'
    new = '{"T": {"id": "INT", "length": "REAL", "phone_number": "TEXT NOT NULL", "birth": "TEXT"}}'
    [problem] = diff(old, new).problems
    assert '"length": {"type": "REAL", "was": ["size"]}' in problem.hint
    assert '"phone_number": {"type": "TEXT NOT NULL", "was": ["phone"]}' in problem.hint
    assert '"birth": {"type": "TEXT", "was": ["born"]}' in problem.hint


def renames(old: str, new: str) -> list[str]:
    """Return the lines of the hint about renames, which are those before the line about a drop."""
    [problem] = diff(old, new).problems
    return problem.hint.splitlines()[:-1]


def test_columns_of_the_same_definition_are_paired_whatever_their_names_look_like() -> None:
    old = '{"T": {"name": "TEXT NOT NULL", "tel": "TEXT", "n": "INT CHECK (n > 0)", "m": "INT"}}'
    new = '{"U": {"_was": ["T"], "full": "TEXT NOT NULL", "mobile": "TEXT", "m2": "INT CHECK (m2 > 0)", "n2": "INT"}}'
    assert sorted(renames(old, new)) == [
        'If renamed: in "U": "full": {"type": "TEXT NOT NULL", "was": ["name"]}',
        'If renamed: in "U": "m2": {"type": "INT CHECK (m2 > 0)", "was": ["n"]}',
        'If renamed: in "U": "mobile": {"type": "TEXT", "was": ["tel"]}',
        'If renamed: in "U": "n2": {"type": "INT", "was": ["m"]}',
    ]


def test_where_several_pairings_are_plausible_each_is_called_a_guess_and_names_the_others() -> None:
    assert sorted(renames('{"T": {"name": "TEXT", "tel": "TEXT"}}', '{"T": {"full": "TEXT", "mobile": "TEXT"}}')) == [
        'If "name" was renamed (a guess; "mobile" fits as well): in "T": "full": {"type": "TEXT", "was": ["name"]}',
        'If "tel" was renamed (a guess; "full" fits as well): in "T": "mobile": {"type": "TEXT", "was": ["tel"]}',
    ], "by position, where names say nothing"
    assert sorted(renames('{"T": {"phone": "TEXT", "name": "TEXT"}}', '{"T": {"nom": "TEXT", "phones": "TEXT"}}')) == [
        'If "name" was renamed (a guess; "phones" fits as well): in "T": "nom": {"type": "TEXT", "was": ["name"]}',
        'If "phone" was renamed (a guess; "nom" fits as well): in "T": "phones": {"type": "TEXT", "was": ["phone"]}',
    ], "by names that are clearly similar, before position"
    [several] = renames('{"T": {"a": "INT"}}', '{"T": {"x": "INT", "y": "INT", "z": "INT"}}')
    assert '(a guess; "y", "z" fit as well)' in several


def test_what_has_nothing_in_common_is_called_a_guess() -> None:
    assert renames('{"T": {"a": "INT"}}', '{"T": {"b": "TEXT"}}') == [
        'If "a" was renamed (a guess): in "T": "b": {"type": "TEXT", "was": ["a"]}'
    ]
    assert renames('{"A": {"x": "INT"}}', '{"B": {"y": "INT"}}') == [
        'If "A" was renamed (a guess): in "B": "_was": ["A"]'
    ]
    [tables] = renames('{"A": {"x": "INT"}}', '{"B": {"x": "INT"}, "C": {"x": "INT"}}')
    assert tables == 'If "A" was renamed (a guess; "C" fits as well): in "B": "_was": ["A"]'


def test_more_columns_than_anybody_reads_hints_about_are_all_reported_as_lost() -> None:
    columns = [{f"{letter}{number}": "INT" for number in range(55)} for letter in "ab"]
    [problem] = diff(*(json.dumps({"T": each}) for each in columns)).problems
    assert len(problem.facts["lost"]) == len(problem.facts["gained"]) == 55
    assert problem.hint.count("was renamed") == 50


def test_a_hint_keeps_what_stands_beside_the_definition_already() -> None:
    new = '{"T": {"b": {"type": "INT", "was": ["older"], "fill": "1"}}}'
    [problem] = diff('{"T": {"a": "INT"}}', new).problems
    assert '"b": {"type": "INT", "was": ["a", "older"], "fill": "1"}' in problem.hint


def test_lost_tables_are_paired_by_their_columns() -> None:
    old = '{"A": {"x": "INT", "y": "INT"}, "B": {"p": "INT", "q": "INT"}}'
    new = '{"C": {"p": "INT", "q": "INT", "r": "INT"}, "D": {"x": "INT"}}'
    [problem] = diff(old, new).problems
    assert 'in "C": "_was": ["B"]' in problem.hint
    assert 'in "D": "_was": ["A"]' in problem.hint


def test_what_is_allowed_once_names_the_options_that_it_goes_together_with() -> None:
    before, after = document.read(b'{"T": {"a": "INT", "b": "INT"}}'), document.read(b'{"T": {"a": "INT"}}')
    allowed = Allowed(other_options=("--repair", "--allow-older"))
    [problem] = compare(before.schema, after.schema, allowed=allowed).problems
    assert problem.hint.endswith("or once: --repair --allow-older --allow-drop T.b")


def test_what_a_repair_drops_is_part_of_the_command_that_repairs() -> None:
    found = diff(
        '{"T": {"a": "INT", "b": "INT"}, "U": {"a": "INT"}, "V": {"x": "INT"}}',
        '{"T": {"a": "INT"}, "V": {"y": "INT"}}',
    )
    assert losses(found.problems, {"T", "U", "V"}) == ("T.b",), "what may be a rename is for a person to say"
    assert losses(found.problems, {"U"}) == ()
    assert repair_hint(("T.b",)) == (
        "To undo the change (T.b is dropped with all values): manage.py schemasync --repair --allow-drop T.b"
    )
    assert repair_hint(()) == "To undo the change: manage.py schemasync --repair"


def test_lost_tables_are_refused_in_the_same_way() -> None:
    [alone] = diff('{"T": {"a": "INT"}, "U": {"a": "INT"}}', '{"U": {"a": "INT"}}').problems
    assert alone.code == Code.LOST_TABLE
    assert '"_dropped": ["T"] at the top' in alone.hint
    [renamed] = diff('{"T": {"a": "INT"}}', '{"V": {"a": "INT"}}').problems
    assert renamed.code == Code.RENAME_OR_DROP
    assert 'in "V": "_was": ["T"]' in renamed.hint


def test_all_that_is_lost_is_said_at_once() -> None:
    found = diff('{"T": {"a": "INT", "b": "INT"}, "U": {"a": "INT"}}', '{"T": {"a": "INT"}}')
    assert {problem.code for problem in found.problems} == {Code.LOST_TABLE, Code.LOST_COLUMN}


@pytest.mark.parametrize("allow", ["T.b", "U.B", "t.b"])
def test_the_command_line_may_allow_a_drop_by_the_old_or_the_new_name(allow: str) -> None:
    found = diff('{"T": {"a": "INT", "b": "INT"}}', '{"U": {"_was": ["T"], "a": "INT"}}', allow=allow)
    assert found.problems == ()


def test_the_command_line_may_allow_a_table_to_go() -> None:
    assert diff('{"T": {"a": "INT"}}', "{}", allow="t").problems == ()


def test_only_names_changing_leaves_nothing_else_to_compare() -> None:
    old = """{"P": {"id": "INTEGER PRIMARY KEY"},
        "C": {"p": "INT NOT NULL CHECK (C.p > 0) REFERENCES P (id)", "n": "TEXT COLLATE NOCASE",
              "g": "TEXT AS (n || p)", "k": "INT UNIQUE", "_primary_key": ["p", "k"],
              "_indexes": [{"name": "i", "columns": ["lower(n)", "p DESC", "n COLLATE RTRIM"], "where": "p > 1"}]}}"""
    new = """{"Q": {"_was": ["P"], "key": {"type": "INTEGER PRIMARY KEY", "was": ["id"]}},
        "D": {"_was": ["C"], "q": {"type": "INT NOT NULL CHECK (D.q > 0) REFERENCES Q (key)", "was": ["p"]},
              "order": {"type": "TEXT COLLATE NOCASE", "was": ["n"]}, "g": "TEXT AS (\\"order\\" || q)",
              "k": "INT UNIQUE", "_primary_key": ["q", "k"],
              "_indexes": [{"name": "i", "columns": ["lower(\\"order\\")", "q DESC", "order COLLATE RTRIM"],
                            "where": "q > 1"}]}}""".replace('"order COLLATE RTRIM"', '"\\"order\\" COLLATE RTRIM"')
    assert sorted(map(describe, diff(old, new).changes)) == [
        "C -> D",
        "D: n -> order",
        "D: p -> q",
        "P -> Q",
        "Q: id -> key",
    ]


def test_a_function_or_collation_of_the_same_name_is_not_renamed() -> None:
    old = '{"T": {"lower": "TEXT CHECK (lower(lower) <> \'\' AND CAST(lower AS text) <> \'\')"}}'
    new = """{"T": {"small": {"type": "TEXT CHECK (lower(small) <> '' AND CAST(small AS text) <> '')",
        "was": ["lower"]}}}"""
    assert [describe(change) for change in diff(old, new).changes] == ["T: lower -> small"]


def test_case_alone_is_a_rename() -> None:
    assert [describe(ch) for ch in diff('{"T": {"a": "INT"}}', '{"t": {"A": "INT"}}').changes] == [
        "T -> t",
        "t: a -> A",
    ]


def test_what_is_recorded_of_names_that_are_gone_is_of_no_matter() -> None:
    recorded = frozenset({Fill("gone", "a", "1"), ColumnRename("t", "gone", "z"), TableRename("gone", "x")})
    new = '{"T": {"a": {"type": "TEXT", "fill": "1"}}}'
    assert diff('{"T": {"a": "INT"}}', new, recorded=recorded).acted == {Fill("t", "a", "1")}


RECORDED: dict[HintKey, list[str]] = {
    TableRename("u", "t"): ["_was", "u", "t"],
    ColumnRename("u", "b", "a"): ["was", "u", "b", "a"],
    Fill("u", "b", "a + 1"): ["fill", "u", "b", "a + 1"],
    TableDrop("u"): ["_dropped", "u"],
    TableFill("u", "select 1"): ["_from", "u", "select 1"],
}


@pytest.mark.parametrize("key", RECORDED)
def test_a_hint_has_one_recorded_form(key: HintKey) -> None:
    assert as_json(key) == RECORDED[key]
    assert from_json(RECORDED[key]) == key


@pytest.mark.parametrize(
    "value",
    ["was", [], ["_was", "u"], ["_was", "u", "t", "x"], ["was", "u", "b"], ["fill", "u", "b", 1], ["x", "u", "b"]],
)
def test_nothing_else_is_taken_for_a_recorded_hint(value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(str(value))):
        from_json(value)


@pytest.mark.parametrize(
    ("there", "acted"),
    [
        ('{"t": {"a": "TEXT", "b": "TEXT NOT NULL", "c": "TEXT"}}', {"_was", "_from", "was", "fill"}),
        ('{"t": {"a": "TEXT", "c": "TEXT"}}', {"_was", "_from", "was"}),
        ('{"t": {"b": "TEXT", "old_c": "TEXT"}}', {"_was", "_from"}),
        ('{"old_t": {"b": "TEXT NOT NULL", "old_c": "TEXT"}}', set()),
    ],
    ids=["as the schema says", "before the fill", "before the rename and the conversion", "before all"],
)
def test_in_a_database_without_a_history_the_hints_have_acted_whose_result_is_there(
    there: str, acted: set[str]
) -> None:
    wanted = document.read(
        b'{"t": {"_was": ["old_t"], "a": "TEXT", "b": {"type": "TEXT NOT NULL", "fill": "1"}, "c": {"type": "TEXT", "was": ["old_c"]}, "_from": "SELECT 1 AS a"}}'
    )
    found = hints_that_acted(wanted.hints, document.read(there.encode()).schema, wanted.schema)
    assert {key.hint for key in found} == acted


@pytest.mark.parametrize(
    ("there", "has_acted"), [('{"t": {"a": ""}}', True), ('{"t": {"a": ""}, "Gone": {"a": ""}}', False)]
)
def test_a_drop_has_acted_in_a_database_without_a_history_that_lacks_the_table(there: str, has_acted: bool) -> None:
    wanted = document.read(b'{"t": {"a": ""}, "_dropped": ["gone"]}')
    found = hints_that_acted(wanted.hints, document.read(there.encode()).schema, wanted.schema)
    assert (TableDrop("gone") in found) == has_acted


@pytest.mark.parametrize(("there", "has_acted"), [('{"t": {"a": ""}}', True), ('{"t": {"a": "", "old": ""}}', False)])
def test_a_fill_has_acted_where_the_column_that_it_reads_is_gone(there: str, has_acted: bool) -> None:
    wanted = document.read(b'{"t": {"a": {"type": "", "fill": "coalesce(a, old)"}, "_dropped": ["old"]}}')
    found = hints_that_acted(wanted.hints, document.read(there.encode()).schema, wanted.schema)
    assert bool(found) == has_acted


def test_a_hint_on_a_table_that_only_the_database_has_acts_on_nothing() -> None:
    wanted = document.read(b'{"t": {"b": {"type": "TEXT", "fill": "1"}}}')
    other = document.read(b'{"u": {"b": "TEXT"}}').schema
    assert hints_that_acted(wanted.hints, document.read(b'{"t": {"b": "TEXT"}}').schema, other) == frozenset()


SPLIT = '{"T": {"a": "INT"}, "U": {"a": "INT", "_from": "SELECT a FROM old.T"}}'
AGAIN = '{"T": {"a": {"type": "INT", "fill": "a + 1"}, "b": "INT", "_from": "SELECT a, a AS b FROM old.T"}}'


def test_a_from_fills_a_new_table_and_replaces_the_rows_of_one_that_is_there_once() -> None:
    found = diff('{"T": {"a": "INT"}}', SPLIT)
    assert found.changes == (CreateTable(found.tables[1].new), DeriveTable("U"))  # type: ignore[union-attr]
    assert found.acted == {TableFill("u", "select a from old . t")}
    assert diff(SPLIT, SPLIT).changes == (DeriveTable("U"),)
    again = diff(SPLIT, SPLIT, recorded=found.applied_hints)
    assert (again.changes, again.acted, again.spent) == ((), frozenset(), tuple(found.acted))


def test_a_fill_beside_a_from_that_acts_does_not_act_now_or_later() -> None:
    found = diff('{"T": {"a": "INT"}}', AGAIN)
    assert found.acted == {TableFill("t", "select a , a as b from old . t")}
    assert Fill("t", "a", "a + 1") in found.applied_hints
    other = AGAIN.replace("INT", "TEXT")
    assert diff(AGAIN, other, recorded=found.applied_hints).acted == frozenset()


def test_a_from_stays_recorded_under_a_new_name_of_its_table() -> None:
    renamed = SPLIT.replace('"U": {', '"V": {"_was": ["U"], ')
    before = diff('{"T": {"a": "INT"}}', SPLIT).applied_hints
    assert diff(SPLIT, renamed, recorded=before).acted == {TableRename("v", "u")}


def test_a_from_whose_select_changes_acts_again() -> None:
    before = diff('{"T": {"a": "INT"}}', SPLIT).applied_hints
    assert diff(SPLIT, SPLIT.replace("SELECT a", "SELECT -a AS a"), recorded=before).changes == (DeriveTable("U"),)
