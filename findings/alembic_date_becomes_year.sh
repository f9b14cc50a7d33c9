#!/usr/bin/env bash
# Alembic 1.20.1 with SQLAlchemy 2.1.9 on SQLite: `batch_alter_table` copies a column that changes its type through CAST,
# which for DATE, DATETIME and TIME reads the first number of a text. A change from Date to DateTime, from DateTime to
# Date, or from String to either leaves the year alone in each row, and one from String to Time the hour; no error, no
# warning. (https://github.com/sqlalchemy/alembic/issues/1033 asks for another way.)
#
# Seen:
#   DATE to DATETIME: 2024-05-06 -> 2024 integer
#   DATETIME to DATE: 2024-05-06 07:08:09 -> 2024 integer
#   TEXT to TIME: 07:08:09 -> 7 integer
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import sqlite3

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Date, DateTime, Time, create_engine, text

print("SQLite", sqlite3.sqlite_version)
for old, value, new in (
    ("DATE", "2024-05-06", DateTime()),
    ("DATETIME", "2024-05-06 07:08:09", Date()),
    ("TEXT", "07:08:09", Time()),
):
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {old})"))
        connection.execute(text("INSERT INTO t (x) VALUES (:value)"), {"value": value})
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("t") as batch:
            batch.alter_column("x", type_=new)
        after = connection.execute(text("SELECT x || ' ' || typeof(x) FROM t")).scalar()
    print(f"{old} to {new.compile(engine.dialect)}: {value} -> {after}")
PYTHON

python3 -m venv environment
environment/bin/pip install -q "alembic==1.20.1" "SQLAlchemy==2.1.9"
environment/bin/python try.py | tee output.txt
grep -qx "DATE to DATETIME: 2024-05-06 -> 2024 integer" output.txt
grep -qx "DATETIME to DATE: 2024-05-06 07:08:09 -> 2024 integer" output.txt
grep -qx "TEXT to TIME: 07:08:09 -> 7 integer" output.txt
