"""Rehearses a sync: runs all of it except the swap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypedDict

from .. import conf, databases
from ..diff.changes import ChangeJson
from ..diff.changes import as_json as change_json
from ..diff.hazards import HazardJson
from ..engines.sqlite.copies import exact_copy
from ..engines.sqlite.query_plans import QueryPlan
from ..engines.sqlite.verify.row_counts import RowDiff
from ..errors import Code, ProblemJson, UsageError
from ..files.scratch import work_folder, work_prefix
from ..orm.data_migrations import data_migrations
from ..orm.migrate import rehearse_as_migrate
from ..orm.models import made_elsewhere
from ..orm.new_file import on_file
from ..orm.own_work import asked_about
from ..plan.model import Strategy
from ..sync import rehearsal
from ..sync.adopt import adopt
from ..sync.phases.decide import SyncOptions
from ..sync.rehearsal import Expected, Rehearsal, WayBack, Writes
from ..sync.run.error_translation import translated_errors
from ..sync.run.recorder import Recorder, RunJson
from ..sync.run.report import TableReport
from ..sync.run.requirements import Requirements
from ..sync.run.target import Target
from .database import Database


class ExpectedJson(TypedDict):
    """The expected cost of the sync if it ran now."""

    seconds: float
    pause_ms: int
    """The time that writers would wait."""
    disk_bytes: int
    """The size of the new file and its log, when it is complete."""
    disk_planned: int
    """The size that `plan` reports for the run."""


class WritesJson(TypedDict):
    """The writes of the site during the rehearsal."""

    rows: int
    per_second: float
    replayed_per_second: float | None
    """The rows per second that the run can replay; null if too few were written to measure it."""


class BackTableJson(TypedDict):
    """A table that differs between the old and the new file, as a rollback right after the sync would show it."""

    table: str
    set_aside: int
    """Rows that only the new file has."""
    changed: int
    comes_back: int
    """Rows that only the old file has."""
    comparable: bool
    note: str


class NewValuesJson(TypedDict):
    """A column that only the new file has: its values would not return with a rollback."""

    table: str
    column: str
    values: int


class BackJson(TypedDict):
    """The effect of a rollback from the new file."""

    seconds: float
    """The time of the comparison. The rollback itself takes milliseconds, whatever the size."""
    tables: list[BackTableJson]
    values: list[NewValuesJson]
    written_meanwhile: int
    """Rows that were written to the live file after it was read: `tables` may count each of them."""


class QueryJson(TypedDict):
    """The query plans of a statement of `--queries`, one line per loop."""

    statement: str
    before: list[str] | None
    """On the live file; null if it does not compile there."""
    after: list[str] | None
    """On the new file."""
    worse: bool
    """Whether it no longer compiles, or more often reads a whole table, sorts, or builds a temporary index."""
    error: str


class RehearseJson(TypedDict):
    """The output of `manage.py schemasync rehearse --json`."""

    result: Literal["rehearsed", "current"]
    version: str
    """The version of schema.json."""
    previous: str | None
    """The version that is live."""
    generation: str | None
    """The generation that is live."""
    strategy: Strategy | None
    changes: list[ChangeJson]
    tables: dict[str, TableReport]
    hazards: list[HazardJson]
    notes: list[str]
    expected: ExpectedJson | None
    """Null if there is nothing to build."""
    writes: WritesJson | None
    back: BackJson | None
    queries: list[QueryJson]
    run: RunJson
    """The course of the rehearsal."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal, and the recorder of its course."""

    found: Rehearsal
    recorder: Recorder


def rehearse(
    database: Database, options: SyncOptions, queries: Path | None = None, at: Path | None = None
) -> Rehearsed:
    """Do everything that a sync does except the swap, and remove the new file. `at`: work on a copy of this database
    file, and remove the copy, too. Raises the errors of the sync, and UsageError if a file cannot be read."""
    if options.in_place or options.block_writers or options.limits.postpone:
        raise UsageError.of(
            Code.BAD_OPTION,
            "a rehearsal builds a new file beside writers, and does not swap it in",
            "Leave out --in-place, --block-writers and --postpone.",
        )
    script = _read(queries)
    if at is not None:
        return _rehearsed_at(database, options, script, at)
    database.finish_swap()
    return _rehearsed(database, database.released(), options, script)


def _rehearsed(database: Database, target: Target, options: SyncOptions, script: str) -> Rehearsed:
    recorder, wanted = Recorder(), database.document()
    target = replace(target, recorder=recorder)
    if conf.is_enabled():
        return Rehearsed(rehearse_as_migrate(database.alias, target, wanted, options, script), recorder)
    return Rehearsed(rehearsal.rehearse(target, wanted, options, script), recorder)


def _rehearsed_at(database: Database, options: SyncOptions, script: str, at: Path) -> Rehearsed:
    """Rehearse on a copy of the file, which is adopted like a restored backup. REQUIRE is not checked: nothing is at
    stake."""
    if not at.is_file():
        raise UsageError.of(Code.BAD_OPTION, f"--at {at}: there is no such file", "Name a SQLite file.")
    alias, wanted = database.alias, database.document()
    databases.let_go(alias)
    with work_folder(database.link.parent, work_prefix(database.link, "rehearsal-")) as folder:
        copy = folder / database.link.name
        with translated_errors(at):
            exact_copy(databases.opener(alias), at.resolve(), copy)
        with on_file(alias, copy):
            target = replace(database.target(), requirements=Requirements())
            installed = asked_about(data_migrations(alias)) if conf.is_enabled() else None
            adopt(target, wanted, None, installed, options.accepted_migrations, made_elsewhere(alias))
            return _rehearsed(database, target, options, script)


def _read(queries: Path | None) -> str:
    if queries is None:
        return ""
    try:
        return queries.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError.of(
            Code.BAD_OPTION, f"--queries {queries}: {error}", "Name a file of SQL statements."
        ) from error


def as_json(done: Rehearsed) -> RehearseJson:
    """The JSON object."""
    found = done.found
    return {
        "result": "current" if found.expected is None else "rehearsed",
        "version": found.version,
        "previous": found.previous,
        "generation": found.generation,
        "strategy": found.plan.strategy if found.plan is not None else None,
        "changes": [change_json(change) for change in found.changes],
        "tables": found.tables or {},
        "hazards": [hazard.as_json() for hazard in found.hazards],
        "notes": list(found.notes),
        "expected": _expected_json(found.expected) if found.expected is not None else None,
        "writes": _writes_json(found.writes) if found.writes is not None else None,
        "back": _back_json(found.back) if found.back is not None else None,
        "queries": [_query_json(one) for one in found.queries],
        "run": done.recorder.as_json(),
        "errors": [],
    }


def _expected_json(expected: Expected) -> ExpectedJson:
    return {
        "seconds": round(expected.seconds, 3),
        "pause_ms": round(expected.pause * 1000),
        "disk_bytes": expected.disk_bytes,
        "disk_planned": expected.disk_planned,
    }


def _writes_json(writes: Writes) -> WritesJson:
    return {
        "rows": writes.rows,
        "per_second": round(writes.per_second, 1),
        "replayed_per_second": None if writes.rate is None else round(writes.rate, 1),
    }


def _back_json(back: WayBack) -> BackJson:
    return {
        "seconds": round(back.seconds, 3),
        "tables": [_back_table_json(one) for one in back.tables],
        "values": [{"table": one.table, "column": one.column, "values": one.values} for one in back.values],
        "written_meanwhile": back.written,
    }


def _back_table_json(one: RowDiff) -> BackTableJson:
    return {
        "table": one.table,
        "set_aside": one.added,
        "changed": one.changed,
        "comes_back": one.removed,
        "comparable": one.comparable,
        "note": one.note,
    }


def _query_json(one: QueryPlan) -> QueryJson:
    return {
        "statement": one.statement,
        "before": None if one.before is None else list(one.before),
        "after": None if one.after is None else list(one.after),
        "worse": one.is_worse,
        "error": one.error,
    }
