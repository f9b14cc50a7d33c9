#!/usr/bin/env bash
# SQLite 3.40.1 and 3.54.1: a column may be named "true" or "false", but a view, a subquery, a WITH clause and CREATE TABLE … AS
# give it another name: column1 and so on, by its position. The quoted name is then no column, and SQLite takes it for a text:
# a view that filters or groups by "true" runs without an error on the constant 'true', and a copy of a table by CREATE TABLE …
# AS SELECT * has another column. Only a name with its table (o."true") is an error. The same names in the table itself work.
#
# Seen with 3.40.1 and 3.54.1:
#   table: [('x',), ('y',)]
#   subquery: [('true',), ('true',)]
#   view, WHERE "true" = 'x': []
#   view, GROUP BY "true": [('true', 2)]
#   columns of the view: ['column1', 'id']
#   copy: CREATE TABLE copy(column1 TEXT,id INT)
#   with its table: no such column: o.true
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import apsw

database = apsw.Connection(":memory:")


def rows(sql):
    return database.execute(sql).fetchall()


rows('CREATE TABLE answer ("true" TEXT, id INTEGER)')
rows("INSERT INTO answer VALUES ('x', 1), ('y', 2)")
rows("CREATE VIEW given AS SELECT * FROM answer")
rows("CREATE TABLE copy AS SELECT * FROM answer")
print("table:", rows('SELECT "true" FROM answer'))
print("subquery:", rows('SELECT "true" FROM (SELECT "true", id FROM answer)'))
print("view, WHERE \"true\" = 'x':", rows("SELECT id FROM given WHERE \"true\" = 'x'"))
print('view, GROUP BY "true":', rows('SELECT "true", count(*) FROM given GROUP BY "true"'))
print("columns of the view:", [name for _, name, *_ in rows("PRAGMA table_info(given)")])
print("copy:", rows("SELECT sql FROM sqlite_schema WHERE name = 'copy'")[0][0])
try:
    rows('SELECT o."true" FROM (SELECT "true" FROM answer) AS o')
except apsw.Error as error:
    print("with its table:", str(error).removeprefix("SQLError: "))  # as older releases of apsw begin
PYTHON

cat >expected.txt <<'TEXT'
table: [('x',), ('y',)]
subquery: [('true',), ('true',)]
view, WHERE "true" = 'x': []
view, GROUP BY "true": [('true', 2)]
columns of the view: ['column1', 'id']
copy: CREATE TABLE copy(column1 TEXT,id INT)
with its table: no such column: o.true
TEXT
for version in 3.40.1 3.54.1; do
  rm -rf environment
  python3 -m venv environment
  environment/bin/pip install -q "apsw==$version.0"
  environment/bin/python -c 'import apsw; print("== SQLite", apsw.sqlitelibversion())'
  environment/bin/python try.py | tee output.txt
  diff expected.txt output.txt
done
