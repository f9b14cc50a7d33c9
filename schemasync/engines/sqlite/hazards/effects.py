"""The effects of a step on the values of a table, which decide what must be checked in its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ....diff import changes as c
from ....plan.model import CarriedStep, Origin, Rewrite
from ....schema import lexer
from ....schema.model import Index, IndexedColumn, Sql
from ....schema.names import fold

_Change = TypeVar("_Change", bound=c.Change)


class Effects:
    """The effects of one table's step on its columns' values, keys and constraints."""

    def __init__(self, step: CarriedStep) -> None:
        self.step, self.old, self.new = step, step.old, step.new
        self.feeds = {fold(feed.column): feed for feed in step.feeds}

    @property
    def is_written(self) -> bool:
        """True if every row is stored again: then SQLite checks all constraints, including existing ones."""
        return isinstance(self.step, Rewrite)

    def changes(self, kind: type[_Change]) -> list[_Change]:
        """The changes of this kind that the step makes."""
        return [change for change in self.step.changes if isinstance(change, kind)]

    def at_risk(
        self, sql: Sql, added: Sequence[object] = (), item: object = None, within: frozenset[str] = frozenset()
    ) -> bool:
        """Return True if the item is among those added, or its expression reads a column whose values change. `within`:
        the generated columns whose expressions lead to this one. A word in an expression may be the column's own name:
        `date AS (date(x))`."""
        return item in added or any(self.changes_value(word, within) for word in words(sql) if word not in within)

    def changes_value(self, column: str, within: frozenset[str] = frozenset()) -> bool:
        """True if the column's values, or how they compare, change."""
        feed = self.feeds.get(fold(column))
        if feed is None:
            return False
        if self._is_changed(column, c.ChangeCollation):
            return True
        if feed.origin is not Origin.GENERATED:
            return feed.origin is not Origin.CARRIED or not feed.same
        new = self.new.column(column)
        expression = new.generated if new is not None else None
        retold = feed.source is None or self._is_changed(column, c.ChangeGenerated, c.ChangeType)
        return retold or (expression is not None and self.at_risk(expression, within=within | {fold(column)}))

    def _is_changed(self, column: str, *kinds: type[c.ChangeCollation | c.ChangeGenerated | c.ChangeType]) -> bool:
        return any(isinstance(change, kinds) and fold(change.column) == fold(column) for change in self.step.changes)

    def any_changes(self, columns: Sequence[IndexedColumn], where: Sql | None = None) -> bool:
        """True if a key or an index over these columns would hold other values than before."""
        return (where is not None and self.at_risk(where)) or any(
            self.changes_value(column.column)
            if column.column is not None
            else column.expression is not None and self.at_risk(column.expression)
            for column in columns
        )

    def is_new(self, index: Index) -> bool:
        """True if the index is new or changed."""
        added = [change.index for change in self.changes(c.AddIndex)]
        return index in added or index in [change.new for change in self.changes(c.ChangeIndex)]


def words(sql: Sql) -> list[str]:
    """Return the folded names that an expression may refer to."""
    return [fold(token.value) for token in lexer.tokens(sql.text) if token.kind.name in ("WORD", "QUOTED")]
