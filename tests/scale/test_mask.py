"""A masked copy of many rows: it needs bounded memory, and a kill leaves no old value in any file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from schemasync.sync.adopt import adopt
from schemasync.sync.run.target import target
from tests.crash.processes import child
from tests.live.oracle import read

pytestmark = pytest.mark.slow

ROWS = 150_000
MOST = 64  # MB above the memory of the process before it begins
SCHEMA = {
    "people": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL UNIQUE", "note": "TEXT"},
    "orders": {"id": "INTEGER PRIMARY KEY", "customer": "TEXT REFERENCES people (email)", "_indexes": ["customer"]},
}
FILL = f"""
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, note TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT REFERENCES people (email));
CREATE INDEX orders_customer ON orders (customer);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
INSERT INTO people SELECT i, 'secretperson' || i || '@example.org', hex(randomblob(100)) FROM n;
INSERT INTO orders SELECT id, email FROM people;
"""
MASKED = """
import json, os, signal, sys, threading, time
from contextlib import contextmanager
from pathlib import Path
from schemasync.masking.rules import read_rules
from schemasync.sync.masked_snapshot import masked_snapshot
from schemasync.sync.run.progress import Silent
from schemasync.sync.run.target import target

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

class Progress(Silent):
    @contextmanager
    def phase(self, name, unit):
        def advance(done, total):
            if done == total and "kill" in sys.argv:
                os.kill(os.getpid(), signal.SIGKILL)
        yield advance

link, before, begun = Path(sys.argv[1]), peak(), time.monotonic()
if "interrupt" in sys.argv:
    threading.Timer(3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
rules = read_rules(b'{"people": {"email": "text"}}', "mask.json")
masked_snapshot(target(link, progress=Progress()), link.with_name("copy.sqlite3"), rules)
print(json.dumps([peak() - before, time.monotonic() - begun]))
"""


@pytest.fixture
def link(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FILL)
    child(lambda: adopt(target(path), read({**SCHEMA})) and None).result()
    return path


def masked(link, *words):
    command = [sys.executable, "-c", MASKED, str(link), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_memory_does_not_grow_with_the_rows(link):
    done = masked(link)
    needed, seconds = json.loads(done.stdout or "[0, 0]")
    assert done.returncode == 0, done.stderr
    print(f"{2 * ROWS:,} values in {seconds:.0f} s, {needed:.0f} MB")
    assert needed < MOST
    copy = link.with_name("copy.sqlite3")
    assert b"secretperson" not in copy.read_bytes()
    with closing(sqlite3.connect(copy)) as connection:
        query = "SELECT count(*), count(DISTINCT p.email) FROM people AS p JOIN orders AS o ON o.customer = p.email"
        assert connection.execute(query).fetchone() == (ROWS, ROWS)


def test_what_a_kill_leaves_holds_no_old_value(link):
    assert masked(link, "kill").returncode == -9
    (left,) = link.parent.glob("copy*")
    assert left.name == "copy.sqlite3.tmp"
    assert left.stat().st_size > 10_000_000, "much of it was written"
    assert b"secretperson" not in left.read_bytes()
    assert masked(link).returncode == 0, "the next one begins anew"
    assert sorted(path.name for path in link.parent.glob("copy*")) == ["copy.sqlite3"]


def test_ctrl_c_ends_it_while_values_are_masked(link):
    """For an exception in a function, SQLite reports only that there was one."""
    done = masked(link, "interrupt")
    assert done.returncode == 1
    assert "stopped by SIGINT; the live file is unchanged" in done.stderr
    assert not list(link.parent.glob("copy*"))
