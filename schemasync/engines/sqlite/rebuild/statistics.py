"""Carries statistics of ANALYZE over to renamed tables, and gathers them again for rewritten ones.

https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....plan.model import FilledStep, Plan, Rewrite, Strategy
from ....schema.names import fold, quote
from ..connection import Connection

_TABLES = ("sqlite_stat1", "sqlite_stat4")


def rename(connection: Connection, names: Mapping[str, str], parked: Sequence[str]) -> None:
    """Move the statistics of tables to their new `names`, which ALTER TABLE does not do, and remove those of tables
    that are `parked` under another name to be dropped."""
    renamed = {fold(old): new for old, new in names.items()}
    gone = {fold(name) for name in parked}
    if not renamed and not gone:
        return
    for place in _there(connection, "main"):
        rows = connection.execute(f"SELECT rowid, tbl, idx FROM main.{place} WHERE tbl IS NOT NULL").fetchall()
        for rowid, table, index in rows:
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
    """ANALYZE rewritten and filled tables, and in a file that starts empty also those with statistics in the attached
    old one, so that SQLite plans the first queries after the swap well."""
    filled: list[Rewrite | FilledStep] = [*plan.rewritten, *plan.filled]
    tables = {fold(step.name): step.name for step in filled if step.new.virtual is None}
    if plan.strategy is Strategy.FRESH:
        tables |= {fold(name): name for name in _had_statistics(connection, plan)}
    for name in tables.values():
        connection.execute(f"ANALYZE main.{quote(name)}")


def _had_statistics(connection: Connection, plan: Plan) -> list[str]:
    """The tables of the new file for which the old one has statistics, under whatever name."""
    if "sqlite_stat1" not in _there(connection, "old"):
        return []
    names = {fold(step.old.name): step.new.name for step in plan.carried}
    names |= {fold(old): new for old, new in plan.replaced}
    dropped = {fold(step.old.name) for step in plan.dropped}
    had = [name for (name,) in connection.execute("SELECT DISTINCT tbl FROM old.sqlite_stat1 WHERE tbl IS NOT NULL")]
    rows = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')"
    )
    there = {fold(name): name for (name,) in rows}
    wanted = (fold(names.get(fold(name), name)) for name in had if fold(name) not in dropped)
    return [there[name] for name in wanted if name in there]


def _there(connection: Connection, schema: str) -> list[str]:
    rows = connection.execute(f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table'").fetchall()
    return [name for name in _TABLES if (name,) in rows]
