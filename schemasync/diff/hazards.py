"""Hazards: problems between a plan and the data, each with a code and a fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from ..schema.model import ReferenceRows
from ..schema.text import count

PRUNE_HINTS = "manage.py schemasync prune --hints"
FEW = 5  # names that a note lists


class HazardCode(StrEnum):
    """The stable codes of hazards. docs/hazards.md explains each."""

    NULLS = "nulls"
    DUPLICATES = "duplicates"
    CHECK_FAILS = "check-fails"
    WRONG_TYPE = "wrong-type"
    LOSSY = "lossy"
    GENERATED_REPLACES = "generated-replaces"
    GENERATED_CHANGES = "generated-changes"
    STALE_INDEX = "stale-index"
    DANGLING = "dangling"
    FILL_FAILS = "fill-fails"
    UNREADABLE = "unreadable"
    FILL_EMPTIES = "fill-empties"
    FILL_SHORTENS = "fill-shortens"
    FILL_UNUSED = "fill-unused"
    FILL_VOLATILE = "fill-volatile"
    WAS_UNUSED = "was-unused"
    NAME_REUSED = "name-reused"
    ALLOW_DROP_UNUSED = "allow-drop-unused"
    COLUMN_ORDER = "column-order"
    REFERENCE_ROWS = "reference-rows"
    HINT_ALREADY_APPLIED = "hint-already-applied"
    VIRTUAL_CONTENT = "virtual-content"
    ROWID_ALIAS_LOST = "rowid-alias-lost"
    KEY_IS_NOT_ROWID = "key-is-not-rowid"
    TYPE_UNKNOWN = "type-unknown"
    ROWS_DROPPED = "rows-dropped"
    DERIVED_DROPS_ROWS = "derived-drops-rows"
    DERIVED_UNSTABLE = "derived-unstable"
    DERIVED_TOO_SLOW = "derived-too-slow"
    DERIVED_RECOMPUTED = "derived-recomputed"


STOPS = frozenset(
    {
        HazardCode.NULLS,
        HazardCode.DUPLICATES,
        HazardCode.CHECK_FAILS,
        HazardCode.WRONG_TYPE,
        HazardCode.LOSSY,
        HazardCode.GENERATED_REPLACES,
        HazardCode.DANGLING,
        HazardCode.FILL_FAILS,
        HazardCode.UNREADABLE,
        HazardCode.VIRTUAL_CONTENT,
        HazardCode.ROWID_ALIAS_LOST,
        HazardCode.DERIVED_DROPS_ROWS,
        HazardCode.DERIVED_UNSTABLE,
        HazardCode.DERIVED_TOO_SLOW,
    }
)


class HazardJson(TypedDict):
    """A problem between a plan and the data."""

    code: HazardCode
    blocking: bool
    """Whether the hazard stops the run."""
    message: str
    hint: str
    """How to fix it; empty if there is nothing to fix."""
    table: str
    """Empty if the hazard is not about one table."""
    column: str
    """Empty if the hazard is not about one column."""
    rows: int
    """The number of rows that it affects."""
    keys: list[str]
    """The keys of some of these rows."""
    place: str
    """`file:line:column` of the column or table in schema.json; empty if it is not in it."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """A problem between a plan and the data. `rows`: how many rows it affects; `keys`: some of them, as text.

    `place`: `file:line:column` of the column or table in schema.json; empty if it is not in it.
    """

    code: HazardCode
    message: str
    hint: str = ""
    table: str = ""
    column: str = ""
    rows: int = 0
    keys: tuple[str, ...] = ()
    place: str = ""

    def __str__(self) -> str:
        """The message, after the place if there is one."""
        return f"{self.place}: {self.message}" if self.place else self.message

    @property
    def blocking(self) -> bool:
        return self.code in STOPS

    def as_json(self) -> HazardJson:
        """All fields, and whether the hazard stops the run."""
        return {
            "code": self.code,
            "blocking": self.blocking,
            "message": self.message,
            "hint": self.hint,
            "table": self.table,
            "column": self.column,
            "rows": self.rows,
            "keys": list(self.keys),
            "place": self.place,
        }


def column_order(tables: Sequence[str]) -> Iterator[Hazard]:
    """Yield one note on all tables whose columns have another order than in schema.json."""
    if tables:
        more = f" and {len(tables) - 3} more" if len(tables) > 4 else ""
        names = ", ".join(tables[:3] if more else tables)
        message = (
            f"the columns of {names}{more} have another order than in schema.json, which changes nothing; the next "
            "rewrite of a table brings the order, --rebuild-all that of all tables"
        )
        yield Hazard(HazardCode.COLUMN_ORDER, message, table=tables[0] if len(tables) == 1 else "")


def rebuilt_indexes(names: Sequence[str], before: str, now: str) -> Iterator[Hazard]:
    """Yield one note on all indexes over computed values that a run builds again. `before`, `now`: the versions of
    SQLite that built the live file ('' if unknown) and that this process uses."""
    if names:
        listed = ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")
        built = f"SQLite {before} built the live file" if before else "it is unknown which SQLite built the live file"
        found = count(len(names), "index", "indexes")
        message = (
            f"{built}, and {now} may compute expressions differently: the run builds {found} over expressions, "
            f"generated columns or a part of the rows again ({listed})"
        )
        yield Hazard(HazardCode.STALE_INDEX, message)


def written_rows(found: Sequence[ReferenceRows]) -> Iterator[Hazard]:
    """Yield a note on each table whose rows in schema.json are to be written."""
    for rows in found:
        message = (
            f"{rows.table}: {count(len(rows.rows), 'row')} of schema.json inserted, or updated by {', '.join(rows.key)}"
        )
        yield Hazard(HazardCode.REFERENCE_ROWS, message, table=rows.table, rows=len(rows.rows))


def with_counted_hints(found: Sequence[Hazard]) -> Iterator[Hazard]:
    """Yield the hazards, with a single one in place of several about applied hints."""
    applied = [hazard for hazard in found if hazard.code is HazardCode.HINT_ALREADY_APPLIED]
    for hazard in found:
        if hazard.code is not HazardCode.HINT_ALREADY_APPLIED or len(applied) == 1:
            yield hazard
        elif hazard is applied[0]:
            yield Hazard(
                HazardCode.HINT_ALREADY_APPLIED,
                f"{len(applied)} hints of schema.json do not act again on this database",
                f"To remove them when no other database needs them: {PRUNE_HINTS}",
            )
