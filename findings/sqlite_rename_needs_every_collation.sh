#!/usr/bin/env bash
# SQLite 3.40.1 and 3.54.1: ALTER TABLE … RENAME refuses to rename any table and any column while an index of another table has a
# collation that this connection does not know, such as Anki's "unicase". A function that it does not know, in an index or a
# trigger, is no obstacle, and rows of the renamed table can be read and written all the time. A collation that is registered for
# the length of the rename, and is wrong, makes it work: the rename compares nothing, and the index stays as it was.
#
# Seen with 3.40.1 and 3.54.1:
#   unknown function: renamed
#   unknown collation: error in index by_name after rename: no such collation sequence: unicase
#   a write after it: done
#   with a wrong collation meanwhile: renamed
#   the index, with the right one: ok
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import os

import apsw


def opened(setup):
    if os.path.exists("file.sqlite3"):
        os.remove("file.sqlite3")
    made = apsw.Connection("file.sqlite3")
    known(made)
    made.execute("CREATE TABLE other (a TEXT); CREATE TABLE notes (id INTEGER PRIMARY KEY, name TEXT);" + setup)
    made.execute("INSERT INTO notes (name) VALUES ('b'), ('A'), ('C')")
    made.close()
    return apsw.Connection("file.sqlite3")


def known(connection):
    connection.createscalarfunction("slug", lambda text: text, 1, deterministic=True)
    connection.createcollation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))


def tried(connection, sql, done):
    try:
        connection.execute(sql)
    except apsw.Error as error:
        return str(error).removeprefix("SQLError: ")  # as older releases of apsw begin
    return done


RENAME, WRITE = "ALTER TABLE other RENAME TO others", "INSERT INTO other VALUES ('x')"
BY_NAME = "CREATE INDEX by_name ON notes (name COLLATE unicase);"

print("unknown function:", tried(opened("CREATE INDEX by_slug ON notes (slug(name))"), RENAME, "renamed"))
file = opened(BY_NAME)
print("unknown collation:", tried(file, RENAME, "renamed"))
print("a write after it:", tried(file, WRITE, "done"))
file = opened(BY_NAME)
file.createcollation("unicase", lambda a, b: 0)
print("with a wrong collation meanwhile:", tried(file, RENAME, "renamed"))
file.createcollation("unicase", None)
known(file)
print("the index, with the right one:", file.execute("PRAGMA integrity_check").fetchall()[0][0])
PYTHON

cat >expected.txt <<'TEXT'
unknown function: renamed
unknown collation: error in index by_name after rename: no such collation sequence: unicase
a write after it: done
with a wrong collation meanwhile: renamed
the index, with the right one: ok
TEXT
for version in 3.40.1 3.54.1; do
  rm -rf environment
  python3 -m venv environment
  environment/bin/pip install -q "apsw==$version.0"
  environment/bin/python -c 'import apsw; print("== SQLite", apsw.sqlitelibversion())'
  environment/bin/python try.py | tee output.txt
  diff expected.txt output.txt
done
