"""How two generations are related: which column of one is which of the other, however many syncs lie between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..engines.sqlite.versions import Row
from ..plan.model import Action, Feed, Origin, Step
from ..schema.model import Schema, Table
from ..schema.names import fold
from .deed import Deed
from .record import schema_of, steps_of

Names = dict[str, tuple[str, dict[str, str]]]
"""Table of the one side -> (table of the other, column -> column), for values that were carried as they are."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The rows that made each generation; rows that restored one made nothing."""

    rows: Sequence[Row]

    def birth(self, generation: str) -> Row:
        """The row that made a generation. Raises KeyError for one that the history does not know."""
        for row in self.rows:
            if row.generation == generation and row.action != Deed.RESTORE:
                return row
        raise KeyError(generation)

    def ancestors(self, generation: str) -> Iterator[str]:
        """The generation, the one that it was built from, and so on to the first."""
        at: str | None = generation
        while at is not None:
            yield at
            at = self.birth(at).previous

    def steps(self, target: str, live: str) -> tuple[Step, ...]:
        """What lies between two generations as steps from `target` to `live`: exact where one was built from the
        other, else only columns whose values were carried unchanged all the way are compared."""
        newer, older = self.birth(live), self.birth(target)
        if newer.previous == target:
            return steps_of(newer, older)
        return tuple(_steps(schema_of(older), schema_of(newer), self._names(target, live)))

    def origins(self, live: str) -> Names:
        """Names of the first generation that this one comes from -> its own, however their values were changed."""
        *_, first = self.ancestors(live)
        return self._from(first, live, changed=True)

    def _names(self, target: str, live: str) -> Names:
        above = list(self.ancestors(target))
        common = next((name for name in self.ancestors(live) if name in above), None)
        if common is None:
            return {}
        down = self._from(common, live)
        back = _inverted(self._from(common, target))
        return _composed(back, down)

    def _from(self, ancestor: str, generation: str, *, changed: bool = False) -> Names:
        """Names of the ancestor -> names of the generation; with `changed` also where values are not what they were."""
        path = []
        for name in self.ancestors(generation):
            if name == ancestor:
                break
            path.append(name)
        names = _identity(schema_of(self.birth(ancestor)))
        for name in reversed(path):
            row = self.birth(name)
            assert row.previous is not None
            names = _composed(names, _carried(steps_of(row, self.birth(row.previous)), changed=changed))
        return names


def _identity(schema: Schema) -> Names:
    return {table.name: (table.name, {c.name: c.name for c in table.columns}) for table in schema.tables}


def _carried(steps: Sequence[Step], *, changed: bool) -> Names:
    return {
        step.old.name: (
            step.new.name,
            {f.source: f.column for f in step.feeds if f.source and (changed or _is_same(f))},
        )
        for step in steps
        if step.old is not None and step.new is not None
    }


def _is_same(feed: Feed) -> bool:
    return feed.origin is Origin.CARRIED and feed.same


def _composed(first: Names, second: Names) -> Names:
    return {
        table: (second[middle][0], {a: second[middle][1][b] for a, b in columns.items() if b in second[middle][1]})
        for table, (middle, columns) in first.items()
        if middle in second
    }


def _inverted(names: Names) -> Names:
    return {new: (old, {b: a for a, b in columns.items()}) for old, (new, columns) in names.items()}


def _steps(target: Schema, live: Schema, names: Names) -> Iterator[Step]:
    met = set()
    for table, (other, columns) in names.items():
        old, new = target.table(table), live.table(other)
        if old is not None and new is not None:
            met |= {("old", fold(table)), ("new", fold(other))}
            yield Step(Action.KEEP, old, new, tuple(_feeds(new, {b: a for a, b in columns.items()})))
    yield from (Step(Action.DROP, t, None) for t in target.tables if ("old", fold(t.name)) not in met)
    yield from (Step(Action.CREATE, None, t) for t in live.tables if ("new", fold(t.name)) not in met)


def _feeds(new: Table, sources: dict[str, str]) -> Iterator[Feed]:
    """Columns without a source are marked volatile: nothing is known of what they should hold."""
    for column in new.columns:
        if column.name in sources:
            yield Feed(column.name, Origin.CARRIED, sources[column.name], same=True)
        else:
            yield Feed(column.name, Origin.DEFAULT, volatile=True)
