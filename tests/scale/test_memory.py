"""The memory of a run does not depend on the size of the file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.live.oracle import QUICK, read

ROWS, BYTES = 14_000, 3_900  # one row a page: 56 MB
MOST = 44  # MB above the memory of the process before it begins

MEASURED = """
import json, sqlite3, sys
from pathlib import Path
from schemasync.files.disk import Disk, DiskStep
from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

def write(when, label):
    if (when, label) == ("after", DiskStep.BUILD_REFILL):
        if sys.argv[3]:
            with sqlite3.connect(sys.argv[1]) as other:
                other.execute(sys.argv[3])

wanted, link = document.read(sys.argv[2].encode()), target(Path(sys.argv[1]), disk=Disk(write))
before = peak()
report = sync(link, wanted, SyncOptions(block_writers=not sys.argv[3]))
print(json.dumps([before, peak(), report.tables["t"]["action"]]))
"""


BODY = {"id": "INTEGER", "k": "BLOB", "n": "INTEGER", "body": "BLOB", "_indexes": [{"name": "i", "columns": ["n"]}]}
BY_ROW_ID = BODY | {"id": "INTEGER PRIMARY KEY"}
BY_RANDOM_KEY = BODY | {"_primary_key": ["k"]}
IN_ORDER_OF_RANDOM_KEY = BY_RANDOM_KEY | {"_without_rowid": True}
ANOTHER_TYPE = {"n": "TEXT"}
UPDATE = "UPDATE t SET n = n + 1"


pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the kernel says what a process needed at most"
)


def needed(link, old, new, written=""):
    """Return the MB that a rewrite needs above the memory of its process before it. `written`: SQL that another process
    runs meanwhile, if any."""
    sync(target(link), read({"t": old}), QUICK)
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute(
            f"WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {ROWS})"
            f" INSERT INTO t (id, k, n, body) SELECT i, randomblob(16), i, zeroblob({BYTES}) FROM c"
        )
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(link), json.dumps({"t": new}), written],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, after, action = json.loads(done.stdout)
    assert action == "rewrite"
    return after - before


@pytest.mark.slow(but=["old0"])
@pytest.mark.parametrize("old", [BY_ROW_ID, BY_RANDOM_KEY, IN_ORDER_OF_RANDOM_KEY])
def test_a_rewrite_of_a_large_table_needs_little_memory_whatever_the_order_of_its_keys(tmp_path, old):
    assert needed(tmp_path / "db.sqlite3", old, old | ANOTHER_TYPE) < MOST


@pytest.mark.slow
def test_rows_that_have_no_key_in_common_are_compared_with_little_memory(tmp_path):
    """SQLite sorts all rows of both files."""
    assert needed(tmp_path / "db.sqlite3", IN_ORDER_OF_RANDOM_KEY, BODY) < MOST


@pytest.mark.slow
def test_writes_of_many_rows_beside_a_run_are_replayed_with_little_memory(tmp_path):
    assert needed(tmp_path / "db.sqlite3", BY_ROW_ID, BY_ROW_ID | ANOTHER_TYPE, UPDATE) < MOST
