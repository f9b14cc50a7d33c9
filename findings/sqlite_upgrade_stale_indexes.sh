#!/usr/bin/env bash
# SQLite 3.40.1, then 3.54.1, on the same file: since 3.53 a REAL becomes text with 17 digits in place of 15. What 3.40.1 has put into
# an index over such an expression is not what 3.54.1 looks for. Nothing is damaged, and nothing says so until it fails:
#   - a query by the index misses the row;
#   - an UPDATE of another column computes a STORED generated column again, and leaves the index on that column as it is; a
#     DELETE of the row then fails with "database disk image is malformed";
#   - a partial index has a row for which its condition does not hold: a query by the index returns it, and the integrity check of
#     3.54.1 has no message about that (3.43.2 has: "wrong # of entries in index"; 3.46.0 has none).
# REINDEX mends all of them.
#
# Seen:
#   by the index over the text: [], without it: [(1,)]
#   by the partial index: [(1,)], without it: []
#   integrity check: row 1 missing from index over
#   after an UPDATE of another column: row 1 missing from index over, row 1 missing from index of_stored
#   DELETE: CorruptError: database disk image is malformed
#   after REINDEX: ok, DELETE: done
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >make.py <<'PYTHON'
import apsw

database = apsw.Connection("file.db")
database.execute("""
    CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL, s TEXT GENERATED ALWAYS AS (v || '') STORED, n INTEGER);
    CREATE INDEX over ON t (CAST(v AS TEXT));
    CREATE INDEX part ON t (n) WHERE CAST(v AS TEXT) = '0.3';
    CREATE INDEX of_stored ON t (s);
    INSERT INTO t (v) VALUES (0.1 + 0.2);
""")
PYTHON

cat >use.py <<'PYTHON'
import apsw

database = apsw.Connection("file.db")


def rows(sql):
    return database.execute(sql).fetchall()


def check():
    return ", ".join(sorted((line for (line,) in rows("PRAGMA integrity_check")), reverse=True))


def delete():
    try:
        rows("DELETE FROM t WHERE id = 1")
    except apsw.Error as error:
        return f"{type(error).__name__}: {error}"
    return "done"


text = "SELECT id FROM t {} WHERE CAST(v AS TEXT) = CAST(0.1 + 0.2 AS TEXT)"
print(f"by the index over the text: {rows(text.format('INDEXED BY over'))}, without it: {rows(text.format('NOT INDEXED'))}")
part = "SELECT id FROM t {} WHERE CAST(v AS TEXT) = '0.3'"
print(f"by the partial index: {rows(part.format('INDEXED BY part'))}, without it: {rows(part.format('NOT INDEXED'))}")
print("integrity check:", check())
rows("UPDATE t SET n = 5 WHERE id = 1")
print("after an UPDATE of another column:", check())
print("DELETE:", delete())
rows("REINDEX")
print(f"after REINDEX: {check()}, DELETE: {delete()}")
PYTHON

cat >expected.txt <<'TEXT'
by the index over the text: [], without it: [(1,)]
by the partial index: [(1,)], without it: []
integrity check: row 1 missing from index over
after an UPDATE of another column: row 1 missing from index over, row 1 missing from index of_stored
DELETE: CorruptError: database disk image is malformed
after REINDEX: ok, DELETE: done
TEXT
for version in 3.40.1 3.54.1; do
  python3 -m venv "environment-$version"
  "environment-$version/bin/pip" install -q "apsw==$version.0"
  "environment-$version/bin/python" -c 'import apsw; print("== SQLite", apsw.sqlitelibversion())'
done
environment-3.40.1/bin/python make.py
environment-3.54.1/bin/python use.py | tee output.txt
diff expected.txt output.txt
