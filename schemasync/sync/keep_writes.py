"""Rolls back to an earlier schema with today's rows: a sync to it, in which the archive fills what was dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from ..engines.sqlite import fence
from ..engines.sqlite.connection import check_version
from ..engines.sqlite.objects import fingerprint
from ..errors import Code, Refused, UsageError
from ..files.layout import Generation
from ..history.lineage import Lineage
from ..history.row import HistoryRow
from ..history.rows import Afterwards, Followed, hints_of, models_of
from ..history.way_back import WayBack, way_back
from ..plan.model import Plan
from ..schema.document import Document
from ..schema.expression import DefinitionError
from ..schema.hints import read_fill
from ..schema.model import ColumnName, Hints, Schema, Table
from ..schema.names import fold
from ..schema.subset import differing, ours
from ..schema.text import short
from .archive_feeds import ArchivedColumn, ArchivedTable, ArchiveFeeds, Fills, KeptValues
from .inspection import written_schema
from .phases.beforehand import check_beforehand
from .phases.cutover import check_place
from .phases.decide import SyncOptions, WithArchive, as_problem, plan_for
from .phases.finish import note
from .phases.hooks import Hooks
from .prune import pruned
from .recovery import recover
from .rollback import resolve
from .run import interrupt, live_database
from .run.elapsed import ms_since
from .run.error_translation import translated_errors
from .run.limits import Limits
from .run.live_database import LiveDatabase
from .run.report import TableReport, tables_of
from .run.target import Target
from .runner import swap


@dataclass(frozen=True, slots=True)
class KeepWritesOptions:
    """`fills`: SQL by "TABLE.COLUMN" of the earlier schema. `allow_drop`: live tables and columns, as "TABLE.COLUMN",
    whose rows and values may be left out. The rest as for a sync."""

    fills: Mapping[str, str] = field(default_factory=dict)
    allow_drop: frozenset[str] = frozenset()
    block_writers: bool = False
    verify_full: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Ahead:
    """The preview of a rollback that keeps writes: from the live row to the schema of `to`, whose file is `archive`.
    `generation`: the name that the new file gets."""

    live: HistoryRow
    to: HistoryRow
    archive: Generation
    generation: str
    plan: Plan
    columns: tuple[ArchivedColumn, ...]
    tables: tuple[ArchivedTable, ...]
    kept: tuple[KeptValues, ...]


@dataclass(frozen=True, slots=True)
class KeptWrites:
    """A completed rollback that kept writes. `generation` is the new one, which is live."""

    ahead: Ahead
    generation: Generation
    tables: Mapping[str, TableReport]
    rows: int
    duration_ms: int
    pause_ms: int
    followed: Followed | None
    notes: tuple[str, ...]


def preview(target: Target, wanted: str | None, options: KeepWritesOptions) -> Ahead:
    """Return the preview of a rollback, with its hazards, and change nothing. Raises Refused if no rollback is
    possible; a plan with blocking hazards is returned."""
    with translated_errors(target.layout.link), _reading(target, wanted) as (reading, current, to, archive):
        return _decided(reading, current, to, archive, options)[0]


def keep_writes(
    target: Target, wanted: str | None, options: KeepWritesOptions, agree: Callable[[Ahead], bool]
) -> KeptWrites | None:
    """Build a file with the schema of an earlier generation and today's rows, and swap it in. `agree` gets the preview,
    if no hazard blocks, and may decline (then returns None). Raises a SchemasyncError; then the live file is unchanged,
    unless the error says that the swap is committed or done."""
    check_version()
    begun = time.monotonic()
    if not target.layout.folder.exists():
        preview(target, wanted, options)  # refuse before there is a folder to lock in
    with (
        translated_errors(target.layout.link),
        interrupt.stoppable() as signals,
        target.observed() as target,
        target.locked() as target,
    ):
        recover(target)
        with _reading(target, wanted) as (reading, current, to, archive):
            ahead, sync_options = _decided(reading, current, to, archive, options)
            if ahead.plan.blocking:
                raise Refused(map(as_problem, ahead.plan.blocking))
            check_place(target.layout)
            check_beforehand(target, ahead.plan, current)
            if not agree(ahead):
                return None
            done = swap(reading, ahead.plan, current, sync_options, signals, Hooks(reading, None))
        built, duration_ms, pause_ms = done.built, ms_since(begun), round(done.pause * 1000)
        note(target, built.generation, Afterwards(duration_ms, pause_ms, done.followed, run=target.recorder.as_json()))
        notes = (*built.notes, *pruned(target))
    tables, rows = tables_of(done.plan, built.rows), sum(built.rows.values())
    ahead = replace(ahead, plan=done.plan)
    return KeptWrites(ahead, built.generation, tables, rows, duration_ms, pause_ms, done.followed, notes)


@contextmanager
def _reading(target: Target, wanted: str | None) -> Iterator[tuple[Target, LiveDatabase, HistoryRow, Generation]]:
    """Yield a target whose every connection has the archive attached, the live database, the history row to go back to,
    and that archive. No run prunes the archive while the caller holds the run lock."""
    with live_database.read(target.layout, target.opener) as current:
        _, to, archive = resolve(target, current, wanted)
    _check_archive(target, to, archive)
    reading = replace(target, opener=replace(target.opener, archive=archive.path))
    with live_database.read(reading.layout, reading.opener) as current:
        assert current is not None
        yield reading, current, to, archive


def _check_archive(target: Target, to: HistoryRow, archive: Generation) -> None:
    with closing(target.opener.read(archive.path)) as connection:
        is_closed, is_as_recorded = fence.read_fence(connection) is not None, fingerprint(connection) == to.fingerprint
    if not is_closed or not is_as_recorded:
        why = "its schema was changed by hand" if is_closed else "it has no fence, so somebody may have written to it"
        raise _refused(f"{archive.name} cannot be read as an archive: {why}", archive)


def _refused(message: str, archive: Generation) -> Refused:
    hint = (
        "To see what a rollback without the rows of today would do: "
        f"manage.py schemasync rollback {archive.name} --dry-run"
    )
    return Refused.of(Code.CANNOT_KEEP_WRITES, message, hint, generation=archive.name)


def _decided(
    target: Target, current: LiveDatabase, to: HistoryRow, archive: Generation, options: KeepWritesOptions
) -> tuple[Ahead, SyncOptions]:
    assert current.newest is not None
    live, lineage = current.newest, Lineage(current.rows)
    way = _way(target, lineage, live, to, archive)
    fills = _fills(way.earlier, options.fills)
    allowed = frozenset(map(fold, options.allow_drop))
    feeds = ArchiveFeeds(archive.name, way, lineage, live.generation, current.connection, target.opener, fills, allowed)
    sync_options = SyncOptions(
        allow_older=True,
        again=True,
        allow_drop=options.allow_drop,
        block_writers=options.block_writers,
        verify_full=options.verify_full,
        limits=options.limits,
        with_archive=WithArchive(partial(_fed, feeds, to), frozenset(_leaving(way))),
    )
    document = _document(way, to)
    plan = plan_for(target, document, sync_options, current).plan
    assert plan is not None
    plan = replace(plan, models=document.models)
    new = target.layout.next(short(plan.version), (row.generation for row in current.rows)).name
    return Ahead(
        live, to, archive, new, plan, tuple(feeds.columns), tuple(feeds.tables), tuple(feeds.kept)
    ), sync_options


def _way(target: Target, lineage: Lineage, live: HistoryRow, to: HistoryRow, archive: Generation) -> WayBack:
    if live.version == to.version:
        raise _refused(f"{live.generation} has the schema of {archive.name} already", archive)
    try:
        way = way_back(lineage, to.generation, live.generation)
    except KeyError:
        way = None
    if way is None:
        raise _refused(f"{live.generation} was not made from the rows of {archive.name}", archive)
    return replace(way, earlier=_as_written(target, way.earlier, archive))


def _as_written(target: Target, recorded: Schema, archive: Generation) -> Schema:
    """Return the recorded schema as the archive spells it. The history has its normal form, which is hard to read, and
    which a module of virtual tables may not accept. Raises Refused if the archive has another schema."""
    found = written_schema(replace(target.opener, archive=None), archive.path)
    if differing(recorded, ours(found, recorded)):
        raise _refused(f"the schema of {archive.name} is not the one that the history records", archive)
    tables = tuple(_spelled(table, found.table(table.name)) for table in recorded.tables)
    views = tuple(found.view(view.name) or view for view in recorded.views)
    return Schema(tables, views)


def _spelled(table: Table, found: Table | None) -> Table:
    """Return the table as `found`, with its columns in the recorded order; the recorded `table` if its name or those of
    its columns are spelled otherwise there."""
    names = [column.name for column in table.columns]
    if found is None or found.name != table.name or sorted(names) != sorted(c.name for c in found.columns):
        return table
    return replace(found, columns=tuple(column for name in names if (column := found.column(name))))


def _fed(feeds: ArchiveFeeds, to: HistoryRow, plan: Plan) -> Plan:
    """Return the plan with its feeds. Its applied hints are those of the earlier generation, as after a rollback
    without today's rows."""
    return replace(feeds.feed(plan), applied_hints=hints_of(to))


def _document(way: WayBack, to: HistoryRow) -> Document:
    """Return the earlier schema as a document, with the hints that lead back to it."""
    hints = Hints()
    for table, (live, columns) in way.names.items():
        if live != table:
            hints.tables_were[table] = (live,)
        for column, source in columns.items():
            if source != column:
                hints.columns_were[ColumnName(table, column)] = (source,)
    elsewhere = frozenset(map(fold, way.by_hand))
    return Document(way.earlier, hints, to.version, to.generation, models_of(to), b"", "", {}, elsewhere)


def _leaving(way: WayBack) -> Iterator[str]:
    """Yield the folded names of the live tables and columns that the earlier schema does not have."""
    earlier = {live: (table, columns) for table, (live, columns) in way.names.items()}
    for table in way.live.tables:
        name, columns = earlier.get(table.name, (table.name, {}))
        if table.name not in {*earlier, *way.by_hand}:
            yield fold(table.name)
        yield from (f"{fold(name)}.{fold(c.name)}" for c in table.columns if c.name not in columns.values())


def _fills(schema: Schema, given: Mapping[str, str]) -> Fills:
    """Return the fills by the folded names of their tables and columns. Raises UsageError for a column that the schema
    does not have, or for SQL that is no expression."""
    found: dict[tuple[str, str], str] = {}
    for name, sql in given.items():
        where = next(
            ((t.name, c.name) for t in schema.tables for c in t.columns if fold(f"{t.name}.{c.name}") == fold(name)),
            None,
        )
        if where is None:
            raise UsageError.of(
                Code.BAD_OPTION, f"--fill {name}: the earlier schema has no such column", "Write TABLE.COLUMN=SQL."
            )
        try:
            found[fold(where[0]), fold(where[1])] = read_fill(sql).text
        except DefinitionError as error:
            raise UsageError.of(Code.BAD_OPTION, f"--fill {name}: {error}", "Write TABLE.COLUMN=SQL.") from error
    return found
