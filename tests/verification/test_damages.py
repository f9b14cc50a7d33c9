"""A new file that is damaged while it is built never goes live: the verification names the table or the object."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemasync.errors import SchemasyncError
from schemasync.files.disk import Disk
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from tests.crash.databases import dump, traces

from .damaged import COPIED, FILLED, FINISHED, LIMITS, MODES, NEW, RENAMED, at, copy, execute, found, make, run, target

EVERYWHERE = {
    "a row is lost": ("people", "DELETE FROM people WHERE id = 2"),
    "a row is added": ("people", "INSERT INTO people (id, name) VALUES (99, 'q')"),
    "a row is lost and another added": (
        "people",
        "DELETE FROM people WHERE id = 2; INSERT INTO people (id, name) VALUES (99, 'b')",
    ),
    "all rows are lost but the last": ("people", "DELETE FROM people WHERE id < 3"),
    "a value": ("people", "UPDATE people SET name = 'zz' WHERE id = 1"),
    "upper case for lower": ("people", "UPDATE people SET name = 'A' WHERE id = 1"),
    "a trailing blank": ("people", "UPDATE people SET trimmed = 'x  ' WHERE id = 1"),
    "a real for an integer": ("people", 'UPDATE people SET "any" = 1.0 WHERE id = 1'),
    "a text for an integer": ("people", """UPDATE people SET "any" = '1' WHERE id = 1"""),
    "a blob for a text": ("people", """UPDATE people SET "any" = CAST('b' AS BLOB) WHERE id = 2"""),
    "the last bit of a real": ("people", "UPDATE people SET height = 0.30000000000000004 WHERE id = 1"),
    "NULL for a value": ("people", "UPDATE people SET trimmed = NULL WHERE id = 1"),
    "a text with a NUL": ("people", "UPDATE people SET name = 'a' || char(0) || 'x' WHERE id = 1"),
    "another row id that a column shows": ("people", "UPDATE people SET id = 50 WHERE id = 2"),
    "values that changed places": (
        "people",
        "UPDATE people SET name = CASE id WHEN 1 THEN 'b' ELSE 'a' END WHERE id IN (1, 2)",
    ),
    "a value in a column that is new": ("people", "UPDATE people SET more = 'junk' WHERE id = 3"),
    "another row id that no column shows": ("bare", "UPDATE bare SET rowid = 77 WHERE rowid = 1"),
    "row ids that changed places": (
        "bare",
        "UPDATE bare SET rowid = 77 WHERE rowid = 1; UPDATE bare SET rowid = 1 WHERE rowid = 2;"
        " UPDATE bare SET rowid = 2 WHERE rowid = 77",
    ),
    "a value where no column is a key": ("bare", "UPDATE bare SET b = 'q' WHERE rowid = 1"),
    "a row is doubled": ("bare", "INSERT INTO bare SELECT * FROM bare LIMIT 1"),
    "a row of a WITHOUT ROWID table is lost": ("codes", "DELETE FROM codes WHERE code = 'k1'"),
    "a row of a WITHOUT ROWID table is added": ("codes", "INSERT INTO codes (code) VALUES ('k9')"),
    "a key of a WITHOUT ROWID table": ("codes", "UPDATE codes SET code = 'K1' WHERE code = 'k1'"),
    "a type of value in a WITHOUT ROWID table": ("codes", "UPDATE codes SET value = '1' WHERE code = 'k1'"),
    "a counter that is too low": ("counted", "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'counted'"),
    "a counter that is too high": ("counted", "UPDATE sqlite_sequence SET seq = 10 WHERE name = 'counted'"),
    "a counter that is lost": ("counted", "DELETE FROM sqlite_sequence WHERE name = 'counted'"),
    "the counter of a table that is not rewritten": ("kept", "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'kept'"),
    "the counter of a foreign table": (
        "foreign_counted",
        "UPDATE sqlite_sequence SET seq = 10 WHERE name = 'foreign_counted'",
    ),
    "a reference to a row that is not there": ("children", "UPDATE children SET person = 12345 WHERE id = 1"),
}
"""Damage that every run finds: (table, SQL on the new file once it is filled)."""

COUNTERS = {name for name in EVERYWHERE if "counter" in name}
"""Damage of counters. A run while writers write copies all counters again before it compares anything."""

UNCHANGED = {
    "a row is lost": ("kept", "DELETE FROM kept WHERE id = 1"),
    "a row is added": ("kept", "INSERT INTO kept (id, x) VALUES (5, 'z')"),
    "a value": ("kept", "UPDATE kept SET x = 'q' WHERE id = 1"),
    "a type of value": ("kept", "UPDATE kept SET x = CAST(x AS BLOB) WHERE id = 1"),
    "a row id": ("kept", "UPDATE kept SET id = 5 WHERE id = 1"),
    "a row of a WITHOUT ROWID table": ("kept_codes", "DELETE FROM kept_codes WHERE code = 'c1'"),
    "a value of a WITHOUT ROWID table": ("kept_codes", "UPDATE kept_codes SET value = 1.0 WHERE code = 'c1'"),
    "a row id that no column shows": ("kept_bare", "UPDATE kept_bare SET rowid = 77 WHERE rowid = 1"),
    "a row of a foreign table": ("foreign_table", "DELETE FROM foreign_table WHERE q = 1"),
    "a value of a foreign table": ("foreign_table", "UPDATE foreign_table SET q = 1.0 WHERE q = 1"),
    "a row id of a foreign table": ("foreign_table", "UPDATE foreign_table SET rowid = 77 WHERE q = 2"),
}
"""Damage to tables that are not rewritten: found with --verify full, and in a fresh file."""

REORDERED = (
    "ALTER TABLE {0} RENAME COLUMN a TO _; ALTER TABLE {0} RENAME COLUMN b TO a; ALTER TABLE {0} RENAME COLUMN _ TO b"
)
OBJECTS = {
    "an index": ("people", "DROP INDEX people_name"),
    "an index of a table that is not rewritten": ("kept", "DROP INDEX kept_x"),
    "an index that is another": (
        "people",
        "DROP INDEX people_name; CREATE UNIQUE INDEX people_name ON people (name)",
    ),
    "a trigger": ("people", "DROP TRIGGER people_added"),
    "a trigger of a table that is not rewritten": ("kept", "DROP TRIGGER kept_added"),
    "a view": ("names", "DROP VIEW names"),
    "a table": ("children", "DROP TABLE children"),
    "a column": ("bare", "ALTER TABLE bare DROP COLUMN more"),
    "the order of the columns of a rewritten table": ("bare", REORDERED.format("bare")),
    "the order of the columns of a kept table": ("kept_pair", REORDERED.format("kept_pair")),
    "a foreign index": ("foreign_index", "DROP INDEX foreign_index"),
    "a foreign index of a table that is not rewritten": ("foreign_kept_index", "DROP INDEX foreign_kept_index"),
    "a foreign trigger": ("foreign_trigger", "DROP TRIGGER foreign_trigger"),
    "a trigger of a foreign table": ("foreign_table_trigger", "DROP TRIGGER foreign_table_trigger"),
    "a foreign view": ("foreign_view", "DROP VIEW foreign_view"),
    "a foreign table": ("foreign_table", "DROP TABLE foreign_table"),
    "a foreign table that is another": (
        "foreign_table",
        "ALTER TABLE foreign_table ADD COLUMN r",
    ),
}
"""Damage to objects: (table or object, SQL on the new file once it has views and triggers)."""


OFTEN = 4  # CI runs one case in 4 in the modes other than the first; --every runs all


def in_modes(names, modes):
    """Return every case in each mode. Outside of the first mode, most are slow."""
    return [
        pytest.param(
            name,
            mode,
            id=f"{name}-{mode}",
            marks=[] if place == 0 or (number + place) % OFTEN == 0 else [pytest.mark.slow],
        )
        for number, name in enumerate(names)
        for place, mode in enumerate(modes)
    ]


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return make(tmp_path_factory.mktemp("damages") / "old")


@pytest.fixture
def link(old, tmp_path):
    return copy(old, tmp_path / "w")


def assert_found(problems, table, link, before):
    """Check that the error is verify-differs for this table, and that the live file is unchanged and the only one."""
    assert [str(problem.code) for problem in problems] == ["verify-differs"], problems
    facts = problems[0].facts
    assert table in (facts.get("table"), facts.get("object")), problems
    assert dump(link) == before
    assert traces(link) == []
    assert [path.name[:4] for path in link.with_name(link.name + ".generations").glob("*.sqlite3*")] == ["0001"]


@pytest.mark.parametrize(("name", "mode"), in_modes(EVERYWHERE, MODES))
def test_a_table_that_is_damaged_while_it_is_built_is_found(link, name, mode):
    if name in COUNTERS and mode != "pause":
        return assert_healed(link, EVERYWHERE[name][1], MODES[mode])
    before = dump(link)
    table, damage = EVERYWHERE[name]
    return assert_found(found(link, NEW, MODES[mode], FILLED, damage), table, link, before)


def assert_healed(link, damage, options):
    counters = dump(link)["rows"]["sqlite_sequence"]
    assert found(link, NEW, options, FILLED, damage) == ()
    assert dump(link)["rows"]["sqlite_sequence"] == counters


@pytest.mark.parametrize(
    ("name", "mode"), in_modes(UNCHANGED, ["full", "full, writers wait", "fresh", "fresh, writers wait"])
)
def test_a_table_that_is_not_rewritten_and_is_damaged_is_found_where_it_is_compared(link, name, mode):
    full = mode.startswith("full")
    options = SyncOptions(verify_full=full, rebuild_all=not full, block_writers=mode.endswith("wait"), limits=LIMITS)
    before = dump(link)
    table, damage = UNCHANGED[name]
    assert_found(found(link, NEW, options, FILLED, damage), table, link, before)


AT_AN_END = [name for name in UNCHANGED if "value" not in name]


@pytest.mark.parametrize("name", AT_AN_END)
def test_what_is_lost_at_an_end_of_a_table_that_is_not_rewritten_is_found_without_comparing_it(link, name):
    before = dump(link)
    table, damage = UNCHANGED[name]
    assert_found(found(link, NEW, MODES["pause"], FILLED, damage), table, link, before)


@pytest.mark.parametrize("name", AT_AN_END)
def test_beside_writers_that_counts_as_a_write_past_the_change_log(link, name):
    table, damage = UNCHANGED[name]
    (problem,) = found(link, NEW, MODES["live"], FILLED, damage)
    assert (str(problem.code), problem.facts["table"]) == ("log-incomplete", table)


ALTERED = {
    "widened": {"id": "INTEGER PRIMARY KEY", "name": "VARCHAR(5)"},
    "narrowed": {"id": "INTEGER PRIMARY KEY", "fax": "TEXT", "name": "TEXT"},
}
EDITED = {
    "widened": {**ALTERED["widened"], "name": "VARCHAR(9)"},
    "narrowed": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "_dropped": ["fax"]},
}
INSIDE = {
    "a value": "UPDATE {0} SET name = 'zz' WHERE id = 2",
    "a type of value": "UPDATE {0} SET name = CAST(name AS BLOB) WHERE id = 2",
    "a row is lost": "DELETE FROM {0} WHERE id = 2",
    "a row is added": "INSERT INTO {0} (id, name) VALUES (3, 'q')",
}
"""Damage to altered tables between their first and last row: SQL with a placeholder for the table."""


@pytest.fixture
def altered(tmp_path):
    rows = """
        INSERT INTO widened VALUES (1, 'a'), (2, 'b'), (4, 'd');
        INSERT INTO narrowed VALUES (1, '11', 'a'), (2, '22', 'b'), (4, '44', 'd');
    """
    return make(tmp_path / "w", ALTERED, rows)


@pytest.mark.parametrize(("name", "mode"), in_modes(INSIDE, ["live", "pause"]))
def test_a_damaged_table_of_which_a_column_is_dropped_is_found_by_every_run(altered, name, mode):
    before = dump(altered)
    damage = INSIDE[name].format("narrowed")
    assert_found(found(altered, EDITED, MODES[mode], FILLED, damage), "narrowed", altered, before)


@pytest.mark.parametrize(("name", "mode"), in_modes(INSIDE, ["live", "pause"]))
def test_a_damaged_table_of_which_only_the_definition_changes_is_found_with_verify_full(altered, name, mode):
    before = dump(altered)
    options, damage = replace(MODES[mode], verify_full=True), INSIDE[name].format("widened")
    assert_found(found(altered, EDITED, options, FILLED, damage), "widened", altered, before)


@pytest.mark.parametrize("row", [1, 4])
def test_what_is_lost_at_an_end_of_an_altered_table_is_found_without_comparing_it(altered, row):
    before = dump(altered)
    damage = f"DELETE FROM widened WHERE id = {row}"
    assert_found(found(altered, EDITED, MODES["pause"], FILLED, damage), "widened", altered, before)


def test_beside_writers_a_lost_end_of_an_altered_table_counts_as_a_write_past_the_change_log(altered):
    (problem,) = found(altered, EDITED, MODES["live"], FILLED, "DELETE FROM widened WHERE id = 1")
    assert (str(problem.code), problem.facts["table"]) == ("log-incomplete", "widened")


@pytest.mark.parametrize("mode", ["live", "pause"])
def test_a_healthy_run_alters_both_tables_and_finds_nothing(altered, mode):
    report = run(altered, EDITED, replace(MODES[mode], verify_full=True), lambda when, label: None)
    assert {name: str(table["action"]) for name, table in report.tables.items()} == dict.fromkeys(EDITED, "alter")
    assert dump(altered)["rows"]["narrowed"] == [(1, "a"), (2, "b"), (4, "d")]


def test_the_ends_of_a_table_that_is_renamed_with_its_key_are_those_of_the_old_one(tmp_path):
    columns = {"k": "TEXT NOT NULL COLLATE NOCASE", "v": "", "_primary_key": ["k"], "_without_rowid": True}
    renamed = {"key": {"type": "TEXT NOT NULL COLLATE NOCASE", "was": ["k"]}, "v": "", "_primary_key": ["key"]}
    new = {"d": {**renamed, "_was": ["c"], "_without_rowid": True}}
    rows = "INSERT INTO c VALUES ('b', 1), ('A', 2), ('C', 3)"
    for number, options in enumerate([MODES["pause"], SyncOptions(verify_full=True), SyncOptions(rebuild_all=True)]):
        link = make(tmp_path / f"w{number}", {"c": columns}, rows)
        lost = found(link, new, options, FILLED, "DELETE FROM d WHERE \"key\" = 'A'")
        assert [problem.facts["table"] for problem in lost] == ["d"]
        assert found(link, new, options, FILLED, "SELECT 1") == ()
        assert dump(link)["rows"]["d"] == [("A", 2), ("C", 3), ("b", 1)]


def test_an_adoption_looks_at_the_ends_too(tmp_path):
    link = tmp_path / "db.sqlite3"
    execute(link, "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    lose = at(FILLED, lambda: execute(built(link), "DELETE FROM t WHERE id = 2"))
    with pytest.raises(SchemasyncError) as caught:
        adopt(target(link, disk=Disk(lose)), None)
    assert [(str(problem.code), problem.facts["table"]) for problem in caught.value.problems] == [
        ("verify-differs", "t")
    ]
    assert not link.is_symlink()


def built(link):
    (path,) = link.with_name(f"{link.name}.generations").glob("0001-*.sqlite3*")
    return path


@pytest.mark.slow(but=["*index*", "a table-*", "a view-*", "a trigger-*"])
@pytest.mark.parametrize(("name", "mode"), in_modes(OBJECTS, MODES))
def test_an_object_that_is_lost_or_another_is_found(link, name, mode):
    before = dump(link)
    table, damage = OBJECTS[name]
    problems = found(link, NEW, MODES[mode], FINISHED, damage)
    assert table in {problem.facts["object"] for problem in problems}, problems
    assert {str(problem.code) for problem in problems} == {"verify-differs"}
    assert dump(link) == before


@pytest.mark.parametrize(
    ("mode", "moment"), [("pause", COPIED), *((mode, FINISHED) for mode in MODES)], ids=["copied", *MODES]
)
def test_a_foreign_table_that_is_lost_is_found_beside_a_table_that_is_renamed(link, mode, moment):
    problems = found(link, RENAMED, MODES[mode], moment, "DROP TABLE foreign_counted")
    assert [problem.facts.get("object") for problem in problems] == ["foreign_counted"]
    assert [str(problem.code) for problem in problems] == ["verify-differs"]


@pytest.mark.parametrize(("name", "rows"), [("a row is lost", 1), ("a row is added", 1), ("all rows are lost", 3)])
def test_how_many_rows_differ_is_reported(link, name, rows):
    damages = {**EVERYWHERE, "all rows are lost": ("people", "DELETE FROM people")}
    (problem,) = found(link, NEW, MODES["pause"], FILLED, damages[name][1])
    assert problem.facts["rows"] == rows


def test_a_counter_by_hand_of_a_table_that_needs_none_is_compared_too(link):
    execute(link, "INSERT INTO sqlite_sequence VALUES ('foreign_table', 1)")
    before = dump(link)
    damage = "DELETE FROM sqlite_sequence WHERE name = 'foreign_table'"
    assert_found(found(link, NEW, MODES["pause"], FILLED, damage), "foreign_table", link, before)


@pytest.mark.parametrize("damage", ["UPDATE c SET v = 'X' WHERE v = 'x'", "UPDATE c SET w = 'y ' WHERE w = 'y'"])
def test_without_a_key_values_are_told_apart_whatever_the_collation_of_their_column(tmp_path, damage):
    """Values differ in letter case or trailing blanks. A NULL in the key makes the run compare rows as a set."""
    columns = {"k": "INTEGER NOT NULL", "v": "TEXT COLLATE NOCASE", "w": "TEXT COLLATE RTRIM"}
    old = {"c": {**columns, "_primary_key": ["k"], "_without_rowid": True}}
    new = {"c": {**columns, "_primary_key": ["v"]}}
    link = make(tmp_path / "w", old, "INSERT INTO c VALUES (1, 'x', 'a'), (2, 'z', 'y'), (3, NULL, 'b')")
    before = dump(link)
    assert_found(found(link, new, MODES["pause"], FILLED, damage), "c", link, before)


def test_a_healthy_run_finds_nothing(link):
    """Without damage, no run above reports a problem, so the reports of the other tests come from the damage alone."""
    for mode in MODES.values():
        assert found(link, NEW if mode is not MODES["fresh"] else RENAMED, mode, FILLED, "SELECT 1") == ()
