"""Follows the tables and columns of an earlier generation to the live one that was made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..diff.column_facts import reads
from ..plan.model import CarriedStep, Derive, Origin
from ..schema.model import ColumnName, ForeignKey, Schema, Sql, Table
from ..schema.names import fold
from .action import HistoryAction
from .lineage import Lineage, Names, names_after, own_names
from .row import HistoryRow
from .rows import MadeByHand, schema_of, steps_of


@dataclass(frozen=True, slots=True)
class WayBack:
    """What became of each table and column of the `earlier` schema in the `live` one.

    `names`: the earlier names -> the live ones, however the values changed; `same`: only where they did not change.
    `shapes`: each earlier table that is still there, as it was in every generation of the way. `computed`: live columns
    that a fill computed -> the earlier columns that it reads. `derived`: live tables that were filled from others.
    `by_hand`: live tables whose earlier shape is not known. `broken`: why a key may name another row by now, whatever
    the tables are; '' if it does not.
    """

    earlier: Schema
    live: Schema
    names: Names
    same: Names
    shapes: Mapping[str, tuple[Table, ...]]
    computed: Mapping[ColumnName, frozenset[ColumnName]]
    derived: frozenset[str]
    by_hand: frozenset[str]
    broken: str

    def source(self, table: str, column: str) -> ColumnName | None:
        """The live column that an earlier one became; None if it is gone."""
        live, columns = self.names.get(table, ("", {}))
        return ColumnName(live, columns[column]) if column in columns else None

    def key(self, table: str) -> tuple[tuple[str, str], ...]:
        """(earlier column, live column) of the primary key of a table that has a `stable_key`."""
        key = self.earlier.table(table)
        assert key is not None
        assert key.primary_key is not None
        columns = self.same[table][1]
        return tuple((part.column or "", columns[part.column or ""]) for part in key.primary_key.columns)


def way_back(lineage: Lineage, to: str, live: str) -> WayBack | None:
    """The way from the generation `to` to the live one; None if the live one was not made from what `to` holds. Raises
    KeyError for a generation that is not in the history."""
    earlier, now = lineage.state(to), lineage.state(live)
    if earlier.id == now.id or earlier.id not in {row.id for row in lineage.line(live)}:
        return None
    path = lineage.path(earlier, live)
    followed = _Followed(schema_of(earlier))
    for before, row in zip([earlier, *path], path, strict=False):
        followed.follow(steps_of(row, before), schema_of(row))
    return WayBack(
        schema_of(earlier),
        schema_of(now),
        followed.names,
        followed.same,
        {name: tuple(shapes) for name, shapes in followed.shapes.items() if name in followed.same},
        followed.computed,
        frozenset(followed.derived),
        frozenset(followed.by_hand),
        _broken(lineage, path, to, live),
    )


def _broken(lineage: Lineage, path: Sequence[HistoryRow], to: str, live: str) -> str:
    if any(row.action in (HistoryAction.RESTORE, HistoryAction.ADOPT) for row in path):
        return "a backup was restored since, which may be older"
    if not lineage.went_on(to, live):
        return f"{to} was live again since, and may have given the same keys to other rows"
    return ""


@dataclass(slots=True)
class _Followed:
    """The names of an earlier schema in the generation that was followed last."""

    earlier: Schema
    names: Names = field(init=False)
    same: Names = field(init=False)
    shapes: dict[str, list[Table]] = field(init=False)
    computed: dict[ColumnName, frozenset[ColumnName]] = field(init=False, default_factory=dict)
    derived: set[str] = field(init=False, default_factory=set)
    by_hand: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.names = self.same = own_names(self.earlier)
        self.shapes = {table.name: [table] for table in self.earlier.tables}

    def follow(self, steps: Sequence[object], schema: Schema) -> None:
        """Follow the steps of one row, which lead to the schema."""
        carried = [step for step in steps if isinstance(step, CarriedStep)]
        renamed = {step.old.name: step.new.name for step in carried}
        self.computed = {**self._computed_before(carried), **dict(self._computed_now(carried))}
        self.derived = {renamed[name] for name in self.derived if name in renamed}
        self.derived |= {step.name for step in steps if isinstance(step, Derive) and step.selection.reads}
        self.by_hand = {renamed[name] for name in self.by_hand if name in renamed}
        self.derived |= {step.name for step in steps if isinstance(step, MadeByHand) and step.transforms}
        self.by_hand |= {step.name for step in steps if isinstance(step, MadeByHand) and not step.transforms}
        self.names = names_after(self.names, carried, changed=True)
        self.same = names_after(self.same, carried, changed=False)
        for earlier, (now, _) in self.same.items():
            self.shapes[earlier] += [table for table in (schema.table(now),) if table is not None]

    def _computed_before(self, carried: Sequence[CarriedStep]) -> dict[ColumnName, frozenset[ColumnName]]:
        """What was computed earlier, under the names that the steps give it."""
        now = {
            ColumnName(step.old.name, feed.source): ColumnName(step.new.name, feed.column)
            for step in carried
            for feed in step.feeds
            if feed.source is not None
        }
        return {now[where]: found for where, found in self.computed.items() if where in now}

    def _computed_now(self, carried: Sequence[CarriedStep]) -> Iterator[tuple[ColumnName, frozenset[ColumnName]]]:
        for step in carried:
            here = self._earlier(step.old.name)
            for feed in step.feeds:
                if feed.origin is Origin.FILLED:
                    found = {where for now, where in here.items() if reads(Sql(feed.fill or ""), [now])}
                    yield ColumnName(step.new.name, feed.column), frozenset(found)

    def _earlier(self, table: str) -> dict[str, ColumnName]:
        """Present columns of a present table -> the earlier ones that they were."""
        return {
            now: ColumnName(name, column)
            for name, (there, columns) in self.names.items()
            if there == table
            for column, now in columns.items()
        }


def unstable_key(way: WayBack, table: str, seen: frozenset[str] = frozenset()) -> str:
    """Why the primary key of an earlier table may name another row in the live one; '' if it names the same row.

    SQLite gives an id again when the row that had the highest one is deleted, except with AUTOINCREMENT. A key that the
    application chooses, and one that refers to another table, is the same row as long as it is the same value.
    https://www.sqlite.org/autoinc.html
    """
    earlier = way.earlier.table(table)
    key = earlier.primary_key if earlier is not None else None
    if earlier is None or key is None:
        return f"{table} has no primary key"
    if way.broken:
        return way.broken
    shapes = way.shapes.get(table, ())
    columns = way.same[table][1] if table in way.same else {}
    now = {fold(columns.get(part.column or "", "")) for part in key.columns}
    live = shapes[-1].primary_key if shapes else None
    if live is None or now != {fold(part.column or "") for part in live.columns}:
        return f"the primary key of {table} was changed since"
    if any(part.collation is not None for part in (*key.columns, *live.columns)):
        return f"the primary key of {table} has a collation of its own"
    is_chosen_by_sqlite = any(shape.rowid_column is not None for shape in shapes)
    if not is_chosen_by_sqlite or all(shape.primary_key and shape.primary_key.autoincrement for shape in shapes):
        return ""
    return _unstable_parent(way, earlier, shapes, seen | {table})


def _unstable_parent(way: WayBack, earlier: Table, shapes: Sequence[Table], seen: frozenset[str]) -> str:
    """The same for a key without AUTOINCREMENT: it may be a reference to a row of another table."""
    parents = {_parent(shape) for shape in shapes}
    own = f"{earlier.name} has no AUTOINCREMENT, so an id may have been given to another row since"
    if None in parents:
        return own
    reference = _parent(earlier)
    parent = way.earlier.table(reference.table) if reference is not None else None
    if reference is None or parent is None or parent.name in seen or not refers_to_key(way.earlier, reference):
        return own
    return unstable_key(way, parent.name, seen)


def _parent(table: Table) -> ForeignKey | None:
    """The reference that the id of a table is, if it is one."""
    alias = fold(table.rowid_column or "")
    return next((key for key in table.foreign_keys if list(map(fold, key.columns)) == [alias]), None)


def refers_to_key(schema: Schema, reference: ForeignKey) -> bool:
    """True for a reference to the primary key of its parent."""
    parent = schema.table(reference.table)
    key = parent.primary_key if parent is not None else None
    names = [fold(part.column or "") for part in key.columns] if key is not None else []
    return not reference.references or list(map(fold, reference.references)) == names
