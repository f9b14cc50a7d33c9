"""The result of comparing a table: the proof that both sides are equal, or the rows that differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

SAMPLES = 5  # rows that are shown


class Difference(StrEnum):
    """How the row of a key differs."""

    MISSING = "missing"  # only SQLite has it
    EXTRA = "extra"  # only PostgreSQL has it
    CHANGED = "changed"


class DifferingRowJson(TypedDict):
    """A row that differs."""

    key: str
    difference: str
    columns: list[str]
    """The columns that differ, if both sides have the row."""


@dataclass(frozen=True, slots=True)
class DifferingRow:
    """A row that differs. `columns`: the differing columns, if both sides have the row."""

    key: str
    difference: Difference
    columns: tuple[str, ...] = ()

    def as_json(self) -> DifferingRowJson:
        """The row as `--json` prints it."""
        return {"key": self.key, "difference": self.difference.value, "columns": list(self.columns)}


@dataclass(slots=True)
class Proof:
    """The comparison of a table, or of some of its keys. `rows`: the number of rows in SQLite. `differing`: the number
    of differing rows, some of which are `samples`."""

    table: str
    rows: int = 0
    differing: int = 0
    samples: list[DifferingRow] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """True if both sides have the same rows."""
        return self.differing == 0

    def add(self, row: DifferingRow) -> None:
        """Count a row that differs."""
        self.differing += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(row)

    def merge(self, other: Proof) -> None:
        """Add the comparison of another part of the table."""
        self.rows += other.rows
        self.differing += other.differing
        self.samples = [*self.samples, *other.samples][:SAMPLES]
