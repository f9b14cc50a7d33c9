"""Read the measurements of the backend: the last hour, day and month, and the time of statements by table."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from .. import conf
from ..engines.sqlite import metrics_file
from ..engines.sqlite.statement_tables import about
from ..errors import ProblemJson
from ..metrics.summary import Period, Summary, summary
from ..metrics.totals import Spent
from .database import Database


class PeriodJson(TypedDict):
    """The figures of a period up to now. Times are in milliseconds; a value without measurements is 0."""

    seconds: int
    """The time that the figures cover."""
    commits: int
    """Transactions that wrote, and statements that wrote outside of one."""
    commits_per_second: float
    most_commits_per_second: float
    """In the busiest interval: a minute of the hour, fifteen minutes of the day, four hours of the month."""
    write_ms: float
    """The average time that a write spends in the database: the wait for the write lock, its statements, the commit."""
    slowest_write_ms: float
    waits: int
    """Transactions that did not get the write lock within a millisecond."""
    wait_ms: float
    longest_wait_ms: float
    held: float
    """The share of the time in which a connection held the write lock: 0 to 1."""
    longest_held_ms: float
    writers: float
    """The average number of writers that work or wait at the same time."""
    most_writers: float
    """The same average in the busiest interval."""
    busy: int
    """Statements that failed because the database was locked."""
    busy_rate: float
    """The share of writes that failed for this reason: 0 to 1."""
    idle: int
    """Transactions that took the write lock and wrote nothing."""
    rollbacks: int
    reads: int
    """SELECTs, estimated from a sample."""
    read_ms: float
    """The average time of a read until its first row."""
    file_bytes: int
    log_bytes: int
    """The largest measured size of the write-ahead log."""


class TableJson(TypedDict):
    """The time of statements on a table in the last seven days. A statement counts for the table that it writes to, or
    else for each table that it reads."""

    table: str
    reads: int
    read_seconds: float
    writes: int
    write_seconds: float
    slowest_ms: float


class MetricsJson(TypedDict):
    """The output of `manage.py schemasync metrics --json`."""

    result: Literal["measured", "nothing"]
    """`nothing`: there are no figures, or none from the last month."""
    measures: bool
    """False if the setting METRICS is off."""
    hour: PeriodJson
    day: PeriodJson
    month: PeriodJson
    tables: list[TableJson]
    """The table with the most time first."""
    errors: list[ProblemJson]


@dataclass(slots=True)
class Table:
    """The statements about a table."""

    name: str
    reads: Spent = field(default_factory=Spent)
    writes: Spent = field(default_factory=Spent)

    @property
    def seconds(self) -> float:
        return self.reads.seconds + self.writes.seconds


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements of a database."""

    hour: Summary
    day: Summary
    month: Summary
    tables: tuple[Table, ...]

    @property
    def has_figures(self) -> bool:
        return bool(self.month.bins)


def metrics(database: Database) -> Measured:
    """Return the measurements of all periods and tables. Raises a SchemasyncError."""
    hour, day, month = (of_period(database, period) for period in Period)
    return Measured(hour, day, month, tables(database))


def of_period(database: Database, period: Period) -> Summary:
    """Return the figures of one period."""
    now = time.time()
    path = database.target().layout.metrics
    bins = metrics_file.bins(path, period.width, now - period.seconds)
    return summary(period, bins, now, metrics_file.begun(path))


def tables(database: Database) -> tuple[Table, ...]:
    """Return the statements by table, the table with the most time first. Statements that no longer compile are left
    out."""
    target = database.target()
    spent = metrics_file.statements(target.layout.metrics)
    if not spent:
        return ()
    found: dict[str, Table] = {}
    for sql, what in about(target.opener, target.layout.link, spent).items():
        for name in what.tables:
            table = found.setdefault(name, Table(name))
            (table.writes if what.is_write else table.reads).add(spent[sql])
    return tuple(sorted(found.values(), key=lambda table: -table.seconds))


def as_json(found: Measured) -> MetricsJson:
    """The JSON object."""
    return {
        "result": "measured" if found.has_figures else "nothing",
        "measures": conf.measures(),
        "hour": period_json(found.hour),
        "day": period_json(found.day),
        "month": period_json(found.month),
        "tables": [
            {
                "table": one.name,
                "reads": one.reads.count,
                "read_seconds": round(one.reads.seconds, 6),
                "writes": one.writes.count,
                "write_seconds": round(one.writes.seconds, 6),
                "slowest_ms": _ms(max(one.reads.slowest, one.writes.slowest)),
            }
            for one in found.tables
        ],
        "errors": [],
    }


def period_json(found: Summary) -> PeriodJson:
    """The figures of a period as a JSON object."""
    totals = found.totals
    return {
        "seconds": found.seconds,
        "commits": totals.commits,
        "commits_per_second": round(found.commits_per_second, 3),
        "most_commits_per_second": round(found.most_commits_per_second, 3),
        "write_ms": _ms(found.write_seconds),
        "slowest_write_ms": _ms(totals.slowest_write),
        "waits": totals.waits,
        "wait_ms": _ms(found.wait_seconds),
        "longest_wait_ms": _ms(totals.longest_wait),
        "held": round(found.held, 5),
        "longest_held_ms": _ms(totals.longest_held),
        "writers": round(found.writers, 3),
        "most_writers": round(found.most_writers, 3),
        "busy": totals.busy,
        "busy_rate": round(found.busy_rate, 5),
        "idle": totals.idle,
        "rollbacks": totals.rollbacks,
        "reads": totals.reads,
        "read_ms": _ms(found.read_seconds),
        "file_bytes": totals.file_bytes,
        "log_bytes": totals.log_bytes,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
