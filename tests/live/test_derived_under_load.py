"""Derived tables while processes write without a pause: in the end they match the rows of the old file."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.processes import Child, child

from .oracle import Case, made, read
from .test_derived import NORMALIZED, SPLIT, USERS

TOWNS = 50
PATIENT = SyncOptions(limits=Limits(max_pause=5.0, cutover_timeout=120.0))
ITS_TIME = 240.0  # seconds for such a run, which shares the processors with the writers and other tests


def _busy(link: Path, number: int) -> int:
    """Write until the file is closed. Return the number of acknowledged writes."""
    done = 0
    with closing(sqlite3.connect(link, isolation_level=None, timeout=30)) as connection:
        try:
            while True:
                town = f"Town {(done * 7 + number) % TOWNS}"
                connection.execute(
                    "INSERT INTO Users (name, street, city) VALUES (?, 'High Street', ?)", (f"{number}.{done}", town)
                )
                connection.execute("UPDATE Users SET street = 'Low Street' WHERE id = ?", (done % 500,))
                done += 1
                time.sleep(0.002)
        except sqlite3.OperationalError as error:
            assert "superseded" in str(error), error
    return done


@pytest.mark.parametrize("rows", [2_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_no_acknowledged_write_is_missing_in_a_derived_table(folder, rows):
    filled = (
        f"WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
        f" INSERT INTO Users (name, street, city) SELECT 'n' || i, 'High Street', 'Town ' || (i % {TOWNS}) FROM n;"
    )
    link = made(folder / "w", Case({"Users": USERS}, NORMALIZED, [], filled))
    archive = link.resolve()
    writers = [Child(lambda number=number: _busy(link, number)) for number in range(2)]
    report = child(
        lambda: (found := sync(target(link, wait=30.0), read(NORMALIZED), PATIENT)) and found.pause_ms,
        patience=ITS_TIME,
    ).result()
    acknowledged = sum(writer.ended().result() for writer in writers)
    assert report < 5_000
    with closing(sqlite3.connect(f"file:{archive}?mode=ro", uri=True)) as old, closing(sqlite3.connect(link)) as new:
        assert old.execute("SELECT count(*) FROM Users").fetchone()[0] >= rows + acknowledged
        before = old.execute("SELECT id, name, street, city FROM Users ORDER BY id").fetchall()
        joined = (
            "SELECT u.id, name, street, city FROM Users AS u JOIN Addresses AS a ON a.id = address_id ORDER BY u.id"
        )
        assert new.execute(joined).fetchall() == before
        towns = new.execute("SELECT count(*), count(DISTINCT street || city) FROM Addresses").fetchone()
        assert towns[0] == towns[1] == len({row[2:] for row in before})
        assert new.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.slow
def test_a_large_derived_table_that_is_followed_by_key_needs_no_longer_pause(folder):
    filled = (
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
        " INSERT INTO Users (name, street, city) SELECT 'n' || i, 'High Street', nullif('Town ' || (i % 50), 'Town 7') FROM n;"
    )
    link = made(folder / "w", Case({"Users": USERS}, SPLIT, [], filled))
    archive = link.resolve()
    writers = [Child(lambda number=number: _busy(link, number)) for number in range(2)]
    options = SyncOptions(limits=Limits(cutover_timeout=120.0))
    building = Child(lambda: sync(target(link, wait=30.0), read(SPLIT), options).result)
    building.ended(ITS_TIME).result()
    acknowledged = sum(writer.ended().result() for writer in writers)
    with closing(sqlite3.connect(f"file:{archive}?mode=ro", uri=True)) as old, closing(sqlite3.connect(link)) as new:
        assert old.execute("SELECT count(*) FROM Users").fetchone()[0] >= 200_000 + acknowledged
        for there, here in (
            ("SELECT id, name FROM Users ORDER BY id", "SELECT * FROM People ORDER BY id"),
            ("SELECT id, city FROM Users WHERE city IS NOT NULL ORDER BY id", "SELECT * FROM Places ORDER BY person"),
        ):
            assert new.execute(here).fetchall() == old.execute(there).fetchall()
