"""The result of a snapshot, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...actions.snapshot import Snapshot
from ...schema.model import ColumnName
from ...schema.text import count
from ...sync.masked_snapshot import MaskedSnapshot
from ...texts import size
from .shared import Lines


def lines(path: Path, done: Snapshot) -> Lines:
    """Return the file and its size, and each masked column."""
    if done.masked is None:
        return [f"wrote {path} ({size(done.bytes)})"]
    columns, empty = done.masked.masking.columns, done.masked.empty
    left_out = f", {count(len(empty), 'table')} left empty" if empty else ""
    found: Lines = [f"wrote {path} ({size(done.bytes)}): {count(len(columns), 'column')} masked{left_out}"]
    for one in columns:
        why = "" if one.is_named else ", at the other end of a foreign key"
        found.append(f"  {one.name.table}.{one.name.column}: {one.kind}{why}")
    return found + [f"  {table}: empty" for table in empty]


def warnings(done: MaskedSnapshot) -> list[str]:
    """Return warnings about columns that the rules may have forgotten."""
    found, not_named = [], done.masking.not_named
    if not_named:
        found.append(f"columns that look personal, and of which the rules say nothing: {_listed(not_named)}")
    if done.repeating:
        found.append(f"columns that have values which are masked in others: {_listed(done.repeating)}")
    return [*found, '  Give each a kind, or "keep".'] if found else []


def _listed(columns: Sequence[ColumnName]) -> str:
    return ", ".join(f"{table}.{column}" for table, column in columns)
