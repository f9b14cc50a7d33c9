"""Makes an earlier generation live again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NotRequired, TypedDict

from ..engines.sqlite.verify.row_counts import RowDiff
from ..errors import Code, ProblemJson, UsageError
from ..signals import altered_in_place
from ..sync import rollback as swaps
from ..sync import rollback_in_place as alterations
from ..sync.keep_writes import Ahead, KeptWrites
from ..sync.rollback import Preview, RolledBack
from ..sync.rollback_in_place import Reverse, Undone
from ..sync.run.report import Report
from ..sync.run.target import Target
from .database import Database
from .keep_writes import KeepWritesJson
from .keep_writes import as_json as keep_writes_json

# "from" is a keyword of Python
DifferencesJson = TypedDict(
    "DifferencesJson",
    {"from": str, "to": str, "version": str, "tables": dict[str, "RowDiffJson"], "complete": bool},
)


class RowDiffJson(TypedDict):
    """The number of rows in which a table differs between the live file and the other one."""

    added: int
    """Rows that only the live file has."""
    changed: int
    removed: int
    """Rows that only the other file has."""
    comparable: bool
    note: str
    not_compared: list[str]
    """Columns that could not be compared."""


class PreviewJson(TypedDict):
    """The output of `manage.py schemasync rollback --dry-run --json`."""

    result: Literal["planned"]
    version: str
    """The version that a rollback makes live."""
    previous: str
    """The version that is live."""
    generation: str
    """The generation that a rollback makes live."""
    differences: DifferencesJson
    sql: NotRequired[list[str]]
    """The statements; only with `--in-place`."""
    keep_writes: NotRequired[KeepWritesJson]
    """Only with `--keep-writes`."""
    errors: list[ProblemJson]


class RollbackJson(TypedDict):
    """The output of `manage.py schemasync rollback --json`."""

    result: Literal["rolled_back"]
    version: str
    """The version that is live now."""
    previous: str
    """The version that was live before."""
    generation: str
    """The generation that is live now."""
    differences: DifferencesJson
    duration_ms: int
    pause_ms: int
    """The time that writers waited."""
    sql: NotRequired[list[str]]
    """The statements; only with `--in-place`."""
    keep_writes: NotRequired[KeepWritesJson]
    """Only with `--keep-writes`."""
    errors: list[ProblemJson]


def preview(database: Database, target: str | None = None) -> Preview:
    """Return the preview of a rollback; change nothing. Raises a SchemasyncError."""
    return swaps.preview(database.target(), target)


def rollback(
    database: Database, target: str | None, agree: Callable[[Preview], bool], *, only_unwritten: bool = False
) -> RolledBack:
    """Make an earlier generation live again. `agree` gets the preview. `only_unwritten`: raise Busy if somebody writes
    after it. Raises UsageError if it declines, or another SchemasyncError; then the live file is unchanged."""
    done = swaps.rollback(_released(database), target, agree, only_unwritten=only_unwritten)
    if done is None:
        raise _declined()
    return done


def preview_in_place(database: Database) -> Reverse:
    """Return the preview of undoing the last alteration of the live file; change nothing. Raises a SchemasyncError."""
    return alterations.preview(database.target())


def rollback_in_place(database: Database, agree: Callable[[Reverse], bool], max_pause: float | None) -> Undone:
    """Undo the last alteration of the live file. `max_pause`: seconds that writers may wait, None for no limit. Raises
    the errors of `rollback`."""
    done = alterations.rollback_in_place(_released(database), agree, max_pause)
    if done is None:
        raise _declined()
    plan, generation = done.reverse.plan, done.reverse.live.generation
    altered_in_place.send(Report, using=database.alias, generation=generation, changes=plan.changes)
    return done


def refuse_target_in_place(target: str | None) -> None:
    """Raise UsageError if `--in-place` is given together with a generation."""
    if target is not None:
        raise UsageError.of(
            Code.BAD_OPTION,
            f"--in-place undoes the last alteration of the live file, and does not lead to {target}",
            "Remove one of them.",
        )


def _released(database: Database) -> Target:
    target = database.released()
    database.warn_of_network()
    return target


def _declined() -> UsageError:
    return UsageError.of(Code.DECLINED, "nothing was changed")


def preview_json(ahead: Preview) -> PreviewJson:
    """The JSON object of a preview."""
    return {
        "result": "planned",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": ahead.generation.name,
        "differences": differences_json(ahead),
        "errors": [],
    }


def as_json(done: RolledBack) -> RollbackJson:
    """The JSON object of a rollback."""
    ahead = done.preview
    return {
        "result": "rolled_back",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": ahead.generation.name,
        "differences": differences_json(ahead),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "errors": [],
    }


def reverse_json(found: Reverse) -> PreviewJson:
    """The JSON object of a preview with `--in-place`."""
    return {
        "result": "planned",
        "version": found.to.version,
        "previous": found.live.version,
        "generation": found.live.generation,
        "differences": _same_file_json(found),
        "sql": found.statements,
        "errors": [],
    }


def undone_json(done: Undone) -> RollbackJson:
    """The JSON object of a rollback with `--in-place`."""
    found = done.reverse
    return {
        "result": "rolled_back",
        "version": found.to.version,
        "previous": found.live.version,
        "generation": found.live.generation,
        "differences": _same_file_json(found),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "sql": found.statements,
        "errors": [],
    }


def ahead_json(ahead: Ahead) -> PreviewJson:
    """The JSON object of a preview with `--keep-writes`."""
    return {
        "result": "planned",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": ahead.generation,
        "differences": _no_difference_json(ahead),
        "keep_writes": keep_writes_json(ahead),
        "errors": [],
    }


def kept_writes_json(done: KeptWrites) -> RollbackJson:
    """The JSON object of a rollback with `--keep-writes`."""
    ahead = done.ahead
    return {
        "result": "rolled_back",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": done.generation.name,
        "differences": _no_difference_json(ahead),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "keep_writes": keep_writes_json(ahead, done.followed.as_json() if done.followed is not None else None),
        "errors": [],
    }


def _no_difference_json(ahead: Ahead) -> DifferencesJson:
    """The JSON object without differences: every row of today is kept."""
    return {
        "from": ahead.live.generation,
        "to": ahead.generation,
        "version": ahead.to.version,
        "tables": {},
        "complete": True,
    }


def _same_file_json(found: Reverse) -> DifferencesJson:
    name = found.live.generation
    return {"from": name, "to": name, "version": found.to.version, "tables": {}, "complete": True}


def differences_json(ahead: Preview) -> DifferencesJson:
    """The JSON object of the rows that differ."""
    return {
        "from": ahead.live.generation,
        "to": ahead.to.generation,
        "version": ahead.to.version,
        "tables": {one.table: _row_diff_json(one) for one in ahead.written},
        "complete": ahead.is_complete,
    }


def _row_diff_json(one: RowDiff) -> RowDiffJson:
    return {
        "added": one.added,
        "changed": one.changed,
        "removed": one.removed,
        "comparable": one.comparable,
        "note": one.note,
        "not_compared": list(one.not_compared),
    }
