"""Two schemas side by side: the change of each table, column and part."""

from __future__ import annotations

from schemasync.diff.side_by_side import Line, LineKind, Names, Pair, changed, side_by_side
from schemasync.schema import document

SAME, ADDED, REMOVED, CHANGED, RENAMED = (
    LineKind.SAME,
    LineKind.ADDED,
    LineKind.REMOVED,
    LineKind.CHANGED,
    LineKind.RENAMED,
)


def pairs(old: str, new: str, names: Names | None = None) -> tuple[Pair, ...]:
    return side_by_side(document.read(old.encode()).schema, document.read(new.encode()).schema, names or {})


def only(old: str, new: str, names: Names | None = None) -> Pair:
    (pair,) = changed(pairs(old, new, names))
    return pair


def test_what_is_the_same_is_shown_as_such_and_left_out_of_what_changed() -> None:
    text = '{"t": {"id": "INTEGER PRIMARY KEY", "_indexes": ["id"]}}'
    (pair,) = pairs(text, text)
    assert (pair.kind, pair.name) == (SAME, "t")
    assert [line.kind for line in pair.lines] == [SAME, SAME]
    assert changed((pair,)) == ()


def test_tables_that_come_and_go() -> None:
    gone, born = (
        only('{"a": {"x": "INT"}, "b": {"x": "INT"}}', '{"b": {"x": "INT"}}'),
        only("{}", '{"c": {"x": "INT"}}'),
    )
    assert (gone.kind, gone.old, gone.new, gone.name) == (REMOVED, "a", None, "a")
    assert gone.lines == (Line(REMOVED, "x INT", None),)
    assert (born.kind, born.old, born.new, born.lines) == (ADDED, None, "c", (Line(ADDED, None, "x INT"),))


def test_columns_that_come_go_change_and_get_another_name() -> None:
    pair = only(
        '{"t": {"a": "INT", "b": "INT", "c": "INT", "d": "TEXT", "e": "INT"}}',
        '{"t": {"a": "INT", "b": "TEXT", "cc": "INT", "dd": "TEXT NOT NULL", "f": ""}}',
        {"t": ("t", {"a": "a", "b": "b", "c": "cc", "d": "dd"})},
    )
    assert pair.kind is CHANGED
    assert pair.lines == (
        Line(SAME, "a INT", "a INT"),
        Line(CHANGED, "b INT", "b TEXT"),
        Line(RENAMED, "c INT", "cc INT"),
        Line(CHANGED, "d TEXT", "dd TEXT NOT NULL"),
        Line(ADDED, None, "f"),
        Line(REMOVED, "e INT", None),
    )


def test_a_table_under_another_name_is_the_same_table() -> None:
    pair = only('{"old": {"x": "INT"}}', '{"new": {"x": "INT"}}', {"old": ("new", {"x": "x"})})
    assert (pair.kind, pair.old, pair.new) == (RENAMED, "old", "new")
    assert [line.kind for line in pair.lines] == [SAME]


def test_parts_beside_the_columns_are_lines_of_their_own() -> None:
    old = """{"t": {"a": "INT", "b": "INT", "_primary_key": ["a", "b"], "_without_rowid": true, "_indexes": ["b"],
        "_unique_constraints": [{"name": "u", "columns": ["a", "b"]}],
        "_triggers": {"g": "AFTER INSERT ON t BEGIN SELECT 1; END"}}}"""
    new = """{"t": {"a": "INT", "b": "INT", "_primary_key": ["a", "b"], "_strict": true, "_without_rowid": true,
        "_unique_constraints": [{"name": "u", "columns": ["b", "a"]}], "_indexes": ["a"],
        "_triggers": {"g": "AFTER DELETE ON t BEGIN SELECT 1; END"}}}"""
    found = {(line.kind, line.old, line.new) for line in only(old, new).lines if line.kind is not SAME}
    assert found == {
        (
            CHANGED,
            "CONSTRAINT u UNIQUE (a, b)",
            "CONSTRAINT u UNIQUE (b, a)",
        ),
        (REMOVED, "INDEX (b)", None),
        (ADDED, None, "INDEX (a)"),
        (
            CHANGED,
            "TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
            "TRIGGER g AFTER DELETE ON t BEGIN SELECT 1; END",
        ),
        (ADDED, None, "STRICT"),
    }


def test_each_part_is_shown_as_the_sql_that_it_is() -> None:
    _, parts = pairs(
        "{}",
        """{"p": {"a": "INT", "b": "INT", "_primary_key": ["a", "b"]},
            "t": {"a": "INT", "b": "INT", "_primary_key": ["a", "b"],
                "_unique_constraints": [["a", "b"], {"name": "both", "columns": ["b", "a COLLATE NOCASE"]}],
                "_checks": ["a < b", {"name": "less", "check": "a + b < 9"}],
                "_foreign_keys": [{"columns": ["a", "b"], "references": {"table": "p", "columns": ["a", "b"]},
                    "on_delete": "CASCADE"}],
                "_indexes": ["b", ["b DESC", "a"], {"name": "positive", "columns": ["abs(a)"], "where": "b > 0", "unique": true}]}}""",
    )
    assert parts.name == "t"
    texts = [line.new for line in parts.lines]
    assert texts == [
        "a INT",
        "b INT",
        "PRIMARY KEY (a, b)",
        "UNIQUE (a, b)",
        "CONSTRAINT both UNIQUE (b, a COLLATE NOCASE)",
        "CONSTRAINT less CHECK (a + b < 9)",
        "CHECK (a < b)",
        "FOREIGN KEY (a, b) REFERENCES p (a, b) ON DELETE CASCADE",
        "UNIQUE INDEX positive (abs(a)) WHERE b > 0",
        "INDEX (b)",
        "INDEX (b DESC, a)",
    ]


def test_of_a_changed_table_the_lines_that_differ_are_known() -> None:
    pair = only('{"t": {"a": "INT", "b": "INT"}}', '{"t": {"a": "INT", "b": "TEXT", "c": "INT"}}')
    assert pair.changes == (Line(CHANGED, "b INT", "b TEXT"), Line(ADDED, None, "c INT"))


def test_virtual_tables_and_columns_that_begin_with_an_underscore() -> None:
    virtual = only("{}", '{"f": {"_virtual": "fts5(x)"}}')
    assert virtual.lines == (Line(ADDED, None, "USING fts5(x)"),)
    assert only("{}", '{"t": {"__x": "INT"}}').lines == (Line(ADDED, None, "_x INT"),)


def test_views_are_compared_by_what_they_select() -> None:
    table = '"t": {"x": "INT"}'
    old = f'{{{table}, "_views": {{"v": "SELECT x FROM t", "gone": "SELECT 1", "same": "SELECT 2"}}}}'
    new = f"""{{{table}, "_views": {{"v": {{"select": "SELECT x + 1 FROM t", "columns": ["y"],
        "triggers": {{"g": "INSTEAD OF DELETE ON v BEGIN SELECT 1; END"}}}}, "same": "SELECT 2", "born": "SELECT 3"}}}}"""
    found = {pair.name: (pair.kind, pair.lines) for pair in changed(pairs(old, new))}
    assert found["gone"] == (REMOVED, (Line(REMOVED, "SELECT 1", None),))
    assert found["born"] == (ADDED, (Line(ADDED, None, "SELECT 3"),))
    assert found["v"] == (
        CHANGED,
        (
            Line(ADDED, None, "(y)"),
            Line(CHANGED, "SELECT x FROM t", "SELECT x + 1 FROM t"),
            Line(ADDED, None, "TRIGGER g INSTEAD OF DELETE ON v BEGIN SELECT 1; END"),
        ),
    )
    assert "same" not in found


def test_a_name_that_something_new_bears_is_not_held_against_what_bore_it() -> None:
    old = '{"t": {"a": "TEXT", "b": "INT"}}'
    new = '{"archive": {"a": "INT", "was_a": "TEXT", "b": "INT"}, "t": {"b": "INT"}}'
    found = {pair.name: pair for pair in pairs(old, new, {"t": ("archive", {"a": "was_a", "b": "b"})})}
    assert (found["archive"].kind, found["archive"].old) == (CHANGED, "t")
    assert found["archive"].lines == (
        Line(ADDED, None, "a INT"),
        Line(RENAMED, "a TEXT", "was_a TEXT"),
        Line(SAME, "b INT", "b INT"),
    )
    assert (found["t"].kind, found["t"].old, found["t"].lines) == (ADDED, None, (Line(ADDED, None, "b INT"),))
