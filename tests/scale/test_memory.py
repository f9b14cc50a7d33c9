"""The memory that a run needs does not depend on the size of the file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.live.beside import QUICK, read

ROWS, BYTES = 14_000, 3_900  # a row a page: 56 MB
MOST = 44  # MB above what the process needs before it begins

MEASURED = """
import json, sqlite3, sys
from pathlib import Path
from schemasync.files.disk import Disk, DiskStep
from schemasync.schema import document
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

def write(when, label):
    if (when, label) == ("after", DiskStep.BUILD_REFILL):
        with sqlite3.connect(sys.argv[1]) as other:
            other.execute(sys.argv[3])

wanted, link = document.read(sys.argv[2].encode()), target(Path(sys.argv[1]), disk=Disk(write))
before = peak()
report = sync(link, wanted)
print(json.dumps([before, peak(), report.tables["t"]["action"]]))
"""


def schema(n, key, without_rowid):
    found = {"k": "BLOB", "n": n, "body": "BLOB", "_primary_key": ["k"], "_indexes": [{"name": "i", "columns": ["n"]}]}
    return (
        {"t": found | {"id": "INTEGER", "_without_rowid": without_rowid}}
        if key == "blob"
        else {"t": {"id": "INTEGER PRIMARY KEY", "k": "BLOB", "n": n, "body": "BLOB", "_indexes": found["_indexes"]}}
    )


pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the kernel says what a process needed at most"
)


def needed(link, key, without_rowid, written=""):
    """How many MB more than before it began a process needs for a rewrite, beside another one that writes."""
    sync(target(link), read(schema("INTEGER", key, without_rowid)), QUICK)
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute(
            f"WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {ROWS})"
            f" INSERT INTO t (id, k, n, body) SELECT i, randomblob(16), i, zeroblob({BYTES}) FROM c"
        )
    wanted = json.dumps(schema("TEXT", key, without_rowid))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(link), wanted, written], capture_output=True, text=True, check=True
    )
    before, after, action = json.loads(done.stdout)
    assert action == "rewrite"
    return after - before


@pytest.mark.parametrize(("key", "without_rowid"), [("id", False), ("blob", False), ("blob", True)])
def test_a_rewrite_of_a_large_table_needs_little_memory_whatever_the_order_of_its_keys(tmp_path, key, without_rowid):
    assert needed(tmp_path / "db.sqlite3", key, without_rowid) < MOST


def test_writes_of_many_rows_beside_a_run_are_replayed_with_little_memory(tmp_path):
    assert needed(tmp_path / "db.sqlite3", "id", False, "UPDATE t SET n = n + 1") < MOST
