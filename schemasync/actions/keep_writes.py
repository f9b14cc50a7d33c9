"""Rolls back to an earlier schema with today's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

from ..diff.changes import ChangeJson
from ..diff.changes import as_json as change_json
from ..diff.hazards import HazardJson
from ..errors import Code, Refused, UsageError
from ..history.rows import ReplayJson
from ..sync import keep_writes as runs
from ..sync.keep_writes import Ahead, KeepWritesOptions, KeptWrites
from ..sync.phases.decide import as_problem
from .database import Database
from .option_values import several
from .sync_options import limits


class ArchivedColumnJson(TypedDict):
    """A column that comes from the archive."""

    column: str
    """`TABLE.COLUMN`"""
    rows: int
    """The number of today's rows that get their value from the archive."""
    new: int
    """The number of rows that the archive does not have; they get the default, or the value of `--fill`."""


class ArchivedTableJson(TypedDict):
    """A table that comes from the archive."""

    table: str
    rows: int


class KeepWritesJson(TypedDict):
    """The effect of a rollback with `--keep-writes` on the rows of today."""

    archive: str
    """The generation whose schema the new file gets."""
    columns: list[ArchivedColumnJson]
    tables: list[ArchivedTableJson]
    changes: list[ChangeJson]
    hazards: list[HazardJson]
    replay: ReplayJson | None
    """The replay of the writes during the run; null in a preview, and if writers waited all the time."""


def keep_writes_options(given: Mapping[str, Any]) -> KeepWritesOptions:
    """Return the options from values that `read` has returned. Raises UsageError."""
    return KeepWritesOptions(
        _fills(given.get("fill") or ()),
        several(given.get("allow_drop")),
        bool(given.get("block_writers")),
        given.get("verify") == "full",
        limits(given),
    )


def _fills(given: str | Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, str] = {}
    for one in [given] if isinstance(given, str) else given:
        name, is_given, sql = one.partition("=")
        if not is_given:
            raise UsageError.of(Code.BAD_OPTION, f"--fill {one} is invalid", "Write TABLE.COLUMN=SQL.")
        found[name.strip()] = sql
    return found


def preview(database: Database, target: str | None, options: KeepWritesOptions) -> Ahead:
    """Return the preview of a rollback that keeps writes; change nothing. Raises a SchemasyncError."""
    return runs.preview(database.target(), target, options)


def refuse_hazards(ahead: Ahead) -> None:
    """Raise Refused if rows of today have no place in the earlier schema."""
    if ahead.plan.blocking:
        raise Refused(map(as_problem, ahead.plan.blocking))


def keep_writes(
    database: Database, target: str | None, options: KeepWritesOptions, agree: Callable[[Ahead], bool]
) -> KeptWrites:
    """Roll back with today's rows. `agree` gets the preview. Raises UsageError if it declines, or another
    SchemasyncError; then the live file is unchanged."""
    here = database.released()
    database.warn_of_network()
    done = runs.keep_writes(here, target, options, agree)
    if done is None:
        raise UsageError.of(Code.DECLINED, "nothing was changed")
    return done


def as_json(ahead: Ahead, replay: ReplayJson | None = None) -> KeepWritesJson:
    """The part of the JSON object that only this kind of rollback has."""
    return {
        "archive": ahead.archive.name,
        "columns": [{"column": f"{c.table}.{c.column}", "rows": c.rows, "new": c.new} for c in ahead.columns],
        "tables": [{"table": one.table, "rows": one.rows} for one in ahead.tables],
        "changes": [change_json(change) for change in ahead.plan.changes],
        "hazards": [hazard.as_json() for hazard in ahead.plan.hazards],
        "replay": replay,
    }
