"""The kitchen from outside: its processes, and the content of its databases, as SQLite's own pragmas report it."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from schemasync import databases
from schemasync.engines.sqlite.inspect import inspect
from schemasync.schema import digest, lexer
from schemasync.schema.names import quote

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Kitchen:
    """The kitchen in a folder."""

    folder: Path

    @property
    def schema(self):
        return self.folder / "schema.json"

    def run(self, what, hashing="0", **environment):
        """Run a process of the kitchen, and return its output, parsed from JSON. `hashing` decides the order of
        Python's sets."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO")}
        ended = subprocess.run(
            [sys.executable, "-m", "tests.orm.kitchen", what],
            env=kept | {"KITCHEN": str(self.folder), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hashing} | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout or "null")

    def tables(self, name):
        """Return the facts of each table of the database with that name."""
        with closing(databases.opener().read(self.folder / f"{name}.sqlite3")) as connection:
            normal = {table.name: digest.normal_json(table) for table in inspect(connection).schema.tables}
            return {table: facts(connection, table) | {"normal form": _sorted_json(normal[table])} for table in normal}


def facts(connection: sqlite3.Connection, table: str) -> dict:
    """Return SQLite's information on a table without details of spelling: names that SQLite gives to indexes itself,
    the order of lists, NOT NULL on a row id, which is never null, DEFAULT NULL, and parentheses around a default."""

    def ask(pragma, name):
        cursor = connection.execute(f"PRAGMA {pragma}({quote(name)})")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", [table]).fetchone()
    columns = ask("table_xinfo", table)
    for column in columns:
        if column["pk"] and column["type"].upper() == "INTEGER":
            column["notnull"] = "row id"
        column["dflt_value"] = _bare(column["dflt_value"])
    indexes = [
        (
            index["name"] if index["origin"] == "c" else index["origin"],
            {key: index[key] for key in ("unique", "origin", "partial")},
            [
                (part["name"], part["desc"], part["coll"].upper(), part["key"])
                for part in ask("index_xinfo", index["name"])
            ],
        )
        for index in ask("index_list", table)
    ]
    keys = [{name: value for name, value in key.items() if name != "id"} for key in ask("foreign_key_list", table)]
    return {
        "columns": columns,
        "indexes": sorted(indexes, key=repr),
        "foreign keys": sorted(keys, key=repr),
        "autoincrement": "AUTOINCREMENT" in sql.upper(),
    }


def _bare(default: str | None) -> str | None:
    """Return a default without parentheses around all of it; None for NULL."""
    parts = lexer.tokens(default or "NULL")
    while parts[0].text == "(" and lexer.closing(parts, 0) == len(parts) - 1:
        parts = parts[1:-1]
    text = lexer.source(default or "NULL", parts)
    return None if text == "NULL" else text


def differences(table: str, django: dict, ours: dict) -> list[str]:
    """Return a line for each fact of the table in which the two differ, with the items that only one of them has."""
    found = []
    for fact in django:
        sides = [side[fact] if isinstance(side[fact], list) else [side[fact]] for side in (django, ours)]
        only = [[item for item in side if item not in other] for side, other in (sides, sides[::-1])]
        if django[fact] != ours[fact]:
            found.append(f"{table}: {fact}\n  Django:      {only[0]}\n  schema.json: {only[1]}")
    return found


def _sorted_json(normal: dict) -> dict:
    """Put JSON's words into one order: Django lists them in the order of a set, which differs between processes."""
    text = json.dumps(normal)
    for words in itertools.permutations(["'false'", "'null'", "'true'"]):
        text = text.replace(f"in ( {' , '.join(words)} )", "in ( 'false' , 'null' , 'true' )")
    return json.loads(text)
