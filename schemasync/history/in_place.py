"""Compose history rows for files that no run has built: the live file was altered, it already has a new version of
schema.json, somebody copied another file into it, or it is a backup, whose history ends with another generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..diff.compare import compare
from ..plan.make import make
from ..plan.model import Plan
from ..schema import digest
from ..schema.text import dumps
from .action import HistoryAction
from .data_migrations import recorded
from .row import HistoryRow
from .rows import BACKUP_FINGERPRINT, OriginJson, Stamp, hints_json, hints_of, never_run_json, now, plan_json, schema_of

_KEPT = ("models", "document", "column_order")  # keys of the plan that are true of the copy, too


def restored_in_place(rows: Sequence[HistoryRow], generation: str, stamp: Stamp) -> HistoryRow:
    """Return the row that records that the file of `generation` holds a copy of the newest generation of this history.

    Its fingerprint is the recorded one, not that of the file, so that changes by hand stay visible as drift.
    """
    newest = rows[-1]
    return replace(
        newest,
        id=newest.id + 1,
        applied_at=now(),
        action=HistoryAction.RESTORE,
        generation=generation,
        previous=newest.generation,
        plan=dumps(_copied(rows)),
        rows=0,
        duration_ms=0,
        pause_ms=0,
        actor=stamp.actor,
        tool_version=stamp.tool_version,
    )


def restored(
    live: Sequence[HistoryRow], rows: Sequence[HistoryRow], generation: str, origin: Backup, stamp: Stamp
) -> HistoryRow:
    """Return the row of a generation that is a copy of a backup.

    `live`: the history that the row continues: that of the live file, or that of the backup if there is no live file.
    `rows`: the history of the backup.
    """
    row, newest = restored_in_place(rows, generation, stamp), live[-1]
    is_known = [one.identity for one in live[: len(rows)]] == [one.identity for one in rows]
    known: OriginJson = {
        "name": origin.name,
        "made_at": origin.made_at,
        "generation": rows[-1].generation if is_known else None,
    }
    plan = dumps({**row.details, "backup": known})
    return replace(row, id=newest.id + 1, previous=newest.generation, plan=plan)


def brought_up(row: HistoryRow, newest: HistoryRow) -> HistoryRow:
    """Return the row of a generation that is a copy of a backup which was synced before it went live. `row`: the row of
    the copy; `newest`: the row of the file that the sync made from it."""
    plan = dumps({**newest.details, "backup": row.details["backup"], BACKUP_FINGERPRINT: row.fingerprint})
    return replace(
        newest,
        id=row.id,
        action=HistoryAction.RESTORE,
        generation=row.generation,
        previous=row.previous,
        plan=plan,
        pause_ms=0,
    )


LITESTREAM = "litestream"  # the name of each backup that is a state of Litestream's replica


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup, or an archive or a state of Litestream that serves as one; `made_at`: in UTC, in ISO 8601."""

    name: str
    made_at: str

    @property
    def words(self) -> str:
        """The arguments of `restore` on the command line for this backup."""
        return f"{LITESTREAM} --at {self.made_at}" if self.name == LITESTREAM else self.name


def altered(newest: HistoryRow, plan: Plan, statements: Sequence[str], fingerprint: str, stamp: Stamp) -> HistoryRow:
    """Return the row that records that a plan altered the live file in place, or, if the plan changes nothing, the
    version that the file already has. `newest`: the last row of its history. `statements`: the SQL that altered it.
    `fingerprint`: that of the file."""
    return replace(
        newest,
        id=newest.id + 1,
        version=plan.version,
        applied_at=now(),
        action=HistoryAction.ALTER if plan.changes else HistoryAction.SYNC,
        schema=digest.canonical(plan.new),
        hints=hints_json(plan.applied_hints),
        fingerprint=fingerprint,
        plan=dumps({**plan_json(plan, {}), **({"sql": list(statements)} if statements else {})}),
        rows=0,
        duration_ms=0,
        pause_ms=0,
        actor=stamp.actor,
        tool_version=stamp.tool_version,
    )


def taken_over(
    rows: Sequence[HistoryRow], generation: str, plan: Plan, stamp: Stamp, runner_tables: Mapping[str, str]
) -> HistoryRow:
    """Return the row that records the schema that the plan found in the file of `generation`, into which somebody
    copied another file. `rows`: the history that the row continues."""
    return HistoryRow(
        id=rows[-1].id + 1 if rows else 1,
        version=plan.version,
        applied_at=now(),
        action=HistoryAction.ADOPT,
        generation=generation,
        previous=None,
        schema=digest.canonical(plan.new),
        hints=hints_json(plan.applied_hints),
        fingerprint=plan.base_fingerprint or "",
        plan=dumps(plan_json(plan, {}, runner_tables=runner_tables)),
        rows=0,
        duration_ms=0,
        pause_ms=0,
        actor=stamp.actor,
        tool_version=stamp.tool_version,
    )


def _copied(rows: Sequence[HistoryRow]) -> dict[str, object]:
    """Return the plan of a copy as JSON: every table is kept, so that both files can be compared later."""
    newest, never_run = rows[-1], recorded(rows)
    schema = schema_of(newest)
    plan = make(
        compare(schema, schema, recorded=hints_of(newest)),
        schema,
        schema,
        newest.version,
        base_version=newest.version,
        base_fingerprint=newest.fingerprint,
        volatile=lambda table, column: False,
    )
    kept = {key: value for key, value in newest.details.items() if key in _KEPT}
    found = {} if never_run is None else {"data_migrations": never_run_json(never_run)}
    return {**plan_json(plan, {}), **kept, **found}
