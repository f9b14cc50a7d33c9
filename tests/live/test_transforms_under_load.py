"""Transforms while processes write without a pause, and after a kill: in the end the tables are as a model computes
them from the last rows."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import pytest

from schemasync.errors import SchemasyncError
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from schemasync.transforms import ONE_TO_MANY, ONE_TO_ONE, SHARED, transform
from tests.crash.processes import Child, child

from .oracle import Case, made

HOMES = 50
PATIENT = SyncOptions(limits=Limits(max_pause=5.0, cutover_timeout=120.0))
ITS_TIME = 240.0  # seconds for such a run, which shares the processors with the writers and other tests
USERS = {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "home": "INTEGER"}
NEW = {
    "Users": USERS,
    "Names": {"id": "INTEGER PRIMARY KEY REFERENCES Users (id)", "first": "TEXT", "last": "TEXT"},
    "Words": {"word": "TEXT PRIMARY KEY", "_without_rowid": True},
    "UserWords": {"user": "INTEGER REFERENCES Users (id)", "word": "TEXT", "_primary_key": ["user", "word"]},
    "Homes": {"id": "INTEGER PRIMARY KEY", "people": "INTEGER", "first": "INTEGER"},
}


@transform("Users", into="Names", kind=ONE_TO_ONE)
def names(user):
    first, _, last = user["name"].partition(" ")
    yield "Names", {"id": user["id"], "first": first, "last": last}


@transform("Users", into=["Words", "UserWords"], kind=ONE_TO_MANY)
def words(user):
    for word in set(user["name"].split()):
        yield "Words", {"word": word}
        yield "UserWords", {"user": user["id"], "word": word}


@transform("Users", into="Homes", kind=SHARED, group=lambda user: user["home"])
def homes(users):
    if users[0]["home"] is not None:
        yield "Homes", {"id": users[0]["home"], "people": len(users), "first": users[0]["id"]}


def modelled(rows):
    """Return the rows that each table must hold, computed without schemasync and without the transform functions."""
    people, least = Counter[int](), defaultdict[int, list[int]](list)
    for number, _, home in rows:
        if home is not None:
            people[home] += 1
            least[home].append(number)
    pairs = sorted({(number, word) for number, name, _ in rows for word in name.split(" ") if word})
    return {
        "Names": sorted((number, name.split(" ")[0], name[len(name.split(" ")[0]) + 1 :]) for number, name, _ in rows),
        "Words": sorted({(word,) for _, word in pairs}),
        "UserWords": pairs,
        "Homes": sorted((home, people[home], min(least[home])) for home in people),
    }


def filled(rows):
    return (
        f"WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
        f" INSERT INTO Users SELECT i, 'First' || (i % 7) || ' Last' || i, nullif(i % {HOMES}, 3) FROM n;"
    )


CASE = Case({"Users": USERS}, NEW, [], filled(2_000), transforms=(names, words, homes))


def _busy(link: Path, number: int) -> int:
    """Write until the file is closed. Return the number of acknowledged writes."""
    done = 0
    with closing(sqlite3.connect(link, isolation_level=None, timeout=30)) as connection:
        try:
            while True:
                home, some = (done * 7 + number) % (HOMES + 5), (done * 13 + number) % 1_500
                connection.execute("INSERT INTO Users (name, home) VALUES (?, ?)", (f"New{done % 9} {number}", home))
                connection.execute("UPDATE Users SET name = ?, home = ? WHERE id = ?", (f"Own{done % 5} X", home, some))
                connection.execute("DELETE FROM Users WHERE id = ?", (1_500 + (done * 3 + number) % 500,))
                done += 1
                time.sleep(0.002)
        except sqlite3.OperationalError as error:
            assert "superseded" in str(error), error
    return done


def assert_modelled(link: Path, archive: Path, tables: Collection[str] = tuple(NEW)) -> int:
    """Check that these tables of the new file are as the model computes them from the last rows of the old one. Return
    the number of those rows."""
    with closing(sqlite3.connect(f"file:{archive}?mode=ro", uri=True)) as old, closing(sqlite3.connect(link)) as new:
        rows = old.execute("SELECT * FROM Users ORDER BY id").fetchall()
        assert new.execute("SELECT * FROM Users ORDER BY id").fetchall() == rows
        for table, expected in modelled(rows).items():
            if table not in tables:
                continue
            assert sorted(new.execute(f"SELECT * FROM {table}").fetchall()) == expected, table
        assert new.execute("PRAGMA foreign_key_check").fetchall() == []
        assert new.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return len(rows)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [2_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_beside_writers_that_never_stop_the_tables_are_what_a_model_makes_of_the_last_rows(folder, rows):
    link = made(folder / "w", Case({"Users": USERS}, NEW, [], filled(rows)))
    archive = link.resolve()
    writers = [Child(lambda number=number: _busy(link, number)) for number in range(2)]
    pause = child(
        lambda: (found := sync(target(link, wait=30.0), CASE.wanted, PATIENT)) and found.pause_ms, patience=ITS_TIME
    ).result()
    assert sum(writer.ended().result() for writer in writers) > 0
    assert pause < 5_000
    assert_modelled(link, archive)


@pytest.mark.slow(but=["CUTOVER:ROUND"])
@pytest.mark.parametrize("step", [DiskStep.BUILD_VERIFY, DiskStep.CUTOVER_ROUND])
def test_a_run_that_is_killed_in_the_middle_loses_nothing_and_the_next_one_finishes(folder, step):
    link = made(folder / "w", CASE)
    archive = link.resolve()
    writer = Child(lambda: _busy(link, 1))

    def killed():
        def observer(when, label):
            if (when, label) == ("after", step):
                time.sleep(60)

        return sync(target(link, disk=Disk(observer), wait=30.0), CASE.wanted, PATIENT).result

    first = Child(killed)
    time.sleep(3.0)
    first.kill()
    assert first.ended().killed
    assert (
        child(lambda: sync(target(link, wait=30.0), CASE.wanted, PATIENT).result, patience=ITS_TIME).result()
        == "synced"
    )
    assert writer.ended().result() > 0
    assert_modelled(link, archive)


@pytest.mark.slow
def test_a_function_that_fails_under_load_leaves_the_live_file_to_its_writers(folder):
    link = made(folder / "w", CASE)
    writer = Child(lambda: _busy(link, 1))

    def failing():
        def late(user):
            if user["id"] == 1_400:
                raise LookupError("no such user")
            return names.function(user)

        wanted = Case({"Users": USERS}, NEW, [], transforms=(transform("Users", into="Names", kind=ONE_TO_ONE)(late),))
        try:
            sync(target(link, wait=30.0), wanted.wanted, PATIENT)
        except SchemasyncError as error:
            return error.problems[0].message
        return ""

    assert (
        'the transform "late" fails at the row 1400 of "Users": LookupError'
        in child(failing, patience=ITS_TIME).result()
    )
    assert (
        child(lambda: sync(target(link, wait=30.0), CASE.wanted, PATIENT).result, patience=ITS_TIME).result()
        == "synced"
    )
    assert writer.ended().result() > 0
