"""Fills the tables of all transforms of a plan, makes parts of them again, and compares them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from ....errors import Code, Failed
from ....plan.model import Plan
from ....schema.model import Table
from ....schema.names import fold, quote
from .. import ddl
from ..connection import BUILD_CACHE_KIB, Connection
from .batch import Batch, unstable
from .sources import BATCH, Source
from .targets import SCRATCH, Target, slots, targets_of

MANY, LONG = 200, 0.05  # limits for measuring the pace: old rows whose rows are made again, and seconds

Tick = Callable[[int], None]
"""Called with the number of old rows read so far."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The seconds to make and compare the rows of one old `row`, and of the `whole`: the latter is a limit, because
    several rows of one group may be made again together."""

    row: float
    whole: float

    def seconds(self, rows: int) -> float:
        return min(rows * self.row, self.whole)


@dataclass(slots=True)
class Making:
    """The transforms of a plan over a new file, `main`, with the old one attached as `old`.

    `pace`: None until it is measured.
    """

    connection: Connection
    sources: tuple[Source, ...]
    targets: dict[str, Target]
    pace: Pace | None = None
    rows: dict[str, int] = field(default_factory=dict)

    def prepare(self, scratch: str = "") -> None:
        """Create the temporary tables of this connection, outside of a transaction. `scratch`: the file of the scratch
        database, which another connection uses later; '' for one that only this connection sees."""
        if not self.sources:
            return
        self.connection.execute(f"ATTACH ? AS {SCRATCH}", (scratch,))
        # no crash has to be survived; without a sync SQLite makes no journal over both files
        self.connection.execute(f"PRAGMA {SCRATCH}.synchronous=OFF")
        self.connection.execute(f"PRAGMA {SCRATCH}.cache_size=-{BUILD_CACHE_KIB}")
        for source in self.sources:
            source.prepare(self.connection)
        for target in self.targets.values():
            target.prepare(self.connection)

    def make_maps(self) -> None:
        """Create the tables that record which old row made which new ones, in the scratch database."""
        for target in self.targets.values():
            target.make_map(self.connection)
        for source in self.sources:
            source.make_groups(self.connection)

    def old_rows(self) -> int:
        """Return how many old rows all transforms read."""
        return sum(self._count(f"old.{quote(source.table.name)}") for source in self.sources)

    def make_unique(self, plan: Plan) -> None:
        """Create the unique indexes of the empty tables, so that a row that violates one is named."""
        for step in plan.transformed:
            for index in step.new.indexes:
                if index.unique:
                    self.connection.execute(ddl.create_index(step.new, index))

    # --- all rows -------------------------------------------------------------------------------------------

    def fill(self, tick: Tick = lambda rows: None) -> None:
        """Fill the empty tables. Raises Failed, which names the row that failed."""
        begun, done = time.monotonic(), 0
        for source in self.sources:
            if source.is_grouped:
                source.find_groups(self.connection)
                source.index_groups(self.connection)
        for source in self.sources:
            done = self._run(source, Batch(self.connection, source), tick, done)
        for target in self.targets.values():
            target.index_map(self.connection)
            self.rows[target.name] = self._count(target.new)
        seconds = 2 * (time.monotonic() - begun)
        self.pace = Pace(seconds / max(done, 1), seconds)

    def fill_again(self) -> None:
        """Replace all rows, because the keys of the old ones may have changed."""
        for name in [*(one.new for one in self.targets.values()), *(one.made for one in self.targets.values())]:
            self.connection.execute(f"DELETE FROM {name}")
        for source in self.sources:
            if source.is_grouped:
                self.connection.execute(f"DELETE FROM {source.groups}")
                source.find_groups(self.connection)
        for source in self.sources:
            self._run(source, Batch(self.connection, source))
        self.compare()

    def compare(self, tick: Tick = lambda rows: None) -> None:
        """Run every transform again, and compare its rows with those of the tables. Raises Failed if they differ."""
        done = 0
        for source in self.sources:
            batch = Batch(self.connection, source, compares=True)
            done = self._run(source, batch, tick, done)
            self._compare_numbers(source, batch.pairs)
        for target in self.targets.values():
            made = f"(SELECT DISTINCT {', '.join(target.keys)} FROM {target.made})"
            if self._count(target.new) != self._count(made):
                raise Failed.of(
                    Code.VERIFY_DIFFERS,
                    f'"{target.name}" has other rows than its transforms made',
                    "The live file is unchanged. Please report it.",
                    table=target.name,
                )

    # --- some rows --------------------------------------------------------------------------------------------

    def make_again(self, sources: Collection[Source]) -> None:
        """Make the rows of the touched old rows again, from their present values, in the caller's transaction. Raises
        Failed."""
        begun = time.monotonic()
        rows = sum(self._count(source.touched) for source in sources)
        for source in sources:
            if source.is_grouped:
                source.regroup(self.connection)
        for source in sources:
            self._take_back(source)
        for source in sources:
            self._run(source, Batch(self.connection, source), some=True)
        for source in sources:
            batch = Batch(self.connection, source, compares=True)
            self._run(source, batch, some=True)
            self._compare_numbers(source, batch.pairs, some=True)
            source.forget(self.connection)
        seconds = time.monotonic() - begun
        if self.pace is not None and rows and (rows >= MANY or seconds > LONG):
            self.pace = Pace(seconds / rows, max(self.pace.whole, seconds))

    def _take_back(self, source: Source) -> None:
        """Delete the rows that were made only by the units to make again. A row that another unit made, too, stays."""
        for target in source.targets.values():
            keys, table = ", ".join(target.keys), target.new
            theirs = self._of_units(source, target)
            self.connection.execute(f"INSERT INTO {target.gone} SELECT {keys} FROM {target.made} WHERE {theirs}")
            self.connection.execute(f"DELETE FROM {target.made} WHERE {theirs}")
            name = quote(target.name)
            same = " AND ".join(f"m.{slot} = {name}.{key}" for slot, key in zip(target.keys, target.key, strict=True))
            self.connection.execute(
                f"DELETE FROM {table} WHERE ({', '.join(target.key)}) IN (SELECT {keys} FROM {target.gone})"
                f" AND NOT EXISTS (SELECT 1 FROM {target.made} AS m WHERE {same})"
            )
            self.connection.execute(f"DELETE FROM {target.gone}")

    def _of_units(self, source: Source, target: Target) -> str:
        units = ", ".join(target.units[: source.width])
        return f"f = {source.number} AND ({units}) IN (SELECT {source.unit_slots} FROM {source.units})"

    # --- both -------------------------------------------------------------------------------------------------

    def _run(
        self, source: Source, batch: Batch, tick: Tick = lambda rows: None, done: int = 0, *, some: bool = False
    ) -> int:
        for unit, given in source.given(self.connection, some=some):
            batch.call(unit, given)
            done += len(given) if isinstance(given, list) else 1
            if batch.waiting >= BATCH:
                batch.flush()
                tick(done)
        batch.flush()
        tick(done)
        return done

    def _compare_numbers(self, source: Source, pairs: int, *, some: bool = False) -> None:
        """Compare numbers: every pair of a unit and a row was found, so there must be as many records of pairs."""
        there = 0
        for target in source.targets.values():
            which = self._of_units(source, target) if some else f"f = {source.number}"
            there += self._count(f"{target.made} WHERE {which}")
        if there != pairs:
            raise unstable(source, next(iter(source.targets.values())))

    def _count(self, what: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def making(connection: Connection, plan: Plan, pace: Pace | None = None) -> Making:
    """The transforms of a plan; none if it has none."""
    tables = _old_tables(plan)
    widths = [_width(one.kind == "shared", tables[one.name]) for one in plan.transforms]
    targets = targets_of(plan.transformed, max(widths, default=1))
    sources = tuple(
        Source(number, one, tables[one.name], {fold(name): targets[fold(name)] for name in one.into})
        for number, one in enumerate(plan.transforms)
    )
    return Making(connection, sources, targets, pace)


def _old_tables(plan: Plan) -> dict[str, Table]:
    """Return the tables that the transforms read, by their names."""
    pairs: Iterable[tuple[str, Table]] = (
        (one.name, table) for step in plan.transformed for one, table in zip(step.functions, step.sources, strict=True)
    )
    return dict(pairs)


def _width(is_grouped: bool, table: Table) -> int:
    key = table.primary_key
    return 1 if is_grouped or not table.without_rowid or key is None else len(slots("k", len(key.columns)))
