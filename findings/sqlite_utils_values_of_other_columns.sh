#!/usr/bin/env bash
# sqlite-utils 4.2.1: `transform()` of one column changes values of others, and says nothing. It knows four types, so a
# column of NUMERIC affinity (NUMERIC, DECIMAL, DATE, BOOLEAN, …) becomes REAL, which rounds integers beyond 2**53, and a
# column without a type becomes TEXT, which turns numbers into text. Defaults that are a blob or a hexadecimal number become
# the text of their own spelling, for each row that is inserted later.
#
# Seen:
#   account NUMERIC(20): 9007199254740993 -> 9007199254740992.0
#   untyped: 7 -> '7'
#   DEFAULT x'00ff' of a new row: b'\x00\xff' -> "x'00ff'"
#   DEFAULT 0x10 of a new row: 16 -> '0x10'
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import sqlite3

import sqlite_utils

print("SQLite", sqlite3.sqlite_version)
database = sqlite_utils.Database("db.sqlite3")
database.execute(
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, account NUMERIC(20), untyped, salt BLOB DEFAULT x'00ff',"
    " flags INTEGER DEFAULT 0x10, note TEXT)"
)


def added(note):
    """The values of a new row."""
    database.execute("INSERT INTO entry (account, untyped, note) VALUES (9007199254740993, 7, ?)", [note])
    database.conn.commit()
    return database.execute("SELECT salt, flags FROM entry WHERE note = ?", [note]).fetchone()


def first():
    return database.execute("SELECT account, untyped FROM entry WHERE note = 'rent'").fetchone()


salt, flags = added("rent")
account, untyped = first()
database["entry"].transform(not_null={"note"})
new_salt, new_flags = added("fuel")
new_account, new_untyped = first()
print(f"account NUMERIC(20): {account!r} -> {new_account!r}")
print(f"untyped: {untyped!r} -> {new_untyped!r}")
print(f"DEFAULT x'00ff' of a new row: {salt!r} -> {new_salt!r}")
print(f"DEFAULT 0x10 of a new row: {flags!r} -> {new_flags!r}")
PYTHON

python3 -m venv environment
environment/bin/pip install -q "sqlite-utils==4.2.1"
environment/bin/python try.py | tee output.txt
cat >expected.txt <<'TEXT'
account NUMERIC(20): 9007199254740993 -> 9007199254740992.0
untyped: 7 -> '7'
DEFAULT x'00ff' of a new row: b'\x00\xff' -> "x'00ff'"
DEFAULT 0x10 of a new row: 16 -> '0x10'
TEXT
tail -n +2 output.txt | diff expected.txt -
