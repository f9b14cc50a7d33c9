"""Fills derived tables again, if a table that their SELECT reads was written since.

Such a table has no mapping from old rows to new ones, so its rows cannot be replayed by key.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ....errors import Code, Failed, Problem
from ....plan.model import CarriedStep, Derive, Plan
from ....schema.model import Table
from ....schema.names import fold, quote
from ....schema.text import count
from ..connection import Connection, schema_version
from ..rebuild.derive import fill_again
from ..verify import derived
from ..verify.integrity_check import violations
from ..verify.references import dangles
from . import changelog
from .changelog import Logged


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of the old file that the derived tables agree with: the last entry of the change log, the
    schema_version, and the highest row id of each table that they read. `seconds`: how long it took to fill and to
    compare them."""

    bound: int
    version: int
    highest: Mapping[str, int | None]
    seconds: float = 0.0


@dataclass(slots=True)
class Recompute:
    """The derived tables of a new file, `main`, with the old one attached.

    `logged`: every logged table of the old file. `seen`: None before the tables were filled first. `has_refreshed`:
    True if one was filled again.
    """

    connection: Connection
    plan: Plan
    logged: Sequence[Logged]
    seen: Seen | None = None
    seconds: float = field(init=False, default=0.0)
    has_refreshed: bool = field(init=False, default=False)
    _numbers: dict[str, int] = field(init=False)
    _children: dict[str, Table] = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = {fold(one.table.name): one.number for one in self.logged}
        self._children = dict(_children(self.plan))
        self.seconds = self.seen.seconds if self.seen is not None else 0.0

    def note(self) -> None:
        """Call in the transaction that has filled all of them."""
        if self.plan.derived:
            self.seconds = sum(step.measured.seconds for step in self.plan.derived if step.measured is not None)
            self.seen = self._now()

    def _now(self) -> Seen:
        """The state of the old file, as this transaction sees it."""
        reads = {fold(name) for step in self.plan.derived for name in step.selection.reads}
        ids = {fold(one.table.name): one for one in self.logged if one.is_rowid and fold(one.table.name) in reads}
        highest = {name: self._highest(one) for name, one in ids.items()}
        bound, version = changelog.last_entry(self.connection, "old"), schema_version(self.connection, "old")
        return Seen(bound, version, highest, self.seconds)

    def _highest(self, one: Logged) -> int | None:
        """Rows that a TEMP trigger has hidden from the log are above it."""
        query = f"SELECT max({one.key[0]}) FROM old.{quote(one.table.name)}"
        found = self.connection.execute(query).fetchone()[0]
        return None if found is None else int(found)

    def stale(self) -> tuple[Derive, ...]:
        """The tables that may have another result now, in the order in which they are filled."""
        if not self.plan.derived:
            return ()
        assert self.seen is not None
        now = self._now()
        if now.version != self.seen.version:  # VACUUM may have given rows other ids
            return self.plan.derived
        written = self._written(self.seen, now)
        found: list[Derive] = []
        for step in self.plan.derived:
            names = {fold(one.name) for one in found}
            if written & set(map(fold, step.selection.reads)) or step.selection.after & names:
                found.append(step)
        return tuple(found)

    def _written(self, before: Seen, now: Seen) -> set[str]:
        """Folded names of the tables of the old file that were written since."""
        numbers = changelog.written_since(self.connection, before.bound, "old")
        higher = {name for name, highest in now.highest.items() if highest != before.highest.get(name)}
        return higher | {name for name, number in self._numbers.items() if number in numbers}

    def is_due(self) -> bool:
        """True if `refresh` has something to do."""
        return bool(self.stale() or self._due_children(()))

    def _due_children(self, stale: Collection[Derive]) -> list[Table]:
        """The tables whose references are to be checked, as they or the derived tables that they refer to changed."""
        if self.seen is None or not self._children:
            return []
        names = {fold(step.name) for step in stale}
        written = self._written(self.seen, self._now())
        carried = {fold(step.name) for step in self.plan.carried if fold(step.old.name) in written}
        return [
            table
            for name, table in self._children.items()
            if name in names | carried or any(fold(key.table) in names for key in table.foreign_keys)
        ]

    def refresh(self) -> Failed | None:
        """Fill the stale tables again, and compare them with their SELECT, in the caller's transaction, after the rows
        of other tables were replayed. Returns the error if a row violates the new schema: then the tables are as they
        were before."""
        stale = self.stale()
        children = self._due_children(stale)
        if not stale and not children:
            return None
        begun = time.monotonic()
        try:
            with _savepoint(self.connection):
                for step in stale:
                    fill_again(self.connection, step)
                    derived.content(self.connection, step)
                self._check(children)
        except Failed as error:
            return error
        if stale:
            self.seconds, self.has_refreshed = time.monotonic() - begun, True
        self.seen = self._now()
        return None

    def _check(self, children: Collection[Table]) -> None:
        problems = [problem for table in children for problem in self._dangling(table)]
        if problems:
            raise Failed(problems)

    def _dangling(self, table: Table) -> Iterator[Problem]:
        if not dangles(self.connection, table):
            return
        step = self.plan.step(table.name)
        before = violations(self.connection, "old", step.old.name) if isinstance(step, CarriedStep) else 0
        found = violations(self.connection, "main", table.name)
        if found > before:
            refer = count(found - before, "row", "rows")
            yield Problem(
                Code.ROWS_VIOLATE_SCHEMA,
                f'{refer} of "{table.name}" refer to rows that do not exist, since something was written during the '
                "run",
                "Fix them, and make sure that the application writes no more of them. Then run it again.",
                {"table": table.name, "rows": found - before},
            )


def _children(plan: Plan) -> Iterator[tuple[str, Table]]:
    """The tables with a foreign key of which one side is derived, by their folded names."""
    names = {fold(step.name) for step in plan.derived}
    for table in plan.new.tables if names else ():
        if any(fold(table.name) in names or fold(key.table) in names for key in table.foreign_keys):
            yield fold(table.name), table


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    connection.execute("SAVEPOINT derived")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK TO derived")
        raise
    finally:
        connection.execute("RELEASE derived")
