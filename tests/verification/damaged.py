"""A small database of every kind of table, and runs whose new file is damaged while it is built."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from schemasync.errors import Problem, SchemasyncError
from schemasync.files.disk import Disk, DiskStep
from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.columns import WRITTEN

NAME = "db.sqlite3"
COPIED = ("after", DiskStep.BUILD_START)
FILLED = ("after", DiskStep.BUILD_INDEX)
FINISHED = ("after", DiskStep.BUILD_FINISH)
SEALED = ("after", DiskStep.BUILD_RENAME)

LIMITS = Limits(max_pause=1.0, cutover_timeout=20.0)
MODES = {
    "live": SyncOptions(limits=LIMITS),
    "pause": SyncOptions(block_writers=True),
    "fresh": SyncOptions(rebuild_all=True, limits=LIMITS),
}

OLD = {
    "people": {
        "id": "INTEGER PRIMARY KEY",
        "name": "TEXT COLLATE NOCASE",
        "height": "REAL",
        "any": "",
        "trimmed": "TEXT COLLATE RTRIM",
        "_indexes": [{"name": "people_name", "columns": ["name"]}],
        "_triggers": {"people_added": "AFTER INSERT ON people BEGIN SELECT 1; END"},
    },
    "bare": {"a": "TEXT", "b": "TEXT"},
    "codes": {"code": "TEXT NOT NULL", "value": "", "_primary_key": ["code"], "_without_rowid": True},
    "counted": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "x": "TEXT"},
    "children": {"id": "INTEGER PRIMARY KEY", "person": "INTEGER REFERENCES people"},
    "kept": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "x": "TEXT",
        "_indexes": [{"name": "kept_x", "columns": ["x"]}],
        "_triggers": {"kept_added": "AFTER INSERT ON kept BEGIN SELECT 1; END"},
    },
    "kept_codes": {"code": "TEXT NOT NULL", "value": "", "_primary_key": ["code"], "_without_rowid": True},
    "kept_bare": {"a": "TEXT"},
    "kept_pair": {"a": "TEXT", "b": "TEXT"},
    "_views": {"names": "SELECT name FROM people"},
}
REWRITTEN = ("people", "bare", "codes", "counted")
NEW = {**OLD, **{name: {**OLD[name], "more": WRITTEN} for name in REWRITTEN}}
RENAMED = {
    **{k: v for k, v in NEW.items() if k != "kept_codes"},
    "renamed": {**OLD["kept_codes"], "_was": ["kept_codes"]},
}

ROWS = """
    INSERT INTO people VALUES (1, 'a', 0.3, 1, 'x'), (2, 'b', 0.0, 'b', 'y'), (3, 'c', 1.5, x'00', 'z');
    INSERT INTO bare VALUES ('1', '2'), ('3', '4'), ('5', '6');
    INSERT INTO codes VALUES ('k1', 1), ('k2', 2);
    INSERT INTO counted VALUES (1, 'p'), (2, 'q'), (9, 'gone');
    DELETE FROM counted WHERE id = 9;
    INSERT INTO children VALUES (1, 1), (2, 2);
    INSERT INTO kept VALUES (1, 'k'), (2, 'l'), (9, 'gone');
    DELETE FROM kept WHERE id = 9;
    INSERT INTO kept_codes VALUES ('c1', 1), ('c2', 2);
    INSERT INTO kept_bare VALUES ('1'), ('2');
    CREATE TABLE foreign_table (q);
    INSERT INTO foreign_table VALUES (1), (2), (3);
    CREATE TABLE foreign_counted (id INTEGER PRIMARY KEY AUTOINCREMENT, q);
    INSERT INTO foreign_counted VALUES (1, 'f'), (9, 'gone');
    DELETE FROM foreign_counted WHERE id = 9;
    CREATE INDEX foreign_index ON people (height);
    CREATE INDEX foreign_kept_index ON kept (x, id);
    CREATE TRIGGER foreign_trigger AFTER DELETE ON people BEGIN SELECT 1; END;
    CREATE TRIGGER foreign_table_trigger AFTER DELETE ON foreign_table BEGIN SELECT 1; END;
    CREATE VIEW foreign_view AS SELECT q FROM foreign_table;
"""


def read(tree: dict) -> document.Document:
    return document.read(json.dumps(tree).encode())


def make(folder: Path, tree: dict = OLD, rows: str = ROWS) -> Path:
    """Make the old database in a new folder, fill it, and return its link. No connection stays open."""
    folder.mkdir()
    link = folder / NAME
    sync(target(link), read(tree))
    with closing(sqlite3.connect(link)) as connection:
        connection.executescript(rows)
    return link


def copy(link: Path, folder: Path) -> Path:
    shutil.copytree(link.parent, folder, symlinks=True)
    return folder / link.name


def at(moment: tuple[str, DiskStep], action: Callable[[], object]) -> Callable[[str, DiskStep], None]:
    """Return an observer that calls `deed` once, when the run passes the moment."""
    done = []

    def observer(when: str, label: DiskStep) -> None:
        if (when, label) == moment and not done:
            done.append(True)
            action()

    return observer


def new_file(link: Path) -> Path:
    """Return the new file, under construction or finished."""
    (newest,) = sorted(link.with_name(link.name + ".generations").glob("0002-*.sqlite3*"))[:1]
    return newest


def execute(path: Path, script: str) -> None:
    """Run SQL on any file, as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script)


def run(link: Path, tree: dict, options: SyncOptions, observer: Callable[[str, DiskStep], None]):
    return sync(target(link, disk=Disk(observer), wait=5.0), read(tree), options)


def found(
    link: Path, tree: dict, options: SyncOptions, moment: tuple[str, DiskStep], damage: str
) -> tuple[Problem, ...]:
    """Run, and damage the new file at that moment. Return the problems of the error, or () if the run succeeds."""
    try:
        run(link, tree, options, at(moment, lambda: execute(new_file(link), damage)))
    except SchemasyncError as error:
        return error.problems
    return ()


def stale_index(table="people", column="trimmed", index="stale"):
    """Return SQL that makes an index stale, as if another SQLite had computed its expression differently."""
    return (
        f"CREATE INDEX {index} ON {table} ({column} || 'x');"
        "PRAGMA writable_schema=ON;"
        f"UPDATE sqlite_schema SET sql = replace(sql, '''x''', '''y''') WHERE name = '{index}';"
    )
