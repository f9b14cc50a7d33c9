"""Decides which columns and tables of an earlier schema an archive fills, and refuses what it may not.

The columns that both schemas have keep today's values. What the newer schema dropped comes from the archive, by the
declared primary key, and only if a key names the same row in both files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from ..engines.sqlite import archive, dry_run
from ..engines.sqlite.connection import Connection, Opener
from ..errors import Code, Problem, Refused
from ..history.lineage import Lineage
from ..history.way_back import WayBack
from ..plan.model import (
    Alter,
    CarriedStep,
    ColumnSource,
    Create,
    Derive,
    Drop,
    Keep,
    Origin,
    Plan,
    Rewrite,
    Step,
    Transform,
    rewrite,
)
from ..schema.model import Column, ColumnName, Table
from ..schema.names import fold, spell
from .archive_obstacles import Obstacles, refusal, say

Fills = Mapping[tuple[str, str], str]
"""(folded table, folded column) -> the SQL that `--fill` gives for it."""


@dataclass(frozen=True, slots=True)
class ArchivedColumn:
    """A column that the archive fills: in `rows` of the live table; `new` ones have no row with their key there."""

    table: str
    column: str
    rows: int
    new: int


@dataclass(frozen=True, slots=True)
class ArchivedTable:
    """A table that comes back from the archive, with its rows."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class KeptValues:
    """A column whose live values come from a fill and go back as they are, because the fill kept all `values`."""

    table: str
    column: str
    live: str
    values: int


@dataclass
class ArchiveFeeds:
    """Feeds the plan back from the live schema to that of the archive `name`. `connection`: to the live file, with the
    archive attached. `allowed`: folded names of live tables and columns whose rows and values may be left out."""

    name: str
    way: WayBack
    lineage: Lineage
    live: str
    connection: Connection
    opener: Opener
    fills: Fills
    allowed: frozenset[str]
    columns: list[ArchivedColumn] = field(default_factory=list)
    tables: list[ArchivedTable] = field(default_factory=list)
    kept: list[KeptValues] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._used: set[tuple[str, str]] = set()
        self._obstacles = Obstacles(self.name, self.way, self.connection, self.allowed)

    def feed(self, plan: Plan) -> Plan:
        """The plan in which the archive fills what the live file lacks. Raises Refused with all problems."""
        plan = replace(plan, steps=tuple(map(self._declared, plan.steps)))
        self.problems += dry_run.bad_fills(plan, self.opener)
        self.problems += map(_has_no_effect, sorted(self.fills.keys() - self._used))
        steps = tuple(map(self._step, plan.steps))
        if self.columns or self.tables:
            self.problems += self._obstacles.left_out(plan)
        used = sorted({*(one.table for one in self.columns), *(one.table for one in self.tables)})
        if damage := archive.damage(self.connection, used) if used else []:
            self._refuse(f"{self.name} is damaged: {'; '.join(damage[:3])}", "Restore that file from a backup.")
        if self.problems:
            raise Refused(self.problems)
        return replace(plan, steps=steps, archive=self.name)

    # --- what --fill declares -------------------------------------------------------------------------------

    def _declared(self, step: Step) -> Step:
        if not isinstance(step, CarriedStep) or step.is_virtual:
            return step
        feeds = tuple(self._declared_feed(step, feed) for feed in step.feeds)
        return step if feeds == step.feeds else rewrite(replace(step, feeds=feeds), "--fill was given")

    def _declared_feed(self, step: CarriedStep, feed: ColumnSource) -> ColumnSource:
        sql = self._fill(step.name, feed.column)
        if sql is None or feed.origin is Origin.GENERATED:
            return feed
        self._used.add((fold(step.name), fold(feed.column)))
        return ColumnSource(
            feed.column, Origin.FILLED, feed.source, sql, volatile=dry_run.is_volatile(self.opener, step.old, sql)
        )

    def _fill(self, table: str, column: str) -> str | None:
        return self.fills.get((fold(table), fold(column)))

    # --- one table ------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> Step:
        match step:
            case Create():
                return self._restored(step.new)
            case Keep() | Alter() | Rewrite():
                return step if step.is_virtual else self._carried(step)
            case Derive() | Transform() | Drop():
                return step
            case _:
                assert_never(step)

    def _restored(self, table: Table) -> Step:
        if table.virtual is not None:
            self._refuse(
                f"{table.name} is a virtual table that was dropped since, and its content cannot be brought back",
                self._obstacles.go_back,
                table=table.name,
            )
            return Create(table)
        self.problems += self._obstacles.references(table, [column.name for column in table.columns])
        self.tables.append(ArchivedTable(table.name, archive.count_rows(self.connection, table.name)))
        return archive.whole_table(table)

    def _carried(self, step: CarriedStep) -> CarriedStep:
        expected = self.way.names.get(step.name)
        is_ours = self.way.live.table(step.old.name) is not None
        if is_ours and (expected is None or fold(expected[0]) != fold(step.old.name)):
            self._refuse(
                f"{step.name} holds other rows now than in {self.name}: the newer schema made it anew",
                self._obstacles.go_back,
                table=step.name,
            )
            return step
        feeds = tuple(self._feed(step, feed) for feed in step.feeds)
        if feeds == step.feeds:
            return step
        return rewrite(replace(step, feeds=feeds), f"values come from {self.name}")

    def _feed(self, step: CarriedStep, feed: ColumnSource) -> ColumnSource:
        column = step.new.column(feed.column)
        assert column is not None
        if feed.origin is Origin.GENERATED or (feed.origin is Origin.DEFAULT and column.name == step.new.rowid_column):
            return feed
        source = self.way.source(step.name, feed.column)
        is_declared = self._fill(step.name, feed.column) is not None
        if feed.source is None and source is None:
            return self._archived(step, feed, column)
        if is_declared:
            return feed
        if source is None or feed.source is None or fold(source.column) != fold(feed.source):
            self._refuse(
                f"{step.name}.{feed.column} is used for something else now than in {self.name}",
                say(step.name, feed.column, "VALUE"),
                table=step.name,
                column=feed.column,
            )
        elif source in self.way.computed:
            self._check_computed(step, column, source)
        return feed

    def _check_computed(self, step: CarriedStep, column: Column, source: ColumnName) -> None:
        """Add a problem unless the archive shows that the fill which made the live values kept them: then they go back
        as they are."""
        earlier = self.way.earlier.table(step.name)
        live = self.way.live.table(source.table)
        assert earlier is not None
        assert live is not None
        feed = self._forward(source)
        known = feed is not None and archive.keeps_values(self.connection, earlier, column, live, feed)
        if known:
            self.kept.append(KeptValues(step.name, column.name, f"{source.table}.{source.column}", known))
            return
        self._refuse(
            f"{step.name}.{column.name}: a fill made the values of {source.table}.{source.column}, and its "
            "inverse is not known",
            say(step.name, column.name, spell(source.column)),
            table=step.name,
            column=column.name,
        )

    def _forward(self, source: ColumnName) -> ColumnSource | None:
        """Return the fill that made a live column from rows of the archive; None if it is not known."""
        for step in self.lineage.steps(self.name, self.live):
            if isinstance(step, CarriedStep) and step.name == source.table:
                feed = next(feed for feed in step.feeds if feed.column == source.column)
                return feed if feed.origin is Origin.FILLED and not feed.volatile else None
        return None

    # --- one column that the newer schema dropped -----------------------------------------------------------

    def _archived(self, step: CarriedStep, feed: ColumnSource, column: Column) -> ColumnSource:
        """Return the feed of a column that only the archive has. Rows without a value there get that of --fill, or else
        the default."""
        why = list(self._obstacles.column(step, column))
        if why:
            self.problems += why if feed.origin is not Origin.FILLED else ()
            return feed
        key, counts = self.way.key(step.name), self._obstacles.count(step)
        self.columns.append(ArchivedColumn(step.name, column.name, counts.found, counts.new))
        default = column.default.text if column.default is not None else None
        is_volatile = feed.volatile or (default is not None and dry_run.is_volatile(self.opener, None, default))
        otherwise = feed.fill or default
        sql = archive.value_by_key(step.new, column, key, otherwise)
        # values of the archive were stored in such a column already, so that none is converted
        return ColumnSource(column.name, Origin.FILLED, None, sql, same=otherwise is None, volatile=is_volatile)

    def _refuse(self, message: str, hint: str, **facts: object) -> None:
        self.problems.append(refusal(message, hint, **facts))


def _has_no_effect(where: tuple[str, str]) -> Problem:
    name = ".".join(where)
    message = (
        f"--fill {name} has no effect: the column is generated, or its table comes back from the archive as it was"
    )
    return Problem(Code.BAD_OPTION, message, "Remove it.", {"table": where[0], "column": where[1]})
