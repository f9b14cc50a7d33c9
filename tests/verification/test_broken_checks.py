"""Rows that violate a CHECK already: reported also for a read-only file, and not as a fault of a new file."""

import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.verify.integrity_check import integrity, quick
from tests.command.conftest import memory, project, synced, tmp_path  # noqa: F401  fixtures

CHECKED = {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL CHECK (name <> 'x')", "fax": "TEXT"}
BROKEN = "PRAGMA ignore_check_constraints=ON; INSERT INTO Users VALUES (9, 'x', NULL)"


@pytest.fixture
def broken(synced):  # noqa: F811
    """A project in which an unchanged table has a row that violates its CHECK."""
    synced.write({"Users": CHECKED, "Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT"}})
    synced.done()
    synced.run_sql(BROKEN)
    synced.write({"Users": CHECKED, "Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT", "more": "TEXT UNIQUE"}})
    return synced


def test_a_full_verification_tells_that_the_old_file_has_them_too(broken):
    done = broken.done(verify="full", json=True).json
    assert done["result"] == "synced"
    assert "integrity_check of the old file and of the new one: CHECK constraint failed in Users" in done["notes"]


@pytest.mark.parametrize("is_written", [False, True], ids=["closed", "with a log"])
def test_they_are_found_whether_or_not_the_file_can_be_written(broken, is_written):
    line = ("CHECK constraint failed in Users",)
    with closing(sqlite3.connect(broken.link)) as writer:
        if is_written:  # schemasync then uses a read-only connection
            writer.execute("UPDATE Log SET what = 'later'")
            writer.commit()
        with closing(Opener().read(broken.link)) as connection:
            assert (integrity(connection), quick(connection)) == (line, line)
