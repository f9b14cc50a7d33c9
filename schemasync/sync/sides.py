"""Compares the live file with another generation, through the steps of the syncs between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from ..engines.sqlite.connection import Connection, Opener
from ..engines.sqlite.rebuild.start import attach_old
from ..engines.sqlite.transactions import snapshot
from ..engines.sqlite.verify.row_counts import RowDiff, row_diffs
from ..errors import SchemasyncError
from ..files.layout import Generation
from ..history.compose import not_known
from ..history.lineage import Lineage
from ..history.row import HistoryRow
from ..history.rows import MadeByHand, schema_of
from ..plan.model import ColumnSource, Create, Drop, Keep, Origin, Step
from ..schema.affinity import converts_alike
from ..schema.model import Column, Schema, Table
from ..schema.names import fold
from .inspection import written_schema
from .run.target import Target


@dataclass(frozen=True, slots=True)
class Sides:
    """Two files to compare, and the steps from the older to the newer one. `live_is_older`: the other file was built
    from the live one."""

    newer: Generation
    older: Generation
    steps: Sequence[Step | MadeByHand]
    live_is_older: bool


def sides_of(rows: Sequence[HistoryRow], live: Generation, other: Generation, opener: Opener) -> Sides:
    """Return the live generation and another one as sides to compare. `rows`: a history that knows both."""
    lineage = Lineage(rows)
    if lineage.comes_from(other.name, live.name):
        found = Sides(other, live, lineage.steps(live.name, other.name), live_is_older=True)
    else:
        found = Sides(live, other, lineage.steps(other.name, live.name), live_is_older=False)
    related = lineage.are_related(live.name, other.name)
    recorded = [schema_of(lineage.state(name)) for name in (live.name, other.name)] if related else ()
    found = found if related else replace(found, steps=())
    if lineage.state(live.name).details.get("archive") == other.name:
        found = replace(found, steps=tuple(_restored(found.steps)))
    return replace(found, steps=(*found.steps, *_of_unnamed(opener, found, recorded)))


def _restored(steps: Sequence[Step | MadeByHand]) -> Iterator[Step | MadeByHand]:
    """Yield the steps, with one Keep for each table that was dropped and has come back from the archive."""
    dropped = {fold(step.name): step.old for step in steps if isinstance(step, Drop)}
    made = {fold(step.name) for step in steps if isinstance(step, Create)}
    for step in steps:
        if isinstance(step, Create) and (old := dropped.get(fold(step.name))) is not None:
            yield Keep(old, step.new, tuple(_by_name(old, step.new, column) for column in step.new.columns))
        elif not isinstance(step, Drop) or fold(step.name) not in made:
            yield step


def _of_unnamed(opener: Opener, sides: Sides, recorded: Sequence[Schema]) -> Iterator[Step | MadeByHand]:
    """Yield steps for the tables that no schema.json names, such as those of apps that keep their migrations, and for
    all tables of files without a common past. Tables and columns are matched by name. Nothing if a schema cannot be
    read."""
    named = {fold(table.name) for schema in recorded for table in schema.tables}
    try:
        newer, older = written_schema(opener, sides.newer.path), written_schema(opener, sides.older.path)
    except SchemasyncError:
        return  # for example of an older release of SQLite: the tables that the history names are compared
    for new in newer.tables:
        if fold(new.name) not in named:
            old = older.table(new.name)
            yield Create(new) if old is None else Keep(old, new, tuple(_by_name(old, new, one) for one in new.columns))
    yield from (Drop(old) for old in older.tables if fold(old.name) not in named and newer.table(old.name) is None)


def _by_name(old: Table, new: Table, column: Column) -> ColumnSource:
    if column.generated is not None:
        return ColumnSource(column.name, Origin.GENERATED)
    source = old.column(column.name)
    if source is None:
        return not_known(column.name)
    return ColumnSource(column.name, Origin.CARRIED, source.name, same=converts_alike(old, source, new, column))


def differences(target: Target, sides: Sides) -> tuple[RowDiff, ...]:
    """Return the differences of each table; rows that only the live file has count as added."""
    with closing(target.opener.read(sides.newer.path)) as connection:
        attach_old(connection, sides.older.path, closed=sides.older != target.layout.live())
        return compared(connection, sides)


@contextmanager
def opened(target: Target, sides: Sides) -> Iterator[Connection]:
    """Yield a connection to the newer file, with the older one attached. Both schemas are read already, as that takes
    longer the more tables there are."""
    with closing(target.opener.read(sides.newer.path)) as connection:
        attach_old(connection, sides.older.path)
        with snapshot(connection, "main", "old"):
            pass
        yield connection


def compared(connection: Connection, sides: Sides) -> tuple[RowDiff, ...]:
    """Like differences(), but over a connection to the newer file that has the older one attached as `old`."""
    found = row_diffs(connection, sides.steps, older_is_live=sides.live_is_older)
    return tuple(one.reversed() for one in found) if sides.live_is_older else found
