"""The new file has the AUTOINCREMENT counters of the old one, also after changes of them during the run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.columns import WRITTEN

from .oracle import QUICK, Case, content, made, read
from .test_runs import write

HIGHEST = 2**63 - 1
COUNTED = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "a": "TEXT"}
PLAIN = {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}
OTHER, OTHER_MORE = {"id": "INTEGER PRIMARY KEY"}, {"id": "INTEGER PRIMARY KEY", "more": WRITTEN}
ROWS = (
    "INSERT INTO t (id, a) SELECT value, 'a' || value FROM json_each('[1,2,3,4,5]');"
    "CREATE TABLE mine (id INTEGER PRIMARY KEY AUTOINCREMENT, a); INSERT INTO mine SELECT * FROM t WHERE id < 5;"
)


@dataclass(frozen=True)
class Change:
    """A change of table "t" from one definition to another; `name` is its name afterwards."""

    old: dict
    new: dict
    name: str = "t"


CHANGES = {
    "kept": Change({"t": COUNTED, "o": OTHER}, {"t": COUNTED, "o": OTHER_MORE}),
    "rewritten": Change({"t": COUNTED}, {"t": {**COUNTED, "more": WRITTEN}}),
    "renamed": Change({"t": COUNTED}, {"u": {**COUNTED, "_was": ["t"]}}, "u"),
    "renamed and rewritten": Change({"t": COUNTED}, {"u": {**COUNTED, "more": WRITTEN, "_was": ["t"]}}, "u"),
    "gets a counter": Change({"t": PLAIN}, {"t": COUNTED}),
    "loses its counter": Change({"t": COUNTED}, {"t": PLAIN}),
}
ANOTHER_KEY = Change(
    {"t": {**COUNTED, "n": "INTEGER"}},
    {"t": {"id": "INTEGER", "a": "TEXT", "n": {"type": "INTEGER PRIMARY KEY AUTOINCREMENT"}}},
)
AWAY_AND_BACK = {
    "an id is moved away and back": (
        [f"UPDATE {{}} SET id = {HIGHEST} WHERE id = 3"],
        [f"UPDATE {{}} SET id = 3 WHERE id = {HIGHEST}"],
    ),
    "the counter is lowered": (
        ["INSERT INTO {} (id, a) VALUES (1000, 'x')"],
        ["DELETE FROM {} WHERE id = 1000", "UPDATE sqlite_sequence SET seq = 7 WHERE name = '{}'"],
    ),
    "the counter is deleted": (
        ["INSERT INTO {} (id, a) VALUES (1000, 'x')"],
        ["DELETE FROM {} WHERE id = 1000", "DELETE FROM sqlite_sequence WHERE name = '{}'"],
    ),
    "the counter is raised": (
        ["UPDATE sqlite_sequence SET seq = 500 WHERE name = '{}'"],
        ["UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = '{}'"],
    ),
}
FRESH = replace(QUICK, rebuild_all=True)


def counters(link):
    return content(link)["sqlite_sequence"]


def followed(link, change, steps, options=QUICK):
    """Sync, with the first statements during the build and the others when the new file is built. Each statement runs
    on t and on a table that no schema.json names. Return the statements."""
    first, later = ([one.format(table) for table in ("t", "mine") for one in statements] for statements in steps)

    def observer(when, label):
        if when == "after" and label in (DiskStep.BUILD_REFILL, DiskStep.BUILD_RENAME):
            write(link, *(first if label is DiskStep.BUILD_REFILL else later))

    sync(target(link, disk=Disk(observer), wait=5.0), read(change.new), options)
    return [*first, *later]


ALL = [(change, steps, options) for change in CHANGES for steps in AWAY_AND_BACK for options in ("clone", "fresh")]
QUICKLY = [one for one in ALL if one[1:] == ("an id is moved away and back", "clone") or one[0] == "rewritten"]


@pytest.mark.slow(but=["*-clone"])
@pytest.mark.parametrize(
    ("change", "steps", "options"),
    [pytest.param(*one, marks=[] if one in QUICKLY else [pytest.mark.slow]) for one in ALL],
)
def test_the_counter_of_a_table_is_what_it_would_be_had_writers_waited(folder, change, steps, options):
    options = {"clone": QUICK, "fresh": FRESH}[options]
    change, case = CHANGES[change], Case(CHANGES[change].old, CHANGES[change].new, [], ROWS)
    link, waiting = made(folder / "beside", case), made(folder / "waited", case)
    statements = followed(link, change, AWAY_AND_BACK[steps], options)
    write(waiting, *statements)
    before = counters(waiting)
    sync(target(waiting), read(change.new), replace(options, block_writers=True))
    assert content(link) == content(waiting)
    assert [row for row in counters(link) if row[0] == "mine"] == [row for row in before if row[0] == "mine"]
    with closing(sqlite3.connect(link)) as connection:
        connection.execute(f"INSERT INTO {change.name} (a) VALUES ('the next one')")
        connection.execute("INSERT INTO mine (a) VALUES ('the next one')")


def test_a_new_key_that_was_moved_away_and_back_leaves_the_counter_where_it_was(folder):
    change = ANOTHER_KEY
    rows = "INSERT INTO t SELECT value, 'a', value + 20 FROM json_each('[1,2,3,4,5]');"
    link = made(folder / "w", Case(change.old, change.new, [], rows))
    away = [f"UPDATE t SET n = {HIGHEST} WHERE id = 3"], ["UPDATE t SET n = 23 WHERE id = 3"]

    def observer(when, label):
        if when == "after" and label in (DiskStep.BUILD_REFILL, DiskStep.BUILD_RENAME):
            write(link, *away[label is DiskStep.BUILD_RENAME])

    sync(target(link, disk=Disk(observer), wait=5.0), read(change.new), QUICK)
    assert ("t", 25) in counters(link)


def test_names_without_a_table_come_along_and_go_as_the_application_says(folder):
    change = CHANGES["kept"]
    stray = "INSERT INTO sqlite_sequence VALUES ('stray', 9), ('gone', 8), ('gone', 7);"
    link = made(folder / "w", Case(change.old, change.new, [], ROWS + stray))
    later = [
        "UPDATE sqlite_sequence SET seq = 10 WHERE name = 'stray'",
        "DELETE FROM sqlite_sequence WHERE name = 'gone'",
    ]
    followed(link, change, ([], [*later, "INSERT INTO sqlite_sequence VALUES ('late', 'x')"]))
    assert {row for row in counters(link) if row[0] not in ("t", "mine")} == {("stray", 10), ("late", "x")}


def test_a_swap_back_restores_the_counter_of_that_file(folder):
    change = CHANGES["kept"]
    link = made(folder / "w", Case(change.old, change.new, [], ROWS))
    before = counters(link)
    sync(target(link), read(change.new), SyncOptions(block_writers=True))
    write(link, "INSERT INTO t (id, a) VALUES (1000, 'since')")
    rollback(target(link), None, lambda ahead: True)
    assert counters(link) == before
