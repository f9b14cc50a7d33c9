"""Finds what an archive must not fill, because its values may belong to other rows or are superseded."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..engines.sqlite import archive
from ..engines.sqlite.archive import KeyCounts
from ..engines.sqlite.connection import Connection
from ..errors import Code, Problem
from ..history.way_back import WayBack, refers_to_key, unstable_key
from ..plan.model import CarriedStep, Plan
from ..schema.model import Column, ColumnName, Table
from ..schema.names import fold
from ..schema.text import count


def refusal(message: str, hint: str, **facts: object) -> Problem:
    """Return the problem that refuses `rollback --keep-writes`."""
    return Problem(Code.CANNOT_KEEP_WRITES, message, hint, facts)


def say(table: str, column: str, value: str) -> str:
    """Return the hint to declare a column with --fill."""
    return f"Say what it becomes, in SQL over the row of today: --fill {shlex.quote(f'{table}.{column}={value}')}"


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Finds reasons not to take values from the archive `name`. `connection`: to the live file, with
    the archive attached. `allowed`: folded names of live tables and columns that may be left out."""

    name: str
    way: WayBack
    connection: Connection
    allowed: frozenset[str]
    _counts: dict[str, KeyCounts] = field(init=False, default_factory=dict)

    @property
    def go_back(self) -> str:
        """The hint for a problem that no option solves."""
        return f"Go back without the rows of today: manage.py schemasync rollback {self.name}"

    def column(self, step: CarriedStep, column: Column) -> Iterator[Problem]:
        where = f"{step.name}.{column.name}"
        why = unstable_key(self.way, step.name)
        if not why and archive.counter_was_lowered(self.connection, step.name, step.old.name):
            why = f"the AUTOINCREMENT counter of {step.name} was set back since, so ids may have been given again"
        if why:
            yield self._unstable(step, column, why)
        for by in self._computed_from(step.name, column.name):
            yield refusal(
                f"{where} was dropped, and {by.table}.{by.column} was made of it: what was written there since has no "
                f"place in {where}",
                f"{say(step.name, column.name, 'VALUE')}\n"
                f"To take the values of {self.name}, and leave out what was written since: "
                f"--allow-drop {shlex.quote(f'{by.table}.{by.column}')}",
                table=step.name,
                column=column.name,
            )
        yield from self.references(step.new, [column.name])

    def _computed_from(self, table: str, column: str) -> Iterator[ColumnName]:
        for by, read in self.way.computed.items():
            if ColumnName(table, column) in read and f"{fold(by.table)}.{fold(by.column)}" not in self.allowed:
                yield by

    def _unstable(self, step: CarriedStep, column: Column, why: str) -> Problem:
        where = f"{step.name}.{column.name}"
        facts: dict[str, object] = {"table": step.name, "column": column.name}
        if step.name in self.way.same and (key := step.new.primary_key) is not None:
            columns = self.way.same[step.name][1]
            if all(part.column in columns for part in key.columns):
                counts = self.count(step)
                if not counts.found:
                    why += f" (no row of today has a key of {self.name})"
                else:
                    why += f" ({count(counts.found, 'row')} in doubt: {', '.join(counts.keys)})"
                facts |= {"rows": counts.found, "keys": list(counts.keys)}
        return refusal(
            f"{where} was dropped, and its values in {self.name} may belong to other rows: {why}",
            f"To leave them out, and give all rows one value: --fill {shlex.quote(f'{where}=NULL')}",
            **facts,
        )

    def references(self, table: Table, columns: list[str]) -> Iterator[Problem]:
        """Yield a problem for each foreign key of the archive into a table whose keys may name other rows by now."""
        wanted = set(map(fold, columns))
        for key in table.foreign_keys:
            parent = self.way.earlier.table(key.table)
            if parent is None or parent.name not in self.way.names or not wanted & set(map(fold, key.columns)):
                continue  # no table of ours, or one that comes back as well
            if not refers_to_key(self.way.earlier, key):
                continue
            if why := unstable_key(self.way, parent.name):
                yield refusal(
                    f"{table.name} of {self.name} refers to rows of {parent.name}, which may be others by now: {why}",
                    self.go_back,
                    table=table.name,
                    parent=parent.name,
                )

    def count(self, step: CarriedStep) -> KeyCounts:
        if step.name not in self._counts:
            columns = self.way.same[step.name][1]
            key = step.new.primary_key
            pairs = [(part.column or "", columns[part.column or ""]) for part in (key.columns if key else ())]
            self._counts[step.name] = archive.count_by_key(self.connection, step.new, step.old.name, pairs)
        return self._counts[step.name]

    def left_out(self, plan: Plan) -> Iterator[Problem]:
        """Yield a problem for each derived table that would be dropped if the archive fills anything: its rows may have
        been written since."""
        for step in plan.dropped:
            if step.name in self.way.derived and fold(step.name) not in self.allowed:
                yield refusal(
                    f"{step.name} was made of rows of other tables, and goes: what was written there since has no "
                    f"place in the schema of {self.name}",
                    f"If it may be left out: --allow-drop {shlex.quote(step.name)}",
                    table=step.name,
                )
