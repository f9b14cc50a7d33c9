"""Copies the rows of rewritten tables from the attached old file to their new schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ....plan.model import CarriedStep, Plan, Rewrite
from ....schema.model import Table
from ....schema.names import quote
from ..connection import Connection
from ..mapping import mapping, rowid_name
from .row_errors import run_on
from .virtual import refill_virtual

REFILL_ROWS = 100_000  # rows in a statement: a fraction of a second each, so that progress and Ctrl-C work


def rows_to_copy(connection: Connection, plan: Plan) -> int:
    """Return the number of rows in the attached old file that the plan rewrites."""
    tables = [step.old.name for step in plan.rewritten]
    return sum(int(connection.execute(f"SELECT count(*) FROM old.{quote(name)}").fetchone()[0]) for name in tables)


def refill(
    connection: Connection, step: Rewrite, tick: Callable[[int], None] = lambda rows: None, only: str = ""
) -> int:
    """Fill a rewritten table from the attached old file; for an ordinary table, `only` with the rows that meet this
    condition. Return the number of rows. Raises Failed."""
    if step.new.virtual is not None:
        return refill_virtual(connection, step, step.new.virtual)
    statement = refill_statement(step)
    rows = 0
    for part in _parts(connection, step.old):
        terms = " AND ".join([*part, *([only] if only else [])])
        rows += run_on(connection, step.new.name, statement + (f" WHERE {terms}" if terms else ""))
        tick(rows)
    return rows


def refill_statement(step: CarriedStep) -> str:
    """Return the INSERT … SELECT of all rows of an ordinary table."""
    mapped = mapping(step)
    targets = [quote(name) for name, _ in mapped.columns]
    sources = [sql for _, sql in mapped.columns]
    if mapped.rowid is not None:
        targets.insert(0, mapped.rowid[0])
        sources.insert(0, mapped.rowid[1])
    if not targets:  # every column gets its default, and SQLite chooses new row ids
        targets, sources = [quote(mapped.new.columns[0].name)], ["NULL"]
    # OR ABORT overrides an ON CONFLICT clause of the table, which would drop rows silently
    return (
        f"INSERT OR ABORT INTO main.{quote(mapped.new.name)} ({', '.join(targets)})"
        f" SELECT {', '.join(sources)} FROM old.{quote(mapped.old.name)}"
    )


def _parts(connection: Connection, old: Table) -> Iterator[list[str]]:
    """Yield conditions that divide a table into ranges of row ids, to show progress between them."""
    name = rowid_name(old)
    if name is None:
        yield []
        return
    table = f"old.{quote(old.name)}"
    # two queries: in one query SQLite would read the whole table for both ends
    low, high = connection.execute(
        f"SELECT (SELECT min({name}) FROM {table}), (SELECT max({name}) FROM {table})"
    ).fetchone()
    if low is None:
        return
    count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    parts = max(1, count // REFILL_ROWS)
    bounds = [low + (high - low) * part // parts for part in range(1, parts)]
    for below, above in zip([None, *bounds], [*bounds, None], strict=True):
        terms = [f"{name} > {below}"] * (below is not None) + [f"{name} <= {above}"] * (above is not None)
        yield terms
