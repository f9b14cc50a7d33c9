"""A process for a whole schema: `python -m tests.postgres.moved_schema build|move|write ...`.

build SCHEMA LINK DSN: makes a database of that schema.json with rows that the plan of a move accepts; refused parts
    are written by hand or left out as the hints say. Writes schema.json to the same folder.
move LINK DSN: moves the database.
write LINK SEED: writes until the file is closed, and prints how many transactions were acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

ROWS = 40  # per table


def build(source: str, link: str, dsn: str) -> None:
    from schemasync.errors import Refused
    from schemasync.schema.document import read
    from schemasync.schema.jsonc import scan
    from schemasync.sync.move.mover import plan
    from schemasync.sync.runner import sync
    from tests.long.filled import fill

    tree = json.loads(scan(Path(source).read_text(encoding="utf-8")).json)
    for name in [name for name in tree if len(name.encode()) > 63]:  # refused; another test covers that
        del tree[name]
    sync(_at(link), read(json.dumps(tree).encode()))
    fill(link, ROWS)
    for _ in range(5):
        document = read(json.dumps(tree).encode())
        try:
            plan(_at(link), _goal(document, dsn), document)
            break
        except Refused as error:
            for problem in error.problems:
                by_hand(tree, problem.code, problem.facts)
    else:
        raise AssertionError("the plan is still refused")
    Path(link).with_name("schema.json").write_text(json.dumps(tree), encoding="utf-8")


def by_hand(tree, code, facts) -> None:
    """Apply the hint of a refusal to schema.json."""
    if code == "postgres-values":
        column = tree[facts["table"]][facts["columns"][0]]
        entry = column if isinstance(column, dict) else {"type": column}
        policy = "clean" if "postgres" in entry else "text"
        assert policy in facts["policies"], facts
        tree[facts["table"]][facts["columns"][0]] = {**entry, "on_move": policy}
    elif "column" in facts:
        entry = tree[facts["table"]][facts["column"]]
        entry = entry if isinstance(entry, dict) else {"type": entry}
        tree[facts["table"]][facts["column"]] = {**entry, "postgres": "text"}
    elif facts.get("name") in tree.get("_views", {}):
        view = tree["_views"][facts["name"]]
        view = view if isinstance(view, dict) else {"select": view}
        tree["_views"][facts["name"]] = {**view, "postgres": {"skip": [facts["name"]]}}
    else:
        assert "name" in facts and "table" in facts, facts
        tree[facts["table"]].setdefault("_postgres", {}).setdefault("skip", []).append(facts["name"])


def _at(link):
    """Return the target, whose connections have the functions that Django adds."""
    from schemasync import databases
    from schemasync.sync.run.target import target

    return target(Path(link), opener=databases.opener())


def _goal(document, dsn):
    from psycopg.conninfo import conninfo_to_dict

    from schemasync.engines.postgres.connection import Target as Server
    from schemasync.orm.postgres_fields import field_kinds
    from schemasync.sync.move.goal import Goal

    return Goal("pg", Server(conninfo_to_dict(dsn)), field_kinds(document.models))


def move(link: str, dsn: str) -> None:
    from schemasync.schema.document import read
    from schemasync.sync.move.mover import to_postgres

    document = read(Path(link).with_name("schema.json").read_bytes())
    report = to_postgres(_at(link), _goal(document, dsn), document)
    reported = {name: getattr(report, name) for name in ("result", "keys", "rounds", "pause_ms", "duration_ms")}
    print(json.dumps(reported))


def write(link: str, seed: str) -> None:
    from django.db.backends.sqlite3._functions import register

    chance, done = random.Random(int(seed)), 0
    with closing(sqlite3.connect(link, timeout=60, isolation_level=None)) as connection:
        register(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        tables = _tables(connection)
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                for _ in range(3):
                    _change(connection, chance, *chance.choice(tables))
                connection.execute("COMMIT")
                done += 1
            except sqlite3.IntegrityError:
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError as error:
                print(done)
                sys.exit(0 if "has moved to pg" in str(error) else f"{error}")
            time.sleep(0.005)


def _tables(connection):
    """Return each table with its stored columns, the columns of its key, and whether the key is the row id."""
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_schema%' ESCAPE '\\'"
    found = []
    for (name,) in connection.execute(f"{query} AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").fetchall():
        rows = connection.execute(f'PRAGMA table_xinfo("{name}")').fetchall()
        columns = [row[1] for row in rows if row[6] == 0]
        key = [row[1] for row in rows if row[5]] or columns
        found.append((name, columns, key, len(key) == 1 and [row[2] for row in rows if row[5]] == ["INTEGER"]))
    return found


def _change(connection, chance, table, columns, key, is_rowid) -> None:
    """Give a column the value of another row, delete and insert a row again, insert a copy of a row, or delete a
    row."""
    listed = ", ".join(f'"{name}"' for name in columns)
    rows = connection.execute(f'SELECT {listed} FROM "{table}" ORDER BY random() LIMIT 2').fetchall()
    if not rows:
        return
    row = rows[0]
    where = " AND ".join(f'"{name}" IS ?' for name in key)
    given = [row[columns.index(name)] for name in key]
    kind = chance.random()
    others = [name for name in columns if name not in key]
    marks = ", ".join("?" * len(columns))
    if kind < 0.4 and others:
        name = chance.choice(others)
        value = rows[-1][columns.index(name)]
        connection.execute(f'UPDATE OR IGNORE "{table}" SET "{name}" = ? WHERE {where}', [value, *given])
    elif kind < 0.6:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute(f'DELETE FROM "{table}" WHERE {where}', given)
        connection.execute(f'INSERT OR IGNORE INTO "{table}" ({listed}) VALUES ({marks})', row)
    elif kind < 0.9:
        row = [None if is_rowid and name in key else value for name, value in zip(columns, row, strict=True)]
        connection.execute(f'INSERT OR IGNORE INTO "{table}" ({listed}) VALUES ({marks})', row)
    else:
        connection.execute(f'DELETE FROM "{table}" WHERE {where}', given)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.orm.kitchen.settings"
    import django

    django.setup()
    {"build": build, "move": move, "write": write}[sys.argv[1]](*sys.argv[2:])
