"""Queries on single rows: NULLs, checks, types, and values that a conversion would lose."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterable, Iterator
from functools import cached_property

from ....diff import changes as c
from ....diff.hazards import HazardCode
from ....plan.model import CarriedStep, ColumnSource, Origin
from ....schema import write
from ....schema.affinity import Affinity, affinity
from ....schema.model import Column, IndexedColumn, Sql, Table
from ....schema.names import fold, quote, spell
from ..mapping import fits_strict, loses, stored
from ..verify.row_samples import SECRET
from .effects import Effects, words
from .findings import Cast, Predicate
from .projection import Projection, old_value, raw

HALF = 900  # columns whose values are read before and after: SQLite allows 2,000 in a result

_SOME = {
    Affinity.INTEGER: "0",
    Affinity.NUMERIC: "0",
    Affinity.REAL: "0.0",
    Affinity.TEXT: "''",
    Affinity.BLOB: "x''",
}
"""A value of each kind, for a hint that is ready to paste."""

_FIX = "Fix the rows: the constraint existed before, and they violate it."


class Predicates:
    """The queries on single rows of one table. `allowed`: folded "table.column" whose values may be replaced.

    `failing`: folded names of columns that cannot be computed; everything that depends on them is not checked.
    """

    def __init__(self, step: CarriedStep, allowed: frozenset[str], failing: frozenset[str] = frozenset()) -> None:
        self.effects, self.allowed, self.failing = Effects(step), allowed, failing
        self.old, self.new, self.feeds = self.effects.old, self.effects.new, self.effects.feeds

    def losses(self) -> Iterator[Predicate]:
        """Yield predicates on the raw values: values that the types of the new columns would lose."""
        for column in self.new.columns:
            feed = self.feeds[fold(column.name)]
            if feed.origin is Origin.CARRIED and not feed.same:
                yield from self._lossy(column)

    def emptied(self) -> Iterator[Predicate]:
        """Yield predicates on the raw and the old values: values that a fill empties or shortens. These are only
        notes."""
        for column in self.new.columns[:HALF]:
            feed = self.feeds[fold(column.name)]
            if feed.origin is not Origin.FILLED or feed.source is None or fold(column.name) in self.failing:
                continue
            old, new = old_value(column.name), f"({stored(raw(column.name), column, self.new)})"
            is_nothing = f"({new} IS NULL OR {new} = 0 OR {new} = '' OR {new} = x'')"
            was_nothing = f"({old} IS NULL OR {old} = 0 OR {old} = '' OR {old} = x'')"
            is_less = f"typeof({old}) IN ('text', 'blob') AND length(CAST({new} AS BLOB)) < length(CAST({old} AS BLOB))"
            yield Predicate(
                f"NOT {was_nothing} AND {is_nothing}",
                HazardCode.FILL_EMPTIES,
                "the fill turns a value into 0, '' or NULL",
                "If that is not intended, correct the fill.",
                column.name,
            )
            yield Predicate(
                f"NOT {was_nothing} AND NOT {is_nothing} AND {is_less}",
                HazardCode.FILL_SHORTENS,
                "the fill makes a value shorter",
                "If that is not intended, correct the fill.",
                column.name,
            )

    def values(self) -> Iterator[Predicate]:
        """Yield predicates on the values as the new columns would hold them, and on values that must be computable."""
        for column in self.new.columns:
            feed = self.feeds[fold(column.name)]
            if fold(column.name) in self.failing:
                continue
            if feed.origin is Origin.CARRIED and feed.same and self.effects.is_written:
                yield from self._lossy_again(column, feed)
            yield from self._null(column, feed)
            yield from self._no_row_id(column, feed)
            is_new = self._may_newly_misfit(feed)
            if self.new.strict and (is_new or self.effects.is_written):
                yield from self._misfit(column, is_new)
            if feed.origin is Origin.GENERATED and feed.source is not None:
                yield from self._replaced(column, feed.source)
                yield from self.changed(column, feed.source)
        for what, sql in self._computed():
            yield Predicate(f"typeof({sql}) = ''", HazardCode.FILL_FAILS, what, "")  # found by an error, not by a row

    def checks(self) -> Iterator[Predicate]:
        """Yield predicates on the whole row: the CHECKs that it may violate."""
        for check in self.new.checks:
            if self.failing.intersection(words(check.expression)):
                continue
            added = [change.check for change in self.effects.changes(c.AddCheck)]
            is_new = self.effects.at_risk(check.expression, added, check)
            if is_new or self.effects.is_written:
                text = f"CHECK ({check.expression.text})"
                hint = 'Fix the rows, or give the column a "fill" that fits.' if is_new else _FIX
                yield Predicate(f"NOT ({check.expression.text})", HazardCode.CHECK_FAILS, text, hint)

    def _lossy(self, column: Column) -> Iterator[Predicate]:
        sql = loses(raw(column.name), column, self.new)
        if sql is not None:
            cast = self._conversion(column, row_errors=sql, hint="")
            yield self._loss(column, sql, "stored as", self._may_go(column), cast)

    def _lossy_again(self, column: Column, feed: ColumnSource) -> Iterator[Predicate]:
        """Yield a predicate for a column that does not change, if this SQLite may store a value differently from the
        one that wrote it."""
        if affinity(column, self.new.strict) is Affinity.TEXT:
            return  # only a number loses something as text, and such a column holds none
        before, table = quote(feed.source or ""), quote(self.old.name)
        condition = loses(f"+{before}", column, self.new)  # compared without the affinity of the column
        look = f"Check them, and UPDATE them: SELECT quote({before}) FROM {table} WHERE {condition}"
        if (sql := loses(f"+{quote(column.name)}", column, self.new)) is not None:
            yield self._loss(column, sql, "stored again as", f"{look}\n{self._may_go(column)}", None)

    def _loss(self, column: Column, sql: str, how: str, hint: str, cast: Cast | None) -> Predicate:
        as_new = f"{how} {column.type.text or 'any type'}"
        if self._is_allowed(column):
            text = f"{as_new} these values lose something, as --allow-drop says"
            return Predicate(sql, HazardCode.ROWS_DROPPED, text, "", column.name)
        return Predicate(sql, HazardCode.LOSSY, f"{as_new} these values would lose something", hint, column.name, cast)

    def _is_allowed(self, column: Column) -> bool:
        return f"{fold(self.new.name)}.{fold(column.name)}" in self.allowed

    def _may_go(self, column: Column) -> str:
        return f"If they may be lost: --allow-drop {shlex.quote(f'{self.new.name}.{column.name}')}"

    def _cast(self, column: Column) -> str:
        """Return SQL over the old row for the column's present value in its new type."""
        return f"CAST({self._present(column)} AS {_plain_type(column)})"

    def _present(self, column: Column) -> str:
        feed = self.feeds[fold(column.name)]
        return feed.fill or spell(feed.source or column.name)

    def _null(self, column: Column, feed: ColumnSource) -> Iterator[Predicate]:
        if not refuses_null(self.new, column):
            return
        before = self.old.column(feed.source) if feed.source else None
        kept = feed.origin is Origin.CARRIED or not self.effects.changes_value(column.name)
        is_old = kept and before is not None and refuses_null(self.old, before)
        if is_old and not self.effects.is_written:
            return
        value = _SOME[affinity(column, self.new.strict)]
        name = quote(column.name)
        match feed.origin:
            case Origin.CARRIED if is_old:
                message = "NULL in a column that is NOT NULL"
                where = spell(feed.source or "")
                null = (
                    f"typeof({where}) = 'null'"  # SQLite takes IS NULL of a NOT NULL column for false without reading
                )
                hint = f"Fix the rows: UPDATE {quote(self.old.name)} SET {where} = {value} WHERE {null}"
            case Origin.GENERATED:
                text = column.generated.text if column.generated is not None else ""
                message = "a generated column that must not be NULL"
                hint = f"Write its expression so that it never is: coalesce({text}, {value})"
            case Origin.DEFAULT:
                message = "new, NOT NULL, and without a default"
                hint = f"Give it a fill: {write.filled(column, value)}, or a DEFAULT."
            case Origin.FILLED:
                message = "the fill of a column that is NOT NULL gives NULL"
                hint = f"Let it return a value: {write.filled(column, f'coalesce({feed.fill}, {value})')}"
            case _:
                message = "NULL in a column that becomes NOT NULL"
                filled = write.filled(column, f"coalesce({self._present(column)}, {value})")
                hint = f"Give it a fill: {filled}, or fix the rows."
        if feed.origin is not Origin.GENERATED and (need := _need_of_key(self.new, column)):
            hint = f"{need}: fix the rows." if is_old else f'{need}: write a "fill" that gives it, or fix the rows.'
        sql = f"typeof({name}) = 'null'" if is_old else f"{name} IS NULL"
        yield Predicate(sql, HazardCode.NULLS, message, hint, column.name)

    def _no_row_id(self, column: Column, feed: ColumnSource) -> Iterator[Predicate]:
        """Yield predicates on a column that becomes the row id: SQLite would choose one for a NULL, and accepts only
        integers."""
        if column.name != self.new.rowid_column or feed.origin is Origin.DEFAULT:
            return
        if feed.origin is Origin.CARRIED and feed.source == self.old.rowid_column:
            return
        name, hint = quote(column.name), 'Fix the rows, or give the column a "fill" that fits.'
        yield Predicate(f"{name} IS NULL", HazardCode.NULLS, "NULL in the primary key", hint, column.name)
        row_errors = f"typeof({name}) NOT IN ('integer', 'null')"
        message = "values that are not integers in an INTEGER PRIMARY KEY"
        yield Predicate(row_errors, HazardCode.WRONG_TYPE, message, hint, column.name)

    def _may_newly_misfit(self, feed: ColumnSource) -> bool:
        retyped = {change.column for change in self.effects.changes(c.ChangeType)}
        return bool(self.effects.changes(c.ChangeStrict)) or not feed.same or feed.column in retyped

    def _misfit(self, column: Column, is_new: bool) -> Iterator[Predicate]:
        name, hint = quote(column.name), _FIX
        if is_new:
            hint = f"Write its expression so that it gives {column.type.text}." if column.generated is not None else ""
        yield Predicate(
            f"NOT ({fits_strict(name, column)})",
            HazardCode.WRONG_TYPE,
            f"values that are not {column.type.text}, which a STRICT table refuses",
            hint,
            column.name,
            self._misfit_conversion(column) if is_new and column.generated is None else None,
        )

    def _misfit_conversion(self, column: Column) -> Cast:
        taken = f"({stored(raw(column.name), column, self.new)})"
        hint = f"Convert them: {write.filled(column, self._cast(column))}"
        return self._conversion(column, row_errors=f"NOT ({fits_strict(taken, column)})", hint=hint)

    @cached_property
    def _raws(self) -> str:
        """Return the subquery with the values that feed each new column. It grows with the width of the table, so it is
        written once."""
        return Projection(self.effects.step, self.failing).raws()

    def _conversion(self, column: Column, row_errors: str, hint: str) -> Cast:
        """Return a CAST of the values that feed the column; without a `hint` it is never offered."""
        value, taken = raw(column.name), f"({stored(raw(column.name), column, self.new)})"
        cast = f"CAST({value} AS {_plain_type(column)})"
        changes = (
            f"CASE WHEN {row_errors} THEN NOT coalesce({_can_be_told_back(value, cast)}, 0)"
            f" ELSE typeof({cast}) <> typeof({taken}) OR {cast} IS NOT {taken} COLLATE BINARY END"
        )
        is_secret = any(SECRET.search(name) for name in (self.new.name, column.name))
        return Cast(self._raws, value, row_errors, changes, hint, is_secret)

    def _replaced(self, column: Column, source: str) -> Iterator[Predicate]:
        before = self.old.column(source)
        if before is None or before.generated is not None:
            return
        sql = f"{quote(column.name)} IS NOT {raw(column.name)} COLLATE BINARY"
        if self._is_allowed(column):
            text = "the generated column replaces these values, as --allow-drop says"
            yield Predicate(sql, HazardCode.ROWS_DROPPED, text, "", column.name)
            return
        text = "values that the generated column would replace"
        yield Predicate(sql, HazardCode.GENERATED_REPLACES, text, self._may_go(column), column.name)

    def changed(self, column: Column, source: str) -> Iterator[Predicate]:
        """Yield a predicate on a STORED column with the same expression, whose values another SQLite may have
        computed."""
        before = self.old.column(source)
        is_stored = before is not None and before.stored and column.stored
        if not is_stored or not self.effects.is_written or self.effects.changes_value(column.name):
            return
        name, there = quote(column.name), raw(column.name)
        sql = f"typeof({name}) <> typeof({there}) OR {name} IS NOT {there} COLLATE BINARY"
        text = f"stored values that SQLite {sqlite3.sqlite_version} computes differently, so a rewrite changes them"
        yield Predicate(sql, HazardCode.GENERATED_CHANGES, text, "", column.name)

    def _computed(self) -> Iterator[tuple[str, str]]:
        """Yield the (name, SQL) that SQLite will compute for every row and that no other check covers: it must not fail
        on any."""
        for column in computed(self.effects):
            if fold(column.name) not in self.failing:
                yield f"the values of {column.name}", quote(column.name)
        for index in self.new.indexes:
            if self.effects.is_new(index) or self.effects.any_changes(index.columns, index.where):
                taken_in = index.where if index.where is not None else Sql("1")
                expressions = [part.expression for part in index.columns if part.expression is not None]
                for sql in [*expressions, Sql("1")]:
                    if not self.failing.intersection([*words(taken_in), *words(sql)]):
                        yield f"the index {index.name}", f"CASE WHEN {taken_in.text} THEN {sql.text} END"


def computed(effects: Effects) -> list[Column]:
    """The columns whose values are computed again: by a fill, or as generated ones."""
    return [
        column
        for column in effects.new.columns
        if effects.feeds[fold(column.name)].origin is Origin.FILLED
        or (column.generated is not None and effects.changes_value(column.name))
    ]


def _plain_type(column: Column) -> str:
    return column.type.text.partition("(")[0].strip()


def _can_be_told_back(value: str, cast: str) -> str:
    """Return SQL that is true if the conversion can be undone, so that nothing is lost. Text must be ASCII only,
    because other bytes may not be text."""
    types = ("text", "blob", "integer", "real")
    cases = " ".join(f"WHEN '{t}' THEN CAST({cast} AS {t.upper()}) = {value} COLLATE BINARY" for t in types)
    is_text = f"typeof({cast}) = 'text' AND typeof({value}) = 'blob'"
    is_ascii = f"length({cast}) = length({value}) AND {cast} NOT GLOB '*[^' || char(1) || '-~]*'"
    return f"(CASE typeof({value}) {cases} END AND CASE WHEN {is_text} THEN {is_ascii} ELSE 1 END)"


def _need_of_key(table: Table, column: Column) -> str:
    """Return the need of a column in a key, for which one value for all rows is wrong; '' for any other column."""
    name = fold(column.name)

    def is_in(columns: Iterable[IndexedColumn]) -> bool:
        return any(fold(part.column or "") == name for part in columns)

    unique = [*(one.columns for one in table.uniques), *(index.columns for index in table.indexes if index.unique)]
    if (table.primary_key is not None and is_in(table.primary_key.columns)) or any(map(is_in, unique)):
        return "Each row needs a different value"
    key = next((key for key in table.foreign_keys if name in map(fold, key.columns)), None)
    return f"Each row needs a value that {key.table} has" if key is not None else ""


def refuses_null(table: Table, column: Column) -> bool:
    """True if the column does not allow NULL, by its own definition or that of a key."""
    if column.not_null is not None:
        return True
    key = table.primary_key
    in_key = key is not None and any(fold(part.column or "") == fold(column.name) for part in key.columns)
    return in_key and (table.without_rowid or table.strict) and not (key is not None and key.rowid_alias)
