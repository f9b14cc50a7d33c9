"""Switches the database to the schema.json of another git branch, in development.

Uses the branch's archive if nothing was written since; otherwise converts the current rows. What the new schema lacks
stays in the archive that is left, and comes back with the other branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ..diff.compare import AddedTable, RemovedTable, TablePair, compare
from ..diff.hint_keys import transformed
from ..engines.sqlite import fence
from ..engines.sqlite.bring_back import Missing, Source, bring_back, can_bring_back
from ..errors import Busy, Code, Refused
from ..files.layout import Generation
from ..history.lineage import Lineage
from ..history.rows import hints_of, left_by_switch, schema_of, versions
from ..schema.document import Document
from ..schema.model import ColumnName, Hints, Schema
from ..schema.names import fold
from .phases.decide import SyncOptions, is_current, not_ours
from .phases.hooks import BeforeSwap, NewFile
from .recovery import finish_swap
from .rollback import Preview, RolledBack, differ_in_common, rollback
from .run import live_database
from .run.error_translation import translated_errors
from .run.live_database import LiveDatabase
from .run.report import Report
from .run.target import Target
from .same_rows import unproved_keys

TRIES = 3  # a write in the milliseconds between the comparison and the swap is rare

Sync = Callable[[Document, SyncOptions, BeforeSwap | None], Report]
"""Runs a sync with this work on the new file."""


@dataclass(frozen=True, slots=True)
class Switched:
    """A completed switch: a `report` of a sync, or `rolled_back` to the archive; neither if there was nothing to do.

    `left`: the generation that was live before. `kept`: the tables and columns that only that one has, as `table` or
    `table.column`. `brought_back`: the number of rows that came back, for each. `in_doubt`: columns with values that
    did not, since their keys may name other rows. `not_brought_back`: the tables and columns that the database had when
    it had this version, and that no archive can give back.
    """

    version: str
    generation: str
    left: str | None = None
    report: Report | None = None
    rolled_back: RolledBack | None = None
    kept: tuple[str, ...] = ()
    brought_back: dict[str, int] | None = None
    in_doubt: tuple[InDoubt, ...] = ()
    not_brought_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A column, as `table.column`, with values that stay in an archive, because the `rows` that have their keys now may
    be other ones."""

    column: str
    rows: int
    generation: str


def switch(
    target: Target, document: Document, options: SyncOptions, sync: Sync, *, leave_behind: bool = False
) -> Switched:
    """Bring an adopted database to the document's schema. All that the present file has stays in the new file or in the
    archive that is left. `leave_behind`: bring nothing back. Raises a SchemasyncError; then the live file is unchanged,
    unless the error says that the swap is committed or done."""
    tries = 0
    while True:
        finish_swap(target)
        with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as now:
            way = _way(target, now, document, options, leave_behind=leave_behind)
        match way:
            case _Stay(generation):
                return Switched(document.version, generation)
            case _Archive(generation, live):
                tries += 1
                done = _to_archive(target, generation.name, is_last=tries > TRIES)
                if done is not None:
                    return Switched(document.version, generation.name, live, rolled_back=done)
            case _Convert():
                return _convert(target, way, options, sync)


def _to_archive(target: Target, name: str, *, is_last: bool) -> RolledBack | None:
    """Roll back to an archive. Return None if somebody wrote after the files were compared; with `is_last`, raise Busy
    if that was after the last comparison."""

    def is_unwritten(_: Preview) -> bool:
        return not differ_in_common(target, name)

    try:
        return rollback(target, name, is_unwritten, is_switch=True, only_unwritten=True)
    except Busy as busy:
        if busy.code is not Code.CHANGED_DURING_RUN or is_last:
            raise
        return None


@dataclass(frozen=True, slots=True)
class _Stay:
    generation: str


@dataclass(frozen=True, slots=True)
class _Archive:
    generation: Generation
    live: str


@dataclass(frozen=True, slots=True)
class _Convert:
    """A sync of today's rows. `lost`: tables and columns that are dropped. `missing`: those restored from each archive.
    `not_possible`: those that no archive can give back."""

    document: Document
    live: str
    lost: tuple[str, ...]
    missing: tuple[tuple[Source, tuple[Missing, ...]], ...]
    not_possible: tuple[str, ...]


def _way(
    target: Target, now: LiveDatabase | None, document: Document, options: SyncOptions, *, leave_behind: bool
) -> _Stay | _Archive | _Convert:
    if now is None or now.newest is None or now.generation is None:
        raise Refused.of(
            Code.NOT_ADOPTED,
            f"{target.layout.link} has no generations to switch between",
            "To create the database, or to bring it to schema.json: manage.py schemasync\n"
            "To take over a plain file: manage.py schemasync adopt",
        )
    document = replace(document, hints=_not_again(now, _of_named_tables(now, document.hints)))
    if now.is_untouched and is_current(document, options, now):
        return _Stay(now.generation.name)
    same = _of_version(target, now, document.version)
    for generation in same:
        if not differ_in_common(target, generation.name):
            return _Archive(generation, now.generation.name)
    left = [found for name in left_by_switch(now.rows) if (found := _usable(target, name)) is not None]
    sources = [] if leave_behind else list(dict.fromkeys([*same, *left]))
    return _conversion(now, document, options, sources, leave_behind=leave_behind)


def _of_version(target: Target, now: LiveDatabase, version: str) -> list[Generation]:
    """Return the archives of that version, the newest first."""
    names = [name for name, last in reversed(versions(now.rows).items()) if last == version]
    live = now.generation.name if now.generation is not None else ""
    return [found for name in names if name != live and (found := _usable(target, name)) is not None]


def _usable(target: Target, name: str) -> Generation | None:
    """The archive, if its file exists and was finished."""
    generation = target.layout.generation(name)
    if generation is None or not generation.path.is_file():
        return None
    with closing(target.opener.read(generation.path)) as connection:
        return None if fence.is_marked(connection) else generation


# --- with today's rows ------------------------------------------------------------------------------------------


def _conversion(
    now: LiveDatabase, document: Document, options: SyncOptions, sources: Sequence[Generation], *, leave_behind: bool
) -> _Convert:
    assert now.generation is not None
    document = replace(document, hints=_with_renames(now, document))
    old = now.ours(now.inspect(), document, not_ours(document, options.elsewhere, now.newest))
    found = compare(old, document.schema, document.hints, hints_of(now.newest))
    lost, added = [], []
    for one in found.tables:
        match one:
            case RemovedTable():
                lost.append(one.old.name)
            case AddedTable():
                added.append(Missing(one.new))
            case TablePair():
                fed = {fold(source) for source in one.sources.values() if source is not None}
                gone = [c for c in one.old.columns if fold(c.name) not in fed and c.generated is None]
                lost += [f"{one.old.name}.{column.name}" for column in gone]
                new = [c.name for c in one.new.columns if one.sources[c.name] is None and c.generated is None]
                added += [Missing(one.new, name) for name in new]
    missing = tuple(_from_archives(added, [_source(now, generation) for generation in sources]))
    given = [item for _, items in missing for item in items]
    known = [schema_of(row) for row in now.rows if row.version == document.version and not leave_behind]
    rest = tuple(item.name for item in added if item not in given and any(_had(s, item) for s in known))
    return _Convert(document, now.generation.name, tuple(lost), missing, rest)


def _had(schema: Schema, item: Missing) -> bool:
    table = schema.table(item.table.name)
    return table is not None and (not item.column or table.column(item.column) is not None)


def _of_named_tables(now: LiveDatabase, hints: Hints) -> Hints:
    """Return the hints without the `_dropped` of tables that no schema.json named: a switch could not bring these
    back."""
    assert now.newest is not None
    named = {fold(table.name) for table in schema_of(now.newest).tables}
    return replace(hints, dropped_tables=tuple(name for name in hints.dropped_tables if fold(name) in named))


def _not_again(now: LiveDatabase, hints: Hints) -> Hints:
    """Return the hints without the transforms that have acted: the rows that they made come back from the archive."""
    acted = hints_of(now.newest)
    return replace(hints, transforms=tuple(one for one in hints.transforms if transformed(one) not in acted))


def _with_renames(now: LiveDatabase, document: Document) -> Hints:
    """Return the hints of schema.json, and hints that reverse the renames since the version that this branch had."""
    hints, names = document.hints, _names_since(now, document.version)
    tables, columns = dict(hints.tables_were), dict(hints.columns_were)
    for table in document.schema.tables:
        earlier = next((name for name in names if fold(name) == fold(table.name)), None)
        if earlier is None:
            continue
        present, renamed = names[earlier]
        if fold(present) != fold(table.name) and document.schema.table(present) is None:
            tables[table.name] = (present,)
        for column in table.columns:
            source = next((new for old, new in renamed.items() if fold(old) == fold(column.name)), column.name)
            if fold(source) != fold(column.name) and table.column(source) is None:
                columns[ColumnName(table.name, column.name)] = (source,)
    return replace(hints, tables_were=tables, columns_were=columns)


def _names_since(now: LiveDatabase, version: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return today's names by earlier ones: those in the last ancestor of the live generation that has that version, or
    else in the last ancestor that a switch left. Empty without either."""
    assert now.newest is not None
    lineage, left = Lineage(now.rows), set(left_by_switch(now.rows))
    line = list(lineage.line(now.newest.generation))
    known = [row for row in line if row.version == version] or [row for row in line if row.generation in left]
    return lineage.names(known[0], now.newest.generation) if known else {}


def _source(now: LiveDatabase, generation: Generation) -> Source:
    assert now.newest is not None
    lineage, name = Lineage(now.rows), generation.name
    return Source(generation.path, schema_of(lineage.state(name)), unproved_keys(lineage, name, now.newest.generation))


def _from_archives(added: Sequence[Missing], sources: Sequence[Source]) -> Iterator[tuple[Source, tuple[Missing, ...]]]:
    """Yield each archive with the tables and columns that come back from it. Each comes from the first archive that has
    it."""
    waiting = list(added)
    for source in sources:
        found = [item for item in waiting if _has(source.schema, item)]
        waiting = [item for item in waiting if item not in found]
        if found:
            yield source, tuple(found)


def _has(schema: Schema, item: Missing) -> bool:
    before = schema.table(item.table.name)
    return before is not None and can_bring_back(item, before)


def _convert(target: Target, way: _Convert, options: SyncOptions, sync: Sync) -> Switched:
    brought_back: dict[str, int] = {}
    in_doubt: list[InDoubt] = []

    def work(new: NewFile) -> bool:
        in_doubt.clear()  # the work may be done again
        for source, items in way.missing:
            found = bring_back(target.opener, new.path, source, items)
            brought_back.update({name: one.rows for name, one in found.items()})
            in_doubt.extend(InDoubt(n, one.in_doubt, source.path.stem) for n, one in found.items() if one.in_doubt)
        return bool(brought_back)

    allowed = options.allow_drop | frozenset(way.lost)
    done = sync(
        way.document,
        replace(options, allow_older=True, allow_drop=allowed, is_switch=True),
        work if way.missing else None,
    )
    if done.result == "current" or done.generation == way.live:
        return Switched(way.document.version, way.live)
    return Switched(
        way.document.version,
        done.generation or way.live,
        way.live,
        done,
        kept=way.lost,
        brought_back=brought_back,
        in_doubt=tuple(in_doubt),
        not_brought_back=way.not_possible,
    )
