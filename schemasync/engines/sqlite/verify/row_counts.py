"""Counts the rows in which two generations differ, table by table, through the mapping between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from ....errors import Refused
from ....history.rows import MadeByHand
from ....plan.model import Alter, CarriedStep, Create, Derive, Drop, Keep, Origin, Rewrite, Step, Transform
from ....schema.model import PrimaryKey
from ....schema.names import fold, quote
from ..connection import Connection
from ..mapping import Key, Mapping, key_of, mapping
from ..rebuild.derive import expected_in
from ..table_sizes import count_of
from .derived import difference
from .row_sql import alias, compared_columns, differing_terms, expected_rows, on_key, typed_by_value

BY_CONTENT = "compared by content, without row ids: a changed row counts as one added and one removed"


@dataclass(frozen=True, slots=True)
class RowDiff:
    """The number of rows of a table that only the older (`removed`) or the newer side (`added`) has, or that differ
    (`changed`).

    `comparable`: False if keys changed between the two, or one side does not have the table. `not_compared`: columns
    whose expected values are unknown; rows that differ only in these are not counted.
    """

    table: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    comparable: bool = True
    note: str = ""
    not_compared: tuple[str, ...] = ()

    def reversed(self) -> RowDiff:
        """Return the counts with the sides exchanged."""
        return replace(self, added=self.removed, removed=self.added)

    @property
    def is_complete(self) -> bool:
        """True if every differing row is counted."""
        return self.comparable and not self.not_compared

    @property
    def is_empty(self) -> bool:
        """True if it is known that no row differs."""
        return self.is_complete and not (self.added or self.changed or self.removed)


def row_diffs(
    connection: Connection, steps: Iterable[Step | MadeByHand], *, older_is_live: bool = False
) -> tuple[RowDiff, ...]:
    """Compare `main`, the newer side, with `old`, the older one, which is attached. `older_is_live`: True if newer
    writes are in the older side; then a column that only it has is not compared."""
    every = tuple(steps)
    derived = [step for step in every if isinstance(step, Derive)]
    return tuple(_one(connection, step, older_is_live, derived) for step in every)


def _one(connection: Connection, step: Step | MadeByHand, older_is_live: bool, derived: Sequence[Derive]) -> RowDiff:
    """Count one table. A table that cannot be counted (hidden row ids, dropped by hand) does not prevent the
    rollback."""
    try:
        match step:
            case MadeByHand(name, transforms):
                return RowDiff(name, comparable=False, note=_why_not(transforms))
            case Create():
                rows = count_of(connection, f"main.{quote(step.name)}")
                return RowDiff(step.name, added=rows, note="only the newer generation has this table")
            case Drop():
                rows = count_of(connection, f"old.{quote(step.name)}")
                return RowDiff(step.name, removed=rows, note="only the older generation has this table")
            case Transform():  # the history gives none: a function may have changed since
                return RowDiff(step.name, comparable=False, note=_why_not(tuple(one.name for one in step.functions)))
            case Derive():
                return _derived(connection, step, derived)
            case Keep() | Alter() | Rewrite():
                return _with_not_compared(connection, step, older_is_live, _counted(connection, step))
            case _:
                assert_never(step)
    except Refused as refusal:
        return RowDiff(step.name, comparable=False, note=refusal.problems[0].message)
    except sqlite3.Error as error:
        return RowDiff(step.name, comparable=False, note=str(error))


def _why_not(transforms: Sequence[str]) -> str:
    if transforms:
        return f"filled by the transform {', '.join(transforms)}"
    return "made by hand, and added to schema.json later"


def _derived(connection: Connection, step: Derive, derived: Sequence[Derive]) -> RowDiff:
    """Count the rows that were written since the SELECT filled the table: it runs again over the older side, whose own
    later writes count as well."""
    more, fewer = difference(connection, step.new, *expected_in(step, derived))
    note = "compared with the result of its _from: a changed row counts as one added and one removed"
    return RowDiff(step.name, more, 0, fewer, note=note if more or fewer else "")


def _only_old(step: CarriedStep) -> list[str]:
    """Return the columns that only the older table has, without generated ones."""
    carried = {fold(feed.source or "") for feed in step.feeds if feed.origin is Origin.CARRIED}
    return [c.name for c in step.old.columns if fold(c.name) not in carried and c.generated is None]


def _with_not_compared(connection: Connection, step: CarriedStep, older_is_live: bool, found: RowDiff) -> RowDiff:
    """Return the result with the columns that were not compared, if both files have a row that could differ in them."""
    left_out = [feed.column for feed in step.feeds if feed.volatile] + (_only_old(step) if older_is_live else [])
    if not left_out or not found.comparable:
        return found
    if count_of(connection, f"old.{quote(step.old.name)}") == found.removed:
        return found
    notes = [f"{', '.join(left_out)}: not compared", *filter(None, [found.note])]
    return replace(found, note="; ".join(notes), not_compared=tuple(left_out))


def _counted(connection: Connection, step: CarriedStep) -> RowDiff:
    if step.is_virtual:
        return RowDiff(step.name, comparable=False, note="a virtual table")
    mapped = mapping(step)
    any_key = key_of(mapped)
    if any_key is None:
        return RowDiff(step.name, comparable=False, note="its key changed")
    key = stable_key(connection, mapped)
    if key is not None:
        return RowDiff(step.name, *changed_rows(connection, mapped, key))
    if not any(changed_rows(connection, mapped, any_key)):  # a merge: much faster than sorting both by content
        return RowDiff(step.name)
    added, removed = rows_by_content(connection, mapped)
    return RowDiff(step.name, added, 0, removed, note=BY_CONTENT if added or removed else "")


def stable_key(connection: Connection, mapped: Mapping) -> Key | None:
    """Return the key that identifies the same row in both files, whatever happened to the files since one became the
    other.

    Row ids that no column shows do not count, because VACUUM renumbers them. Then it is the primary key, if that is the
    same in both tables and has no NULL; None without such a key.
    """
    if mapped.rowid is None or (mapped.old.has_stable_key and mapped.new.has_stable_key):
        return key_of(mapped)
    pairs = _shared_primary_key(mapped)
    if not pairs:
        return None
    key = Key(tuple(quote(new) for new, _ in pairs), tuple(quote(old) for _, old in pairs))
    sides = ((f"main.{quote(mapped.new.name)}", key.columns), (f"old.{quote(mapped.old.name)}", key.sources))
    return None if any(has_null(connection, table, columns) for table, columns in sides) else key


def _shared_primary_key(mapped: Mapping) -> list[tuple[str, str]]:
    """(new column, old column) of the primary key, if both tables have the same one, compared in the same way."""
    carried = {fold(f.column): f.source or "" for f in mapped.step.feeds if f.origin is Origin.CARRIED and f.same}
    new, old = _declared(mapped.new.primary_key), _declared(mapped.old.primary_key)
    pairs = [(name, carried.get(fold(name), "")) for name, _ in new]
    renamed = [(fold(source), collation) for (_, source), (_, collation) in zip(pairs, new, strict=True)]
    if sorted(renamed) != sorted((fold(name), collation) for name, collation in old):
        return []
    both = ((mapped.new.column(name), mapped.old.column(source)) for name, source in pairs)
    alike = all(a is not None and b is not None and a.collation == b.collation for a, b in both)
    return pairs if alike else []


def _declared(key: PrimaryKey | None) -> list[tuple[str, str]]:
    """(column, its collation or "") of a primary key."""
    return [(c.column or "", c.collation or "") for c in key.columns] if key is not None else []


def changed_rows(connection: Connection, mapped: Mapping, key: Key) -> tuple[int, int, int]:
    """Return the writes since one file became the other: (rows only in the new table, differing rows, rows only in the
    old one)."""
    raw, expected = compared_columns(mapped)
    new, source, on = (
        f"main.{quote(mapped.new.name)}",
        expected_rows(quote(mapped.old.name), key, raw, expected),
        on_key(key),
    )
    differs = " OR ".join(differing_terms(expected, typed_by_value(mapped.new))) or "0"
    gone, changed = connection.execute(
        f"SELECT total(n.{key.columns[0]} IS NULL), total(n.{key.columns[0]} IS NOT NULL AND ({differs}))"
        f" FROM {source} LEFT JOIN {new} AS n ON {on}"
    ).fetchone()
    rows = count_of(connection, new)
    before = count_of(connection, f"old.{quote(mapped.old.name)}")
    return rows - (before - int(gone)), int(changed), int(gone)


def rows_by_content(connection: Connection, mapped: Mapping) -> tuple[int, int]:
    """Return (rows only in the new table, rows only in the old one), each counted as often as it occurs, whatever its
    row id."""
    raw, expected = compared_columns(mapped)
    rowid = mapped.rowid[0] if mapped.rowid is not None else None
    pairs = [(fed, sql) for fed, (name, sql) in zip(raw, expected, strict=True) if name != rowid]
    typed = typed_by_value(mapped.new)
    either = [number for number, ((name, _), _) in enumerate(pairs) if name not in typed]
    new = ", ".join(f"{name} AS v{number}" for number, ((name, _), _) in enumerate(pairs))
    fed = ", ".join(f"{source} AS {alias(name)}" for (name, source), _ in pairs)
    old = ", ".join(f"{sql} AS v{number}" for number, (_, sql) in enumerate(pairs))
    columns = ", ".join(["sign", *(f"v{number}" for number in range(len(pairs)))])
    every = (
        f"SELECT {', '.join(['1 AS sign', *filter(None, [new])])} FROM main.{quote(mapped.new.name)} UNION ALL"
        f" SELECT {', '.join(['-1 AS sign', *filter(None, [old])])}"
        f" FROM (SELECT {fed or 1} FROM old.{quote(mapped.old.name)})"
    )
    values = [f"+v{number} COLLATE BINARY" for number in range(len(pairs))]
    grouped = ", ".join([*(f"typeof(v{number})" for number in either), *values]) or "1"
    more, fewer = connection.execute(
        f"WITH every ({columns}) AS ({every}) SELECT total(max(n, 0)), total(max(-n, 0))"
        f" FROM (SELECT sum(sign) AS n FROM every GROUP BY {grouped})"
    ).fetchone()
    return int(more), int(fewer)


def has_null(connection: Connection, table: str, columns: Sequence[str]) -> bool:
    """True if a row of the table (quoted, with its schema) has a NULL in one of these columns."""
    null = " OR ".join(f"{column} IS NULL" for column in columns)
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {null})").fetchone()[0])
