"""Writes while a new file is built, with every kind of key, statement, conflict and trigger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.engines.sqlite.capture import changelog
from schemasync.engines.sqlite.inspect import inspect
from schemasync.errors import Code, Failed, Refused
from schemasync.files.disk import DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.columns import WRITTEN

from .oracle import QUICK, Case, beside, content, made, read, waited

MOMENTS = {
    "logged": ("after", DiskStep.CAPTURE_INSTALL),
    "filled": ("after", DiskStep.BUILD_REFILL),
    "sealed": ("after", DiskStep.BUILD_RENAME),
}

T = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "n": "INTEGER"}
MORE = {**T, "more": "TEXT NOT NULL DEFAULT 'm'"}
ROWS = "INSERT INTO t (id, a, n) VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3), (7, 'seven', 7);"
WRITES = [
    "INSERT INTO t (a, n) VALUES ('new', 10)",
    "INSERT INTO t (id, a, n) VALUES (5, 'five', 5) RETURNING id",
    "UPDATE t SET a = a || '!' WHERE id = 2",
    "DELETE FROM t WHERE id = 3",
    "UPDATE t SET id = 30 WHERE id = 7",
    "UPDATE t SET n = n + 1",
]
U = {
    "id": "INTEGER PRIMARY KEY",
    "a": "TEXT COLLATE NOCASE UNIQUE",
    "b": "INTEGER NOT NULL DEFAULT 9",
    "c": "TEXT",
    "_unique_constraints": [["b", "c"]],
    "_indexes": [
        {"name": "part", "columns": ["c"], "where": "b > 100", "unique": True},
        {"name": "expr", "columns": ["lower(c) || b"], "unique": True},
        {"name": "coll", "columns": ["c COLLATE NOCASE", "b"], "unique": True},
    ],
}
U_ROWS = (
    "INSERT INTO u (id, a, b, c) VALUES (1, 'x', 1, 'p'), (2, 'y', 2, 'q'), (3, 'z', 9, 'r'), (4, 'v', 101, 'S'),"
    " (5, 'w', 102, 't'), (6, NULL, 3, NULL);"
)
U_MORE = {**U, "more": WRITTEN}
W = {"k": "TEXT", "m": "INTEGER", "v": "TEXT", "_primary_key": ["k COLLATE NOCASE", "m"], "_without_rowid": True}
W_ROWS = "INSERT INTO w VALUES ('a', 1, 'a1'), ('B', 1, 'b1'), ('c', 2, 'c2'), ('D', 4, 'd4');"
W_WRITES = [
    "INSERT INTO w VALUES ('e', 5, 'e5')",
    "INSERT OR REPLACE INTO w VALUES ('A', 1, 'replaced')",
    "UPDATE w SET v = 'changed' WHERE k = 'b'",
    "DELETE FROM w WHERE k = 'C'",
    "UPDATE w SET k = 'd' WHERE k = 'D'",
    "UPDATE w SET m = m + 10",
    "INSERT INTO w VALUES ('F', 6, 'f') ON CONFLICT DO NOTHING",
    "INSERT INTO w VALUES ('f', 6, 'g') ON CONFLICT DO UPDATE SET v = 'upserted'",
]
LOGGED = {
    **T,
    "_triggers": {
        "noted": "AFTER INSERT ON t BEGIN INSERT INTO notes (what) VALUES ('in ' || NEW.a); END",
        "changed": "AFTER UPDATE ON t BEGIN UPDATE notes SET what = what || '+' WHERE id = 1; END",
        "guarded": "BEFORE DELETE ON t WHEN OLD.id = 1 BEGIN SELECT RAISE(IGNORE); END",
    },
}
SEARCH = {"_virtual": "fts5(a, content='t', content_rowid='id')"}
REMOVE = "INSERT INTO f (f, rowid, a) VALUES ('delete', OLD.id, OLD.a);"
ADD = "INSERT INTO f (rowid, a) VALUES (NEW.id, NEW.a);"
FOUND = {
    **T,
    "_triggers": {
        "put": f"AFTER INSERT ON t BEGIN {ADD} END",
        "moved": f"AFTER UPDATE ON t BEGIN {REMOVE} {ADD} END",
        "taken": f"AFTER DELETE ON t BEGIN {REMOVE} END",
    },
}
KEPT_OUT = {
    **T,
    "_triggers": {
        "put": f"AFTER INSERT ON t WHEN NEW.n >= 0 BEGIN {ADD} END",
        "moved": f"AFTER UPDATE ON t WHEN OLD.n >= 0 BEGIN {REMOVE} {ADD} END",
        "taken": f"AFTER DELETE ON t WHEN OLD.n >= 0 BEGIN {REMOVE} END",
    },
}
NOTES = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "what": "TEXT"}
P = {"id": "INTEGER PRIMARY KEY", "name": "TEXT"}
C = {
    "id": "INTEGER PRIMARY KEY",
    "p": "INTEGER REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE",
    "q": "INTEGER REFERENCES p (id) ON DELETE SET NULL",
}
FAMILY = "INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO c VALUES (1, 1, 2), (2, 2, 1), (3, 3, 3), (4, 1, 3);"

CASES = {
    "a row id that a column shows": Case({"t": T}, {"t": MORE}, WRITES, ROWS),
    "a row id that no column shows": Case(
        {"t": {"a": "TEXT", "n": "INTEGER"}},
        {"t": {"n": "INTEGER", "a": "TEXT", "more": WRITTEN}},
        ["INSERT INTO t VALUES ('x', 1)", "DELETE FROM t WHERE n = 2", "UPDATE t SET rowid = 50 WHERE n = 3", "UPDATE t SET a = 'y'"],
        "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3);",
    ),
    "a table that is kept": Case({"t": T, "o": P}, {"t": T, "o": {**P, "more": WRITTEN}}, WRITES, ROWS),
    "a table by hand": Case(
        {"o": P},
        {"o": {**P, "more": WRITTEN}},
        ["INSERT INTO mine VALUES (9)", "DELETE FROM mine WHERE x = 1", "UPDATE mine SET x = x + 1"],
        "CREATE TABLE mine (x); INSERT INTO mine VALUES (1), (2), (3);",
    ),
    "a composite key without row ids, without case": Case({"w": W}, {"w": {**W, "more": WRITTEN}}, W_WRITES, W_ROWS),
    "a kept one of these": Case({"w": W, "o": P}, {"w": W, "o": {**P, "more": WRITTEN}}, W_WRITES, W_ROWS),
    "its columns in another order": Case(
        {"w": W},
        {"w": {"m": "INTEGER", "v": "TEXT", "k": "TEXT", "_primary_key": ["m", "k COLLATE NOCASE"], "_without_rowid": True}},
        W_WRITES,
        W_ROWS,
    ),
    "the key gets row ids": Case(
        {"w": W}, {"w": {"k": "TEXT NOT NULL", "m": "INTEGER NOT NULL", "v": "TEXT", "_primary_key": ["k COLLATE NOCASE", "m"]}}, ["DELETE FROM w WHERE k = 'c'", "UPDATE w SET v = 'x' WHERE k = 'a'"], W_ROWS, numbered=False
    ),
    "the row id becomes another column": Case(
        {"t": T},
        {"t": {"id": "INTEGER", "a": "TEXT", "n": "INTEGER PRIMARY KEY"}},
        ["INSERT INTO t VALUES (9, 'nine', 90)", "UPDATE t SET n = 100 WHERE id = 1", "DELETE FROM t WHERE id = 2", "UPDATE t SET id = 20, n = 21 WHERE id = 3"],
        ROWS,
    ),
    "the key becomes a text, without row ids": Case(
        {"t": T},
        {"t": {"id": "INTEGER", "a": "TEXT PRIMARY KEY NOT NULL", "n": "INTEGER", "_without_rowid": True}},
        ["INSERT INTO t VALUES (9, 'nine', 9)", "UPDATE t SET a = 'other' WHERE id = 1", "UPDATE t SET a = 'one' WHERE id = 2", "DELETE FROM t WHERE id = 3"],
        ROWS,
    ),
    "the key's type changes": Case(
        {"t": {"id": "TEXT PRIMARY KEY NOT NULL", "a": "TEXT", "_without_rowid": True}},
        {"t": {"id": "INTEGER PRIMARY KEY NOT NULL", "a": "TEXT", "_without_rowid": True}},
        ["INSERT INTO t VALUES ('9', 'i')", "UPDATE t SET id = '11' WHERE id = '1'", "DELETE FROM t WHERE id = '2'", "UPDATE t SET a = 'x' WHERE id = '3'"],
        "INSERT INTO t VALUES ('1', 'a'), ('2', 'b'), ('3', 'c');",
    ),
    "the key becomes a text that is compared with numbers": Case(
        {"t": {"id": "INTEGER", "m": "REAL", "a": "TEXT", "_primary_key": ["id", "m"], "_without_rowid": True}},
        {"t": {"id": "TEXT", "m": "TEXT", "a": "TEXT", "_primary_key": ["id", "m"], "_without_rowid": True}},
        ["INSERT INTO t VALUES (9, 1, 'i')", "UPDATE t SET id = 11 WHERE id = 1", "DELETE FROM t WHERE id = 2", "UPDATE t SET a = 'x' WHERE id = 3"],
        "INSERT INTO t VALUES (1, 0.5, 'a'), (2, 1, 'b'), (3, 2, 'c');",
    ),
    "the key becomes a BLOB, which converts nothing": Case(
        {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}},
        {"t": {"id": "BLOB NOT NULL", "a": "TEXT", "_primary_key": ["id"], "_without_rowid": True}},
        ["INSERT INTO t VALUES (9, 'i')", "UPDATE t SET id = 11 WHERE id = 1", "DELETE FROM t WHERE id = 2", "UPDATE t SET a = 'x' WHERE id = 3"],
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');",
    ),
    "the key becomes a text of a STRICT table": Case(
        {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}},
        {"t": {"id": "TEXT NOT NULL", "a": "TEXT", "_primary_key": ["id"], "_without_rowid": True, "_strict": True}},
        ["INSERT INTO t VALUES (9, 'i')", "UPDATE t SET id = 11 WHERE id = 1", "DELETE FROM t WHERE id = 2", "UPDATE t SET a = 'x' WHERE id = 3"],
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');",
    ),
    "renamed tables and columns": Case(
        {"t": T, "s": T},
        {"s": {"id": "INTEGER PRIMARY KEY", "b": {"type": "TEXT", "was": ["a"]}, "n": "INTEGER", "_was": ["t"]}, "t": {**MORE, "_was": ["s"]}},
        [*WRITES, "INSERT INTO s VALUES (1, 's', 1)", "DELETE FROM s WHERE id = 2"],
        ROWS + "INSERT INTO s VALUES (2, 'two', 2), (3, 'three', 3);",
    ),
    "a table kept as an archive beside a new one of its name": Case(
        {"t": {**T, "id": "INTEGER PRIMARY KEY AUTOINCREMENT"}},
        {"archive": {**T, "_was": ["t"], "id": "INTEGER PRIMARY KEY AUTOINCREMENT", "b": {"type": "TEXT", "was": ["a"]}, "a": "INTEGER"}, "t": T},
        WRITES,
        ROWS,
    ),
    "a column kept beside a new one of its name": Case(
        {"t": T}, {"t": {**T, "was_n": {"type": "TEXT", "was": ["n"]}, "n": {"type": "INTEGER NOT NULL", "fill": "CASE WHEN n > 2 THEN 1 ELSE 0 END"}}}, WRITES, ROWS
    ),
    "a text key kept beside a new integer one of its name": Case(
        {"t": {"id": "TEXT PRIMARY KEY NOT NULL", "a": "TEXT"}},
        {"t": {"guid": {"type": "TEXT NOT NULL UNIQUE", "was": ["id"]}, "a": "TEXT", "id": "INTEGER PRIMARY KEY"}},
        ["INSERT INTO t VALUES ('n', 'new')", "UPDATE t SET id = 'm' WHERE id = 'x'", "DELETE FROM t WHERE id = 'y'", "UPDATE t SET a = 'c' WHERE id = 'z'"],
        "INSERT INTO t (rowid, id, a) VALUES (4, 'x', 'one'), (5, 'y', 'two'), (9, 'z', 'three');",
    ),
    "columns that move on by one": Case(
        {"w": W},
        {"w": {"k": {"type": "TEXT", "fill": "v"}, "m": {"type": "TEXT", "was": ["k"]}, "v": {"type": "INTEGER", "was": ["m"]}, "x": {"type": "TEXT", "was": ["v"]}, "_primary_key": ["m COLLATE NOCASE", "v"], "_without_rowid": True}},
        W_WRITES,
        W_ROWS,
    ),
    "generated columns": Case(
        {"t": {**T, "g": "TEXT AS (a || n) STORED", "h": "INTEGER AS (n * 2)", "_indexes": [{"name": "gu", "columns": ["g"], "unique": True}]}},
        {"t": {**MORE, "g": "TEXT AS (a || n) STORED", "h": "INTEGER AS (n * 2)", "_indexes": [{"name": "gu", "columns": ["g"], "unique": True}]}},
        [*WRITES, "INSERT OR REPLACE INTO t (id, a, n) VALUES (99, 'one', 2)"],
        ROWS,
    ),
    "a fill": Case({"t": T}, {"t": {**T, "f": {"type": "TEXT NOT NULL", "fill": "coalesce(a, '') || n"}}}, WRITES, ROWS),
    "triggers of the application": Case(
        {"t": LOGGED, "notes": NOTES}, {"t": {**LOGGED, "more": WRITTEN}, "notes": NOTES}, [*WRITES, "DELETE FROM t WHERE id = 1", "DELETE FROM t"], ROWS
    ),
    "OR REPLACE over several unique indexes": Case(
        {"u": U},
        {"u": U_MORE},
        [
            "INSERT OR REPLACE INTO u VALUES (20, 'X', 50, 'n')",
            "INSERT OR REPLACE INTO u VALUES (21, 'new', 2, 'q')",
            "INSERT OR REPLACE INTO u VALUES (22, 'a', NULL, 'r')",
            "INSERT OR REPLACE INTO u VALUES (23, 'b', 101, 's')",
            "INSERT OR REPLACE INTO u VALUES (24, 'c', 200, 't')",
            "REPLACE INTO u (a, b, c) VALUES ('Z', 3, 'zz')",
        ],
        U_ROWS,
    ),
    "a key that a NULL turns into its default": Case(
        {"w": {"k": "TEXT DEFAULT 'm'", "x": "INTEGER", "_primary_key": ["k"], "_without_rowid": True}},
        {"w": {"k": "TEXT DEFAULT 'm'", "x": "TEXT", "_primary_key": ["k"], "_without_rowid": True}},
        ["UPDATE OR REPLACE w SET k = NULL WHERE k = 'f'", "INSERT OR REPLACE INTO w VALUES (NULL, 7)", "UPDATE OR REPLACE w SET k = NULL WHERE k = 'z'"],
        "INSERT INTO w VALUES ('a', 1), ('f', 3), ('z', 2);",
    ),
    "a table called new": Case(
        {"new": U}, {"new": U_MORE}, ["INSERT OR REPLACE INTO new VALUES (1, 'y', 102, 'T')", "UPDATE new SET id = 9 WHERE id = 6"], U_ROWS.replace("INTO u", "INTO new")
    ),
    "one row that replaces several": Case({"u": U}, {"u": U_MORE}, ["INSERT OR REPLACE INTO u VALUES (1, 'y', 102, 'T')"], U_ROWS),
    "UPDATE OR REPLACE": Case(
        {"u": U},
        {"u": U_MORE},
        ["UPDATE OR REPLACE u SET a = 'X' WHERE id = 2", "UPDATE OR REPLACE u SET b = NULL, c = 'r' WHERE id = 4", "UPDATE OR REPLACE u SET id = 6 WHERE id = 5"],
        U_ROWS,
    ),
    "REPLACE by the table": Case(
        {"t": {"id": "INTEGER PRIMARY KEY ON CONFLICT REPLACE", "a": "TEXT UNIQUE ON CONFLICT REPLACE", "n": "INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 4"}},
        {"t": {"id": "INTEGER PRIMARY KEY ON CONFLICT REPLACE", "a": "TEXT UNIQUE ON CONFLICT REPLACE", "n": "INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 4", "more": WRITTEN}},
        ["INSERT INTO t VALUES (1, 'two', NULL)", "INSERT INTO t (a, n) VALUES ('three', 5)", "UPDATE t SET a = 'seven' WHERE id = 1"],
        ROWS,
    ),
    "upserts": Case(
        {"u": U},
        {"u": U_MORE},
        [
            "INSERT INTO u VALUES (30, 'X', 60, 'n') ON CONFLICT (a) DO UPDATE SET c = 'up', b = 61",
            "INSERT INTO u VALUES (1, 'k', 62, 'n2') ON CONFLICT (id) DO UPDATE SET id = 31",
            "INSERT INTO u VALUES (32, 'y', 63, 'n3') ON CONFLICT DO NOTHING",
        ],
        U_ROWS,
    ),
    "statements that fail": Case(
        {"u": U},
        {"u": U_MORE},
        [
            "INSERT OR IGNORE INTO u VALUES (40, 'x', 70, 'i'), (41, 'fine', 71, 'j')",
            "INSERT OR FAIL INTO u VALUES (42, 'kept', 72, 'k'), (43, 'x', 73, 'l'), (44, 'never', 74, 'm')",
            "INSERT OR ABORT INTO u VALUES (45, 'gone', 75, 'n'), (46, 'x', 76, 'o')",
            "BEGIN",
            "INSERT INTO u VALUES (47, 'gone too', 77, 'p2')",
            "INSERT OR ROLLBACK INTO u VALUES (48, 'x', 78, 'q2')",
            "UPDATE OR IGNORE u SET a = 'same'",
            "UPDATE OR FAIL u SET b = b + 1, a = 'again' || (id > 3)",
        ],
        U_ROWS,
    ),
    "savepoints": Case(
        {"t": T},
        {"t": MORE},
        [
            "BEGIN IMMEDIATE",
            "INSERT INTO t VALUES (60, 'kept', 1)",
            "SAVEPOINT s",
            "DELETE FROM t WHERE id < 3",
            "INSERT INTO t VALUES (61, 'undone', 1)",
            "ROLLBACK TO s",
            "UPDATE t SET a = 'in' WHERE id = 1",
            "RELEASE s",
            "COMMIT",
            "BEGIN",
            "DELETE FROM t",
            "ROLLBACK",
        ],
        ROWS,
    ),
    "cascades": Case(
        {"p": P, "c": C},
        {"p": {**P, "more": WRITTEN}, "c": {**C, "more": WRITTEN}},
        ["DELETE FROM p WHERE id = 1", "UPDATE p SET id = 20 WHERE id = 2", "DELETE FROM p WHERE id = 3", "INSERT OR REPLACE INTO p VALUES (20, 'again')"],
        FAMILY,
    ),
    "recursive triggers": Case(
        {"u": {**U, "_triggers": {"gone": "AFTER DELETE ON u BEGIN INSERT INTO notes (what) VALUES (OLD.id); END"}}, "notes": NOTES},
        {"u": {**U_MORE, "_triggers": {"gone": "AFTER DELETE ON u BEGIN INSERT INTO notes (what) VALUES (OLD.id); END"}}, "notes": NOTES},
        ["INSERT OR REPLACE INTO u VALUES (1, 'y', 102, 'T')", "DELETE FROM u WHERE id = 6"],
        U_ROWS,
        ["PRAGMA recursive_triggers=ON"],
    ),
    "a TEMP trigger that hides what comes after an insert": Case(
        {"t": T},
        {"t": MORE},
        ["INSERT INTO t (a, n) VALUES ('hidden', 1)", "INSERT INTO t (id, a, n) VALUES (4, 'hidden too', 1)", "DELETE FROM t WHERE id > 6", "INSERT INTO t (a) VALUES ('lower')"],
        ROWS,
        ["CREATE TEMP TRIGGER hide AFTER INSERT ON t BEGIN SELECT RAISE(IGNORE); END"],
    ),
    "TEMP triggers that hide what comes after the rest": Case(
        {"t": T},
        {"t": MORE},
        WRITES,
        ROWS,
        [
            "CREATE TEMP TRIGGER hide_u AFTER UPDATE ON t BEGIN SELECT RAISE(IGNORE); END",
            "CREATE TEMP TRIGGER hide_d AFTER DELETE ON t BEGIN SELECT RAISE(IGNORE); END",
            "CREATE TEMP TRIGGER hide_b BEFORE INSERT ON t WHEN NEW.a = 'five' BEGIN SELECT RAISE(IGNORE); END",
        ],
    ),
    "DELETE of everything": Case({"t": T, "w": W}, {"t": MORE, "w": {**W, "more": WRITTEN}}, ["DELETE FROM t", "DELETE FROM w"], ROWS + W_ROWS),
    "DELETE of everything, and more": Case({"t": T}, {"t": MORE}, ["DELETE FROM t", "INSERT INTO t (a) VALUES ('first')", "INSERT INTO t (a) SELECT a || 'x' FROM t"], ROWS),
    "VACUUM and ANALYZE": Case({"t": T}, {"t": MORE}, [*WRITES, "VACUUM", "ANALYZE", "INSERT INTO t (a) VALUES ('later')"], ROWS),
    "ids that are given out and deleted": Case(
        {"t": {**T, "id": "INTEGER PRIMARY KEY AUTOINCREMENT"}, "k": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "x": "TEXT"}},
        {"t": {**MORE, "id": "INTEGER PRIMARY KEY AUTOINCREMENT"}, "k": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "x": "TEXT"}},
        ["INSERT INTO t (id, a) VALUES (500, 'x')", "DELETE FROM t WHERE id = 500", "INSERT INTO k (x) VALUES (1), (2)", "DELETE FROM k"],
        ROWS,
    ),
    "numbers of the application": Case({"t": T}, {"t": MORE}, ["PRAGMA user_version = 77", "PRAGMA application_id = 99"], ROWS),
    "values of every type": Case(
        {"t": {"id": "INTEGER PRIMARY KEY", "x": "", "y": "NUMERIC", "z": "REAL", "b": "BLOB"}},
        {"t": {"id": "INTEGER PRIMARY KEY", "x": "", "y": "NUMERIC", "z": "REAL", "b": "BLOB", "more": WRITTEN}},
        ["INSERT INTO t VALUES (1, 1, '1.0', 2, x'00ff'), (2, 1.0, 'a', 9007199254740993, 'text'), (3, NULL, NULL, NULL, NULL), (4, x'', '', 0.1, CAST(x'ff' AS TEXT))", "UPDATE t SET x = CAST(x AS REAL) WHERE id = 1"],
        "",
    ),
    "odd names": Case(
        {'o"d d': {"the key": "INTEGER PRIMARY KEY", "select": "TEXT UNIQUE", "rowid": "TEXT", "'q'": "INTEGER"}},
        {'o"d d': {"the key": "INTEGER PRIMARY KEY", "select": "TEXT UNIQUE", "rowid": "TEXT", "'q'": "INTEGER", "x": "TEXT"}},
        ["""INSERT INTO "o""d d" VALUES (1, 'a', 'r', 1), (2, 'b', 's', 2)""", """INSERT OR REPLACE INTO "o""d d" VALUES (3, 'a', 't', 1)""", """DELETE FROM "o""d d" WHERE "the key" = 2"""],
        "",
    ),
    "a full-text index beside": Case(
        {"t": T, "f": {"_virtual": "fts5(words)"}},
        {"t": MORE, "f": {"_virtual": "fts5(words)"}},
        [*WRITES, "INSERT INTO f (words) VALUES ('to be or not')", "DELETE FROM f WHERE rowid = 1"],
        ROWS + "INSERT INTO f (words) VALUES ('one two'), ('three four');",
    ),
    "a full-text index that lacks rows of its table": Case(
        {"t": KEPT_OUT, "f": SEARCH},
        {"t": {**KEPT_OUT, "more": WRITTEN}, "f": SEARCH},
        [*WRITES, "INSERT INTO t (id, a, n) VALUES (40, 'findable', 1), (41, 'hidden', -1)", "DELETE FROM t WHERE n < 0"],
        ROWS + "INSERT INTO t VALUES (8, 'kept out', -8);",
    ),
    "a full-text index of text that changes": Case(
        {"t": FOUND, "f": SEARCH}, {"t": {**FOUND, "a": {"type": "TEXT NOT NULL", "fill": "upper(a)"}}, "f": SEARCH}, WRITES, ROWS
    ),
    "a unique index that is new": Case(
        {"t": T}, {"t": {**T, "_indexes": [{"name": "nu", "columns": ["n"], "unique": True}]}}, ["INSERT INTO t VALUES (8, 'x', 8)", "UPDATE t SET n = n + 100", "DELETE FROM t WHERE id = 1"], ROWS
    ),
    "values that change places": Case(
        {"t": {**T, "_unique_constraints": [["n"]]}},
        {"t": {**MORE, "_unique_constraints": [["n"]]}},
        ["UPDATE t SET n = -1 WHERE id = 1", "UPDATE t SET n = 1 WHERE id = 2", "UPDATE t SET n = 2 WHERE id = 1"],
        ROWS,
    ),
}  # fmt: skip


OFTEN = 12  # the gate also tries one case in 12 at each of the other moments


def moments():
    """Yield every case at each moment. The gate has every second case at the first moment, and a few at the others."""
    for number, name in enumerate(CASES):
        for at, moment in enumerate(MOMENTS):
            in_the_gate = number % 2 == 0 if at == 0 else number % OFTEN == at
            marks = [] if in_the_gate else [pytest.mark.slow]
            yield pytest.param(name, moment, id=f"{name}-{moment}", marks=marks)


@pytest.mark.parametrize(
    "fresh", [pytest.param(False, id="clone"), pytest.param(True, id="fresh", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("name", "moment"), list(moments()))
def test_what_is_written_meanwhile_is_in_the_new_file(folder, name, moment, fresh):
    case = CASES[name]
    one, other = made(folder / "live", case), made(folder / "waited", case)
    report, seen = beside(one, case, MOMENTS[moment], replace(QUICK, rebuild_all=fresh))
    _, expected = waited(other, case, rebuild_all=fresh)
    assert content(one, numbered=case.numbered) == content(other, numbered=case.numbered)
    assert seen == expected, "the application got other answers"
    assert report.followed is not None
    assert not [row for row in content(one)["objects"] if "schemasync" in row[1]]


TEXT = 600_000  # bytes of text: more than a run indexes again while writers wait


def searchable(folder, title="TEXT"):
    """Return a case with a table and a full-text index of it, in which `title` gets another definition."""
    shape = {"id": "INTEGER PRIMARY KEY", "title": "TEXT"}
    index = {"_virtual": "fts5(title, content='posts', content_rowid='id')"}
    fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
    rows = f"INSERT INTO posts SELECT i, printf('word%d ', i) || replace(hex(zeroblob({TEXT // 300 // 4})), '00', 'abc ') FROM n;"
    before = f"{fill} {rows} INSERT INTO f (rowid, title) SELECT id, title FROM posts WHERE id > 1;"
    return Case(
        {"posts": shape, "f": index}, {"posts": {**shape, "title": title, "more": WRITTEN}, "f": index}, [], before
    )


def test_a_large_full_text_index_is_no_obstacle_where_its_text_stays(folder):
    case = searchable(folder)
    link = made(folder / "live", case)
    report = sync(target(link), read(case.new), SyncOptions(limits=Limits(max_pause=0.25)))
    assert report.followed is not None
    with closing(sqlite3.connect(link)) as connection:
        query = "SELECT rowid FROM f WHERE f MATCH ?"
        assert connection.execute(query, ("word1",)).fetchall() == [], "what was kept out is found"
        assert connection.execute(query, ("word7",)).fetchall() == [(7,)]


def test_a_large_text_that_is_to_be_indexed_anew_is_not_while_writers_wait_a_moment(folder):
    case = searchable(folder, {"type": "TEXT NOT NULL", "fill": "title || ' more'"})
    link = made(folder / "live", case)
    with closing(sqlite3.connect(link)) as connection:
        connection.executescript("INSERT INTO f (f) VALUES ('rebuild')")
    with pytest.raises(Refused) as caught:
        sync(target(link), read(case.new), QUICK)
    assert [problem.code for problem in caught.value.problems] == [Code.CANNOT_FOLLOW_WRITES]
    assert "posts" in str(caught.value)
    sync(target(link), read(case.new), SyncOptions(block_writers=True))
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT rowid FROM f WHERE f MATCH 'word7 more'").fetchall() == [(7,)]


def test_text_that_is_kept_out_during_the_run_is_not_indexed(folder):
    late = ["UPDATE t SET n = -1 WHERE id = 1", "INSERT INTO f (f, rowid, a) VALUES ('delete', 1, 'one')"]
    case = replace(CASES["a full-text index of text that changes"], meanwhile=late)
    case = replace(case, old={"t": T, "f": SEARCH}, new={**case.new, "t": {**T, "a": case.new["t"]["a"]}})
    case = replace(case, before=f"{ROWS} INSERT INTO f (f) VALUES ('rebuild');")
    link = made(folder / "live", case)
    with pytest.raises(Failed) as caught:
        beside(link, case, MOMENTS["sealed"])
    assert [problem.code for problem in caught.value.problems] == [Code.CHANGED_DURING_RUN]
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(*) FROM f WHERE f MATCH 'one'").fetchone() == (0,)


@pytest.mark.parametrize("allowed", ["f", "F"])
def test_an_index_that_lacks_rows_is_rebuilt_beside_a_writer_where_allow_drop_names_it(folder, allowed):
    case = replace(
        CASES["a full-text index of text that changes"],
        old={"t": T, "f": SEARCH},
        new={"t": {**T, "a": {"type": "TEXT NOT NULL", "fill": "upper(a)"}}, "f": SEARCH},
        before=f"{ROWS} INSERT INTO f (rowid, a) SELECT id, a FROM t WHERE id > 1;",
        meanwhile=["INSERT INTO t (id, a, n) VALUES (40, 'late', 1)"],
    )
    link = made(folder / "live", case)
    report, _ = beside(link, case, MOMENTS["sealed"], replace(QUICK, allow_drop=frozenset({allowed})))
    assert report.result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        found = connection.execute("SELECT rowid FROM f WHERE f MATCH 'late OR one' ORDER BY rowid").fetchall()
        every = connection.execute("SELECT id FROM t WHERE a IN ('LATE', 'ONE') ORDER BY id").fetchall()
    assert found == every
    assert (40,) in found


def test_text_that_was_written_without_an_entry_in_the_log_is_found(folder):
    """A TEMP trigger hides the insert from the log; the row is found at the end of the table, and so is its text."""
    case = replace(
        CASES["a full-text index of text that changes"],
        old={"t": T, "f": SEARCH},
        new={"t": {**T, "a": {"type": "TEXT NOT NULL", "fill": "upper(a)"}}, "f": SEARCH},
        before=f"{ROWS} INSERT INTO f (f) VALUES ('rebuild');",
        first=["CREATE TEMP TRIGGER hide AFTER INSERT ON t BEGIN SELECT raise(IGNORE); END"],
        meanwhile=["INSERT INTO t (a, n) VALUES ('late', 1)", "INSERT INTO f (rowid, a) VALUES (8, 'late')"],
    )
    link = made(folder / "live", case)
    report, _ = beside(link, case, MOMENTS["sealed"])
    assert report.result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT a FROM t WHERE id = 8").fetchone() == ("LATE",)
        assert connection.execute("SELECT rowid FROM f WHERE f MATCH 'late'").fetchall() == [(8,)]


RING = {"id": "INTEGER PRIMARY KEY", "x": "TEXT"}
OVER_ID = {
    "an expression": {**RING, "_indexes": [{"name": "ring", "columns": ["id % 3"], "unique": True}]},
    "a generated column": {**RING, "slot": "INTEGER AS (id % 3) UNIQUE"},
    "a generated column over a default": {
        **RING,
        "n": "INTEGER NOT NULL DEFAULT 5",
        "g": "INTEGER AS (n * 2)",
        "_indexes": [{"name": "ring", "columns": ["g + 1"], "unique": True}],
    },
}


@pytest.mark.parametrize("name", OVER_ID)
def test_rows_that_are_replaced_by_a_value_which_no_trigger_can_know_are_not_followed(folder, name):
    """A trigger sees -1 for an id that SQLite chooses: the deleted row would come back."""
    case = Case({"t": OVER_ID[name]}, {"t": {**OVER_ID[name], "more": WRITTEN}}, [], "")
    link = made(folder / "live", case)
    with pytest.raises(Refused) as caught:
        sync(target(link), read(case.new), QUICK)
    assert [problem.code for problem in caught.value.problems] == [Code.CANNOT_FOLLOW_WRITES]
    assert "unique index that computes a value of" in str(caught.value)
    assert sync(target(link), read(case.new), SyncOptions(block_writers=True)).result == "synced"


def test_a_write_to_a_table_called_new_is_logged_alone(tmp_path):
    """NEW means the written row there, too, and not the row of the table that is looked up."""
    with closing(sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)) as connection:
        connection.execute('CREATE TABLE "new" (id INTEGER PRIMARY KEY, x TEXT UNIQUE)')
        connection.execute('INSERT INTO "new" VALUES (1, 1), (2, 2), (3, 3)')
        tables = changelog.logged(inspect(connection).schema.tables)
        for step in changelog.installation(connection, tables).steps(connection):
            connection.execute(step.sql)
        connection.execute('UPDATE "new" SET x = 9 WHERE id = 2')
        assert [key for (key,) in connection.execute(f"SELECT k0 FROM {changelog.LOG}")] == [2]
