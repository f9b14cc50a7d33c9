"""Questions to single rows: NULLs, checks, types and values that a conversion would lose."""

from __future__ import annotations

from collections.abc import Iterator

from ....diff import changes as c
from ....diff.hazards import HazardCode
from ....plan.model import Feed, Origin, Step
from ....schema.model import Column, Table
from ....schema.names import fold, quote
from ..mapping import fits_strict, loses
from .effects import Effects
from .findings import Predicate
from .projection import raw


class Predicates:
    """The questions to single rows of one table; `allowed` are folded "table.column" whose values may be replaced."""

    def __init__(self, step: Step, allowed: frozenset[str]) -> None:
        self.effects, self.allowed = Effects(step), allowed
        self.old, self.new, self.feeds = self.effects.old, self.effects.new, self.effects.feeds

    def losses(self) -> Iterator[Predicate]:
        """Asked of the raw values: what the new columns' types would lose."""
        for column in self.new.columns:
            feed = self.feeds[fold(column.name)]
            if feed.origin is Origin.CARRIED and not feed.same:
                yield from self._lossy(column)

    def values(self) -> Iterator[Predicate]:
        """Asked of the values as the new columns would hold them, and what must not fail to compute."""
        for column in self.new.columns:
            feed = self.feeds[fold(column.name)]
            yield from self._null(column, feed)
            yield from self._no_row_id(column, feed)
            if self.new.strict and self._may_misfit(feed):
                yield from self._misfit(column)
            if feed.origin is Origin.GENERATED and feed.source is not None:
                yield from self._replaced(column, feed.source)
        for sql in self._computed():
            yield Predicate(f"typeof({sql}) = ''", HazardCode.FILL_FAILS, "", "")  # an error says it, no row does

    def checks(self) -> Iterator[Predicate]:
        """Asked of the whole row: the CHECKs that it may break."""
        for check in self.new.checks:
            if self.effects.at_risk(check.expression, [ch.check for ch in self.effects.changes(c.AddCheck)], check):
                yield Predicate(
                    f"NOT ({check.expression.text})",
                    HazardCode.CHECK_FAILS,
                    f"CHECK ({check.expression.text})",
                    'Mend the rows, or give the column a "fill" that fits.',
                )

    def _lossy(self, column: Column) -> Iterator[Predicate]:
        sql = loses(raw(column.name), column, self.new)
        if sql is not None and f"{fold(self.new.name)}.{fold(column.name)}" not in self.allowed:
            yield Predicate(
                sql,
                HazardCode.LOSSY,
                f"stored as {column.type.text or 'any type'} these values would lose something",
                f'Say what is meant: "fill": "CAST({column.name} AS {column.type.text.partition("(")[0]})"',
                column.name,
            )

    def _null(self, column: Column, feed: Feed) -> Iterator[Predicate]:
        if not _refuses_null(self.new, column):
            return
        before = self.old.column(feed.source) if feed.source else None
        kept = feed.origin is Origin.CARRIED or not self.effects.changes_value(column.name)
        if kept and before is not None and _refuses_null(self.old, before):
            return
        if column.generated is not None:
            message, hint = "a generated column that must not be NULL", f"coalesce({column.generated.text}, …)"
            yield Predicate(f"{quote(column.name)} IS NULL", HazardCode.NULLS, message, hint, column.name)
            return
        new = feed.origin is Origin.DEFAULT
        example = "''" if new else f"coalesce({feed.source or column.name}, …)"
        yield Predicate(
            f"{quote(column.name)} IS NULL",
            HazardCode.NULLS,
            "new, NOT NULL, and without a default" if new else "NULL in a column that becomes NOT NULL",
            f'Give it a fill: {{"type": …, "fill": "{example}"}}' + (", or a DEFAULT." if new else "."),
            column.name,
        )

    def _no_row_id(self, column: Column, feed: Feed) -> Iterator[Predicate]:
        """A column that becomes the row id: SQLite would make up one for a NULL, and takes nothing but integers."""
        if column.name != self.new.rowid_column or feed.origin is Origin.DEFAULT:
            return
        if feed.origin is Origin.CARRIED and feed.source == self.old.rowid_column:
            return
        name, hint = quote(column.name), 'Mend the rows, or give the column a "fill" that fits.'
        yield Predicate(f"{name} IS NULL", HazardCode.NULLS, "NULL in the primary key", hint, column.name)
        misfits = f"typeof({name}) NOT IN ('integer', 'null')"
        message = "values that are no integers in an INTEGER PRIMARY KEY"
        yield Predicate(misfits, HazardCode.WRONG_TYPE, message, hint, column.name)

    def _may_misfit(self, feed: Feed) -> bool:
        retyped = {change.column for change in self.effects.changes(c.ChangeType)}
        return bool(self.effects.changes(c.ChangeStrict)) or not feed.same or feed.column in retyped

    def _misfit(self, column: Column) -> Iterator[Predicate]:
        name = quote(column.name)
        yield Predicate(
            f"NOT ({fits_strict(name, column)})",
            HazardCode.WRONG_TYPE,
            f"values that are no {column.type.text}, which a STRICT table refuses",
            f"Convert them, in its expression: CAST({column.generated.text} AS {column.type.text})"
            if column.generated is not None
            else f'Convert them: "fill": "CAST({column.name} AS {column.type.text})"',
            column.name,
        )

    def _replaced(self, column: Column, source: str) -> Iterator[Predicate]:
        before = self.old.column(source)
        if before is None or before.generated is not None:
            return
        if f"{fold(self.new.name)}.{fold(column.name)}" in self.allowed:
            return
        yield Predicate(
            f"{quote(column.name)} IS NOT {raw(column.name)} COLLATE BINARY",
            HazardCode.GENERATED_REPLACES,
            "values that the generated column would replace by others",
            f"If they may go: --allow-drop {self.new.name}.{column.name}",
            column.name,
        )

    def _computed(self) -> Iterator[str]:
        """What SQLite will compute for every row and nothing else asks for: it must not fail on one."""
        for column in self.new.columns:
            is_filled = self.feeds[fold(column.name)].origin is Origin.FILLED
            if is_filled or (column.generated is not None and self.effects.changes_value(column.name)):
                yield quote(column.name)
        for index in self.new.indexes:
            if self.effects.is_new(index) or self.effects.any_changes(index.columns, index.where):
                taken_in = index.where.text if index.where is not None else "1"
                computed = [part.expression.text for part in index.columns if part.expression is not None]
                yield from (f"CASE WHEN {taken_in} THEN {sql} END" for sql in [*computed, "1"])


def _refuses_null(table: Table, column: Column) -> bool:
    if column.not_null is not None:
        return True
    key = table.primary_key
    in_key = key is not None and any(fold(part.column or "") == fold(column.name) for part in key.columns)
    return in_key and (table.without_rowid or table.strict) and not (key is not None and key.rowid_alias)
