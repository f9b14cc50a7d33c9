"""Find the types of change that the cases cover, with which data: none, some rows, rows (or objects) in the way."""

import sqlite3
from contextlib import closing

from schemasync.diff import changes as c
from schemasync.diff.compare import AddedTable, compare
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.validate import build
from schemasync.errors import Failed, SchemaInvalid
from schemasync.schema.model import Schema
from schemasync.schema.names import fold, quote
from schemasync.schema.subset import ours

from .check import put

SITUATIONS = ("empty", "some", "offending")

# Changes that no content of a database can obstruct, with the reasons.
CANNOT_OFFEND = {
    c.CreateTable: "is born empty; where its name is taken by a table, that is not a new table but a change of it",
    c.ReorderColumns: "moves values from place to place and computes none",
    c.ChangeDefault: "refers to rows to come, and values that are there are carried",
    c.DropUnique: "allows more than before; children that need it are refused by the schemas alone",
    c.DropCheck: "allows more than before",
    c.DropForeignKey: "allows more than before",
    c.DropIndex: "holds no data of its own, and nothing refers to an index",
    c.AddTrigger: "triggers do not fire on rows that are there; a body that does not fit is refused by the schemas alone",
    c.ChangeTrigger: "triggers do not fire on rows that are there",
    c.DropTrigger: "holds no data, and nothing refers to a trigger",
    c.AddView: "is not computed until it is read; one that does not fit is refused by the schemas alone",
}


def covered(cases):
    """Return {(type of change, situation): names of the cases that cover it}."""
    found = {}
    for case in cases:
        for kind, situation in _of_case(case):
            found.setdefault((kind, situation), set()).add(case.name)
    return found


def _of_case(case):
    with closing(Opener().memory()) as connection:
        known = _made(connection, case)
        recorded = frozenset()
        for number, step in enumerate(case.steps):
            if number == 0:
                _try(connection, step)
            try:
                new = step.document
            except SchemaInvalid:
                continue
            if number == 0:
                both = Schema(known.tables + new.schema.tables, known.views + new.schema.views)
                known = ours(inspect(connection).schema, both)
            diff = compare(known, new.schema, new.hints, recorded)
            yield from _of_step(step, diff, _counts(connection) if number == 0 else None)
            if step.refused is None and not step.current:
                known, recorded = new.schema, diff.applied_hints


def _made(connection, case):
    """Make the old database in memory, with its rows, and return its schema."""
    if case.sql is None:
        build(connection, case.old.schema)
    else:
        connection.executescript(case.sql)
    schema = case.old.schema if case.old else inspect(connection).schema
    put(connection, case.rows)
    return schema


def _try(connection, step):
    try:
        put(connection, step.rows, step.by_hand)
    except sqlite3.OperationalError:
        put(connection, step.rows)  # SQL that needs a file, such as VACUUM


def _counts(connection):
    names = [name for (name,) in connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main'")]
    views = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
    return {
        fold(name): _count(connection, name) for name in names if name not in views and not name.startswith("sqlite_")
    }


def _count(connection, name):
    try:
        return connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # an FTS3 or FTS4 index without content


def _of_step(step, diff, counts):
    kinds = {type(change) for change in diff.changes}
    if step.refused is not None:
        if step.error is Failed or {"drift", "older-version"} & {refusal.code for refusal in step.refused}:
            return
        names = [kind.__name__ for kind in kinds if len(kinds) == 1] if step.about is None else step.about
        assert set(names) <= {kind.__name__ for kind in kinds}, f"{step.about} is not in {kinds}"
        yield from ((kind, "offending") for kind in kinds if kind.__name__ in names)
        return
    any_rows = counts is None or any(counts.values())
    seen = set()
    for table in diff.tables:
        is_new = isinstance(table, AddedTable)
        rows = any_rows if is_new or counts is None else counts.get(fold(table.old.name), 0)
        for change in table.changes:
            seen.add(change)
            yield type(change), "some" if rows else "empty"
    yield from ((type(change), "some" if any_rows else "empty") for change in diff.changes if change not in seen)
