"""Count the tables of real schemas that get rows without help, for schema.json or SQL files given by path."""

from __future__ import annotations

import argparse
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from django.db.backends.sqlite3._functions import register

from benchmarks import machine
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.schema import document
from schemasync.testing.choices import RandomChoices
from schemasync.testing.filling import fill

ROWS = 5
SEEDS = (0, 1, 2)
FUNCTIONS = (
    "title_sort",
    "uuid4",
    "author_to_author_sort",
    "books_list_filter",
)  # functions of calibre, used in its triggers and views


class Joined:
    """A stub for calibre's aggregates, which only its views use."""

    def step(self, *values):
        pass

    def finalize(self):
        return ""


def prepared(connection):
    """Register the functions and collations of Django and calibre on a connection, and return it."""
    register(connection)
    for name in FUNCTIONS:
        connection.create_function(name, -1, lambda *values: str(values))
    for name in ("concat", "sortconcat"):
        connection.create_aggregate(name, -1, Joined)
    connection.create_collation("PYNOCASE", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
    return connection


def read(path):
    if path.suffix == ".json":
        return document.read(path.read_bytes(), path.name).schema
    with closing(prepared(sqlite3.connect(":memory:"))) as connection:
        connection.executescript(path.read_text("utf-8-sig"))
        return inspect(connection).schema


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long rows", description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+", metavar="FILE")
    given = parser.parse_args(arguments)
    when, _, where = machine.described()
    print(f"$ python -m tests.long rows {' '.join(path.name for path in given.paths)}\n{when}\n{where}\n", flush=True)
    for path in given.paths:
        print(described(path.name, read(path)), flush=True)
    return 0


def described(name, schema):
    begun, tables = time.process_time(), [table.name for table in schema.tables if table.virtual is None]
    least, errors = dict.fromkeys(tables, ROWS), {}
    for seed in SEEDS:
        made = fill(schema, RandomChoices(seed), rows=ROWS, opener=Opener(prepared))
        least = {table: min(count, len(made.rows[table])) for table, count in least.items()}
        errors |= made.failed
    seconds = (time.process_time() - begun) / len(SEEDS)
    full = [table for table, count in least.items() if count == ROWS]
    fewer = [f"\n  {table}: {count}; {errors.get(table, '')}" for table, count in least.items() if count < ROWS]
    return (
        f"{name}: {len(tables)} tables, {len(full)} get {ROWS} rows with each of the seeds {SEEDS}, in {seconds:.2f} s"
        + "".join(fewer)
    )
