"""Computes the result of each derived table in a temporary database, and finds its hazards there."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ....diff.hazards import Hazard, HazardCode
from ....plan.model import ColumnSource, Derive, Keep, Measured, Origin, Plan, Rewrite
from ....schema import lexer
from ....schema.model import Column, IndexedColumn, PrimaryKey, Table
from ....schema.names import ROWID_NAMES, fold, quote
from ....schema.text import count
from .. import ddl
from ..connection import Connection, Opener
from ..objects import OWN_PREFIX
from ..rebuild.derive import bare, expected, over_views
from ..selection import temporary_with_old
from ..table_sizes import count_of
from ..time_limit import time_limit
from ..verify import derived
from .dangling import of_key
from .findings import SAMPLES, shown
from .of_rows import of_rows
from .projection import Projection
from .unreadable import Readers

SHARE = 0.5  # of --max-pause; the other half is for the replay of rows

# Views have no index, so a SELECT over them may take much longer. Then the order of fewer scans is reversed.
LEAST_TIME, TIMES = 1.0, 8.0  # seconds, and times the SELECT itself: the comparison takes two or three


@dataclass(frozen=True, slots=True)
class Probed:
    """The plan with the measured results, and the hazards of the derived tables."""

    plan: Plan
    hazards: tuple[Hazard, ...] = ()


def probe_derived(
    path: Path,
    plan: Plan,
    opener: Opener,
    allowed: frozenset[str],
    readers: Readers,
    max_pause: float | None,
    foreign: Iterable[Keep] = (),
) -> Probed:
    """Compute all derived tables from the database at `path`, which the caller has open.

    `allowed`: folded names of tables, and of columns as "table.column", that may lose rows or values. `max_pause`:
    seconds for which writers may wait; None if they wait for the whole run. `foreign`: the steps of foreign tables that
    refer to ours.
    """
    if not plan.derived:
        return Probed(plan)
    found: list[Hazard] = []
    measured: dict[str, Measured] = {}
    with closing(temporary_with_old(opener, path)) as connection:
        connection.execute("BEGIN")
        for number, step in enumerate(plan.derived):
            result = _Result(connection, step, number)
            try:
                measured[step.name] = result.compute()
            except sqlite3.Error as error:
                found.append(_cannot_be_computed(step, error))
                break  # another derived table may read it
            result.index_for(plan)
            found += result.hazards(plan, allowed, readers)
        else:
            found += _references(connection, plan, foreign)
    steps = [replace(s, measured=measured.get(s.name)) if isinstance(s, Derive) else s for s in plan.steps]
    plan = replace(plan, steps=tuple(steps))
    return Probed(plan, (*found, *_pause(plan, max_pause)))


class _Result:
    """The result of one SELECT: `raw` unchanged, and under the name of the table as the table would store it."""

    def __init__(self, connection: Connection, step: Derive, number: int) -> None:
        self.connection, self.step = connection, step
        self.names = [quote(name) for name in step.selection.columns]
        self.raw = Table(f"{OWN_PREFIX}result_{number}", tuple(Column(name) for name in step.selection.columns))

    def compute(self) -> Measured:
        """Fill both tables, and compare the second with a second result. Raises sqlite3.Error."""
        begun = time.monotonic()
        columns, table = ", ".join(self.names), bare(self.step.new)
        self._select(self.raw, self.step.select)
        self.connection.execute(ddl.create_table(table))
        self.connection.execute(
            f"INSERT INTO main.{quote(table.name)} ({columns}) SELECT {columns} FROM main.{quote(self.raw.name)}"
        )
        self.seconds = time.monotonic() - begun
        self.differs = any(derived.difference(self.connection, self.step.new, *expected(self.step)))
        return Measured(count_of(self.connection, f"main.{quote(self.raw.name)}"), time.monotonic() - begun)

    def index_for(self, plan: Plan) -> None:
        """Index the columns that foreign keys refer to: a query looks up each of their rows."""
        name = fold(self.step.name)
        keys = (key for table in plan.new.tables for key in table.foreign_keys if fold(key.table) == name)
        for number, columns in enumerate(sorted({key.references for key in keys if key.references})):
            listed = ", ".join(map(quote, columns))
            self.connection.execute(
                f"CREATE INDEX {quote(f'{self.raw.name}_{number}')} ON {quote(self.step.name)} ({listed})"
            )

    def _select(self, into: Table, select: str) -> None:
        self.connection.execute(ddl.create_table(into))
        self.connection.execute(f"INSERT INTO main.{quote(into.name)} ({', '.join(self.names)}) {select}")

    def hazards(self, plan: Plan, allowed: frozenset[str], readers: Readers) -> Iterator[Hazard]:
        yield from of_rows(self.connection, self._as_rewrite(), plan, allowed, readers, is_computed=True)
        if self.differs or self._depends_on_order():
            yield _unstable(self.step)
        yield from self._lost_rows(allowed)

    def _as_rewrite(self) -> Rewrite:
        """Return a step from the result, treated as an old table, to the new table."""
        new, selected = self.step.new, self.step.selection.columns
        key = new.primary_key
        known = tuple(c.column for c in key.columns if c.column in selected) if key is not None else ()
        shown_by = PrimaryKey(tuple(IndexedColumn(column=name) for name in known)) if known else None
        return Rewrite(replace(self.raw, primary_key=shown_by), new, tuple(_feed(c, selected) for c in new.columns))

    def _depends_on_order(self) -> bool:
        """Return True if the result changes when the rows of each table are read from its end, where the SELECT has no
        ORDER BY."""
        with _reversed(self.connection, self.step) as select:
            try:
                with time_limit(self.connection, max(LEAST_TIME, self.seconds * TIMES)):
                    return self._has_another_result(select)
            except sqlite3.OperationalError:  # it takes too long, or it needs more than a view has, such as row ids
                return self._has_another_result(self.step.select)

    def _has_another_result(self, select: str) -> bool:
        """Compare the result with that of a SELECT, in one statement that only reads: if SQLite interrupts one that
        writes, it rolls the whole transaction back, with the result. https://www.sqlite.org/c3ref/interrupt.html"""
        return any(derived.difference(self.connection, self.raw, self.names, f"({select}\n)"))

    def _lost_rows(self, allowed: Collection[str]) -> Iterator[Hazard]:
        """Yield a hazard for rows of the replaced table that the result does not have."""
        old, new = self.step.replaced, self.step.new
        if old is None:
            return
        names = [quote(name) for name in _identifying(old, new, self.step.selection.columns)]
        listed = ", ".join(names)
        lost = (
            f"(SELECT {listed}, sum(sign) AS lost FROM (SELECT {listed}, 1 AS sign FROM old.{quote(old.name)}"
            f" UNION ALL SELECT {listed}, -1 FROM main.{quote(new.name)})"
            f" GROUP BY {', '.join(f'+{name} COLLATE BINARY' for name in names)} HAVING sum(sign) > 0)"
        )
        rows = int(self.connection.execute(f"SELECT total(lost) FROM {lost}").fetchone()[0])
        if not rows:
            return
        key = " || ', ' || ".join(f"quote({name})" for name in names)
        keys = tuple(str(text) for (text,) in self.connection.execute(f"SELECT {key} FROM {lost} LIMIT {SAMPLES}"))
        message = f'{count(rows, "row")} of "{old.name}" {"is" if rows == 1 else "are"} not in the result of its _from'
        if self.step.may_drop_rows or fold(new.name) in allowed:
            yield Hazard(HazardCode.ROWS_DROPPED, f"{message}{shown(keys)}", "", new.name, "", rows, keys)
            return
        hint = f'If they may go: "may_drop_rows": true beside "select", or once: --allow-drop {shlex.quote(new.name)}'
        yield Hazard(HazardCode.DERIVED_DROPS_ROWS, f"{message}{shown(keys)}", hint, new.name, "", rows, keys)


@contextmanager
def _reversed(connection: Connection, step: Derive) -> Iterator[str]:
    """The SELECT over temporary views of the old tables that give their rows from the end. For derived tables, and if a
    view cannot replace a table, SQLite reverses only scans that no clause orders.
    https://www.sqlite.org/pragma.html#pragma_reverse_unordered_selects"""
    views = step.selection.reads if _may_be_views(step) else ()
    connection.execute("PRAGMA reverse_unordered_selects=ON")
    try:
        for name in views:
            order = ", ".join(f"{column} DESC" for column in _stored_by(connection, name))
            # without a LIMIT, SQLite leaves out the ORDER BY of a subquery
            connection.execute(
                f"CREATE TEMP VIEW {quote(name)} AS SELECT * FROM old.{quote(name)} ORDER BY {order} LIMIT -1"
            )
        yield over_views(step.select) if views else step.select
    finally:
        connection.execute("PRAGMA reverse_unordered_selects=OFF")
        for name in views:
            connection.execute(f"DROP VIEW IF EXISTS temp.{quote(name)}")


def _may_be_views(step: Derive) -> bool:
    """False if a name means an old table and a derived one, or if the SELECT reads row ids, which views do not have."""
    reads_rowids = any(token.word in ROWID_NAMES for token in lexer.tokens(step.select))
    return not reads_rowids and not step.selection.after & set(map(fold, step.selection.reads))


def _stored_by(connection: Connection, table: str) -> list[str]:
    """Return the columns in whose order the old table is stored."""
    rows = connection.execute("SELECT name, pk FROM pragma_table_info(?, 'old') ORDER BY pk", (table,)).fetchall()
    names = {fold(name) for name, _ in rows}
    is_rowid = connection.execute("SELECT NOT wr FROM pragma_table_list(?) WHERE schema = 'old'", (table,)).fetchone()[
        0
    ]
    free = [name for name in ROWID_NAMES if name not in names]
    return free[:1] if is_rowid and free else [quote(name) for name, pk in rows if pk] or [quote(rows[0][0])]


def _feed(column: Column, selected: Collection[str]) -> ColumnSource:
    if column.generated is not None:
        return ColumnSource(column.name, Origin.GENERATED)
    if column.name in selected:
        return ColumnSource(column.name, Origin.CARRIED, column.name)
    return ColumnSource(column.name, Origin.DEFAULT)


def _identifying(old: Table, new: Table, selected: Collection[str]) -> list[str]:
    """Return the columns that match rows of the replaced table with rows of the result: those of the primary key, or
    all common columns if the two have no common primary key."""
    key = new.primary_key
    names = [c.column for c in key.columns if c.column in selected] if key is not None else []
    if names and len(names) == len(key.columns if key else ()) and all(old.column(name or "") for name in names):
        return [name for name in names if name is not None]
    return [name for name in selected if old.column(name) is not None] or [old.columns[0].name]


def _references(connection: Connection, plan: Plan, foreign: Iterable[Keep]) -> Iterator[Hazard]:
    """Yield hazards for rows of other tables that would refer to no row of a derived one."""
    for step in (*plan.carried, *foreign):
        for key in step.new.foreign_keys:
            if isinstance(plan.step(key.table), Derive):
                yield from of_key(connection, step, plan, key, Projection(step))


def _cannot_be_computed(step: Derive, error: sqlite3.Error) -> Hazard:
    message = f'the _from of "{step.name}" cannot be computed: {error}'
    return Hazard(HazardCode.FILL_FAILS, message, "Write it so that it accepts every row, or fix the rows.", step.name)


def _unstable(step: Derive) -> Hazard:
    return Hazard(
        HazardCode.DERIVED_UNSTABLE,
        f'the _from of "{step.name}" has another result when SQLite reads the rows in another order',
        "Give every LIMIT, group_concat and row_number an ORDER BY without ties, use min or max for a column that is "
        "not in GROUP BY, and round sums of reals.",
        step.name,
    )


def _pause(plan: Plan, max_pause: float | None) -> Iterator[Hazard]:
    """Yield how long writers wait if the tables are filled again under the write lock: as a note, or as a hazard if
    that is too long."""
    known = [step.measured.seconds for step in plan.derived if step.measured is not None and not step.selection.key]
    if max_pause is None or not plan.derived or plan.archive:  # rows from an archive do not change
        return
    yield from _by_key(plan)
    if not known:
        return
    seconds, whole = sum(known), [step for step in plan.derived if not step.selection.key]
    names = ", ".join(step.name for step in whole)
    reads = ", ".join(sorted({name for step in whole for name in step.selection.reads}))
    table = whole[0].name if len(whole) == 1 else ""
    message = (
        f"{names}: filled again while writers wait, if they write to {reads or 'what it reads'} during the run; that "
        f"takes about {max(1, round(seconds * 1000)):,} ms"
    )
    if seconds <= max_pause * SHARE:
        yield Hazard(HazardCode.DERIVED_RECOMPUTED, message, table=table)
        return
    needed = round(seconds / SHARE * 1.5 * 1000)
    hint = (
        f"To let writers wait longer: manage.py schemasync --max-pause {needed}\n"
        "To let them wait for the whole run: manage.py schemasync --block-writers"
    )
    allowed = f"{message}, and --max-pause allows {max_pause * 1000:g} ms, half of it for this"
    yield Hazard(HazardCode.DERIVED_TOO_SLOW, allowed, hint, table)


def _by_key(plan: Plan) -> Iterator[Hazard]:
    found = [step for step in plan.derived if step.selection.key]
    if found:
        names, reads = ", ".join(step.name for step in found), ", ".join(sorted({s.selection.reads[0] for s in found}))
        message = f"{names}: if writers write to {reads} during the run, the rows of these keys are filled again"
        yield Hazard(HazardCode.DERIVED_RECOMPUTED, message, table=found[0].name if len(found) == 1 else "")
