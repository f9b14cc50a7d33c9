#!/usr/bin/env bash
# adbc-driver-sqlite 1.13.0, by itself and below pandas 3.1.1: if one row of a column holds a text, which SQLite allows in any
# column that is not STRICT, the driver makes texts of all its numbers, and keeps seven digits of each: 1234567.891 arrives as
# 1.234568e+06. SQLite itself makes '1234567.891' of it (CAST). Whole
# numbers keep all their digits. Without the text the column arrives as doubles, with all digits.
#
# Seen:
#   numbers alone: [1234567.891, 0.1]
#   with one text: ['1.234568e+06', '1.000000e-01', 'n/a']
#   with one text, by pandas: ['1.234568e+06', '1.000000e-01', 'n/a']
#   with one text, whole numbers: ['9007199254740993', 'n/a']
#   SQLite's own: ['1234567.891', '0.1', 'n/a']
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv environment
environment/bin/pip install -q "adbc-driver-sqlite==1.13.0" "adbc-driver-manager==1.13.0" "pyarrow==26.0.1" "pandas==3.1.1"

# The driver brings a SQLite of its own: the file is made by a process that has ended.
environment/bin/python - <<'PYTHON'
import sqlite3

file = sqlite3.connect("readings.sqlite3")
for table, kind, values in [
    ("numbers", "REAL", [1234567.891, 0.1]),
    ("mixed", "REAL", [1234567.891, 0.1, "n/a"]),
    ("whole", "INTEGER", [9007199254740993, "n/a"]),
]:
    file.execute(f"CREATE TABLE {table} (n {kind})")
    file.executemany(f"INSERT INTO {table} VALUES (?)", [(value,) for value in values])
file.commit()
PYTHON

cat >try.py <<'PYTHON'
import pandas
from adbc_driver_sqlite import dbapi


def read(query):
    with dbapi.connect("readings.sqlite3") as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()["n"].to_pylist()


print("numbers alone:", read("SELECT n FROM numbers"))
print("with one text:", read("SELECT n FROM mixed"))
with dbapi.connect("readings.sqlite3") as connection:
    print("with one text, by pandas:", pandas.read_sql("SELECT n FROM mixed", connection)["n"].tolist())
print("with one text, whole numbers:", read("SELECT n FROM whole"))
print("SQLite's own:", read("SELECT CAST(n AS TEXT) AS n FROM mixed"))
PYTHON

environment/bin/python -W ignore try.py | tee output.txt
grep -Fqx "numbers alone: [1234567.891, 0.1]" output.txt
grep -Fqx "with one text: ['1.234568e+06', '1.000000e-01', 'n/a']" output.txt
grep -Fqx "with one text, by pandas: ['1.234568e+06', '1.000000e-01', 'n/a']" output.txt
grep -Fqx "with one text, whole numbers: ['9007199254740993', 'n/a']" output.txt
grep -Fqx "SQLite's own: ['1234567.891', '0.1', 'n/a']" output.txt
