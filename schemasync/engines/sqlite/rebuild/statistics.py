"""Carries statistics of ANALYZE over to renamed tables, and gathers them again for rewritten ones.

https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ....plan.model import FilledStep, Plan, Rewrite, Strategy
from ....schema.names import fold, quote
from ..connection import Connection

_VALUES = {"sqlite_stat1": "stat", "sqlite_stat4": "neq, nlt, ndlt, sample"}


def rename(connection: Connection, names: Mapping[str, str], parked: Sequence[str]) -> None:
    """Move the statistics of tables to their new `names`, which ALTER TABLE does not do, and remove those of tables
    that are `parked` under another name to be dropped."""
    renamed = {fold(old): new for old, new in names.items()}
    gone = {fold(name) for name in parked}
    if not renamed and not gone:
        return
    for place in _there(connection, "main"):
        for rowid, table, index in _rows(connection, f"main.{place}"):
            if fold(table) in gone:
                connection.execute(f"DELETE FROM main.{place} WHERE rowid = ?", (rowid,))
            elif fold(table) in renamed:
                new = renamed[fold(table)]
                values = (new, _index_of(table, index, new), rowid)
                connection.execute(f"UPDATE main.{place} SET tbl = ?, idx = ? WHERE rowid = ?", values)


def _index_of(table: str, index: str | None, renamed: str) -> str | None:
    """The name of an index after its table was renamed: automatic indexes contain the table's name."""
    prefix = f"sqlite_autoindex_{table}_"
    if index is not None and index.startswith(prefix):
        return f"sqlite_autoindex_{renamed}_{index[len(prefix) :]}"
    return renamed if index is not None and fold(index) == fold(table) else index  # the key of a WITHOUT ROWID table


def gather(connection: Connection, plan: Plan) -> None:
    """ANALYZE rewritten and filled tables, so that SQLite plans the first queries after the swap well; in a file that
    starts empty, copy the statistics of all other tables from the attached old one."""
    filled: list[Rewrite | FilledStep] = [*plan.rewritten, *plan.filled]
    tables = {fold(step.name): step.name for step in filled if step.new.virtual is None}
    for name in tables.values():
        connection.execute(f"ANALYZE main.{quote(name)}")
    if plan.strategy is Strategy.FRESH:
        _copy(connection, plan, tables)


def _copy(connection: Connection, plan: Plan, written: Collection[str]) -> None:
    """Copy the statistics of the tables that are not `written`. They are not gathered again, because an administrator
    may have written them. https://www.sqlite.org/optoverview.html#manctrl"""
    if not _there(connection, "old"):
        return
    connection.execute("ANALYZE main.sqlite_schema")  # creates the tables, and gathers nothing
    names = {fold(step.old.name): step.new.name for step in plan.carried}
    dropped = {fold(step.old.name) for step in plan.dropped}
    there = {fold(name) for (name,) in connection.execute("SELECT name FROM main.sqlite_schema")} - {*written}
    for place in {*_there(connection, "old")} & {*_there(connection, "main")}:
        for rowid, old, index in _rows(connection, f"old.{place}"):
            new = names.get(fold(old), old)
            moved = _index_of(old, index, new)
            if fold(old) not in dropped and {fold(new), fold(moved or new)} <= there:
                rest = _VALUES[place]
                connection.execute(
                    f"INSERT INTO main.{place} (tbl, idx, {rest}) SELECT ?, ?, {rest} FROM old.{place} WHERE rowid = ?",
                    (new, moved, rowid),
                )


def _rows(connection: Connection, place: str) -> list[tuple[int, str, str | None]]:
    return connection.execute(f"SELECT rowid, tbl, idx FROM {place} WHERE tbl IS NOT NULL ORDER BY rowid").fetchall()


def _there(connection: Connection, schema: str) -> list[str]:
    rows = connection.execute(f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table'").fetchall()
    return [name for name in _VALUES if (name,) in rows]
