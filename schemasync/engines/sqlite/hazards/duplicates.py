"""Queries on all rows of a table: values that must be unique and would not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....diff import changes as c
from ....diff.hazards import Hazard, HazardCode
from ....plan.model import CarriedStep, Origin
from ....schema import write
from ....schema.affinity import Affinity, affinity
from ....schema.model import IndexedColumn, Sql, Table
from ....schema.names import fold, quote, spell
from ....schema.text import count
from .. import ddl
from ..connection import Connection
from .effects import Effects, words
from .findings import SAMPLES, shown
from .projection import KEY, Projection


@dataclass(frozen=True, slots=True)
class UniqueSet:
    """`columns` must be unique among the rows for which `where` is true. `what`: the constraint or index that demands
    it."""

    what: str
    columns: tuple[IndexedColumn, ...]
    where: Sql | None = None

    @property
    def words(self) -> frozenset[str]:
        """The folded names that the set may refer to."""
        spoken = [sql for sql in (*(column.expression for column in self.columns), self.where) if sql is not None]
        named = {fold(column.column) for column in self.columns if column.column is not None}
        return frozenset(named.union(*map(words, spoken)))


def duplicates(connection: Connection, step: CarriedStep) -> Iterator[Hazard]:
    """Yield hazards for sets of columns that must be unique and in which rows would share values."""
    for unique in unique_sets(Effects(step)):
        yield from of_set(connection, step.name, unique, Projection(step))


def of_set(connection: Connection, table: str, unique: UniqueSet, projection: Projection) -> Iterator[Hazard]:
    """Yield a hazard for rows of the projection that share a value."""
    terms = [_term(column, projection.new) for column in unique.columns]
    some = " AND ".join(f"{term} IS NOT NULL" for term in terms)
    if unique.where is not None:
        some += f" AND ({unique.where.text})"
    groups = f"SELECT count(*) AS n, min({KEY}) AS k FROM {projection.rows()} WHERE {some}"
    groups += f" GROUP BY {', '.join(terms)} HAVING count(*) > 1"
    sets, rows = connection.execute(f"SELECT count(*), total(n) FROM ({groups})").fetchone()
    if sets:
        keys = tuple(str(k) for _, k in connection.execute(f"{groups} ORDER BY k LIMIT {SAMPLES}"))
        shared = f"{table}: {int(rows):,} rows share {count(sets, 'value')} of {unique.what}"
        given = next(filter(None, (_given(column, projection) for column in unique.columns)), None)
        message = f"{shared}{f', which {given[0]} gives them' if given else ''}{shown(keys)}"
        decide = "Decide which of them stay, before the schema says that they are unique."
        hint = given[1] if given else f"{decide}{_query(unique, projection)}"
        yield Hazard(HazardCode.DUPLICATES, message, hint, table, "", int(rows), keys)


def _query(unique: UniqueSet, projection: Projection) -> str:
    """Return a query of the live database that lists the shared values; empty if the values are computed."""
    feeds = [projection.feeds.get(fold(part.column or "")) for part in unique.columns]
    sources = [feed.source for feed in feeds if feed is not None and feed.same and feed.source is not None]
    if unique.where is not None or len(sources) < len(unique.columns):
        return ""
    terms = [
        f"{spell(source)} COLLATE {collation}" if (collation := _collation(part, projection.new)) else spell(source)
        for part, source in zip(unique.columns, sources, strict=True)
    ]
    filled = " AND ".join(f"{spell(source)} IS NOT NULL" for source in sources)
    columns, table = ", ".join(map(spell, sources)), spell(projection.old.name)
    return (
        f"\nTo see them: SELECT {columns}, count(*) FROM {table} WHERE {filled} GROUP BY {', '.join(terms)} "
        "HAVING count(*) > 1;"
    )


def _collation(part: IndexedColumn, table: Table) -> str | None:
    column = table.column(part.column or "")
    return part.collation or (column.collation if column is not None else None)


def _given(part: IndexedColumn, projection: Projection) -> tuple[str, str] | None:
    """Return what gives all rows the same value of a column, in a phrase, and a hint; None if the rows have their own
    values."""
    feed = projection.feeds.get(fold(part.column or ""))
    column = projection.new.column(part.column or "")
    if feed is None or column is None:
        return None
    if feed.origin is Origin.FILLED:
        what = f"the fill {feed.fill}"
    elif feed.origin is Origin.DEFAULT and column.default is not None:
        what = f"the default {column.default.text}"
    else:
        return None
    if affinity(column, projection.new.strict) is Affinity.TEXT:
        return what, f"Give each row a different value: {write.filled(column, 'lower(hex(randomblob(16)))')}"
    return what, "Give each row a different value: a fill may read the old row."


def unique_sets(effects: Effects) -> Iterator[UniqueSet]:
    """Yield every set of columns that must be unique and was not before, or whose values change, or may be computed
    differently by the installed SQLite. For other columns the unique index in the old file is enough."""
    new = effects.new
    key = new.primary_key
    if key is not None and (effects.changes(c.ChangePrimaryKey) or effects.any_changes(key.columns)):
        yield UniqueSet(f"PRIMARY KEY ({_spelled(key.columns)})", key.columns)
    added = [change.unique for change in effects.changes(c.AddUnique)]
    for unique in new.uniques:
        if unique in added or effects.any_changes(unique.columns) or _is_computed(effects, unique.columns):
            yield UniqueSet(f"UNIQUE ({_spelled(unique.columns)})", unique.columns)
    for index in new.indexes:
        if index.unique and (
            effects.is_new(index)
            or effects.any_changes(index.columns, index.where)
            or _is_computed(effects, index.columns, index.where)
        ):
            yield UniqueSet(f"the unique index {index.name} ({_spelled(index.columns)})", index.columns, index.where)


def _is_computed(effects: Effects, columns: Sequence[IndexedColumn], where: Sql | None = None) -> bool:
    """True if the unique values are computed again: from an expression, by a condition, in a generated column."""
    names = [column.column for column in columns]
    found = [effects.new.column(name) for name in names if name is not None]
    is_generated = any(column is not None and column.generated is not None for column in found)
    return effects.is_written and (where is not None or None in names or is_generated)


def _term(column: IndexedColumn, table: Table) -> str:
    text = quote(column.column) if column.column is not None else column.expression.text if column.expression else ""
    return f"{text} COLLATE {quote(column.collation)}" if column.collation else text


def _spelled(columns: Sequence[IndexedColumn]) -> str:
    return ", ".join(ddl.indexed_column(column).replace('"', "") for column in columns)
