"""The result of a snapshot, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...actions.snapshot import Snapshot
from ...schema.model import ColumnName
from ...schema.text import count
from ...texts import size
from .shared import Lines


def lines(path: Path, done: Snapshot) -> Lines:
    """The file and its size, and each masked column."""
    if done.masked is None:
        return [f"wrote {path} ({size(done.bytes)})"]
    columns, empty = done.masked.masking.columns, done.masked.empty
    left_out = f", {count(len(empty), 'table')} left empty" if empty else ""
    found: Lines = [f"wrote {path} ({size(done.bytes)}): {count(len(columns), 'column')} masked{left_out}"]
    for one in columns:
        why = "" if one.is_named else ", at the other end of a foreign key"
        found.append(f"  {one.name.table}.{one.name.column}: {one.kind}{why}")
    return found + [f"  {table}: empty" for table in empty]


def warnings(not_named: Sequence[ColumnName]) -> list[str]:
    """A warning about columns that may have been forgotten."""
    if not not_named:
        return []
    listed = ", ".join(f"{table}.{column}" for table, column in not_named)
    return [
        f"columns that look personal, and of which the rules say nothing: {listed}",
        '  Give each a kind, or "keep".',
    ]
