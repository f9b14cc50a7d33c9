"""Compares two schemas, using the hints, and returns typed changes; finds which old column feeds each new one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from ..errors import Problem
from ..schema.model import Column, ColumnName, Derivation, Hints, Index, NotNull, Schema, Sql, Table, Trigger, View
from ..schema.names import fold
from ..schema.normalize import implied_not_null
from ..schema.transform_function import TransformFunction
from . import changes as c
from .apply_renames import Renames, with_renames
from .by_position import used_by_position
from .changes import Change
from .column_facts import facet, reads
from .dropped import Lost, contested, refusals
from .hint_keys import (
    ColumnRename,
    Fill,
    HintKey,
    Rows,
    TableDrop,
    TableFill,
    TableRename,
    Transformed,
    all_hints,
    as_json,
    column_rename,
    fill,
    rows_key,
    table_drop,
    table_fill,
    table_rename,
    transformed,
)
from .match import Match, match
from .rewrites import rewrite_reason


@dataclass(frozen=True, slots=True)
class Allowed:
    """The tables and columns that the command line allows to drop: folded "table" or "table.column", by old or new
    table name.

    `other_options`: the other options that the command needs together with `--allow-drop`.
    """

    names: frozenset[str] = frozenset()
    other_options: tuple[str, ...] = ()

    def table(self, name: str) -> bool:
        return fold(name) in self.names

    def column(self, column: str, *tables: str) -> bool:
        return any(f"{fold(table)}.{fold(column)}" in self.names for table in tables)


@dataclass(frozen=True, slots=True)
class TablePair:
    """One table on both sides: `old` is as it is in the database.

    `sources`: column of `new` -> the column of `old` that feeds it, None if there is none. `rewrite_reason`: why its
    rows must be written again, '' if they stay. `derivation`, `transforms`: the source of its new rows; None and empty
    if the rows are carried over.
    """

    old: Table
    new: Table
    sources: Mapping[str, str | None]
    changes: tuple[Change, ...]
    fills: Mapping[str, Sql]
    rewrite_reason: str = ""
    derivation: Derivation | None = None
    transforms: tuple[TransformFunction, ...] = ()


@dataclass(frozen=True, slots=True)
class AddedTable:
    """A table that only the new side has. `derivation`, `transforms`: the source of its rows; None and empty for no
    rows."""

    new: Table
    derivation: Derivation | None = None
    transforms: tuple[TransformFunction, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes that create the table and fill it."""
        filled = () if self.derivation is None else (c.DeriveTable(self.new.name),)
        return (c.CreateTable(self.new), *filled, *_transformed(self.new, self.transforms))


@dataclass(frozen=True, slots=True)
class RemovedTable:
    """A table that only the old side has."""

    old: Table

    @property
    def changes(self) -> tuple[Change, ...]:
        """The change that drops the table."""
        return (c.DropTable(self.old),)


TableDiff = TablePair | AddedTable | RemovedTable
"""One table of either side."""


@dataclass(frozen=True, slots=True)
class IdleRename:
    """A `was` that does nothing, because both `old` and `new` exist. `table` is empty for tables."""

    table: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Reused:
    """A name that something new uses; the old object of that name is now `successor`. `table` is empty for tables."""

    table: str
    name: str
    successor: str


@dataclass(frozen=True, slots=True)
class Diff:
    """The result of a comparison. `problems`: refusals that follow from the schemas alone; `acted`: the hints that act
    now.

    `idle_fills` (table, column) are fills of columns that do not change; `spent` are recorded hints still in the file.
    `idle_renames` are hints whose new name exists together with the old one. `reused` are names that something new
    uses, while the old object of that name is renamed. `other_order` are the tables whose columns have another order,
    but which need no rewrite: not among the `changes`. `applied_hints` are the hints to record after the change: all
    that have acted on this data, under new names.
    """

    tables: tuple[TableDiff, ...]
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    renames: Renames
    acted: frozenset[HintKey]
    idle_fills: tuple[ColumnName, ...]
    idle_renames: tuple[IdleRename, ...]
    reused: tuple[Reused, ...]
    spent: tuple[HintKey, ...]
    other_order: tuple[c.ReorderColumns, ...]
    applied_hints: frozenset[HintKey]


def compare(
    old: Schema,
    new: Schema,
    hints: Hints | None = None,
    recorded: frozenset[HintKey] = frozenset(),
    allowed: Allowed | None = None,
) -> Diff:
    """Return all changes from `old` to `new`. Does not access a database."""
    return _Comparison(old, new, hints or Hints(), recorded, allowed or Allowed()).run()


class _Comparison:
    def __init__(self, old: Schema, new: Schema, hints: Hints, recorded: frozenset[HintKey], allowed: Allowed) -> None:
        self.old, self.new, self.hints, self.recorded, self.allowed = old, new, hints, recorded, allowed
        self.pending: tuple[TransformFunction, ...] = ()
        self.old_tables = {table.name: table for table in old.tables}
        self.lost = Lost(allowed.other_options)
        self.contested: list[Problem] = []
        self.acted: set[HintKey] = set()
        self.passed: set[HintKey] = set()
        self.idle: list[ColumnName] = []
        self.idle_renames: list[IdleRename] = []
        self.reused: list[Reused] = []
        self.other_order: list[c.ReorderColumns] = []
        self.by_position = used_by_position(new)

    def run(self) -> Diff:
        tables = self._match_tables()
        self.pending = self._transforms(frozenset(fold(name) for name, old in tables.sources.items() if old is None))
        matches = {
            table.name: self._match_columns(table, self.old_tables[source])
            for table in self.new.tables
            if (source := tables.sources[table.name]) is not None
        }
        renames = _renames(tables, matches)
        diffs: list[TableDiff] = [
            self._table(table, tables.sources[table.name], matches.get(table.name), renames)
            for table in self.new.tables
        ]
        diffs += [RemovedTable(self.old_tables[name]) for name in tables.lost]
        found = [change for table in diffs for change in table.changes] + list(_views(self.old, self.new))
        carried = _carried(self.recorded, tables, matches)
        rows = frozenset(map(rows_key, self.hints.rows.values()))
        self.acted |= rows - carried | set(map(transformed, self.pending))
        self.passed |= set(map(transformed, self.hints.transforms))
        kept = {key for key in carried | self.acted | self.passed if not isinstance(key, Rows)}
        return Diff(
            tuple(diffs),
            tuple(found),
            (*refusals(self.lost), *self.contested),
            renames,
            frozenset(self.acted),
            tuple(self.idle),
            tuple(self.idle_renames),
            tuple(self.reused),
            tuple(sorted(_repeatable(self.hints) & carried - self.acted, key=as_json)),
            tuple(self.other_order),
            frozenset(kept) | rows,
        )

    # --- matching -----------------------------------------------------------------------------------------

    def _match_tables(self) -> Match:
        known = {(key.table, key.old) for key in self.recorded if isinstance(key, TableRename)}
        found = match(
            [table.name for table in self.old.tables],
            [table.name for table in self.new.tables],
            self.hints.tables_were,
            known,
            self.allowed.names,
        )
        self._note(found, "")
        self.acted |= {table_rename(new, old) for new, old in found.hinted.items()}
        for new, source in found.sources.items():
            if source is None:  # created in the new shape: no hint about its past may act later
                self.passed |= {key for key in all_hints(self.hints) if key.table == fold(new)}
            elif new in found.hinted:
                self.passed |= {table_rename(new, name) for name in self.hints.tables_were[new]}
        self.passed |= set(map(table_drop, self.hints.dropped_tables))
        permitted = {fold(name) for name in self.hints.dropped_tables}
        lost = [
            self.old_tables[name] for name in found.lost if fold(name) not in permitted and not self.allowed.table(name)
        ]
        gained = [table for table in self.new.tables if found.sources[table.name] is None]
        self.lost.tables(lost, gained)
        return found

    def _match_columns(self, new: Table, old: Table) -> Match:
        was = {column: names for (table, column), names in self.hints.columns_were.items() if table == new.name}
        known = {
            (key.column, key.old)
            for key in self.recorded
            if isinstance(key, ColumnRename) and key.table == fold(old.name)
        }
        found = match(
            [column.name for column in old.columns],
            [column.name for column in new.columns],
            was,
            known,
            [fold(column.name) for column in old.columns if self.allowed.column(column.name, new.name, old.name)],
        )
        self._note(found, new.name)
        self.acted |= {column_rename(new.name, name, source) for name, source in found.hinted.items()}
        for name, source in found.sources.items():
            if source is None or name in found.hinted:
                self.passed |= {column_rename(new.name, name, earlier) for earlier in was.get(name, ())}
        permitted = {fold(name) for name in self.hints.dropped_columns.get(new.name, ())}
        lost = [
            column
            for column in old.columns
            if column.name in found.lost
            and fold(column.name) not in permitted
            and not self.allowed.column(column.name, new.name, old.name)
        ]
        gained = [column for column in new.columns if found.sources[column.name] is None]
        self.lost.columns(old, new, lost, gained)
        return found

    def _note(self, found: Match, table: str) -> None:
        """Record what a match found besides the sources: of tables (`table` is empty), or of one table's columns."""
        self.contested += [contested(table, old, new) for old, new in found.contested.items()]
        self.idle_renames += [IdleRename(table, old, new) for new, old in found.idle.items()]
        self.reused += [Reused(table, name, successor) for name, successor in found.reused.items()]

    def _transforms(self, created: Collection[str]) -> tuple[TransformFunction, ...]:
        """Return the transforms that act: those that have not acted, and those with a table that was dropped since and
        is `created` again. None acts on a table that is created without rows."""
        pending = [
            one
            for one in self.hints.transforms
            if transformed(one) not in self.recorded
            or (any(fold(name) in created for name in one.into) and fold(one.table) in map(fold, self.old_tables))
        ]

        def is_filled(table: str, by: TransformFunction) -> bool:
            others = (one for one in pending if one is not by)
            return table in {fold(name) for other in others for name in other.into} | set(
                map(fold, self.hints.derivations)
            )

        return tuple(one for one in pending if fold(one.table) not in created or is_filled(fold(one.table), one))

    # --- one table ------------------------------------------------------------------------------------------

    def _table(self, new: Table, source: str | None, matched: Match | None, renames: Renames) -> TablePair | AddedTable:
        derivation = self._derivation(new, source)
        transforms = tuple(one for one in self.pending if fold(new.name) in map(fold, one.into))
        if source is None or matched is None:
            return AddedTable(new, derivation, transforms)
        old = self.old_tables[source]
        seen = with_renames(old, renames)
        found = [*_table_changes(old, seen, new, matched)]
        if derivation is not None or transforms:
            self.passed |= {
                key for key in all_hints(self.hints) if isinstance(key, Fill) and key.table == fold(new.name)
            }
            found += [c.DeriveTable(new.name)] if derivation is not None else []
            found += _transformed(new, transforms)
            return TablePair(old, new, matched.sources, tuple(found), {}, "", derivation, transforms)
        fills = self._fills(old, seen, new, matched)
        reason = rewrite_reason(old, new, matched.sources, found, fills)
        order = list(self._order(old, new, matched, is_rewritten=bool(reason)))
        reason = reason or rewrite_reason(old, new, matched.sources, order, ())
        return TablePair(old, new, matched.sources, (*found, *order), fills, reason)

    def _derivation(self, new: Table, source: str | None) -> Derivation | None:
        """Return the `_from` of a table, if it acts: once for each table and SELECT."""
        found = self.hints.derivations.get(new.name)
        if found is None or (source is not None and table_fill(source, found.select) in self.recorded):
            return None
        self.acted.add(table_fill(new.name, found.select))
        return found

    def _order(self, old: Table, new: Table, matched: Match, *, is_rewritten: bool) -> Iterator[Change]:
        """Yield a changed order of columns, for a table that is rewritten anyway, or whose columns a view or trigger
        uses by position. For any other table it is only recorded."""
        now = {source: name for name, source in matched.sources.items() if source is not None}
        standing = [now[column.name] for column in old.columns if column.name in now]
        if is_rewritten:
            wanted = [name for name, source in matched.sources.items() if source is not None]
        else:  # added columns come last
            wanted = [column.name for column in new.columns]
            standing += [name for name in wanted if matched.sources[name] is None]
        if standing == wanted:
            return
        change = c.ReorderColumns(new.name, tuple(column.name for column in new.columns))
        if is_rewritten or fold(new.name) in self.by_position:
            yield change
        else:
            self.other_order.append(change)

    def _fills(self, old: Table, seen: Table, new: Table, matched: Match) -> dict[str, Sql]:
        """Return the fills that act. A fill acts once: on a column that is new, is renamed or changes its definition,
        or if it reads a column that is dropped, because no later fill can read it."""
        fills = {}
        for column in new.columns:
            sql = self.hints.fills.get(ColumnName(new.name, column.name))
            source = matched.sources[column.name]
            if sql is None or (source is not None and fill(old.name, source, sql) in self.recorded):
                continue
            changes = source != column.name or facet(seen, column.name) != facet(new, column.name)
            if changes or reads(sql, matched.lost):
                fills[column.name] = sql
                self.acted.add(fill(new.name, column.name, sql))
            else:
                self.idle.append(ColumnName(new.name, column.name))
        return fills


def _transformed(new: Table, transforms: Iterable[TransformFunction]) -> tuple[c.TransformTable, ...]:
    names = ", ".join(one.name for one in transforms)
    return (c.TransformTable(new.name, names),) if names else ()


def _repeatable(hints: Hints) -> frozenset[HintKey]:
    """Return the hints of the file that would act again if the history did not record them. Others cannot: a dropped
    table is gone, and rows stay the same however often they are written."""
    return frozenset(key for key in all_hints(hints) if not isinstance(key, TableDrop | Rows | Transformed))


def _carried(recorded: frozenset[HintKey], tables: Match, matches: Mapping[str, Match]) -> frozenset[HintKey]:
    """Return the recorded hints under new names, without those about the earlier names of dropped tables and
    columns."""
    table_now = {fold(old): fold(new) for new, old in tables.sources.items() if old is not None}
    column_now = {
        (fold(tables.sources[table] or ""), fold(old)): fold(new)
        for table, found in matches.items()
        for new, old in found.sources.items()
        if old is not None
    }
    found: set[HintKey] = set()
    for key in recorded:
        if isinstance(key, TableDrop | Transformed):
            found.add(key)
            continue
        table = table_now.get(key.table)
        if table is None:
            continue
        match key:
            case TableRename() | TableFill() | Rows():
                found.add(replace(key, table=table))
            case ColumnRename() | Fill():
                if (column := column_now.get((key.table, key.column))) is not None:
                    found.add(replace(key, table=table, column=column))
            case _:
                assert_never(key)
    return frozenset(found)


def _renames(tables: Match, matches: Mapping[str, Match]) -> Renames:
    columns = {
        fold(tables.sources[name] or ""): {
            fold(source): column for column, source in found.sources.items() if source is not None and source != column
        }
        for name, found in matches.items()
    }
    names = {fold(old): new for new, old in tables.sources.items() if old is not None and old != new}
    return Renames(names, columns)


def _table_changes(old: Table, seen: Table, new: Table, matched: Match) -> Iterator[Change]:
    """Yield the changes of one table. `seen`: `old` under its new names."""
    if old.name != new.name:
        yield c.RenameTable(old.name, new.name)
    yield from _column_changes(old, seen, new, matched)
    if seen.primary_key != new.primary_key:
        yield c.ChangePrimaryKey(new.name, seen.primary_key, new.primary_key)
    yield from _set_changes(new.name, seen.uniques, new.uniques, c.DropUnique, c.AddUnique)
    yield from _set_changes(new.name, seen.checks, new.checks, c.DropCheck, c.AddCheck)
    yield from _set_changes(new.name, seen.foreign_keys, new.foreign_keys, c.DropForeignKey, c.AddForeignKey)
    if seen.strict != new.strict:
        yield c.ChangeStrict(new.name, new.strict)
    if seen.without_rowid != new.without_rowid:
        yield c.ChangeRowid(new.name, new.without_rowid)
    if seen.virtual != new.virtual:
        yield c.ChangeVirtual(
            new.name,
            seen.virtual.canonical if seen.virtual else "ordinary table",
            new.virtual.canonical if new.virtual else "ordinary table",
        )
    yield from _index_changes(new.name, seen.indexes, new.indexes)
    yield from _trigger_changes(new.name, old.triggers, new.triggers)


def _column_changes(old: Table, seen: Table, new: Table, matched: Match) -> Iterator[Change]:
    before = {was.name: now for was, now in zip(old.columns, seen.columns, strict=True)}
    yield from (c.DropColumn(new.name, column) for column in old.columns if column.name in matched.lost)
    for column in new.columns:
        source = matched.sources[column.name]
        if source is None:
            yield c.AddColumn(new.name, column)
            continue
        if source != column.name:
            yield c.RenameColumn(new.name, source, column.name)
        yield from _one_column(new.name, before[source], column)
        yield from _not_null(seen, before[source], new, column)


def _one_column(table: str, old: Column, new: Column) -> Iterator[Change]:
    if old.type != new.type:
        yield c.ChangeType(table, new.name, old.type.canonical, new.type.canonical)
    if old.default != new.default:
        yield c.ChangeDefault(table, new.name, _text(old.default), _text(new.default))
    if old.collation != new.collation:
        yield c.ChangeCollation(table, new.name, old.collation or "binary", new.collation or "binary")
    if (old.generated, old.stored) != (new.generated, new.stored):
        yield c.ChangeGenerated(table, new.name, _generated(old), _generated(new))


def _not_null(old: Table, before: Column, new: Table, now: Column) -> Iterator[Change]:
    """Yield the change if the column begins or ceases to accept NULL, by its own definition or because of the primary
    key."""
    was_refused, is_refused = _refuses_null(old, before), _refuses_null(new, now)
    is_respelled = before.not_null != now.not_null and not {before.not_null, now.not_null} <= {None, NotNull()}
    if was_refused != is_refused or is_respelled:
        yield c.ChangeNotNull(new.name, now.name, was_refused, is_refused)


def _refuses_null(table: Table, column: Column) -> bool:
    return column.not_null is not None or fold(column.name) in implied_not_null(table)


def _text(sql: Sql | None) -> str | None:
    return sql.canonical if sql else None


def _generated(column: Column) -> str | None:
    return column.generated.canonical + (" stored" if column.stored else "") if column.generated else None


_Part = TypeVar("_Part")


def _set_changes(
    table: str,
    old: Iterable[_Part],
    new: Iterable[_Part],
    drop: Callable[[str, _Part], Change],
    add: Callable[[str, _Part], Change],
) -> Iterator[Change]:
    before, after = list(old), list(new)
    yield from (drop(table, part) for part in before if part not in after)
    yield from (add(table, part) for part in after if part not in before)


def _index_changes(table: str, old: Iterable[Index], new: Iterable[Index]) -> Iterator[Change]:
    before, after = {fold(i.name): i for i in old}, {fold(i.name): i for i in new}
    yield from (c.DropIndex(table, index) for name, index in before.items() if name not in after)
    for name, index in after.items():
        if name not in before:
            yield c.AddIndex(table, index)
        elif before[name] != index:
            yield c.ChangeIndex(table, before[name], index)


def _trigger_changes(owner: str, old: Iterable[Trigger], new: Iterable[Trigger]) -> Iterator[Change]:
    before, after = {fold(t.name): t for t in old}, {fold(t.name): t for t in new}
    yield from (c.DropTrigger(owner, trigger) for name, trigger in before.items() if name not in after)
    for name, trigger in after.items():
        if name not in before:
            yield c.AddTrigger(owner, trigger)
        elif before[name] != trigger:
            yield c.ChangeTrigger(owner, before[name], trigger)


def _views(old: Schema, new: Schema) -> Iterator[Change]:
    before, after = {fold(v.name): v for v in old.views}, {fold(v.name): v for v in new.views}
    yield from (c.DropView(view) for name, view in before.items() if name not in after)
    for name, view in after.items():
        if name not in before:
            yield c.AddView(view)
            continue
        if _bare(before[name]) != _bare(view):
            yield c.ChangeView(before[name], view)
        yield from _trigger_changes(view.name, before[name].triggers, view.triggers)


def _bare(view: View) -> View:
    return replace(view, triggers=())
