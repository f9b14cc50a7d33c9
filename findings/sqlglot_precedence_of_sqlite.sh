#!/usr/bin/env bash
# sqlglot 30.30.0: for SQLite it takes LIKE and GLOB before = and <, where SQLite has one precedence for = and LIKE, from left to right, and a
# higher one for < (https://www.sqlite.org/lang_expr.html#operators_and_affinities).
# Nothing is said: the translated SQL runs on PostgreSQL, DuckDB or MySQL, and has another result for the same rows. A CHECK or the WHERE of a
# view such as `flag = name LIKE 'a%'` is enough.
#
# Seen with 30.30.0, each with the expression, what SQLite says, and what it says of the tree that sqlglot has, with all parentheses:
#   1 = 'x' LIKE '0'   SQLite: 1   sqlglot: 0   (1 = ('x' LIKE '0'))
#   0 = 'a' GLOB 'b'   SQLite: 0   sqlglot: 1   (0 = ('a' GLOB 'b'))
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >try.py <<'PYTHON'
import sqlite3

import sqlglot
from sqlglot import exp


def grouped(sql):
    tree = sqlglot.parse_one(sql, read="sqlite")
    for node in list(tree.find_all(exp.Binary)):
        if node.parent is not None:
            group = exp.Paren()
            node.replace(group)
            group.set("this", node)
    return f"({tree.sql(dialect='sqlite')})"


for sql in ("1 = 'x' LIKE '0'", "0 = 'a' GLOB 'b'"):
    (here, there), = sqlite3.connect(":memory:").execute(f"SELECT {sql}, {grouped(sql)}")
    print(f"{sql}   SQLite: {here}   sqlglot: {there}   {grouped(sql)}")
PYTHON

cat >expected.txt <<'TEXT'
1 = 'x' LIKE '0'   SQLite: 1   sqlglot: 0   (1 = ('x' LIKE '0'))
0 = 'a' GLOB 'b'   SQLite: 0   sqlglot: 1   (0 = ('a' GLOB 'b'))
TEXT
python3 -m venv environment
environment/bin/pip install -q "sqlglot==30.30.0"
environment/bin/python try.py | tee output.txt
diff expected.txt output.txt
