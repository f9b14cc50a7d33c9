"""Switches the database to the schema.json of another git branch."""

from __future__ import annotations

from functools import partial
from typing import Literal, TypedDict

from ..errors import ProblemJson
from ..orm.migrate import informed
from ..sync import switch as branches
from ..sync.phases.decide import SyncOptions
from ..sync.switch import Switched
from .database import Database
from .sync import run


class InDoubtJson(TypedDict):
    """Values of a column that stay in an archive."""

    column: str
    """As `table.column`."""
    rows: int
    generation: str


class SwitchJson(TypedDict):
    """The output of `manage.py schemasync switch --json`."""

    result: Literal["current", "rolled_back", "synced"]
    version: str
    generation: str
    """The generation that is live now."""
    left: str | None
    """The generation that was live before; null if nothing was done."""
    kept: list[str]
    """The tables and columns that only `left` has, as `table` or `table.column`."""
    brought_back: dict[str, int]
    """The number of rows that came back from archives, for each `table` or `table.column`."""
    in_doubt: list[InDoubtJson]
    """Values that did not come back, because their keys may name other rows now."""
    not_brought_back: list[str]
    """Tables and columns that the database had when it last had this version, and that no archive can give back: the
    file is gone, the key differs, or it is a virtual table."""
    pause_ms: int
    """The time that writers waited."""
    errors: list[ProblemJson]


def switch(database: Database, options: SyncOptions, *, leave_behind: bool = False) -> Switched:
    """Bring the database to the schema.json of another git branch, and lose nothing of this one. Raises a
    SchemasyncError; then the live file is unchanged."""
    database.finish_swap()
    target, wanted = database.released(), database.document()
    options = informed(database.alias, options)
    return branches.switch(target, wanted, options, partial(run, database, target), leave_behind=leave_behind)


def as_json(done: Switched) -> SwitchJson:
    """The JSON object."""
    ended = done.rolled_back or done.report
    return {
        "result": "rolled_back" if done.rolled_back else "synced" if done.report else "current",
        "version": done.version,
        "generation": done.generation,
        "left": done.left,
        "kept": list(done.kept),
        "brought_back": done.brought_back or {},
        "in_doubt": [{"column": one.column, "rows": one.rows, "generation": one.generation} for one in done.in_doubt],
        "not_brought_back": list(done.not_brought_back),
        "pause_ms": ended.pause_ms if ended is not None else 0,
        "errors": [],
    }
