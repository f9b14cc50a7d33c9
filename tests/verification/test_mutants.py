"""The tool that puts faults into the code: each mutant has one change, and each reason is for a change that exists."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from tests.long.mutants import NEAREST, ROOT, again, choose, equivalent
from tests.long.mutations import mutations


@pytest.fixture
def changed(tmp_path):
    """A function that returns the mutations of a piece of code: {change: changed code}."""

    def found(code):
        (tmp_path / "module.py").write_text(dedent(code))
        return {mutation.what: mutation.source for mutation in mutations(tmp_path, "module.py")}

    return found


def test_statements_are_dropped_and_change_places(changed):
    found = changed("""
        def act(a):
            a.one()
            a.two()
            return a
    """)
    assert set(found) == {
        "act: empty",
        "dropped: a.one()",
        "dropped: a.two()",
        "dropped: return a",
        "after the next: a.one()",
    }
    assert found["dropped: a.one()"].splitlines()[2:4] == ["    pass", "    a.two()"]
    assert found["after the next: a.one()"].splitlines()[2:4] == ["    a.two()", "    a.one()"]


def test_conditions_are_negated_swapped_and_shortened(changed):
    found = changed("""
        def ask(a, b):
            if a and b > 1:
                a()
    """)
    assert {"negated: a and b > 1", "a and b > 1 -> a", "a and b > 1 -> b > 1", "b > 1 -> b >= 1", "1 -> 2"} <= set(
        found
    )


def test_words_of_sql_are_changed_and_what_people_read_is_not(changed):
    found = changed('''
        def act(c):
            """Rows AND columns."""
            c.execute(f"SELECT x FROM {t} WHERE a AND b")
            raise Failed.of(Code.X, "this AND that")
    ''')
    assert len([what for what in found if what.startswith("SQL")]) == 1


def test_every_change_is_python_and_changes_something():
    for mutation in choose(ROOT, list(NEAREST), 7, len(NEAREST)):
        text = (ROOT / mutation.module).read_text("utf-8")
        assert ast.dump(ast.parse(mutation.source)) != ast.dump(ast.parse(text)), mutation.what


def test_a_seed_chooses_the_same_evenly_from_each_module():
    chosen = choose(ROOT, list(NEAREST), 1, 26)
    assert chosen == choose(ROOT, list(NEAREST), 1, 26)
    assert chosen != choose(ROOT, list(NEAREST), 2, 26)
    assert {mutation.module for mutation in chosen} == set(NEAREST)


def test_survivors_are_found_again_by_what_was_changed(tmp_path):
    (one, *_) = choose(ROOT, ["schemasync/engines/sqlite/fence.py"], 1, 1)
    printed = f"mutants: …\n  {one.module}:999: {one.what}\n      NO TEST FAILS\n  commit 0000000\n"
    assert one in again(ROOT, [one.module], printed)


def test_reasons_are_given_for_changes_that_exist():
    names = {mutation.name for module in NEAREST for mutation in mutations(ROOT, module)}
    assert set(equivalent()) <= names


def test_the_tests_nearest_to_a_module_exist():
    for path, _, name in {tests.partition("::") for nearest in NEAREST.values() for tests in nearest}:
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(), name
