#!/usr/bin/env bash
# SQLite 3.40.1 and 3.54.1: a number as the default of a TEXT column has two values. A row from before ALTER TABLE … ADD
# COLUMN reads '1.50' for DEFAULT 1.50, the text of the definition, and a row that is inserted afterwards stores '1.5', which
# SQLite makes of the number. The two are not equal and are two groups. In 3.40.1 an older row also reads the integer 1 for
# DEFAULT TRUE, although the column is TEXT, which the integrity check reports, and an integer for DEFAULT 7.0 in a column without
# a type.
#
# Seen with 3.40.1:
#   older row: '1.50' '1e3' 1 7
#   new row: '1.5' '1000.0' '1' 7.0
#   groups of the default: 2, rows equal to '1.5': 1, integrity check: NUMERIC value in item.sold
# Seen with 3.54.1:
#   older row: '1.50' '1e3' '1' 7.0
#   new row: '1.5' '1000.0' '1' 7.0
#   groups of the default: 2, rows equal to '1.5': 1, integrity check: ok
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


rows("CREATE TABLE item (id INTEGER PRIMARY KEY)")
rows("INSERT INTO item VALUES (1)")
rows("ALTER TABLE item ADD COLUMN price TEXT NOT NULL DEFAULT 1.50")
rows("ALTER TABLE item ADD COLUMN stock TEXT NOT NULL DEFAULT 1e3")
rows("ALTER TABLE item ADD COLUMN sold TEXT NOT NULL DEFAULT TRUE")
rows("ALTER TABLE item ADD COLUMN size NOT NULL DEFAULT 7.0")
rows("INSERT INTO item (id) VALUES (2)")
for name, row in zip(("older row:", "new row:"), rows("SELECT quote(price), quote(stock), quote(sold), quote(size) FROM item")):
    print(name, *row)
groups = len(rows("SELECT price FROM item GROUP BY price"))
equal = len(rows("SELECT 1 FROM item WHERE price = '1.5'"))
(check,) = rows("PRAGMA integrity_check")[0]
print(f"groups of the default: {groups}, rows equal to '1.5': {equal}, integrity check: {check}")
PYTHON

cat >3.40.1.txt <<'TEXT'
older row: '1.50' '1e3' 1 7
new row: '1.5' '1000.0' '1' 7.0
groups of the default: 2, rows equal to '1.5': 1, integrity check: NUMERIC value in item.sold
TEXT
cat >3.54.1.txt <<'TEXT'
older row: '1.50' '1e3' '1' 7.0
new row: '1.5' '1000.0' '1' 7.0
groups of the default: 2, rows equal to '1.5': 1, integrity check: ok
TEXT
for version in 3.40.1 3.54.1; do
  rm -rf environment
  python3 -m venv environment
  environment/bin/pip install -q "apsw==$version.0"
  environment/bin/python -c 'import apsw; print("== SQLite", apsw.sqlitelibversion())'
  environment/bin/python try.py | tee output.txt
  diff "$version.txt" output.txt
done
