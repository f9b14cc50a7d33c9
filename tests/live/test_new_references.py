"""A new foreign key also holds for rows written while it is built, at a cost that does not grow with the tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.capture.foreign_key_recheck import ForeignKeyRecheck
from schemasync.errors import Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from .oracle import QUICK, Case, content, made, read
from .test_runs import assert_as_before, at, write

P = {"id": "INTEGER PRIMARY KEY", "code": "TEXT COLLATE NOCASE UNIQUE"}
C = {"id": "INTEGER PRIMARY KEY", "p": "INTEGER", "code": "TEXT"}
OLD = {"p": P, "c": C}
NEW = {"p": P, "c": {**C, "p": "INTEGER REFERENCES p (id)", "code": "TEXT REFERENCES p (code)"}}
ROWS = "INSERT INTO p VALUES (1, 'one'), (2, 'two'); INSERT INTO c VALUES (1, 1, 'ONE'), (2, NULL, NULL), (3, 2, NULL);"
CASE = Case(OLD, NEW, [], ROWS)
REFERS = {"id": "INTEGER PRIMARY KEY", "p": "INTEGER REFERENCES p (id)"}
ARCHIVED = Case(
    {"p": P, "c": REFERS},
    {"p": P, "p_archive": {**P, "_was": ["p"]}, "c": REFERS},
    [],
    "INSERT INTO p VALUES (1, 'one'); INSERT INTO c VALUES (1, NULL);",
)
SHORT = SyncOptions(limits=Limits(max_pause=1.0, cutover_timeout=0.5))
MOMENTS = {"filled": ("after", DiskStep.BUILD_REFILL), "sealed": ("after", DiskStep.BUILD_RENAME)}

HOLDS = {
    "a row that refers to one that was there": ["INSERT INTO c VALUES (9, 1, 'two')"],
    "a row before the one that it refers to": ["INSERT INTO c VALUES (9, 9, NULL)", "INSERT INTO p VALUES (9, 'nine')"],
    "nothing refers to what is deleted any more": ["UPDATE c SET p = NULL WHERE p = 2", "DELETE FROM p WHERE id = 2"],
    "what refers to it goes too": ["DELETE FROM p WHERE id = 2", "DELETE FROM c WHERE p = 2"],
    "another spelling of the parent's collation": ["UPDATE p SET code = 'One' WHERE id = 1"],
    "the parent moves, and the row with it": ["UPDATE p SET id = 20 WHERE id = 2", "UPDATE c SET p = 20 WHERE p = 2"],
    "the parent goes and comes back": ["DELETE FROM p WHERE id = 1", "INSERT INTO p VALUES (1, 'oNE')"],
}
DANGLES = {
    "a row that refers to nothing": ["INSERT INTO c VALUES (9, 9, NULL)"],
    "a row that refers to nothing by a code": ["UPDATE c SET code = 'ten' WHERE id = 2"],
    "the parent is deleted": ["DELETE FROM p WHERE id = 2"],
    "the parent's code changes": ["UPDATE p SET code = 'uno' WHERE id = 1"],
    "everything is deleted but what refers to it": ["DELETE FROM p"],
}


@pytest.fixture
def link(folder):
    return made(folder / "w", CASE)


def run(link, moment, *statements):
    when, label = MOMENTS[moment]
    observer = at(label, lambda: write(link, *statements), when)
    return sync(target(link, disk=Disk(observer), wait=5.0), read(NEW), QUICK)


@pytest.mark.slow(but=["*-sealed"])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_comes_along(link, name, moment):
    assert run(link, moment, *HOLDS[name]).result == "synced"
    assert content(link)["checks"][1] == [], "foreign_key_check"


@pytest.mark.parametrize("name", DANGLES)
def test_what_dangles_in_the_end_is_refused_and_named(link, name):
    with pytest.raises(Failed, match=r'rows of "c" refer to rows that do not exist'):
        sync(
            target(link, disk=Disk(at(DiskStep.BUILD_RENAME, lambda: write(link, *DANGLES[name]))), wait=5.0),
            read(NEW),
            SHORT,
        )
    before = content(link)
    assert_as_before(link, before)


def test_what_is_fixed_in_time_comes_along(link):
    rounds = []

    def observer(when, label):
        if (when, label) == ("after", DiskStep.BUILD_RENAME):
            write(link, "INSERT INTO c VALUES (9, 9, NULL)")
        if (when, label) == ("after", DiskStep.CUTOVER_ROUND):
            rounds.append(1)
            if len(rounds) == 3:
                write(link, "INSERT INTO p VALUES (9, 'nine')")

    assert sync(target(link, disk=Disk(observer), wait=5.0), read(NEW), QUICK).result == "synced"
    assert len(rounds) > 3
    assert content(link)["checks"][1] == []


def test_a_row_that_refers_to_a_table_whose_name_an_empty_one_took_is_refused_and_named(folder):
    link = made(folder / "archive", ARCHIVED)
    observer = at(DiskStep.BUILD_RENAME, lambda: write(link, "UPDATE c SET p = 1 WHERE id = 1"))
    with pytest.raises(Failed, match=r'rows of "c" refer to rows that do not exist'):
        sync(target(link, disk=Disk(observer), wait=5.0), read(ARCHIVED.new), SHORT)
    assert_as_before(link, content(link))


def test_a_large_child_is_not_read_under_the_lock_if_nothing_was_written(folder):
    """The pause does not grow with the rows. The test counts the instructions of SQLite."""
    (new,) = read({"p": P, "c": REFERS}).schema.table("c").foreign_keys
    parent = read({"p": P}).schema.table("p")
    counts = []
    for rows in (10, 20_000):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT)")
            connection.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER)")
            connection.execute("INSERT INTO p VALUES (1, 'one')")
            connection.executemany("INSERT INTO c VALUES (?, 1)", [(number,) for number in range(rows)])
            recheck = ForeignKeyRecheck(0, "c", parent, new)
            recheck.prepare(connection)
            counts.append(0)

            def count():
                counts[-1] += 1

            connection.set_progress_handler(count, 1)
            assert not recheck.dangle(connection)
            connection.set_progress_handler(None, 0)
    assert counts[0] == counts[1] > 0
