#!/usr/bin/env bash
# SQLite 3.40.1 and 3.54.1: an authorizer that allows what a query is made of by the manual's list of action codes, and refuses
# all else (SQLITE_SELECT, READ, FUNCTION and RECURSIVE are allowed), also refuses queries that only read. A virtual table is
# connected while the first statement that names it is compiled. It then declares its columns by what the authorizer is told
# is a CREATE TABLE with an INSERT into sqlite_master, so json_each is refused with a message about its constructor, and the
# same query is allowed once another statement of the connection has used json_each. FTS5 runs PRAGMA data_version for each
# MATCH, and is always refused. SQLite 3.54 declares its own table-valued functions without asking, so json_each is allowed.
#
# Seen:
#   == SQLite 3.40.1
#   table: [(0,)], used before: [(0,)]
#   json_each: vtable constructor failed: json_each, used before: [(1,)]
#   FTS5: vtable constructor failed: words, used before: authorization denied
#   == SQLite 3.54.1
#   table: [(0,)], used before: [(0,)]
#   json_each: [(1,)], used before: [(1,)]
#   FTS5: authorization denied, used before: authorization denied
#
# Fails if that changes.
set -euo pipefail

script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import apsw

READS = {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE}

made = apsw.Connection("words.sqlite3")
made.execute("CREATE VIRTUAL TABLE words USING fts5(word)")
made.execute("INSERT INTO words VALUES ('hello')")
made.execute("CREATE TABLE plain (a)")
made.close()


def only_reads(action, *rest):
    return apsw.SQLITE_OK if action in READS else apsw.SQLITE_DENY


def tried(database, sql):
    try:
        return database.execute(sql).fetchall()
    except apsw.Error as error:
        return str(error).removeprefix("SQLError: ").removeprefix("AuthError: ")


for name, sql in {
    "table": "SELECT count(*) FROM plain",
    "json_each": "SELECT value FROM json_each('[1]')",
    "FTS5": "SELECT word FROM words WHERE words MATCH 'hello'",
}.items():
    database = apsw.Connection("words.sqlite3", flags=apsw.SQLITE_OPEN_READONLY)
    database.authorizer = only_reads
    first = tried(database, sql)
    database.authorizer = None
    database.execute(sql).fetchall()
    database.authorizer = only_reads
    print(f"{name}: {first}, used before: {tried(database, sql + ' LIMIT 9')}")
    database.close()
PYTHON

sed -n 's/^#   //p' "$script" >expected.txt
for version in 3.40.1 3.54.1; do
  rm -rf environment words.sqlite3
  python3 -m venv environment
  environment/bin/pip install -q "apsw==$version.0"
  environment/bin/python -c 'import apsw; print("== SQLite", apsw.sqlitelibversion())'
  environment/bin/python try.py
done | tee output.txt
diff expected.txt output.txt
