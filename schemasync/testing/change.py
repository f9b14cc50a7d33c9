"""Test a change of a schema as a whole: the sync, its rows, a second sync, the rollback, the time and the writers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from ..diff.changes import Change
from ..diff.hazards import Hazard, HazardCode
from ..errors import SchemasyncError
from ..sync.run.report import Report
from . import load
from .content import Dump, dump
from .database import TemporaryDatabase, temporary_database
from .generated_rows import generate_rows
from .load import Load, Observed, Statements
from .row_comparison import Comparison, compare_expected, compare_rows, describe_dumps
from .rows import Rows, RowSource, Value
from .schema_source import SchemaSource, name_of


class Step(StrEnum):
    """The six requirements of a change, and the hazards that a test expects of it."""

    HAZARDS = "hazards"
    FORWARD = "goes forward"
    ROWS = "keeps rows"
    AGAIN = "is idempotent"
    BACK = "goes back"
    TIME = "in time"
    WRITERS = "writers"


@dataclass(frozen=True, slots=True)
class Failure:
    step: Step
    message: str

    def __str__(self) -> str:
        return f"{self.step}: {self.message}"


@dataclass
class ChangeResult:
    """The observations of `assert_change`.

    `report`: of the sync, None if it was refused as expected. `seconds`: by phase of a run, and of `sync` and
    `rollback` as a whole. `longest_wait_ms`: of a transaction of the writer, from its first attempt to its commit.
    `writes`: how many the writer committed; `written_tables`: the tables in which it wrote a row. `rows_before` and
    `rows_after`: by table. `compared`: how many rows of each old table were compared. `lost`: for each dropped table,
    and each dropped column as `table.column`, how many rows or values it had.
    """

    report: Report | None = None
    hazards: tuple[Hazard, ...] = ()
    changes: tuple[Change, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    pause_ms: int = 0
    longest_wait_ms: float = 0.0
    writes: int = 0
    written_tables: frozenset[str] = frozenset()
    rows_before: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    rows_after: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def assert_change(
    before: SchemaSource,
    after: SchemaSource,
    rows: RowSource | None = None,
    *,
    expect: Rows | None = None,
    expect_hazards: Iterable[str] | None = None,
    allow_drop: Iterable[str] = (),
    within: float | None = None,
    max_wait_ms: float | None = None,
    block_writers: bool = False,
    rebuild_all: bool = False,
) -> ChangeResult:
    """Bring a database with these rows from one schema to the other and back, while another process writes to it.

    Raises one AssertionError that lists all faults: the sync is refused or fails; a row is lost, or a value differs;
    a second sync has something to do; the rollback does not restore the content; the sync takes longer than `within`
    seconds; a write fails, is lost, or waits longer than `max_wait_ms`.

    `rows`: by default three for each table, from `generate_rows`. `expect`: rows of some tables after the sync, with
    the columns to compare, in any order; these tables are not compared with their rows before. `expect_hazards`: the
    codes of all hazards; with one that stops a run, the sync has to be refused, and leave the database as it was. By
    default notes are accepted, and a hazard that stops a run is an error.
    The other arguments are options of the command.
    """
    trial = _Trial(before, after, expect or {}, frozenset(allow_drop), block_writers, rebuild_all)
    with temporary_database(before, generate_rows(before) if rows is None else rows) as database:
        trial.run(database, None if expect_hazards is None else set(map(str, expect_hazards)))
    trial.check_times(within, max_wait_ms)
    if trial.failures:
        lines = "\n".join(f"  {failure}" for failure in trial.failures)
        title = f"The change from {name_of(before, 'one schema')} to {name_of(after, 'the other')} is not sound:"
        raise AssertionError(f"{title}\n{lines}") from trial.cause
    return trial.result


@dataclass
class _Trial:
    before: SchemaSource
    after: SchemaSource
    expect: Rows
    allow_drop: frozenset[str]
    block_writers: bool
    rebuild_all: bool
    result: ChangeResult = field(default_factory=ChangeResult)
    failures: list[Failure] = field(default_factory=list)
    cause: SchemasyncError | None = None

    def run(self, database: TemporaryDatabase, wanted: set[str] | None) -> None:
        with self.errors(Step.FORWARD):
            self.result.hazards = database.plan(self.after, allow_drop=self.allow_drop).hazards
            self.check_hazards(wanted)
            if any(hazard.blocking for hazard in self.result.hazards) and wanted is not None:
                self.refused(database)
            else:
                self.changed(database)

    @contextmanager
    def errors(self, step: Step) -> Iterator[None]:
        """Record a SchemasyncError in the block as a failure of the step."""
        try:
            yield
        except SchemasyncError as error:
            self.cause = self.cause or error
            self.fail(step, *(str(problem) for problem in error.problems))

    def fail(self, step: Step, *messages: object) -> None:
        self.failures += [Failure(step, str(message)) for message in messages]

    def check_hazards(self, wanted: set[str] | None) -> None:
        if wanted is None:
            return
        found = {str(hazard.code) for hazard in self.result.hazards}
        unknown = wanted - set(HazardCode)
        self.fail(Step.HAZARDS, *(f"{code} is no code of a hazard" for code in sorted(unknown)))
        self.fail(Step.HAZARDS, *(f"{code} was expected, and not found" for code in sorted(wanted - found - unknown)))
        for hazard in self.result.hazards:
            if hazard.code not in wanted:
                self.fail(Step.HAZARDS, f"{hazard.code} was not expected: {hazard}")

    def refused(self, database: TemporaryDatabase) -> None:
        """Check that the sync is refused, and changes nothing."""
        before = _dump(database)
        try:
            self.sync(database)
        except SchemasyncError:
            self.fail(Step.FORWARD, *describe_dumps(before, _dump(database)))
        else:
            self.fail(Step.HAZARDS, "the sync was not refused")

    def changed(self, database: TemporaryDatabase) -> None:
        old = database.document
        before = _dump(database)
        self.result.rows_before = _rows(database, before)
        with database.connect() as connection:
            connection.execute(load.CREATE)
        with Load(database.path, Statements(touches=load.touches(old.schema))) as writer:
            self.sync(database)
            writer.wait_for_each(1)
            observed = writer.stop()
            self.check_writes(database, observed)
            after = _dump(database)
            self.result.rows_after = _rows(database, after)
            self.check_rows(
                compare_rows(before, after, old, database.document, self.result.changes, but=[*self.expect])
            )
            self.fail(Step.ROWS, *compare_expected(self.expect, self.found_rows()))
            self.again(database)
            self.back(database, before)

    def found_rows(self) -> dict[str, list[dict[str, Value]]]:
        return {name: self.result.rows_after.get(name, []) for name in self.expect}

    def sync(self, database: TemporaryDatabase) -> None:
        begun = time.monotonic()
        report = database.sync(
            self.after, allow_drop=self.allow_drop, block_writers=self.block_writers, rebuild_all=self.rebuild_all
        )
        self.times = begun, time.monotonic()
        self.result.report, self.result.changes = report, report.changes
        self.result.pause_ms, self.result.seconds = report.pause_ms, dict(database.seconds)

    def check_writes(self, database: TemporaryDatabase, observed: Observed) -> None:
        self.result.writes, self.result.written_tables = len(observed.acknowledged), observed.touched
        self.result.longest_wait_ms = max((one.wait_ms for one in observed.during(*self.times)), default=0.0)
        self.fail(Step.WRITERS, *observed.died, *(f"a write failed: {one.error}" for one in observed.failed[:5]))
        lost = load.missing(database.path, Statements(), observed.acknowledged)
        if lost:
            self.fail(Step.WRITERS, f"{len(lost)} acknowledged writes are lost, such as {', '.join(lost[:5])}")

    def check_rows(self, comparison: Comparison) -> None:
        self.result.compared, self.result.lost = comparison.compared, comparison.lost
        self.fail(Step.ROWS, *comparison.differences)

    def again(self, database: TemporaryDatabase) -> None:
        """Check that a second sync with the same schema.json has nothing to do."""
        with self.errors(Step.AGAIN):
            plan = database.plan(self.after, allow_drop=self.allow_drop).plan
            if plan is not None:
                self.fail(Step.AGAIN, f"a second sync would change {', '.join(map(str, plan.changes))}")
            elif database.sync(self.after, allow_drop=self.allow_drop).result != "current":
                self.fail(Step.AGAIN, "a second sync changed something")

    def back(self, database: TemporaryDatabase, before: Dump) -> None:
        assert self.result.report is not None
        if self.result.report.result == "current":
            return
        with self.errors(Step.BACK):
            database.rollback()
            self.result.seconds |= database.seconds
            self.fail(Step.BACK, *describe_dumps(before, _dump(database)))

    def check_times(self, within: float | None, max_wait_ms: float | None) -> None:
        took = self.result.seconds.get("sync", 0.0)
        if within is not None and took > within:
            self.fail(Step.TIME, f"the sync took {took:.1f} s, and may take {within:g} s")
        if max_wait_ms is not None and self.result.longest_wait_ms > max_wait_ms:
            waited = f"a write waited {self.result.longest_wait_ms:.0f} ms, and may wait {max_wait_ms:g} ms"
            self.fail(Step.WRITERS, f"{waited}; the run kept the write lock for {self.result.pause_ms} ms")


def _dump(database: TemporaryDatabase) -> Dump:
    with database.connect() as connection:
        return dump(connection).without([load.TABLE])


def _rows(database: TemporaryDatabase, content: Dump) -> dict[str, list[dict[str, Value]]]:
    names = [table.name for table in database.document.schema.tables if content.table(table.name) is not None]
    return {name: database.rows(name) for name in names}
