"""Copies tables that keep their schema, if a build starts from an empty file."""

from __future__ import annotations

import sqlite3

from ....plan.model import Alter, Create, FilledStep, Keep, Plan, Rewrite
from ....schema.model import Table
from ....schema.names import ROWID_NAMES, fold, quote
from ..connection import Connection
from ..mapping import identity
from ..objects import has_virtual_tables, is_internal, is_temporary, owners_of_shadows, shadow_tables
from .external_content import external_indexes
from .row_errors import run_on


def tables(connection: Connection, plan: Plan) -> list[tuple[str, str, Table | None]]:
    """Return (old name, new name, table) of every ordinary table that keeps its definition; foreign ones have no
    table."""
    kept = {fold(step.new.name): (step.old.name, step.new) for step in plan.steps if isinstance(step, Keep)}
    written = {fold(step.name) for step in plan.steps if isinstance(step, Alter | Rewrite | FilledStep | Create)}
    rows = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') ORDER BY name"
    ).fetchall()
    parts = shadow_tables(connection)
    found: list[tuple[str, str, Table | None]] = []
    for (name,) in rows:
        if fold(name) in {*written, *parts} or is_temporary(name) or is_internal(name):
            continue
        old, table = kept.get(fold(name), (name, None))
        found.append((old, name, table))
    return found


def shadows(connection: Connection, plan: Plan, *, remade: bool = False) -> list[tuple[str, str]]:
    """Return (old name, new name) of the shadow tables of virtual tables whose content does not change.

    `remade`: only those whose virtual table is dropped and created again, and which are empty in a clone.
    """
    if not has_virtual_tables(connection):
        return []
    external = {fold(index.name): index for index in external_indexes(connection, plan)}
    written = {fold(step.name) for step in plan.steps if isinstance(step, Rewrite | FilledStep | Create)}
    copied = {name for name, index in external.items() if index.is_copied and index.is_remade}
    left_out = written - copied | {name for name, index in external.items() if index.is_rebuilt}
    before = {fold(step.new.name): step.old.name for step in plan.carried if step.new.virtual is not None}
    found = []
    for name, owner in sorted(owners_of_shadows(connection).items()):
        if owner not in left_out and (owner in copied or not remade):
            found.append((before.get(owner, owner) + name[len(owner) :], name))
    return found


def copy_same(connection: Connection, old: str, new: str) -> int:
    """Copy a table whose schema does not change, with its row ids, into a fresh file."""
    columns = identity(connection, "main", new)
    sources = identity(connection, "old", old)
    name = hidden_rowid(connection, new)
    if name is not None:
        columns, sources = [name, *columns], [name, *sources]
    return run_on(
        connection,
        new,
        f"INSERT OR ABORT INTO main.{quote(new)} ({', '.join(columns)})"
        f" SELECT {', '.join(sources)} FROM old.{quote(old)}",
    )


def hidden_rowid(connection: Connection, table: str) -> str | None:
    """Return a name for the row id of a table that does not show it as a column, found by a query; None if there is
    none."""
    names = {fold(name) for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))}
    for name in ROWID_NAMES:
        if name in names:
            continue
        try:
            connection.execute(f"SELECT {name} FROM main.{quote(table)} LIMIT 0")
        except sqlite3.OperationalError:
            return None
        return None if _has_alias(connection, table) else name
    return None


def _has_alias(connection: Connection, table: str) -> bool:
    """True if the primary key is the row id: then it has no index."""
    keys = connection.execute("SELECT count(*) FROM pragma_table_info(?) WHERE pk > 0", (table,)).fetchone()[0]
    made = connection.execute("SELECT count(*) FROM pragma_index_list(?) WHERE origin = 'pk'", (table,)).fetchone()[0]
    return bool(keys and not made)


def copy_shadows(connection: Connection, plan: Plan, *, remade: bool = False) -> None:
    """Copy the content of unchanged virtual tables as VACUUM does: through their shadow tables."""
    for old, new in shadows(connection, plan, remade=remade):
        copy_shadow(connection, old, new)


def copy_shadow(connection: Connection, old: str, new: str) -> None:
    """Give a shadow table the content of the one in the attached old file."""
    names = identity(connection, "main", new)
    if (rowid := hidden_rowid(connection, new)) is not None:
        names = [rowid, *names]  # vec0 uses it to find vectors
    columns = ", ".join(names)
    connection.execute(f"DELETE FROM main.{quote(new)}")
    connection.execute(f"INSERT INTO main.{quote(new)} ({columns}) SELECT {columns} FROM old.{quote(old)}")
