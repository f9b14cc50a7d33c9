#!/usr/bin/env bash
# DuckDB 1.5.5 (its sqlite extension), ADBC 1.13.0 and APSW 3.54.1.0 each bring a SQLite of their own. If one of them only reads a file that
# the same process has open by Python's sqlite3, and closes it, the operating system drops the locks that sqlite3 holds on that file:
# locks of POSIX belong to the process, not to a handle. Another process then writes in the middle of our transaction, and our COMMIT,
# which succeeds, writes over what the other process was told is committed. The database stays well-formed; the row is gone.
# SQLite describes it (https://www.sqlite.org/howtocorrupt.html, section 2.2.1), and its own second handle, `sqlite3` below, is safe.
# Read a live database with such a library in a process of its own.
#
# Seen with Python 3.11, SQLite 3.40.1 (of Python), DuckDB 1.5.5, ADBC 1.13.0, APSW 3.54.1.0, on Linux:
#   sqlite3 during our transaction, the other process: locked; after another handle has read and closed: locked; rows in the end: 10
#   duckdb during our transaction, the other process: locked; after another handle has read and closed: committed; rows in the end: 10
#   adbc during our transaction, the other process: locked; after another handle has read and closed: committed; rows in the end: 10
#   apsw during our transaction, the other process: locked; after another handle has read and closed: committed; rows in the end: 10
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >other.py <<'PYTHON'
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
try:
    connection.execute("INSERT INTO t VALUES (99)")
    print("committed", end="")
except sqlite3.OperationalError:
    print("locked", end="")
PYTHON

cat >try.py <<'PYTHON'
import glob
import site
import sqlite3
import subprocess
import sys


def read_by_sqlite3(path):
    reader = sqlite3.connect(path)
    reader.execute("SELECT count(*) FROM t").fetchall()
    reader.close()


def read_by_duckdb(path):
    import duckdb

    (extension,) = glob.glob(f"{site.getsitepackages()[0]}/duckdb_extension*/**/*.duckdb_extension", recursive=True)
    reader = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    reader.execute(f"LOAD '{extension}'")
    reader.execute(f"ATTACH '{path}' AS s (TYPE sqlite, READ_ONLY)")
    reader.execute("SELECT count(*) FROM s.t").fetchall()
    reader.close()


def read_by_adbc(path):
    import adbc_driver_sqlite.dbapi

    reader = adbc_driver_sqlite.dbapi.connect(path)
    with reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM t")
        cursor.fetchall()
    reader.close()


def read_by_apsw(path):
    import apsw

    reader = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("SELECT count(*) FROM t").fetchall()
    reader.close()


def other(path):
    return subprocess.run([sys.executable, "other.py", path], capture_output=True, text=True, check=True).stdout


name = sys.argv[1]
path = f"{name}.sqlite3"
ours = sqlite3.connect(path, isolation_level=None)
ours.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (a)")
ours.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(10)])
ours.execute("BEGIN IMMEDIATE")
ours.execute("UPDATE t SET a = a + 1")
first = other(path)
globals()[f"read_by_{name}"](path)
second = other(path)
ours.execute("COMMIT")
assert ours.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
rows = ours.execute("SELECT count(*) FROM t").fetchone()[0]
print(
    f"{name} during our transaction, the other process: {first}; after another handle has read and closed: {second};"
    f" rows in the end: {rows}"
)
PYTHON

cat >expected.txt <<'TEXT'
sqlite3 during our transaction, the other process: locked; after another handle has read and closed: locked; rows in the end: 10
duckdb during our transaction, the other process: locked; after another handle has read and closed: committed; rows in the end: 10
adbc during our transaction, the other process: locked; after another handle has read and closed: committed; rows in the end: 10
apsw during our transaction, the other process: locked; after another handle has read and closed: committed; rows in the end: 10
TEXT

python3 -m venv environment
environment/bin/pip install -q "duckdb==1.5.5" "duckdb-extension-sqlite-scanner==1.5.5" "adbc-driver-sqlite==1.13.0" \
  "pyarrow==26.0.1" "apsw==3.54.1.0"
for name in sqlite3 duckdb adbc apsw; do
  environment/bin/python try.py "$name"
done | tee output.txt
diff expected.txt output.txt
