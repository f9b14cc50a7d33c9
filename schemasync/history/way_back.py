"""Follow the tables and columns of an earlier generation to the live one that was made from it."""

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
    """The fate of each table and column of the `earlier` schema in the `live` one.

    `names`: the earlier names -> the live ones, also for changed values; `same`: only for unchanged values. `shapes`:
    each earlier table that still exists -> its definition in every generation on the way. `computed`: live columns that
    a fill computed -> the earlier columns that it reads. `derived`: live tables that were filled from others.
    `by_hand`: live tables without a known mapping to earlier ones. `broken`: why the keys of any table may identify
    other rows by now; '' if there is no such reason.
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
        """Return the live column that an earlier one became; None if it was dropped."""
        live, columns = self.names.get(table, ("", {}))
        return ColumnName(live, columns[column]) if column in columns else None

    def key(self, table: str) -> tuple[tuple[str, str], ...]:
        """Return the primary key of an earlier table as (earlier column, live column) pairs. The table must not have an
        unstable_key()."""
        key = self.earlier.table(table)
        assert key is not None
        assert key.primary_key is not None
        columns = self.same[table][1]
        return tuple((part.column or "", columns[part.column or ""]) for part in key.primary_key.columns)


def way_back(lineage: Lineage, to: str, live: str) -> WayBack | None:
    """Follow the tables of the generation `to` to the live one. Return None if the live one was not made from the
    present content of `to`. Raises KeyError for a generation that is not in the history."""
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
    """The names of an earlier schema in the last generation that follow() has reached."""

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
        """Return the columns that earlier steps computed, under the names that these steps give them."""
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
        """Return the columns of a table in the last generation -> the earlier columns that they come from."""
        return {
            now: ColumnName(name, column)
            for name, (there, columns) in self.names.items()
            if there == table
            for column, now in columns.items()
        }


def unstable_key(way: WayBack, table: str, seen: frozenset[str] = frozenset()) -> str:
    """Return why the primary key of an earlier table may identify another row in the live one; '' if it does not.

    SQLite assigns an id again when the row that had the highest one is deleted, except with AUTOINCREMENT. A key that
    the application chooses, or that refers to another table's stable key, identifies the same row by the same value.
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
    """Like unstable_key(), for a key without AUTOINCREMENT: if it refers to the key of another table, the result for
    that one."""
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
    """Return the foreign key that consists of the table's row id column; None if there is none."""
    alias = fold(table.rowid_column or "")
    return next((key for key in table.foreign_keys if list(map(fold, key.columns)) == [alias]), None)


def refers_to_key(schema: Schema, reference: ForeignKey) -> bool:
    """True for a reference to the primary key of its parent."""
    parent = schema.table(reference.table)
    key = parent.primary_key if parent is not None else None
    names = [fold(part.column or "") for part in key.columns] if key is not None else []
    return not reference.references or list(map(fold, reference.references)) == names
