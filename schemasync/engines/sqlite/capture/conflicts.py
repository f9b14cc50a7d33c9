"""Finds out whether writers changed a table of the old file that work on the new file depends on.

The new file agrees with the old one up to a point of the change log. Work that begins there has the same result as
after all later writes, if none of these concerns a table that the work uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ....schema.model import ForeignKey, Table
from ....schema.names import fold
from ..autoincrement import Counters, changed_counters, counters
from ..connection import Connection, schema_version
from ..inspect import inspect
from ..objects import Object, objects, shadow_tables
from . import changelog
from .foreign_key_recheck import ForeignKeyRecheck
from .key_mapping import TrackedTable
from .replay import LOWEST
from .table_access import TableAccess


@dataclass(frozen=True, slots=True)
class Baseline:
    """A state in which both files agree. Of the old file: the last entry of the change log and the schema_version. Of
    the new file: its objects, its counters, and the highest row id of each tracked table, by the table's number in the
    log."""

    bound: int
    version: int
    objects: frozenset[Object]
    counters: Counters
    highest: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class UsedTables:
    """The tables that work on the new file has used since the `baseline`.

    `names`: folded, including tables that it created. `tracked`: those whose rows come from the old file.
    `foreign_keys`: between these and other tables, whose replayed rows must be rechecked. `is_limited`: False if the
    work also used something whose changes are not noticed.
    """

    baseline: Baseline
    names: frozenset[str]
    tracked: tuple[TrackedTable, ...]
    foreign_keys: tuple[ForeignKeyRecheck, ...]
    is_limited: bool

    def conflicts(self, connection: Connection) -> bool:
        """Return True if a used table was written in the attached old file, as the connection sees it now. This takes a
        few lookups for each table."""
        before = self.baseline
        if not self.is_limited or schema_version(connection, "old") != before.version:
            return True
        written = changelog.written_since(connection, before.bound, "old")
        return (
            changelog.last_entry(connection, "old") < before.bound
            or any(one.logged.number in written for one in self.tracked)
            or any(_has_higher(connection, one, before.highest) for one in self.tracked if one.logged.is_rowid)
            or bool(changed_counters(connection, [one.step for one in self.tracked], before.counters))
        )


def baseline(connection: Connection, tracked: Sequence[TrackedTable], bound: int, version: int) -> Baseline:
    """Return the state of the new file, `main`, which agrees with the old one up to `bound` and `version`."""
    highest = {one.logged.number: _highest(connection, one) for one in tracked if one.logged.is_rowid}
    return Baseline(bound, version, frozenset(objects(connection)), counters(connection), highest)


def used_tables(
    connection: Connection, before: Baseline, tracked: Sequence[TrackedTable], access: TableAccess, number: int
) -> UsedTables:
    """Return the tables that work on the new file, `main`, has used. `number`: the first free one of a
    ForeignKeyRecheck."""
    now = inspect(connection)
    changed = {fold(one.table) for one in before.objects.symmetric_difference(now.objects)}
    names = frozenset(access.tables | changed)
    virtual = {fold(table.name) for table in now.schema.tables if table.virtual is not None}
    keys = list(_keys_across(now.schema.tables, names))
    return UsedTables(
        before,
        names,
        tuple(one for one in tracked if fold(one.mapped.new.name) in names),
        tuple(ForeignKeyRecheck(n, *key) for n, key in enumerate(keys, number)),
        not access.is_denied
        and names.isdisjoint(virtual | shadow_tables(connection))
        and all(key.references and all(map(parent.column, key.references)) for _, parent, key in keys),
    )


def _keys_across(tables: Sequence[Table], used: frozenset[str]) -> Iterator[tuple[str, Table, ForeignKey]]:
    """Yield the child, the parent and the foreign key if the work has used exactly one of the two tables: rows of the
    other one may be replayed."""
    named = {fold(table.name): table for table in tables}
    for child in tables:
        for key in child.foreign_keys:
            parent = named.get(fold(key.table))
            if parent is not None and (fold(child.name) in used) != (fold(parent.name) in used):
                yield child.name, parent, key


def _highest(connection: Connection, one: TrackedTable) -> int:
    column, table = ("o0", one.map) if one.has_map else (one.key.columns[0], f"main.{one.new}")
    return int(connection.execute(f"SELECT coalesce(max({column}), {LOWEST}) FROM {table}").fetchone()[0])


def _has_higher(connection: Connection, one: TrackedTable, highest: Mapping[int, int]) -> bool:
    """Return True if the old table has a row without a log entry, which a TEMP trigger hid from the log."""
    query = f"SELECT EXISTS (SELECT 1 FROM old.{one.old} WHERE {one.logged.key[0]} > ?)"
    return bool(connection.execute(query, (highest[one.logged.number],)).fetchone()[0])
