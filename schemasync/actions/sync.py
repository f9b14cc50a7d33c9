"""Brings the database to schema.json."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal, TypedDict, cast

from .. import conf, databases
from ..diff.changes import ChangeJson
from ..diff.changes import as_json as change_json
from ..diff.hazards import HazardJson
from ..diff.questions import answered, choices
from ..errors import Code, ErrorResult, ProblemJson, Refused, SchemasyncError
from ..history.row import HistoryRow
from ..history.rows import ReplayJson
from ..orm.export_decisions import Decisions
from ..orm.migrate import informed, sync_as_migrate
from ..orm.migrated_apps import Progress as MigrationProgress
from ..orm.pending_migrations import Goal
from ..plan.model import Strategy
from ..schema.document import Document
from ..signals import altered_in_place
from ..sync import runner
from ..sync.phases.decide import SyncOptions
from ..sync.phases.hooks import BeforeSwap
from ..sync.run.recorder import Recorder
from ..sync.run.report import Report, TableReport
from ..sync.run.target import Target
from . import adopt
from .database import Database, write_text
from .export import export, was_renamed
from .shared import ForeignJson, foreign_json


class SyncJson(TypedDict):
    """The output of `manage.py schemasync --json`, also after an error."""

    result: Literal["current", "synced"] | ErrorResult
    version: str | None
    """The version of schema.json; null if it could not be read."""
    previous: str | None
    """The version that was live before; after an error, the live version. Null if there is none."""
    generation: str | None
    """The live generation; null if an error occurred before it was read."""
    strategy: Strategy | None
    """The start of the new file: a copy of the old one, or empty; in-place if the live file was altered, or only its
    history recorded the version. Null if nothing was done."""
    tables: dict[str, TableReport]
    rows: int
    """The number of rows that the run wrote."""
    duration_ms: int
    pause_ms: int
    """The time that writers waited."""
    hazards: list[HazardJson]
    foreign: list[ForeignJson]
    """Objects that schema.json does not name, and that were carried along."""
    changes: list[ChangeJson]
    notes: list[str]
    replay: ReplayJson | None
    """Null if writers waited all the time, or nothing was built."""
    errors: list[ProblemJson]


def sync(
    database: Database,
    options: SyncOptions,
    *,
    exports: Decisions | None = None,
    progress: MigrationProgress | None = None,
    goal: Goal | None = None,
    recorder: Recorder | None = None,
) -> Report:
    """Bring the database to schema.json. Raises a SchemasyncError.

    After an error the live file is unchanged, except as in `sync_as_migrate`. `exports`: write the models into
    schema.json first, with these decisions. `progress` and `goal`: as in `sync_as_migrate`. `recorder`: records the
    course of the run.
    """
    database.finish_swap()
    if conf.adopts():
        adopt.before_sync(database, options.accepted_migrations)
    has_written = exports is not None and export(database, options.accepted_migrations, exports)[1]
    try:
        return _synced(database, options, progress, goal, recorder or Recorder())
    except SchemasyncError:
        if has_written:
            database.dialogue.warn(f"{database.schema_path} has the changes of the models; the database does not")
        raise


def _synced(
    database: Database,
    options: SyncOptions,
    progress: MigrationProgress | None,
    goal: Goal | None,
    recorder: Recorder,
) -> Report:
    """Run a sync. If it is refused only because something may have been renamed or dropped, ask, write the answers into
    schema.json, and try again."""
    target, wanted = replace(database.released(), recorder=recorder), database.document()
    ask = database.dialogue.ask
    try:
        return run(database, target, wanted, informed(database.alias, options), progress=progress, goal=goal)
    except Refused as refusal:
        found = choices(refusal.problems)
        if not found or ask is None:
            raise
    write_text(database.schema_path, answered(wanted.text, found, partial(was_renamed, database, ask)))
    database.dialogue.say(f"wrote the answers into {database.schema_path}")
    return _synced(database, options, progress, goal, recorder)


def run(
    database: Database,
    target: Target,
    wanted: Document,
    options: SyncOptions,
    first: BeforeSwap | None = None,
    *,
    progress: MigrationProgress | None = None,
    goal: Goal | None = None,
    goes_live: bool = True,
) -> Report:
    """Sync to a document, with the work of `migrate` if schema.json replaces migrations. `first`: runs before that
    work. `goes_live`: as in `sync_as_migrate`."""
    alias, dialogue = databases.meant(database.alias), database.dialogue
    if conf.is_enabled():
        out, verbosity, more = dialogue.stdout, dialogue.verbosity, (first, progress, goal)
        done = sync_as_migrate(alias, target, wanted, options, out, verbosity, *more, goes_live=goes_live)
    else:
        done = runner.sync(target, wanted, options, first)
    if done.strategy is Strategy.IN_PLACE and done.changes:
        altered_in_place.send(Report, using=alias, generation=done.generation, changes=done.changes)
    return done


def as_json(done: Report) -> SyncJson:
    """The JSON object."""
    return {
        "result": done.result,
        "version": done.version,
        "previous": done.previous,
        "generation": done.generation,
        "strategy": done.strategy,
        "tables": done.tables,
        "rows": done.rows,
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "hazards": [hazard.as_json() for hazard in done.hazards],
        "foreign": foreign_json(done.foreign),
        "changes": [change_json(change) for change in done.changes],
        "notes": done.notes,
        "replay": done.followed.as_json() if done.followed else None,
        "errors": [],
    }


def failed_json(error: SchemasyncError, version: str | None, live: HistoryRow | None) -> SyncJson:
    """The JSON object after an error. `version`: of schema.json. `live`: the newest history row of the database. Both
    are None if unknown."""
    return {
        "result": error.result,
        "version": version,
        "previous": live.version if live else None,
        "generation": live.generation if live else None,
        "strategy": None,
        "tables": {},
        "rows": 0,
        "duration_ms": 0,
        "pause_ms": 0,
        "hazards": hazards_json(error),
        "foreign": [],
        "changes": [],
        "notes": [],
        "replay": None,
        "errors": [one.as_json() for one in error.problems],
    }


def hazards_json(error: SchemasyncError) -> list[HazardJson]:
    """Return the facts of the problems that were made from hazards."""
    return [cast("HazardJson", dict(one.facts)) for one in error.problems if one.code is Code.HAZARD]
