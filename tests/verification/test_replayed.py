"""Replayed rows are compared in the same transaction, so damage to them never goes live.

A trigger in the new file does the damage at the moment at which the replay writes.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from schemasync.errors import SchemasyncError
from schemasync.files.disk import DiskStep
from tests.crash.databases import fence_of, traces

from .damaged import FILLED, MODES, NEW, OLD, SEALED, at, copy, execute, make, new_file, run

OLD_WITH_MAP = {**OLD, "mapped": {"id": "INTEGER PRIMARY KEY", "code": "TEXT NOT NULL", "v": "TEXT"}}
NEW_WITH_MAP = {
    **NEW,
    "mapped": {"id": "INTEGER", "code": "TEXT NOT NULL", "v": "TEXT", "_primary_key": ["code"], "_without_rowid": True},
}

CASES = {
    "an inserted row is lost": (
        "people",
        "INSERT INTO people (id, name) VALUES (7, 'new')",
        "BEFORE INSERT ON people BEGIN SELECT RAISE(IGNORE); END",
    ),
    "an updated row is lost": (
        "people",
        "UPDATE people SET name = 'n' WHERE id = 1",
        "BEFORE INSERT ON people BEGIN SELECT RAISE(IGNORE); END",
    ),
    "a deleted row stays": (
        "people",
        "DELETE FROM people WHERE id = 3",
        "BEFORE DELETE ON people BEGIN SELECT RAISE(IGNORE); END",
    ),
    "a value": (
        "people",
        "UPDATE people SET name = 'n' WHERE id = 1",
        "AFTER INSERT ON people BEGIN UPDATE people SET name = 'N' WHERE id = NEW.id; END",
    ),
    "a type of value": (
        "people",
        'UPDATE people SET "any" = 5 WHERE id = 1',
        'AFTER INSERT ON people BEGIN UPDATE people SET "any" = 5.0 WHERE id = NEW.id; END',
    ),
    "a value of a column that is new": (
        "people",
        "UPDATE people SET name = 'n' WHERE id = 1",
        "AFTER INSERT ON people BEGIN UPDATE people SET more = 'junk' WHERE id = NEW.id; END",
    ),
    "a row id": (
        "bare",
        "UPDATE bare SET b = 'n' WHERE rowid = 1",
        "AFTER INSERT ON bare BEGIN UPDATE bare SET rowid = 77 WHERE rowid = NEW.rowid; END",
    ),
    "a row of a WITHOUT ROWID table": (
        "codes",
        "INSERT INTO codes VALUES ('k7', 7)",
        "BEFORE INSERT ON codes BEGIN SELECT RAISE(IGNORE); END",
    ),
    "a value of a WITHOUT ROWID table": (
        "codes",
        "UPDATE codes SET value = 7 WHERE code = 'k1'",
        "AFTER INSERT ON codes BEGIN UPDATE codes SET value = '7' WHERE code = NEW.code; END",
    ),
    "a row of a table that is not rewritten": (
        "kept",
        "UPDATE kept SET x = 'n' WHERE id = 1",
        "AFTER INSERT ON kept BEGIN UPDATE kept SET x = 'N' WHERE id = NEW.id; END",
    ),
    "a row of a foreign table": (
        "foreign_table",
        "DELETE FROM foreign_table WHERE q = 1",
        "BEFORE DELETE ON foreign_table BEGIN SELECT RAISE(IGNORE); END",
    ),
    "a value where the plan gives rows another key": (
        "mapped",
        "UPDATE mapped SET v = 'n' WHERE id = 1",
        "AFTER INSERT ON mapped BEGIN UPDATE mapped SET v = 'N' WHERE code = NEW.code; END",
    ),
    "a deleted row stays where the plan gives rows another key": (
        "mapped",
        "DELETE FROM mapped WHERE id = 2",
        "BEFORE DELETE ON mapped BEGIN SELECT RAISE(IGNORE); END",
    ),
}
"""(table, SQL of the application, the trigger in the new file)."""


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    link = make(tmp_path_factory.mktemp("replayed") / "old", OLD_WITH_MAP)
    execute(link, "INSERT INTO mapped VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')")
    return link


@pytest.fixture
def link(old, tmp_path):
    return copy(old, tmp_path / "w")


@pytest.mark.slow(but=["*-cut over"])
@pytest.mark.parametrize("moment", [FILLED, SEALED], ids=["built", "cut over"])
@pytest.mark.parametrize("name", list(CASES))
def test_a_replayed_row_that_is_damaged_is_found(link, name, moment):
    table, write, trigger = CASES[name]

    def damage():
        execute(link, write)
        execute(new_file(link), f"CREATE TRIGGER damage {trigger}")

    with pytest.raises(SchemasyncError) as caught:
        run(link, NEW_WITH_MAP, MODES["live"], at(moment, damage))
    (problem,) = caught.value.problems
    assert (str(problem.code), problem.facts["table"], problem.facts["rows"]) == ("verify-differs", table, 1)
    assert traces(link) == []
    assert fence_of(link) is None
    assert [path.name[:4] for path in link.with_name(link.name + ".generations").glob("*.sqlite3*")] == ["0001"]


def test_a_row_that_did_not_fit_and_was_fixed_is_compared_too(tmp_path):
    strict = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT NOT NULL"}}
    link = make(tmp_path / "w", {"t": {**strict["t"], "a": "TEXT"}}, "INSERT INTO t VALUES (1, 'a')")
    rounds = []

    def observer(when, label):
        if (when, label) == SEALED:
            execute(link, "INSERT INTO t VALUES (2, NULL)")
        if (when, label) == ("after", DiskStep.CUTOVER_ROUND) and not rounds:
            rounds.append(label)
            execute(link, "UPDATE t SET a = 'fixed' WHERE id = 2")
            execute(
                new_file(link),
                "CREATE TRIGGER damage AFTER INSERT ON t BEGIN UPDATE t SET a = 'q' WHERE id = NEW.id; END",
            )

    with pytest.raises(SchemasyncError) as caught:
        run(link, strict, MODES["live"], observer)
    (problem,) = caught.value.problems
    assert (str(problem.code), problem.facts["table"], problem.facts["keys"]) == ("verify-differs", "t", ["2"])


@pytest.mark.parametrize("moment", [FILLED, SEALED], ids=["built", "cut over"])
def test_what_was_written_comes_along_where_nothing_damages_it(link, moment):
    writes = ";".join(write for _, write, _ in CASES.values())
    assert run(link, NEW_WITH_MAP, MODES["live"], at(moment, lambda: execute(link, writes))).result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT id, name FROM people ORDER BY id").fetchall() == [
            (1, "n"),
            (2, "b"),
            (7, "new"),
        ]
        assert connection.execute("SELECT id, v FROM mapped ORDER BY id").fetchall() == [(1, "n"), (3, "z")]
    assert traces(link) == [], "what led from old keys to new ones is gone"


@pytest.mark.parametrize(
    "damage",
    ["CREATE TRIGGER late AFTER INSERT ON people BEGIN SELECT 1; END", "DROP VIEW names", "DROP INDEX people_name"],
)
def test_a_new_file_whose_schema_is_changed_once_it_was_verified_never_goes_live(link, damage):
    with pytest.raises(SchemasyncError) as caught:
        run(link, NEW_WITH_MAP, MODES["live"], at(SEALED, lambda: execute(new_file(link), damage)))
    assert [str(problem.code) for problem in caught.value.problems] == ["verify-differs"]
