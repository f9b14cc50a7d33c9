"""Compact copies keep every row id, because full-text and r-tree tables may refer to them."""

import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite import copies
from schemasync.engines.sqlite.connection import Opener

pytest.importorskip("backports.zstd")

TABLES = """
CREATE TABLE with_key (id INTEGER PRIMARY KEY, x);
CREATE TABLE bare (x);
CREATE TABLE computed (x, y AS (x || x));
CREATE TABLE indexed (x); CREATE INDEX indexed_x ON indexed (x);
CREATE TABLE text_key (x TEXT PRIMARY KEY);
CREATE VIRTUAL TABLE external5 USING fts5(x, content='bare');
CREATE VIRTUAL TABLE external4 USING fts4(content='bare', x);
CREATE VIRTUAL TABLE own5 USING fts5(x);
CREATE VIRTUAL TABLE own4 USING fts4(x);
CREATE VIRTUAL TABLE contentless USING fts5(x, content='');
CREATE VIRTUAL TABLE boxes USING rtree(id, a, b);
"""
FILLED = ("with_key", "bare", "computed", "indexed", "text_key", "own5", "own4")


def fill(path):
    """Create tables with gaps in their row ids: the first id is 4."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES)
        for name in FILLED:
            connection.executemany(f"INSERT INTO {name} (x) VALUES (?)", [(f"w{n}",) for n in range(1, 30)])
        for name in ("external5", "external4"):
            connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")
        connection.executemany("INSERT INTO contentless (rowid, x) VALUES (?, ?)", [(n, f"w{n}") for n in range(1, 30)])
        connection.executemany("INSERT INTO boxes VALUES (?, ?, ?)", [(n, n, n + 1) for n in range(1, 30)])
        for name in ("with_key", "computed", "indexed", "text_key", "own5", "own4", "boxes"):
            connection.execute(f"DELETE FROM {name} WHERE rowid < 4")
        connection.executescript(
            "INSERT INTO external5 (external5, rowid, x) SELECT 'delete', rowid, x FROM bare WHERE rowid < 4;"
            "DELETE FROM external4 WHERE docid < 4; DELETE FROM bare WHERE rowid < 4;"
        )


def row_ids(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO external5 (external5, rank) VALUES ('integrity-check', 1)")
        found = {name: connection.execute(f"SELECT rowid FROM {name}").fetchall() for name in (*FILLED, "boxes")}
        for name in ("external5", "external4", "own5", "own4"):
            found[name] = connection.execute(f"SELECT rowid, x FROM {name} WHERE {name} MATCH 'w9'").fetchall()
        found["contentless"] = connection.execute(
            "SELECT rowid FROM contentless WHERE contentless MATCH 'w9'"
        ).fetchall()
        return found


def test_a_compact_backup_is_smaller_and_has_the_same_row_ids(project, tmp_path):
    project.run_sql("CREATE TABLE t (x)")
    fill(project.link)
    project.run_sql("CREATE TABLE more AS SELECT zeroblob(400000); DROP TABLE more")
    before = row_ids(project.link)
    assert before["external5"] == [(9, "w9")] and before["bare"][0] == (4,)
    large = project.done("backup", json=True).json["backup"]["content"]["bytes"]
    small = project.done("backup", compact=True, json=True).json["backup"]["content"]["bytes"]
    assert small < large - 400_000
    project.done("restore", into=tmp_path / "restored.sqlite3")
    assert row_ids(tmp_path / "restored.sqlite3") == before


def test_one_with_other_row_ids_is_refused(project, monkeypatch):
    """SQLite's manual allows VACUUM to change row ids, and a plain VACUUM does."""

    def copy_into(connection, path):
        connection.execute("VACUUM INTO ?", (str(path),))
        with closing(sqlite3.connect(path)) as copy:
            copy.execute("VACUUM")

    fill(project.link)
    monkeypatch.setattr(copies, "copy_into", copy_into)
    ended = project.call("backup", compact=True)
    assert ended.code == 4 and "[row-ids-changed] VACUUM gives other row ids to bare, computed" in ended.err
    assert not list(project.folder.glob("db.sqlite3.backups/*/*"))


def test_a_snapshot_during_a_run_keeps_row_ids(tmp_path):
    """The table that a run keeps in the live file is removed from the copy, and so are the free pages."""
    live, copy = tmp_path / "live.sqlite3", tmp_path / "copy.sqlite3"
    fill(live)
    before = row_ids(live)
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.execute("CREATE TABLE _schemasync_log (x)")
        connection.execute("INSERT INTO _schemasync_log VALUES (zeroblob(400000))")
    copy.touch(mode=0o640)
    copies.compact_copy(Opener(), live, copy)
    assert row_ids(copy) == before
    assert copy.stat().st_size < live.stat().st_size - 400_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite3", "live.sqlite3"]
