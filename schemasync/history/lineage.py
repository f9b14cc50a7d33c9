"""Relate two generations: map the columns of one to those of the other, over any number of syncs."""

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
from .rows import BACKUP_FINGERPRINT, MadeByHand, schema_of, source_of, steps_of

Names = dict[str, tuple[str, dict[str, str]]]
"""Table of one generation -> (table of the other, column -> column), for values that were carried unchanged."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The order in which the history's rows changed files. The birth of a generation is the row that made it or
    restored a backup into its file; rows in place changed it afterwards. Rows of a rollback changed nothing."""

    rows: Sequence[HistoryRow]

    def birth(self, generation: str, before: HistoryRow | None = None) -> HistoryRow:
        """Return the last row, `before` another one if given, that made the content of a generation: a backup may have
        been restored into the file after the build. Raises KeyError for a generation that is not in the history."""
        for row in reversed(self.rows):
            is_older = before is None or row.id < before.id
            if is_older and row.generation == generation and _made_content(row):
                return row
        raise KeyError(generation)

    def state(self, generation: str, before: HistoryRow | None = None) -> HistoryRow:
        """Return the row that describes the tables of a generation, now or `before` another row: its birth, or the last
        row in place since. Raises KeyError for a generation that is not in the history."""
        for row in reversed(self.rows):
            is_older = before is None or row.id < before.id
            if is_older and row.generation == generation and (_made_content(row) or is_in_place(row)):
                return row
        raise KeyError(generation)

    def before(self, row: HistoryRow) -> HistoryRow | None:
        """Return the row that describes the source of this row's tables: the file itself before it was altered, or the
        generation that the file was built from. None for the first. Raises KeyError if the history lacks that."""
        if is_in_place(row):
            return self.state(row.generation, row)
        source = source_of(row)
        return None if source is None else self._copied(row, source) or self.state(source, row)

    def _copied(self, row: HistoryRow, source: str) -> HistoryRow | None:
        """Return the row that describes an adopted or restored file, which may be a copy from before an alteration.
        None for any other row, or if no row describes the file."""
        if row.action not in (HistoryAction.ADOPT, HistoryAction.RESTORE):
            return None
        earlier = (one for one in reversed(self.rows) if one.id < row.id and one.generation == source)
        described = (one for one in earlier if _made_content(one) or is_in_place(one))
        copied = row.details.get(BACKUP_FINGERPRINT, row.fingerprint)
        return next((one for one in described if one.fingerprint == copied), None)

    def line(self, generation: str) -> Iterator[HistoryRow]:
        """Yield the row that describes the tables of the generation, the one before it, and so on to the first."""
        row: HistoryRow | None = self.state(generation)
        while row is not None:
            yield row
            row = self.before(row)

    def ancestors(self, generation: str) -> Iterator[str]:
        """Yield the generation, the one that it was built from, and so on to the first, each once."""
        return iter(dict.fromkeys(row.generation for row in self.line(generation)))

    def comes_from(self, generation: str, source: str) -> bool:
        """True if the generation was built from the present content of `source`, not from an earlier one."""
        return self.birth(source).id in {row.id for row in self.line(generation)}

    def are_related(self, one: str, other: str) -> bool:
        """True if both generations were built from one row, directly or over others. A file that was adopted without a
        history was built from none of the others."""
        above = {row.id for row in self.line(one)}
        return any(row.id in above for row in self.line(other))

    def went_on(self, generation: str, live: str) -> bool:
        """True if the live generation was built from this one, directly or over others, after the last write to it, so
        that all differences between their rows were written since."""
        return self.heir(generation, live) is not None

    def heir(self, generation: str, live: str) -> str | None:
        """Return the generation that was built from all rows of this one, on the way to the live one.

        None if this one was live again afterwards, if the next one is a backup of it, which may lack its last writes,
        or if the history does not know one of them.
        """
        try:
            line = list(self.line(live))
        except KeyError:
            return None
        names = [row.generation for row in line]
        if generation not in names or generation == names[0]:
            return None
        heir = line[names.index(generation) - 1]
        if heir.action in (HistoryAction.RESTORE, HistoryAction.ADOPT):
            return None
        was_live_again = any(row.id > heir.id for row in self.rows if row.generation == generation)
        return None if was_live_again else heir.generation

    def steps(self, target: str, live: str) -> tuple[Step | MadeByHand, ...]:
        """Return the steps from `target` to `live`: as recorded if `live` was built from `target` in one run, otherwise
        composed. Columns whose expected values are unknown are marked volatile."""
        newer, older = self.state(live), self.state(target)
        before = self.before(newer)
        if before is not None and before.id == older.id:
            return steps_of(newer, older)
        return tuple(_steps(schema_of(older), schema_of(newer), *self._composed(older, newer)))

    def origins(self, live: str) -> Names:
        """Return names in the first generation of the line -> names in `live`, also for values that changed."""
        *_, first = self.line(live)
        return self._from(first, live, changed=True)

    def names(self, ancestor: HistoryRow, live: str, *, changed: bool = False) -> Names:
        """Return names in an earlier row of the line -> names in `live`: for values that were carried unchanged, or
        with `changed` for all."""
        return self._from(ancestor, live, changed=changed)

    def _composed(self, target: HistoryRow, live: HistoryRow) -> tuple[list[Keep], list[MadeByHand]]:
        """Return a step for each table that both have, composed over the common ancestor, and the tables that were made
        by hand on the way, under their names in `live`."""
        above = {row.id for row in self.line(target.generation)}
        common = next((row for row in self.line(live.generation) if row.id in above), None)
        if common is None:
            return [], []
        names = self._from(common, target.generation)
        steps, by_hand = list(_backwards(schema_of(target), schema_of(common), names)), list[MadeByHand]()
        for following in self.steps_since(common, live.generation):
            by_hand = [
                *_renamed_by_hand(by_hand, following),
                *(one for one in following if isinstance(one, MadeByHand)),
            ]
            steps = _continued(steps, following)
        return steps, by_hand

    def steps_since(self, ancestor: HistoryRow, generation: str) -> Iterator[tuple[Step | MadeByHand, ...]]:
        """Yield the steps of each row after the ancestor up to the generation, in order."""
        for row in self.path(ancestor, generation):
            before = self.before(row)
            assert before is not None
            yield steps_of(row, before)

    def path(self, ancestor: HistoryRow, generation: str) -> list[HistoryRow]:
        """Return the rows after the ancestor up to the generation, in order."""
        return list(takewhile(lambda row: row.id != ancestor.id, self.line(generation)))[::-1]

    def _from(self, ancestor: HistoryRow, generation: str, *, changed: bool = False) -> Names:
        """Return names of the ancestor -> names of the generation; with `changed` even if values differ."""
        names = own_names(schema_of(ancestor))
        for following in self.steps_since(ancestor, generation):
            names = names_after(names, following, changed=changed)
        return names


def _made_content(row: HistoryRow) -> bool:
    return row.action != HistoryAction.ROLLBACK and not is_in_place(row)


def is_in_place(row: HistoryRow) -> bool:
    """True for a row that records a change in the file of its generation, without a new file."""
    if row.action in (HistoryAction.ROLLBACK, HistoryAction.RESTORE):
        return False
    return row.action == HistoryAction.ALTER or row.details.get("strategy") == Strategy.IN_PLACE


def own_names(schema: Schema) -> Names:
    """Return each table and column of a schema mapped to its own name."""
    return {table.name: (table.name, {c.name: c.name for c in table.columns}) for table in schema.tables}


def names_after(names: Names, steps: Sequence[Step | MadeByHand], *, changed: bool) -> Names:
    """Return the names after these steps, without dropped tables and columns; with `changed` even if values differ."""
    return _renamed(names, _carried(steps, changed=changed))


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
    """Yield the steps from the target back to the ancestor. `names`: names of the ancestor -> names of the target."""
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


def _renamed_by_hand(before: Sequence[MadeByHand], following: Sequence[Step | MadeByHand]) -> Iterator[MadeByHand]:
    """Return these tables under the names that the steps give them, without the dropped ones."""
    names = {fold(step.old.name): step.new.name for step in following if isinstance(step, CarriedStep)}
    return (MadeByHand(names[fold(one.name)]) for one in before if fold(one.name) in names)


def _steps(
    target: Schema, live: Schema, both: Sequence[Keep], by_hand: Sequence[MadeByHand]
) -> Iterator[Step | MadeByHand]:
    yield from both
    yield from by_hand
    old = {fold(step.old.name) for step in both}
    new = {*(fold(step.new.name) for step in both), *(fold(one.name) for one in by_hand)}
    yield from (Drop(table) for table in target.tables if fold(table.name) not in old)
    yield from (Create(table) for table in live.tables if fold(table.name) not in new)
