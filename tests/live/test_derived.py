"""Derived tables while writers write: they include the rows written while they are filled."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.engines.sqlite.rebuild import derive
from schemasync.errors import Busy, Failed, Refused
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from .oracle import QUICK, Case, beside, content, made, read, waited

MOMENTS = {
    "logged": ("after", DiskStep.CAPTURE_INSTALL),
    "filled": ("after", DiskStep.BUILD_REFILL),
    "sealed": ("after", DiskStep.BUILD_RENAME),
}

USERS = {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "street": "TEXT", "city": "TEXT"}
ROWS = (
    "INSERT INTO Users VALUES (1, 'Ada', 'Hill 1', 'Bath'), (2, 'Ben', 'Quay 2', 'Hull'), (3, 'Cyd', 'Hill 1', 'Bath'),"
    " (4, 'Dot', NULL, NULL);"
)
WRITES = [
    "INSERT INTO Users VALUES (9, 'Eve', 'Road 3', 'York')",
    "INSERT INTO Users (name, street, city) VALUES ('Fay', 'Hill 1', 'Bath') RETURNING id",
    "UPDATE Users SET street = 'Quay 2', city = 'Hull' WHERE id = 1",
    "DELETE FROM Users WHERE id = 2",
    "UPDATE Users SET id = 40 WHERE id = 4",
    "INSERT OR REPLACE INTO Users VALUES (3, 'Cyn', 'Road 3', 'York')",
]
SPLIT = {
    "People": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "_from": "SELECT id, name FROM old.Users"},
    "Places": {
        "person": "INTEGER PRIMARY KEY REFERENCES People (id)",
        "city": "TEXT",
        "_indexes": ["city"],
        "_from": "SELECT id AS person, city FROM old.Users WHERE city IS NOT NULL",
    },
    "_dropped": ["Users"],
}
NORMALIZED = {
    "Addresses": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "street": "TEXT",
        "city": "TEXT",
        "_unique_constraints": [["street", "city"]],
        "_from": "SELECT row_number() OVER (ORDER BY city, street) AS id, street, city FROM old.Users WHERE city IS NOT NULL GROUP BY street, city",
    },
    "Users": {
        "id": "INTEGER PRIMARY KEY",
        "name": "TEXT",
        "address_id": "INTEGER REFERENCES Addresses (id)",
        "_dropped": ["street", "city"],
        "_from": "SELECT u.id, u.name, a.id AS address_id FROM old.Users AS u LEFT JOIN Addresses AS a USING (street, city)",
    },
}
PAIRS = {"k": "TEXT", "m": "INTEGER", "v": "TEXT", "_primary_key": ["k", "m"], "_without_rowid": True}
SUMS = {"k": "TEXT PRIMARY KEY", "n": "INTEGER", "_from": "SELECT k, sum(m) AS n FROM old.pairs GROUP BY k"}
SEARCHED = {
    "people": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "_from": "SELECT id, name FROM old.Users"},
    "found": {"_virtual": "fts5(name, content='people', content_rowid='id')"},
    "Users": USERS,
}
CASES = {
    "a table is split and goes": Case({"Users": USERS}, SPLIT, WRITES, ROWS),
    "values become a table, and the rows refer to it": Case({"Users": USERS}, NORMALIZED, WRITES, ROWS),
    "a table without row ids": Case(
        {"pairs": PAIRS},
        {"pairs": PAIRS, "sums": SUMS},
        [
            "INSERT INTO pairs VALUES ('c', 1, '')",
            "DELETE FROM pairs WHERE k = 'a' AND m = 1",
            "UPDATE pairs SET m = m + 10",
        ],
        "INSERT INTO pairs VALUES ('a', 1, ''), ('a', 2, ''), ('b', 3, '');",
    ),
    "rows of the key of a table without row ids": Case(
        {"pairs": PAIRS},
        {
            "pairs": PAIRS,
            "parts": {
                "k": "TEXT",
                "m": "INTEGER",
                "part": "TEXT",
                "_primary_key": ["k", "m", "part"],
                "_without_rowid": True,
                "_from": "SELECT p.k, p.m, e.value AS part FROM old.pairs AS p, json_each(p.v) AS e",
            },
        },
        [
            """INSERT INTO pairs VALUES ('c', 1, '["z"]')""",
            "DELETE FROM pairs WHERE k = 'a' AND m = 1",
            """UPDATE pairs SET v = '["u", "v", "w"]' WHERE k = 'b'""",
            "UPDATE pairs SET m = m + 10 WHERE k = 'a'",
            """INSERT OR REPLACE INTO pairs VALUES ('b', 3, '["only"]')""",
        ],
        """INSERT INTO pairs VALUES ('a', 1, '["x", "y"]'), ('a', 2, '["x"]'), ('b', 3, '[]');""",
    ),
    "rows that a TEMP trigger hides from the log": Case(
        {"Users": USERS, "seen": {"x": "TEXT"}},
        {**SPLIT, "seen": {"x": "TEXT"}},
        ["INSERT INTO Users (name, city) VALUES ('Gil', 'Rye')"],
        ROWS,
        first=["CREATE TEMP TRIGGER hides AFTER INSERT ON Users BEGIN SELECT RAISE(IGNORE); END"],
    ),
    "a table whose row ids VACUUM changes": Case(
        {"loose": {"x": "TEXT"}},
        {
            "fixed": {"n": "INTEGER PRIMARY KEY", "x": "TEXT", "_from": "SELECT rowid AS n, x FROM old.loose"},
            "_dropped": ["loose"],
        },
        ["DELETE FROM loose WHERE x = 'b'", "VACUUM"],
        "INSERT INTO loose VALUES ('a'), ('b'), ('c');",
    ),
    "text that an index of another table searches": Case({"Users": USERS}, SEARCHED, WRITES, ROWS),
}


@pytest.mark.parametrize(
    "moment", [pytest.param("logged", marks=pytest.mark.slow), pytest.param("filled", marks=pytest.mark.slow), "sealed"]
)
@pytest.mark.parametrize("name", CASES)
def test_a_derived_table_is_as_if_its_tables_had_been_written_before_the_run(tmp_path, name, moment):
    case = CASES[name]
    report, answered = beside(made(tmp_path / "beside", case), case, MOMENTS[moment])
    _, expected = waited(made(tmp_path / "waited", case), case)
    assert answered == expected
    assert content(tmp_path / "beside" / "db.sqlite3") == content(tmp_path / "waited" / "db.sqlite3")
    assert "derived-recomputed" in [hazard.code for hazard in report.hazards]


# --- rows that do not fit -----------------------------------------------------------------------------------------

ONE_NAME = {
    "Users": USERS,
    "names": {"name": "TEXT PRIMARY KEY", "id": "INTEGER", "_from": "SELECT name, id FROM old.Users"},
}
ORDERS = {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users (id)"}
MERGED = {
    "Users": {
        **USERS,
        "_from": {
            "select": "SELECT min(id) AS id, min(name) AS name, street, city FROM old.Users GROUP BY street, city",
            "may_drop_rows": True,
        },
    },
    "Orders": ORDERS,
}
MERGING = Case({"Users": USERS, "Orders": ORDERS}, MERGED, [], ROWS)
BEFORE_THE_LOCK = ("after", DiskStep.BUILD_RENAME)


def at(label, act):
    """Return an observer that calls `act` once, at this label."""
    done = []

    def observer(when, step):
        if (when, step) == label and not done:
            done.append(True)
            act()

    return observer


def write(link, *statements):
    with closing(sqlite3.connect(link, isolation_level=None, timeout=5)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_row_that_the_derived_table_cannot_have_ends_the_run_if_nobody_fixes_it(folder):
    case = Case({"Users": USERS}, ONE_NAME, [], ROWS)
    link = made(folder / "w", case)
    observer = at(("after", DiskStep.BUILD_REFILL), lambda: write(link, "INSERT INTO Users (name) VALUES ('Ada')"))
    with pytest.raises(Failed) as caught:
        sync(target(link, disk=Disk(observer)), read(ONE_NAME), QUICK)
    (problem,) = caught.value.problems
    assert (problem.code, problem.facts["table"]) == ("rows-violate-schema", "names")
    write(link, "DELETE FROM Users WHERE id > 4")
    assert sync(target(link), read(ONE_NAME), QUICK).result == "synced"


def test_a_row_that_is_fixed_in_time_comes_along(folder):
    link = made(folder / "w", Case({"Users": USERS}, ONE_NAME, [], ROWS))

    def mend():
        time.sleep(0.3)
        write(link, "UPDATE Users SET name = 'Ada II' WHERE id > 4")

    def offend():
        write(link, "INSERT INTO Users (name) VALUES ('Ada')")
        threading.Thread(target=mend).start()

    assert sync(target(link, disk=Disk(at(BEFORE_THE_LOCK, offend))), read(ONE_NAME), QUICK).result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT id FROM names WHERE name = 'Ada II'").fetchone() == (5,)


TOWNS = {
    "Towns": {"id": "INTEGER PRIMARY KEY"},
    "Homes": {
        "id": "INTEGER PRIMARY KEY",
        "town": "INTEGER REFERENCES Towns (id)",
        "_from": "SELECT id, 1 AS town FROM old.Users",
    },
    "Users": USERS,
}
REFERENCES = {
    "a row refers to one that is merged away": (MERGING, "INSERT INTO Orders (user) VALUES (3)"),
    "a row that is referred to is merged away": (
        replace(MERGING, before=ROWS + "INSERT INTO Orders (user) VALUES (2);"),
        "UPDATE Users SET street = 'Hill 1', city = 'Bath' WHERE id = 2",
    ),
    "a row of a table by hand refers to one that is merged away": (
        replace(MERGING, before=ROWS + "CREATE TABLE mine (u REFERENCES Users (id));"),
        "INSERT INTO mine VALUES (3)",
    ),
    "a row that a derived one refers to is deleted": (
        Case({"Users": USERS, "Towns": TOWNS["Towns"]}, TOWNS, [], ROWS + "INSERT INTO Towns VALUES (1);"),
        "DELETE FROM Towns",
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_to_a_row_that_would_not_be_there_ends_the_run(folder, name):
    case, statement = REFERENCES[name]
    link = made(folder / "w", case)
    options = replace(QUICK, limits=Limits(max_pause=1.0, cutover_timeout=0.5))
    with pytest.raises(Failed, match="refer to rows that do not exist"):
        sync(target(link, disk=Disk(at(BEFORE_THE_LOCK, lambda: write(link, statement)))), read(case.new), options)
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(*) FROM Users").fetchone() == (4,)


# --- the time that writers wait -----------------------------------------------------------------------------------


def test_a_table_whose_filling_takes_too_long_is_refused_unless_writers_may_wait(folder):
    link = made(folder / "w", Case({"Users": USERS}, NORMALIZED, [], ROWS))
    with pytest.raises(Refused) as caught:
        sync(target(link), read(NORMALIZED), SyncOptions(limits=Limits(max_pause=1e-6)))
    (problem,) = caught.value.problems
    assert problem.facts["code"] == "derived-too-slow"
    assert "--max-pause" in problem.hint
    assert sync(target(link), read(NORMALIZED), SyncOptions(block_writers=True)).result == "synced"


def test_writers_that_never_pause_are_not_made_to_wait_for_longer_than_allowed(folder, monkeypatch):
    """Filling the table again takes longer than when the plan was made."""
    link = made(folder / "w", Case({"Users": USERS}, NORMALIZED, [], ROWS))
    filled = derive.fill_again

    def slowly(connection, step):
        time.sleep(0.3)
        write(link, "UPDATE Users SET name = name || '.'")
        return filled(connection, step)

    monkeypatch.setattr("schemasync.engines.sqlite.capture.recompute.fill_again", slowly)
    observer = at(BEFORE_THE_LOCK, lambda: write(link, "UPDATE Users SET name = 'x'"))
    with pytest.raises(Busy, match="Addresses, Users were written each time"):
        sync(
            target(link, disk=Disk(observer)),
            read(NORMALIZED),
            SyncOptions(limits=Limits(max_pause=0.3, cutover_timeout=2.0)),
        )
