"""Relates two generations: which column of one is which of the other, over any number of syncs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ..plan.model import CarriedStep, ColumnSource, Create, Drop, Keep, Origin, Step, Strategy
from ..schema.model import Column, Schema
from ..schema.names import fold
from .action import HistoryAction
from .compose import composed, not_known
from .row import HistoryRow
from .rows import MadeByHand, schema_of, steps_of

Names = dict[str, tuple[str, dict[str, str]]]
"""Table of one side -> (table of the other, column -> column), for values that were carried unchanged."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The rows that made each generation; rows of a rollback, and those of a version that the file already had, made
    none; those of a restore in place did."""

    rows: Sequence[HistoryRow]

    def birth(self, generation: str, before: HistoryRow | None = None) -> HistoryRow:
        """The row that made the content of a generation, the last one `before` another row, because a backup may have
        been restored into the file after the build. Raises KeyError for a generation that is not in the history."""
        for row in reversed(self.rows):
            is_older = before is None or row.id < before.id
            if is_older and row.generation == generation and _made_content(row):
                return row
        raise KeyError(generation)

    def line(self, generation: str) -> Iterator[HistoryRow]:
        """The row that made the generation, the one that made what it was built from, and so on to the first."""
        row = self.birth(generation)
        yield row
        while row.previous is not None:
            row = self.birth(row.previous, row)
            yield row

    def ancestors(self, generation: str) -> Iterator[str]:
        """The generation, the one that it was built from, and so on to the first."""
        return (row.generation for row in self.line(generation))

    def comes_from(self, generation: str, source: str) -> bool:
        """True if the generation was built from the present content of `source`, not from an earlier one."""
        return self.birth(source).id in {row.id for row in self.line(generation)}

    def are_related(self, one: str, other: str) -> bool:
        """True if both generations were built from one row, directly or over others. A file that was adopted without a
        history was built from none of the others."""
        above = {row.id for row in self.line(one)}
        return any(row.id in above for row in self.line(other))

    def went_on(self, generation: str, live: str) -> bool:
        """True if each row of the generation was there when the live one was built from it, at once or over others, so
        that all differences were written since."""
        return self.heir(generation, live) is not None

    def heir(self, generation: str, live: str) -> str | None:
        """The generation that was built from all rows of this one, on the way to the live one. None if it was live
        again afterwards, if the next one is a backup of it, which may be older than its last row, and if the history
        does not know one of them."""
        try:
            line = list(self.line(live))
        except KeyError:
            return None
        names = [row.generation for row in line]
        if generation not in names[1:]:
            return None
        heir = line[names.index(generation) - 1]
        if heir.action in (HistoryAction.RESTORE, HistoryAction.ADOPT):
            return None
        was_live_again = any(row.id > heir.id for row in self.rows if row.generation == generation)
        return None if was_live_again else heir.generation

    def steps(self, target: str, live: str) -> tuple[Step | MadeByHand, ...]:
        """The steps from `target` to `live`: as recorded if one was built from the other, otherwise composed. Columns
        whose expected values are unknown are marked volatile."""
        newer, older = self.birth(live), self.birth(target)
        if newer.previous == target and older.id < newer.id:
            return steps_of(newer, older)
        return tuple(_steps(schema_of(older), schema_of(newer), self._composed(target, live)))

    def origins(self, live: str) -> Names:
        """Names in the first generation that this one was built from -> its own names, however the values changed."""
        *_, first = self.line(live)
        return self._from(first, live, changed=True)

    def names(self, ancestor: str, live: str) -> Names:
        """Names in an earlier generation of the line -> names in `live`, for values that were carried unchanged."""
        return self._from(self.birth(ancestor), live)

    def _composed(self, target: str, live: str) -> list[Keep]:
        """One step for each table that both have: back to the common ancestor, and on to `live`."""
        above = {row.id for row in self.line(target)}
        common = next((row for row in self.line(live) if row.id in above), None)
        if common is None:
            return []
        names = self._from(common, target)
        steps = list(_backwards(schema_of(self.birth(target)), schema_of(common), names))
        for row in self._path(common, live):
            assert row.previous is not None
            steps = _continued(steps, steps_of(row, self.birth(row.previous, row)))
        return steps

    def _path(self, ancestor: HistoryRow, generation: str) -> list[HistoryRow]:
        """The rows from the ancestor to the generation, in order."""
        return list(takewhile(lambda row: row.id != ancestor.id, self.line(generation)))[::-1]

    def _from(self, ancestor: HistoryRow, generation: str, *, changed: bool = False) -> Names:
        """Names of the ancestor -> names of the generation; with `changed` even if values differ."""
        names = _identity(schema_of(ancestor))
        for row in self._path(ancestor, generation):
            assert row.previous is not None
            names = _renamed(names, _carried(steps_of(row, self.birth(row.previous, row)), changed=changed))
        return names


def _made_content(row: HistoryRow) -> bool:
    return row.action != HistoryAction.ROLLBACK and row.details.get("strategy") != Strategy.IN_PLACE


def _identity(schema: Schema) -> Names:
    return {table.name: (table.name, {c.name: c.name for c in table.columns}) for table in schema.tables}


def _carried(steps: Sequence[Step | MadeByHand], *, changed: bool) -> Names:
    return {
        step.old.name: (
            step.new.name,
            {f.source: f.column for f in step.feeds if f.source and (changed or _is_same(f))},
        )
        for step in steps
        if isinstance(step, CarriedStep)
    }


def _is_same(feed: ColumnSource) -> bool:
    return feed.origin is Origin.CARRIED and feed.same


def _renamed(first: Names, second: Names) -> Names:
    return {
        table: (second[middle][0], {a: second[middle][1][b] for a, b in columns.items() if b in second[middle][1]})
        for table, (middle, columns) in first.items()
        if middle in second
    }


def _backwards(target: Schema, common: Schema, names: Names) -> Iterator[Keep]:
    """Steps from the target back to the ancestor; `names`: those of the ancestor -> those of the target."""
    for table, (other, columns) in names.items():
        old, new = target.table(other), common.table(table)
        if old is not None and new is not None:
            yield Keep(old, new, tuple(_known(column, columns) for column in new.columns))


def _known(column: Column, sources: dict[str, str]) -> ColumnSource:
    if column.name in sources:
        return ColumnSource(column.name, Origin.CARRIED, sources[column.name], same=True)
    return ColumnSource(column.name, Origin.GENERATED) if column.generated is not None else not_known(column.name)


def _continued(steps: Sequence[Keep], following: Sequence[Step | MadeByHand]) -> list[Keep]:
    ended = {fold(step.name): step for step in steps}
    return [
        composed(ended[fold(step.old.name)], step)
        for step in following
        if isinstance(step, CarriedStep) and fold(step.old.name) in ended
    ]


def _steps(target: Schema, live: Schema, both: Sequence[Keep]) -> Iterator[Step]:
    yield from both
    old = {fold(step.old.name) for step in both}
    new = {fold(step.new.name) for step in both}
    yield from (Drop(table) for table in target.tables if fold(table.name) not in old)
    yield from (Create(table) for table in live.tables if fold(table.name) not in new)
