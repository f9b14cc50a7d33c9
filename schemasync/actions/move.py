"""Moves the database to PostgreSQL, plans that, and takes it back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from .. import databases
from ..engines.postgres.connection import Target as Server
from ..engines.sqlite.for_postgres.findings import FindingJson
from ..errors import Code, ProblemJson, UsageError
from ..orm import postgres_migrations
from ..orm.postgres_fields import field_kinds
from ..schema.document import Document
from ..schema.names import fold
from ..sync.move import closed_file, mover, undo
from ..sync.move.estimate import Estimate
from ..sync.move.goal import Goal, MoveReport
from ..sync.move.mover import Planned
from ..sync.run.limits import Limits
from .database import Database
from .ddl import ColumnTypeJson, StatementJson, column_types


class MovedTableJson(TypedDict):
    """A table that moves."""

    table: str
    rows: int
    bytes: int | None
    """Its size in the file, with its indexes; null if this SQLite cannot report sizes."""
    has_key: bool
    """False: it has no primary key, so it is copied again whenever it is written during the move."""


class EstimateJson(TypedDict):
    """The estimated duration of a move by one process, in milliseconds, from rows that were copied, compared and rolled
    back."""

    scan_ms: int
    copy_ms: int
    indexes_ms: int
    compare_ms: int
    pause_ms: int
    """The time that writers would wait."""
    rows: int
    """The number of measured rows."""
    tables: list[str]
    """The tables of the measured rows."""


class MovePlanJson(TypedDict):
    """The output of `manage.py schemasync move --plan --json`."""

    result: Literal["planned"]
    to: str
    """The entry of DATABASES."""
    server: str
    version: str
    tables: list[MovedTableJson]
    columns: list[ColumnTypeJson]
    statements: list[StatementJson]
    findings: list[FindingJson]
    """Values that a policy changes."""
    estimate: EstimateJson | None
    """Null if PostgreSQL still has the tables of an interrupted move."""
    notes: list[str]
    errors: list[ProblemJson]


class ChangedValuesJson(TypedDict):
    """Values that a policy changed."""

    table: str
    column: str
    fault: str
    count: int


class MoveJson(TypedDict):
    """The output of `manage.py schemasync move --json`."""

    result: Literal["moved", "current", "undone"]
    """`current`: the database had already moved."""
    to: str
    generation: str
    """The file: closed after a move, live again after `--undo`."""
    rows: dict[str, int]
    """The number of rows by table; each row was compared with the file. Empty if an interrupted move was finished."""
    duration_ms: int
    pause_ms: int
    """The time that writers waited."""
    changed: list[ChangedValuesJson]
    changed_list: str | None
    """The path of a file with a line of JSON for each changed value: its table, column, key, fault, old and new
    value."""
    left: dict[str, int]
    """The number of rows that differ on PostgreSQL, by table, after `--undo --leave-writes`."""
    notes: list[str]
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class MovePreview:
    """The plan of a move, its target on PostgreSQL, and the version of schema.json. `notes`: differences on
    PostgreSQL."""

    found: Planned
    goal: Goal
    version: str
    notes: tuple[str, ...]


def required(to: str | None) -> str:
    """Return the given entry of DATABASES. Raises UsageError if none is given."""
    if not to:
        hint = "Name an entry of DATABASES: manage.py schemasync move --to ALIAS"
        raise UsageError.of(Code.BAD_OPTION, "move needs the database to move to", hint)
    return to


def plan(database: Database, to: str) -> MovePreview:
    """Return the plan of a move; change nothing. Raises a SchemasyncError with all obstacles."""
    document = database.document()
    goal = _goal(to, document, Limits())
    found = mover.plan(database.target(), goal, document)
    return MovePreview(found, goal, document.version, (*found.plan.ddl.notes, *postgres_migrations.notes()))


def to_postgres(database: Database, to: str, limits: Limits) -> MoveReport:
    """Move the database to the entry `to` of DATABASES. Raises a SchemasyncError; then the file is live."""
    document = database.document()
    done = mover.to_postgres(database.released(), _goal(to, document, limits), document)
    return replace(done, notes=(*done.notes, *postgres_migrations.notes())) if done.result == "moved" else done


def undo_move(database: Database, to: str, *, leave_writes: bool) -> MoveReport:
    """Go back to the file. `to`: the entry of DATABASES to which it has moved; '' reads it from the file."""
    document, target = database.document(), database.released()
    goal = _goal(to or closed_file.moved_to(target), document, Limits())
    return undo.undo(target, goal, document, leave_writes=leave_writes)


def _goal(to: str, document: Document, limits: Limits) -> Goal:
    return Goal(to, Server.of(databases.postgres_entry(to)), field_kinds(document.models), limits)


def plan_json(preview: MovePreview) -> MovePlanJson:
    """The JSON object of a plan."""
    found, sizes = preview.found.plan, preview.found.bytes
    return {
        "result": "planned",
        "to": preview.goal.alias,
        "server": str(preview.goal.server),
        "version": preview.version,
        "tables": [
            {
                "table": one.moved.name,
                "rows": found.rows[one.moved.name],
                "bytes": sizes.get(fold(one.moved.name)),
                "has_key": one.has_key,
            }
            for one in found.tables
        ],
        "columns": column_types(found.columns),
        "statements": [{"phase": one.phase.value, "table": one.table, "sql": one.sql} for one in found.ddl.statements],
        "findings": [one.as_json() for one in found.findings],
        "estimate": _estimate(preview.found.estimate),
        "notes": list(preview.notes),
        "errors": [],
    }


def _estimate(found: Estimate | None) -> EstimateJson | None:
    if found is None:
        return None
    return {
        "scan_ms": round(found.scan * 1000),
        "copy_ms": round(found.copy * 1000),
        "indexes_ms": round(found.indexes * 1000),
        "compare_ms": round(found.compare * 1000),
        "pause_ms": found.pause_ms,
        "rows": found.rows,
        "tables": list(found.tables),
    }


def as_json(done: MoveReport) -> MoveJson:
    """The JSON object."""
    return {
        "result": done.result,
        "to": done.alias,
        "generation": done.generation,
        "rows": dict(done.rows),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "changed": [
            {"table": table, "column": column, "fault": fault, "count": count}
            for (table, column, fault), count in done.changed.items()
        ],
        "changed_list": str(done.changed_list) if done.changed_list is not None else None,
        "left": dict(done.left),
        "notes": list(done.notes),
        "errors": [],
    }
