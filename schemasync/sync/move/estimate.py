"""Estimates how long a move takes, by copying and comparing rows of its largest tables, and rolling that back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from ...engines.postgres.inspect import as_created
from ...engines.postgres.moved import MovedTable
from ...engines.postgres.run_statement import on_trial
from ...engines.postgres.sampled_rates import Rate, can_be_sampled, measure
from ...engines.postgres.statements import Phase
from ...engines.sqlite.connection import Connection
from ...schema.names import fold
from .decide import MovePlan

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There

TABLES = 3  # that are measured
# Milliseconds that writers wait: for the last round and two commits, and for each foreign key that is added then.
CUT_OVER, FOREIGN_KEY = 10, 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that a move takes by one process, and milliseconds for which writers wait. `rows`: how many were
    measured, in `tables`."""

    scan: float
    copy: float
    indexes: float
    compare: float
    pause_ms: int
    rows: int
    tables: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """All seconds of the move."""
        return self.scan + self.copy + self.indexes + self.compare


def estimate(source: Connection, there: There, plan: MovePlan, sizes: Mapping[str, int], scan: float) -> Estimate:
    """Estimate a move by a sample of the rows that the source's transaction sees. `sizes`: bytes by folded table, empty
    if SQLite does not report them. `scan`: the seconds that the scan took. PostgreSQL must have none of the tables; the
    sample is rolled back there."""
    rates = _measured(source, there, plan, _largest(plan, sizes))
    sampled = reduce(Rate.plus, (rate.scaled(plan.rows[name]) for name, rate in rates.items()), Rate())
    whole = sampled.plus(sampled.scaled(plan.total - sampled.rows))
    keys = len(list(plan.ddl.of(Phase.FOREIGN_KEY)))
    return Estimate(
        scan,
        whole.copy,
        whole.indexes,
        whole.compare,
        CUT_OVER + FOREIGN_KEY * keys,
        sum(rate.rows for rate in rates.values()),
        tuple(rates),
    )


def _measured(source: Connection, there: There, plan: MovePlan, tables: Sequence[MovedTable]) -> dict[str, Rate]:
    rates = {}
    with on_trial(there, plan.ddl.of(Phase.EXTENSION, Phase.TABLE)):
        for table in as_created(there, tables):
            rates[table.name] = measure(source, there, table, plan.judged(table.name), plan.ddl.statements)
    return rates


def _largest(plan: MovePlan, sizes: Mapping[str, int]) -> list[MovedTable]:
    some = [one for one in plan.moved if plan.rows[one.name] and can_be_sampled(one, plan.rows[one.name])]
    return sorted(some, key=lambda one: (-sizes.get(fold(one.name), 0), -plan.rows[one.name]))[:TABLES]
