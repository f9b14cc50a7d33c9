"""Fills derived and transformed tables again if a table that they are computed from was written since."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ....errors import Failed
from ....plan.model import Derive, FilledStep, Plan
from ....schema.names import fold, quote
from ..connection import Connection, schema_version
from ..objects import OWN_PREFIX
from ..rebuild.derive import fill_again, fill_keys, rows_of
from ..transforms.making import Making, Pace
from ..verify import derived
from . import changelog
from .changelog import LOG, Logged
from .computed_references import check_references, children_of_computed
from .replay import LOWEST

KEYS = f"temp.{OWN_PREFIX}derived_keys"  # written keys of one table


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of the old file with which these tables agree: the last entry of the change log, the schema_version,
    and the highest row id of each table that they are computed from. `seconds`: the time to fill and compare the
    derived tables. `pace`: that of the transforms."""

    bound: int
    version: int
    highest: Mapping[str, int | None]
    seconds: float = 0.0
    pace: Pace | None = None


@dataclass(slots=True)
class Recompute:
    """The derived and transformed tables of a new file, `main`, with the old one attached.

    `making`: the transforms. `logged`: every logged table of the old file. `seen`: None until the tables are filled for
    the first time. `has_refreshed`: True if one was filled again.
    """

    connection: Connection
    plan: Plan
    logged: Sequence[Logged]
    making: Making
    seen: Seen | None = None
    seconds: float = field(init=False, default=0.0)
    has_refreshed: bool = field(init=False, default=False)
    _numbers: dict[str, int] = field(init=False)
    _children: dict[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = {fold(one.table.name): one.number for one in self.logged}
        self._children = dict(children_of_computed(self.connection, self.plan)) if self.plan.filled else {}
        self.seconds = self.seen.seconds if self.seen is not None else 0.0

    def note(self) -> None:
        """Record the state of the old file. Call this in the transaction that has filled all of these tables."""
        if self.plan.filled:
            whole = [step.measured for step in self.plan.derived if not step.selection.key]
            self.seconds = sum(measured.seconds for measured in whole if measured is not None)
            self.seen = self._now()

    def _now(self) -> Seen:
        """The state of the old file, as this transaction sees it."""
        names = self.plan.reads
        ids = {fold(one.table.name): one for one in self.logged if one.is_rowid and fold(one.table.name) in names}
        highest = {name: self._highest(one) for name, one in ids.items()}
        bound, version = changelog.last_entry(self.connection, "old"), schema_version(self.connection, "old")
        return Seen(bound, version, highest, self.seconds, self.making.pace)

    def _highest(self, one: Logged) -> int | None:
        """Return the highest row id: rows that a TEMP trigger has hidden from the log are above the highest id seen
        before."""
        query = f"SELECT max({one.key[0]}) FROM old.{quote(one.table.name)}"
        found = self.connection.execute(query).fetchone()[0]
        return None if found is None else int(found)

    def stale(self) -> tuple[FilledStep, ...]:
        """Return the tables whose result may have changed, in the order in which they are filled."""
        if not self.plan.filled:
            return ()
        assert self.seen is not None
        now = self._now()
        if now.version != self.seen.version:  # VACUUM may have given rows new ids
            return self.plan.filled
        written = self._written(self.seen, now)
        found: list[FilledStep] = []
        for step in self.plan.filled:
            names = {fold(one.name) for one in found}
            after = step.selection.after if isinstance(step, Derive) else frozenset()
            if written & set(map(fold, _reads(step))) or after & names:
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

    def _due_children(self, stale: Collection[FilledStep]) -> list[str]:
        """Return the tables whose references must be checked, because they or the tables that they refer to changed."""
        if self.seen is None or not self._children:
            return []
        changed = {fold(step.name) for step in stale}
        changed |= {self._new_name(name) for name in self._written(self.seen, self._now())}
        return [name for name, parents in self._children.items() if changed & {fold(name), *parents}]

    def _new_name(self, name: str) -> str:
        """Return the folded name that a table of the old file has in the new one."""
        return next((fold(step.name) for step in self.plan.carried if fold(step.old.name) == name), name)

    def refresh(self) -> Failed | None:
        """Fill the stale tables again, and compare them with their SELECT, in the caller's transaction, after the rows
        of other tables were replayed. Return the error if a row violates the new schema: then the tables are as they
        were before."""
        stale = self.stale()
        children = self._due_children(stale)
        if not stale and not children:
            return None
        derived = [step for step in stale if isinstance(step, Derive)]
        begun, whole = time.monotonic(), [step for step in derived if not self._is_by_key(step)]
        try:
            with _savepoint(self.connection):
                for step in derived:
                    self._fill_again(step)
                if len(derived) < len(stale):
                    self._make_again()
                check_references(self.connection, self.plan, children)
        except Failed as error:
            return error
        self.has_refreshed |= bool(stale)
        if whole:
            self.seconds = time.monotonic() - begun
        self.seen = self._now()
        return None

    def takes(self) -> float:
        """Estimate the seconds to fill the stale tables again, except for derived tables that are filled by key."""
        derived = [step for step in self.stale() if isinstance(step, Derive)]
        return (0.0 if all(map(self._is_by_key, derived)) else self.seconds) + self.makes()

    def makes(self) -> float:
        """Estimate the seconds of this time that the transforms take."""
        pace = self.making.pace
        if not self.making.sources or pace is None or self.seen is None:
            return 0.0
        if self.seen.version != schema_version(self.connection, "old"):
            return pace.whole
        numbers = {self._numbers[fold(one.table.name)] for one in self.making.sources}
        return pace.seconds(changelog.count_since(self.connection, self.seen.bound, numbers, "old"))

    def _make_again(self) -> None:
        """Make the rows again whose old rows were written, with the transforms."""
        assert self.seen is not None
        if self.seen.version != schema_version(self.connection, "old"):
            self.making.fill_again()
            return
        written = self._written(self.seen, self._now())
        sources = [one for one in self.making.sources if fold(one.table.name) in written]
        for source in sources:
            self._insert_keys(source.touched, source.table.name)
        self.making.make_again(sources)

    def _is_by_key(self, step: Derive) -> bool:
        """Return True if only the rows of logged keys are filled again: the keys name the same rows as before."""
        assert self.seen is not None
        return bool(step.selection.key) and self.seen.version == schema_version(self.connection, "old")

    def _fill_again(self, step: Derive) -> None:
        if not self._is_by_key(step):
            fill_again(self.connection, step)
            derived.content(self.connection, step)
            return
        with self._keys_of(step) as keys:
            some = fill_keys(self.connection, step, keys)
            derived.content(self.connection, some, rows_of(step, keys))

    @contextmanager
    def _keys_of(self, step: Derive) -> Iterator[str]:
        """Return a query for the keys of the written rows of the table that the SELECT reads."""
        (name,) = step.selection.reads
        slots = ", ".join(self._logged(name).slots)
        self.connection.execute(f"CREATE TABLE {KEYS} ({slots}, PRIMARY KEY ({slots})) WITHOUT ROWID")
        self._insert_keys(KEYS, name)
        yield f"SELECT {slots} FROM {KEYS}"
        self.connection.execute(f"DROP VIEW temp.{quote(name)}")
        self.connection.execute(f"DROP TABLE {KEYS}")

    def _logged(self, name: str) -> Logged:
        return next(one for one in self.logged if one.table.name == name)

    def _insert_keys(self, into: str, name: str) -> None:
        """Insert the keys of the written rows, also of those without a log entry."""
        assert self.seen is not None
        one = self._logged(name)
        slots = ", ".join(one.slots)
        self.connection.execute(
            f"INSERT OR IGNORE INTO {into} SELECT {slots} FROM old.{LOG} WHERE id > ? AND t = ?"
            f" AND {' AND '.join(f'{slot} IS NOT NULL' for slot in one.slots)}",
            (self.seen.bound, one.number),
        )
        if one.is_rowid:
            highest = self.seen.highest.get(fold(name))
            self.connection.execute(
                f"INSERT OR IGNORE INTO {into} SELECT {one.key[0]} FROM old.{quote(name)} WHERE {one.key[0]} > ?",
                (LOWEST if highest is None else highest,),
            )


def _reads(step: FilledStep) -> Sequence[str]:
    return step.selection.reads if isinstance(step, Derive) else step.reads


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
