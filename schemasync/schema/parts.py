"""The parts of a definition, whether they were written on a column or on its table.

`normalize` combines them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import Check, ForeignKey, NotNull, PrimaryKey, Sql, Unique


@dataclass(slots=True)
class ColumnParts:
    """A column definition, with the constraints that `normalize` moves to the table."""

    name: str
    type: Sql = field(default_factory=lambda: Sql(""))
    not_null: NotNull | None = None
    default: Sql | None = None
    collation: str | None = None
    generated: Sql | None = None
    stored: bool = False


@dataclass(slots=True)
class TableParts:
    """All definitions of a table, before `normalize` combines columns and constraints."""

    columns: list[ColumnParts] = field(default_factory=list)
    primary_keys: list[PrimaryKey] = field(default_factory=list)
    uniques: list[Unique] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
