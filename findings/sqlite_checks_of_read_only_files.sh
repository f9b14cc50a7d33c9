#!/usr/bin/env bash
# SQLite 3.40.1 and 3.54.1: PRAGMA integrity_check and PRAGMA quick_check report rows that violate a CHECK, unless the file is open for
# reading only (mode=ro, immutable=1, also when it is attached so): then they say "ok". NOT NULL is checked in both cases. SQLite
# leaves CHECKs out when it reads the schema of a file that it may not write. A script that opens a backup with mode=ro to check
# it, so as to change nothing, is told that all is well. Rows that violate a CHECK come from an older SQLite that computes it
# otherwise, from PRAGMA ignore_check_constraints, or from writable_schema.
#
# Seen with 3.40.1 and 3.54.1:
#   rw: [('CHECK constraint failed in t',)]
#   ro: [('ok',)]
#   immutable: [('ok',)]
#   attached ro: [('ok',)]
#   query_only: [('CHECK constraint failed in t',)]
#   NOT NULL, ro: [('NULL value in n.a',)]
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import os

import apsw

READ, WRITE, URI = apsw.SQLITE_OPEN_READONLY, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, apsw.SQLITE_OPEN_URI


def checked(name, flags, first="", schema="main"):
    database = apsw.Connection(name, flags=flags | URI)
    database.execute(first)
    found = database.execute(f"PRAGMA {schema}.integrity_check").fetchall()
    assert found == database.execute(f"PRAGMA {schema}.quick_check").fetchall()
    return found


for name, table, row in ("checks.db", "t (a CHECK (a > 0))", "t VALUES (-1)"), ("nulls.db", "n (a)", "n VALUES (NULL)"):
    if os.path.exists(name):
        os.remove(name)
    database = apsw.Connection(name)
    database.execute("PRAGMA ignore_check_constraints=ON")
    database.execute(f"CREATE TABLE {table}; INSERT INTO {row}")
    if name == "nulls.db":
        database.execute("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE n (a NOT NULL)'")
    database.close()
print("rw:", checked("checks.db", WRITE))
print("ro:", checked("checks.db", READ))
print("immutable:", checked("file:checks.db?immutable=1", WRITE))
print("attached ro:", checked("", WRITE, "ATTACH 'file:checks.db?mode=ro' AS other", "other"))
print("query_only:", checked("checks.db", WRITE, "PRAGMA query_only=ON"))
print("NOT NULL, ro:", checked("nulls.db", READ))
PYTHON

cat >expected.txt <<'TEXT'
rw: [('CHECK constraint failed in t',)]
ro: [('ok',)]
immutable: [('ok',)]
attached ro: [('ok',)]
query_only: [('CHECK constraint failed in t',)]
NOT NULL, ro: [('NULL value in n.a',)]
TEXT
for version in 3.40.1 3.54.1; do
  rm -rf environment
  python3 -m venv environment
  environment/bin/pip install -q "apsw==$version.0"
  environment/bin/python -c 'import apsw; print("== SQLite", apsw.sqlitelibversion())'
  environment/bin/python try.py | tee output.txt
  diff expected.txt output.txt
done
