#!/usr/bin/env bash
# sqlite-vec 0.1.9: vec0 does not report the tables with the vectors (…_vector_chunks00) to SQLite as its shadow tables, but all
# others. So PRAGMA table_list calls it an ordinary table, and a connection that protects shadow tables
# (SQLITE_DBCONFIG_DEFENSIVE) deletes all vectors without an error. Programs that copy a database table by table take it for the user's.
# Its column rowid is no row id, as its key has no type: the module reads vectors by the hidden row id. ALTER TABLE … RENAME TO renames the
# virtual table and none of its tables, after which it cannot be read.
#
# Seen with sqlite-vec 0.1.9 on SQLite 3.54.1:
#   e virtual
#   e_chunks shadow
#   e_info shadow
#   e_rowids shadow
#   e_vector_chunks00 table
#   DELETE FROM e_rowids: table e_rowids may not be modified
#   DELETE FROM e_vector_chunks00: done
#   CREATE TABLE "e_vector_chunks00"(rowid PRIMARY KEY,vectors BLOB NOT NULL)
#   renamed: ['e_chunks', 'e_info', 'e_rowids', 'e_vector_chunks00', 'x']
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import apsw
import sqlite_vec

database = apsw.Connection(":memory:")
database.enable_load_extension(True)
database.load_extension(sqlite_vec.loadable_path())
database.execute("CREATE VIRTUAL TABLE e USING vec0(v float[2])")
database.execute("INSERT INTO e (rowid, v) VALUES (3, '[1, 2]')")
for row in database.execute("SELECT name, type FROM pragma_table_list WHERE name GLOB 'e*' ORDER BY name"):
    print(*row)
database.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
for table in ("e_rowids", "e_vector_chunks00"):
    try:
        database.execute(f"DELETE FROM {table}")
        print(f"DELETE FROM {table}: done")
    except apsw.Error as error:
        print(f"DELETE FROM {table}:", str(error).removeprefix("SQLError: "))
print(database.execute("SELECT sql FROM sqlite_schema WHERE name = 'e_vector_chunks00'").fetchall()[0][0])
database.execute("ALTER TABLE e RENAME TO x")
tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name"
print("renamed:", [name for (name,) in database.execute(tables)])
PYTHON

cat >expected.txt <<'TEXT'
e virtual
e_chunks shadow
e_info shadow
e_rowids shadow
e_vector_chunks00 table
DELETE FROM e_rowids: table e_rowids may not be modified
DELETE FROM e_vector_chunks00: done
CREATE TABLE "e_vector_chunks00"(rowid PRIMARY KEY,vectors BLOB NOT NULL)
renamed: ['e_chunks', 'e_info', 'e_rowids', 'e_vector_chunks00', 'x']
TEXT

python3 -m venv environment
environment/bin/pip install -q "apsw==3.54.1.0" "sqlite-vec==0.1.9"
environment/bin/python -c 'import apsw; print("== SQLite", apsw.sqlitelibversion())'
environment/bin/python try.py | tee output.txt
diff expected.txt output.txt
