"""Each change of the closed family results from a minimal pair of schemas, and no other change with it."""

from __future__ import annotations

import json

import pytest

from schemasync.diff import changes as c
from schemasync.diff.compare import compare
from schemasync.schema import document

T = '{"T": {"a": "INT"}}'
KEYED = '{"T": {"a": "INT", "b": "INT"}}'
KEYED_WITH_VIEW = KEYED[:-1] + ', "_views": {"V": "SELECT * FROM T"}}'
TRIGGER = "AFTER INSERT ON T BEGIN SELECT 1; END"
OTHER = "AFTER INSERT ON T BEGIN SELECT 2; END"
# in a STRICT table a key implies NOT NULL, as WITHOUT ROWID does, so that nothing else changes
STRICT_KEY = '{"T": {"a": "TEXT PRIMARY KEY", "_strict": true}}'
PARENT = '"P": {"id": "INTEGER PRIMARY KEY"}'

MINIMAL = [
    (c.CreateTable, "{}", T),
    (c.DropTable, T, '{"_dropped": ["T"]}'),
    (c.RenameTable, T, '{"U": {"_was": ["T"], "a": "INT"}}'),
    (c.DeriveTable, T, '{"T": {"a": "INT", "_from": "SELECT a FROM old.T"}}'),
    (c.AddColumn, T, KEYED),
    (c.DropColumn, KEYED, '{"T": {"a": "INT", "_dropped": ["b"]}}'),
    (c.RenameColumn, T, '{"T": {"b": {"type": "INT", "was": ["a"]}}}'),
    (c.ReorderColumns, KEYED_WITH_VIEW, KEYED_WITH_VIEW.replace('"a": "INT", "b": "INT"', '"b": "INT", "a": "INT"')),
    (c.ChangeType, T, '{"T": {"a": "INTEGER"}}'),
    (c.ChangeNotNull, T, '{"T": {"a": "INT NOT NULL"}}'),
    (c.ChangeDefault, T, '{"T": {"a": "INT DEFAULT 0"}}'),
    (c.ChangeCollation, T, '{"T": {"a": "INT COLLATE NOCASE"}}'),
    (c.ChangeGenerated, '{"T": {"a": "INT", "b": "INT AS (a)"}}', '{"T": {"a": "INT", "b": "INT AS (a) STORED"}}'),
    (c.ChangePrimaryKey, KEYED, '{"T": {"a": "INT", "b": "INT", "_primary_key": ["a", "b"]}}'),
    (c.AddUnique, T, '{"T": {"a": "INT UNIQUE"}}'),
    (c.DropUnique, '{"T": {"a": "INT UNIQUE"}}', T),
    (c.AddCheck, T, '{"T": {"a": "INT CHECK (a > 0)"}}'),
    (c.DropCheck, '{"T": {"a": "INT CHECK (a > 0)"}}', T),
    (c.AddForeignKey, '{"T": {"a": "INT"}, %s}' % PARENT, '{"T": {"a": "INT REFERENCES P"}, %s}' % PARENT),
    (c.DropForeignKey, '{"T": {"a": "INT REFERENCES P"}, %s}' % PARENT, '{"T": {"a": "INT"}, %s}' % PARENT),
    (c.ChangeStrict, T, '{"T": {"a": "INT", "_strict": true}}'),
    (c.ChangeRowid, STRICT_KEY, STRICT_KEY.replace("true", 'true, "_without_rowid": true')),
    (c.ChangeVirtual, '{"V": {"_virtual": "fts5(a)"}}', '{"V": {"_virtual": "fts5(a, b)"}}'),
    (c.AddIndex, T, '{"T": {"a": "INT", "_indexes": ["a"]}}'),
    (c.DropIndex, '{"T": {"a": "INT", "_indexes": ["a"]}}', T),
    (
        c.ChangeIndex,
        '{"T": {"a": "INT", "_indexes": [{"name": "i", "columns": ["a"]}]}}',
        '{"T": {"a": "INT", "_indexes": [{"name": "i", "columns": ["a DESC"]}]}}',
    ),
    (c.AddTrigger, T, '{"T": {"a": "INT", "_triggers": {"t": "%s"}}}' % TRIGGER),
    (c.DropTrigger, '{"T": {"a": "INT", "_triggers": {"t": "%s"}}}' % TRIGGER, T),
    (
        c.ChangeTrigger,
        '{"T": {"a": "INT", "_triggers": {"t": "%s"}}}' % TRIGGER,
        '{"T": {"a": "INT", "_triggers": {"t": "%s"}}}' % OTHER,
    ),
    (c.AddView, T, '{"T": {"a": "INT"}, "_views": {"V": "SELECT a FROM T"}}'),
    (c.DropView, '{"T": {"a": "INT"}, "_views": {"V": "SELECT a FROM T"}}', T),
    (
        c.ChangeView,
        '{"T": {"a": "INT"}, "_views": {"V": "SELECT a FROM T"}}',
        '{"T": {"a": "INT"}, "_views": {"V": "SELECT 1 FROM T"}}',
    ),
]


def found(old: str, new: str) -> tuple[c.Change, ...]:
    before, after = document.read(old.encode()), document.read(new.encode())
    diff = compare(before.schema, after.schema, after.hints)
    assert diff.problems == ()
    return diff.changes


@pytest.mark.parametrize(("kind", "old", "new"), MINIMAL, ids=lambda v: v.__name__ if isinstance(v, type) else None)
def test_a_minimal_change_is_seen_as_what_it_is_and_nothing_else(kind: type, old: str, new: str) -> None:
    changes = found(old, new)
    assert [type(change) for change in changes] == [kind]
    text = c.describe(changes[0])
    assert text and "None" not in text
    data = c.as_json(changes[0])
    assert data["change"] == kind.__name__
    assert data["text"] == text
    json.dumps(data)
    assert text.startswith(c.subject(changes[0])) or text.endswith(f"-> {c.subject(changes[0])}")


def test_every_change_of_the_family_has_a_minimal_pair() -> None:
    assert {kind for kind, _, _ in MINIMAL} == set(c.FAMILY) - {c.TransformTable}  # no hint of a file: test_transforms


@pytest.mark.parametrize(("kind", "old", "new"), MINIMAL, ids=lambda v: v.__name__ if isinstance(v, type) else None)
def test_a_schema_does_not_differ_from_itself(kind: type, old: str, new: str) -> None:
    assert found(old, old) == ()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('{"T": {"a": "INT NOT NULL"}}', '{"T": {"a": "INT"}}', "T.a: may be NULL"),
        (
            '{"T": {"b": "INT", "a": "INT AS (b)"}}',
            '{"T": {"b": "INT", "a": "INT"}}',
            "T.a: no longer generated (b)",
        ),
        (STRICT_KEY.replace("true", 'true, "_without_rowid": true'), STRICT_KEY, "T: with row ids"),
        (
            '{"T": {"a": "INT NOT NULL"}}',
            '{"T": {"a": "INT NOT NULL ON CONFLICT IGNORE"}}',
            "T.a: NOT NULL (another conflict clause or name)",
        ),
        ('{"T": {"a": "INT", "_strict": true}}', T, "T: no longer STRICT"),
    ],
)
def test_changes_in_the_other_direction_read_well(old: str, new: str, text: str) -> None:
    assert [c.describe(change) for change in found(old, new)] == [text]


def test_triggers_of_views_are_followed_like_those_of_tables() -> None:
    view = '{"T": {"a": "INT"}, "_views": {"V": {"select": "SELECT a FROM T", "triggers": {"t": "%s"}}}}'
    one, two = "INSTEAD OF INSERT ON V BEGIN SELECT 1; END", "INSTEAD OF INSERT ON V BEGIN SELECT 2; END"
    assert [type(change) for change in found(view % one, view % two)] == [c.ChangeTrigger]


def test_long_lists_of_columns_are_shortened() -> None:
    names = [f"c{n}" for n in range(12)]
    old = json.dumps({"T": dict.fromkeys(names, "INT")})
    new = json.dumps({"T": dict.fromkeys(reversed(names), "INT"), "_views": {"V": "SELECT * FROM T"}})
    assert c.describe(found(old, new)[0]).endswith("…")


def test_of_a_long_check_both_ends_are_shown() -> None:
    check = "CHECK (a IN ('" + "','".join(f"status number {n}" for n in range(20)) + "'))"
    text = c.describe(found(T, json.dumps({"T": {"a": "INT " + check}}))[0])
    assert text.startswith("T: +CHECK (a IN ('status number 0'")
    assert " … " in text
    assert text.endswith("'status number 19'))")
    assert len(text) < 120


@pytest.mark.parametrize(("kind", "old", "new"), MINIMAL, ids=[kind.__name__ for kind, *_ in MINIMAL])
def test_every_change_is_one_short_line_that_begins_with_the_name_of_its_table(kind, old, new):
    read = document.read(new.encode())
    found = compare(document.read(old.encode()).schema, read.schema, read.hints).changes
    lines = c.lines_by_table(found)
    assert [line.partition(": ")[0] for line in lines] == list(dict.fromkeys(map(c.subject, found)))
    assert all(len(line) < 100 and "Table(" not in line and "Column(" not in line for line in lines), lines


def test_the_changes_of_one_table_are_on_one_line():
    read = document.read(b'{"T": {"c": "TEXT", "a": "INTEGER", "_dropped": ["b"]}, "U": {"x": "INT"}}')
    old = document.read(KEYED.encode()).schema
    assert c.lines_by_table(compare(old, read.schema, read.hints).changes) == [
        "T: -b, with its values; +c; a: type INT -> INTEGER",
        "U: new table",
    ]
