"""Maps the key of a changed row of the old table to the rows of the new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ....errors import Code, Problem, Refused
from ....plan.model import CarriedStep, ColumnSource, Keep, Origin, Plan
from ....schema.affinity import Affinity, affinity
from ....schema.model import Table
from ....schema.names import fold, quote
from ..mapping import Key, Mapping, key_of, mapping
from ..objects import OWN_PREFIX
from .changelog import Logged


@dataclass(frozen=True, slots=True)
class TrackedTable:
    """A logged table and the new table that replaces it. `key`: the new table's key, over the old row.

    `slots`: the columns of the log that hold the new key, in its order. Empty if the plan gives rows another key: then
    a map from old keys to new ones exists during the build.
    """

    logged: Logged
    step: CarriedStep
    mapped: Mapping
    key: Key
    slots: tuple[str, ...]

    @property
    def old(self) -> str:
        """The old table, quoted."""
        return quote(self.logged.table.name)

    @property
    def new(self) -> str:
        """The new table, quoted."""
        return quote(self.mapped.new.name)

    @property
    def map(self) -> str:
        """The table that maps old keys (o0 and so on) to new ones (n0 and so on)."""
        return f"main.{OWN_PREFIX}map_{self.logged.number}"

    @property
    def map_definition(self) -> str:
        """Its columns. A new key is stored as the new table stores it, because a comparison of a TEXT column with one
        without a type converts nothing. https://www.sqlite.org/datatype3.html#type_conversions_prior_to_comparison"""
        old = [f"o{number}" for number in range(len(self.logged.key))]
        kinds = [_affinity(self.mapped.new, name) for name in _plain(self.key.columns)]
        new = [f"n{number} {kind}" for number, kind in enumerate(kinds)]
        return f"({', '.join([*old, *new])}, PRIMARY KEY ({', '.join(old)})) WITHOUT ROWID"

    @property
    def has_map(self) -> bool:
        return not self.slots


def tables_to_log(tables: Iterable[Table], plan: Plan) -> list[Table]:
    """The ordinary tables whose rows go into the new file, by key, by the SELECT of a derived table or by a
    transform."""
    left = _not_carried(plan) - plan.reads
    return [table for table in tables if table.virtual is None and fold(table.name) not in left]


def _not_carried(plan: Plan) -> set[str]:
    """Return folded names of the old tables that the plan drops, or replaces by derived or transformed ones."""
    return {fold(step.old.name) for step in plan.dropped} | {fold(old) for old, _ in plan.replaced}


def follows(logged: Sequence[Logged], plan: Plan) -> tuple[TrackedTable, ...]:
    """Return each logged table with its new table, except those that are only read to compute others. Raises Refused
    with all tables in which a key does not determine the new row."""
    left = _not_carried(plan)
    steps = {fold(step.old.name): step for step in plan.carried}
    found, problems = [], []
    for one in (one for one in logged if fold(one.table.name) not in left):
        step = steps.get(fold(one.table.name)) or _as_it_is(one.table)
        mapped = mapping(step)
        key = key_of(mapped)
        slots = tuple(_slots(one, mapped, key)) if key is not None else ()
        if key is None or not (slots or _never_null(mapped, key)):
            problems.append(impossible(f'the plan does not say which row of "{step.name}" is which old row', step.name))
            continue
        found.append(TrackedTable(one, step, mapped, key, slots))
    if problems:
        raise Refused(problems)
    return tuple(found)


def impossible(why: str, table: str) -> Problem:
    """Return the problem of a plan that is impossible without blocking writers."""
    return Problem(
        Code.CANNOT_FOLLOW_WRITES,
        f"this cannot be done while the application writes: {why}",
        "Let writers wait while it is built: manage.py schemasync --block-writers",
        {"table": table},
    )


def _as_it_is(table: Table) -> Keep:
    """The step of a foreign table, which is kept unchanged."""
    feeds = (
        ColumnSource(c.name, Origin.GENERATED if c.generated is not None else Origin.CARRIED, c.name, same=True)
        for c in table.columns
    )
    return Keep(table, table, tuple(feeds))


def _never_null(mapped: Mapping, key: Key) -> bool:
    """Return True for a row id and for the key of a WITHOUT ROWID table. Other keys may have a NULL, and then find no
    row."""
    if mapped.rowid is not None or mapped.new.without_rowid or mapped.new.rowid_column is not None:
        return True
    columns = [mapped.new.column(name) for name in _plain(key.columns)]
    return all(column is not None and column.not_null is not None for column in columns)


def _affinity(table: Table, name: str) -> Affinity:
    """The affinity of a column of the key, or of the row id."""
    column = table.column(name)
    return Affinity.INTEGER if column is None else affinity(column, table.strict)


def _slots(one: Logged, mapped: Mapping, key: Key) -> Iterator[str]:
    """If the new key equals the old one value by value, yield the columns of the log in its order."""
    if mapped.rowid is not None:
        yield from one.slots if one.is_rowid else ()
        return
    feeds = {fold(feed.column): feed for feed in mapped.step.feeds}
    wanted = [feeds[fold(name)] for name in _plain(key.columns)]
    alias = one.table.rowid_column
    own = [fold(alias)] if one.is_rowid and alias is not None else [fold(name) for name in _plain(one.key)]
    sources = [fold(feed.source or "") if feed.origin is Origin.CARRIED and feed.same else None for feed in wanted]
    if sorted(own) == sorted(source or "" for source in sources):
        yield from (one.slots[own.index(source or "")] for source in sources)


def _plain(names: Iterable[str]) -> list[str]:
    """Quoted names without their quotes."""
    return [name[1:-1].replace('""', '"') if name.startswith('"') else name for name in names]
