"""Looking without touching: what `check`, `plan`, `history` and `inspect` show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..diff.changes import Change
from ..diff.compare import HintKey, compare, spelled
from ..diff.dropped import losses
from ..diff.hazards import Hazard
from ..engines.sqlite import ddl, fence, sql_files, table_sizes
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.hazards.unreadable import Readers, unreadable_now
from ..engines.sqlite.inspect import inspect
from ..engines.sqlite.rebuild import indexes, refill
from ..engines.sqlite.uncompiled import LeftOut, creatable, unknown_to
from ..engines.sqlite.unknown_names import Unknown
from ..errors import Code, Problem, Refused, SchemaInvalid, SchemasyncError
from ..files.layout import Layout, size_of
from ..history.action import HistoryAction
from ..history.row import HistoryRow
from ..history.rows import Followed, changed, followed, hints_of, models_of
from ..plan.model import Action, Plan, Step, Strategy
from ..schema.digest import version
from ..schema.document import Document
from ..schema.model import Schema
from ..schema.names import fold, quote
from .data_migrations import Installed, missing
from .phases import decide
from .phases.decide import Decision, SyncOptions
from .prune import archives
from .run import live_database
from .run.error_translation import translated_errors
from .run.live_database import Elsewhere, LiveDatabase
from .run.target import Target


@contextmanager
def _seen(target: Target, *, whole: bool = True, parsed: bool = False) -> Iterator[LiveDatabase | None]:
    """The database as it stands, None where there never was one. Raises Refused where only its link is missing."""
    with (
        translated_errors(target.layout.link),
        live_database.read(target.layout, target.opener, whole=whole, parsed=parsed) as now,
    ):
        if now is None:
            _refuse_missing_link(target)
        yield now


def _refuse_missing_link(target: Target) -> None:
    there = []
    for generation in target.layout.finished():
        with closing(target.opener.read_parsed(generation.path)) as connection:
            there += [] if fence.is_marked(connection) else [generation.name]
    if there:
        raise Refused.of(
            Code.SWAP_UNFINISHED,
            f"{target.layout.link} is missing, but its generations are there: {', '.join(there)}",
            "To put the link back to the one that was live: manage.py schemasync",
            found=there,
        )


def live(layout: Layout, opener: Opener) -> HistoryRow | None:
    """The newest row of the history, None where that cannot be told."""
    try:
        with live_database.read(layout, opener) as now:
            return now.newest if now is not None else None
    except (SchemasyncError, sqlite3.Error, OSError):
        return None


# --- check ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """`changes`: what a sync would do. `drift`: our tables and views changed by hand. `foreign`: what is not ours.

    `generation`: the live one, None for a plain file. `spent`: hints that do not act again, and may be deleted.
    `is_empty`: there is no database yet. `losses`: columns that were added by hand, which go if that is undone.
    `unknown`: names that the database uses and this process does not know. `refused`: why a sync would be refused, as
    far as the schema tells. `unapplied`: data migrations that the database never ran, and nobody accepted.
    """

    version: str
    live_version: str | None
    changes: tuple[Change, ...]
    drift: tuple[str, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    generation: str | None = None
    spent: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    is_empty: bool = False
    refused: tuple[Problem, ...] = ()
    unknown: Unknown = Unknown()  # noqa: RUF009  it is frozen
    unapplied: tuple[str, ...] = ()

    def differs(self, *, strict: bool) -> bool:
        """True where schema.json and the database are not the same in what is ours; with `strict` in anything."""
        version_moved = self.live_version is not None and self.live_version != self.version
        return bool(self.changes or self.drift or version_moved or self.unapplied or (strict and self.foreign))


def check(
    target: Target,
    document: Document,
    installed: Installed = None,
    elsewhere: Elsewhere = (),
    *,
    tries: bool = True,
) -> Checked:
    """Compare schema.json with the database, and its data migrations with the `installed` ones. `elsewhere`: folded
    names of tables of installed models that schema.json does not make. `tries`: also build both schemas in memory, to
    find out whether a sync would be refused. Raises Refused where either cannot be read."""
    with _seen(target, whole=installed is not None) as now:
        if now is None:
            found = compare(Schema(), document.schema)
            return Checked(document.version, None, found.changes, is_empty=True)
        inspection = now.inspect()
        unknown = unknown_to(now.connection, target.opener) if tries else Unknown()
        not_ours = decide.not_ours(document, elsewhere)
        ours, recorded = now.ours(inspection, document, not_ours), hints_of(now.newest)
        found = compare(ours, document.schema, document.hints, recorded)
        newest, drift = now.newest, now.drift(inspection, not_ours)
        return Checked(
            document.version,
            newest.version if newest else None,
            found.changes,
            tuple(sorted(drift)),
            tuple(o.named for o in now.foreign(inspection, document, not_ours)),
            now.generation.name if now.generation else None,
            tuple(dict.fromkeys(_told(key, document.schema) for key in found.spent)),
            losses(found.problems, drift),
            is_empty=not inspection.objects,
            refused=_refusal(target, document, now, elsewhere, unknown) if found.changes and tries else (),
            unknown=unknown,
            unapplied=missing(now, installed),
        )


def _refusal(
    target: Target, document: Document, now: LiveDatabase, elsewhere: Elsewhere, unknown: Unknown
) -> tuple[Problem, ...]:
    """Why a sync of a database that was adopted would be refused, as far as the schema alone tells."""
    if now.generation is None:
        return ()
    try:
        decide.rehearsed(target, document, SyncOptions(elsewhere=frozenset(elsewhere)), now, unknown)
    except (Refused, SchemaInvalid) as refusal:
        return refusal.problems
    return ()


def _told(key: HintKey, schema: Schema) -> str:
    """`was on Users.full_name`."""
    return f"{key[0]} on {'.'.join(filter(None, spelled(key, schema)))}"


# --- what models read ---------------------------------------------------------------------------------------------


def unreadable(target: Target, readers: Readers) -> tuple[Hazard, ...]:
    """Values of the live database that the fields of its models cannot read."""
    with _seen(target) as now:
        return tuple(unreadable_now(now.connection, readers)) if now is not None else ()


def newly_modelled(target: Target, document: Document) -> frozenset[str]:
    """Folded names of tables that a model owns now, and did not when the live generation was made."""
    with _seen(target, whole=False) as now:
        newest = now.newest if now is not None else None
        if newest is None or newest.action in (HistoryAction.ROLLBACK, HistoryAction.RESTORE):
            return frozenset()
        return frozenset(map(fold, document.models)) - {fold(table) for table in models_of(newest)}


# --- plan -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableOutlook:
    """What would happen to one table, and how large it is; `bytes` is None where SQLite cannot tell."""

    table: str
    action: Action
    rows: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """A decision with its sizes: what `plan` shows. `live` is the newest row of the history, None without one."""

    version: str
    live: HistoryRow | None
    decision: Decision
    tables: tuple[TableOutlook, ...]
    disk_needed: int
    disk_archives: int
    file_bytes: int

    @property
    def plan(self) -> Plan | None:
        return self.decision.plan


def outlook(target: Target, document: Document, options: SyncOptions) -> Outlook:
    """What a sync would do, hazards included. Raises Refused for what no data could mend."""
    with _seen(target) as now:
        kept = sum(archive.bytes for archive in archives(target))
        decision = decide.plan_for(target, document, options, now)
        live = now.newest if now is not None else None
        file_bytes = size_of(now.path) if now is not None else 0
        if decision.plan is None:
            return Outlook(document.version, live, decision, (), 0, kept, file_bytes)
        sizes = table_sizes.sizes(now.connection) if now is not None else {}
        tables: list[TableOutlook] = []
        for step in decision.plan.steps:
            name = step.old.name if step.old is not None else None
            ordinary = now is not None and name is not None
            rows = table_sizes.count_rows(now.connection, name) if now is not None and name is not None else 0
            size = None if sizes is None else sizes.get(fold(name or ""), 0) if ordinary else 0
            taken = any(item.table == step.name for item in tables)  # a dropped table whose name another takes over
            shown = f"{step.name} (dropped)" if taken else step.name
            tables.append(TableOutlook(shown, decision.plan.effective_action(step), rows, size))
        needed = decide.disk_needed(decision.plan, now, sizes)
        return Outlook(document.version, live, decision, tuple(tables), needed, kept, file_bytes)


def statements(plan: Plan) -> list[str]:
    """The statements of a plan, in their order, for people to read: what `plan --sql` prints."""
    found = []
    steps = [replace(step, action=plan.effective_action(step)) for step in plan.steps]
    in_place = steps if plan.strategy is Strategy.CLONE else []
    for step in in_place:
        if step.old is not None and step.new is not None and step.old.name != step.new.name:
            found.append(f"ALTER TABLE {quote(step.old.name)} RENAME TO {quote(step.new.name)}")
        if step.action is Action.KEEP and step.new is not None:
            found += [
                f"ALTER TABLE {quote(step.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}"
                for old, new in step.column_renames
            ]
    found += [f"DROP TABLE {quote(s.name)}" for s in in_place if s.action in (Action.DROP, Action.REWRITE)]
    for step in steps:
        if step.action in (Action.CREATE, Action.REWRITE) and step.new is not None:
            found.append(ddl.create_table(step.new))
        if step.action is Action.REWRITE:
            found += _refill(step)
    for step in steps:
        found += [ddl.create_index(step.new, index) for index in indexes.new(step) if step.new]
    found += [ddl.create_view(view) for view in plan.new.views]
    found += [ddl.create_trigger(t) for owner in plan.new.owners for t in owner.triggers]
    return found


def _refill(step: Step) -> list[str]:
    virtual = step.new is not None and step.new.virtual is not None
    return [] if virtual else [refill.refill_statement(step)]


# --- history ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the history beside its file: `bytes` is 0 and `is_there` False where that is gone.

    `changes` are those of its plan, as `diff.changes.as_json` gives them.
    """

    row: HistoryRow
    bytes: int
    is_there: bool
    is_live: bool
    changes: tuple[Mapping[str, Any], ...]
    followed: Followed | None = None


def history(target: Target) -> tuple[Entry, ...]:
    """All generations that were ever live, the newest first. Raises Refused where there is no history."""
    with _seen(target, parsed=True) as now:
        if now is None or now.newest is None:
            raise live_database.no_history(target.layout)
        rows, last, live = now.rows, now.newest, now.path
    return tuple(_entry(target, row, live if row.id == last.id else None) for row in reversed(rows))


def rows(target: Target) -> tuple[HistoryRow, ...]:
    """The history as it is written, the oldest row first. Raises Refused where there is none."""
    with _seen(target, parsed=True) as now:
        if now is None or now.newest is None:
            raise live_database.no_history(target.layout)
        return now.rows


def _entry(target: Target, row: HistoryRow, live: Path | None) -> Entry:
    """`live` is the path of the live file for its own row: a plain copy does not bear its generation's name."""
    generation = target.layout.generation(row.generation)
    path = live or (generation.path if generation is not None else Path())
    return Entry(row, size_of(path), path.is_file(), live is not None, changed(row), followed(row))


# --- inspect ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inspected:
    """The schema of a file or folder; `rows` that scripts inserted, and `left_out` files, are for people to know."""

    schema: Schema
    version: str
    rows: dict[str, int]
    left_out: tuple[str, ...] = ()
    not_created: tuple[LeftOut, ...] = ()
    unknown: Unknown = Unknown()  # noqa: RUF009  it is frozen


def inspect_path(opener: Opener, path: Path) -> Inspected:
    """Read any SQLite file, or run a folder of .sql files in memory. Raises Refused."""
    with translated_errors(path):
        if path.is_dir():
            replayed = sql_files.replay(path, opener)
            with closing(replayed.connection) as connection:
                schema = inspect(connection).schema
            return Inspected(schema, version(schema), replayed.rows, replayed.left_out)
        if not path.exists():
            raise Refused.of(
                Code.NO_DATABASE, f"there is nothing at {path}", "Name a SQLite file or a folder of .sql files."
            )
        with closing(opener.read(path)) as connection:
            unknown = unknown_to(connection, opener)
            schema, left_out = creatable(connection, inspect(connection).schema, opener, unknown)
        return Inspected(schema, version(schema), {}, not_created=left_out, unknown=unknown)
