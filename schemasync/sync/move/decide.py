"""Decides what a move makes on PostgreSQL, and finds all obstacles to it. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...engines.postgres.columns import columns_of
from ...engines.postgres.inspect import as_created
from ...engines.postgres.moved import MovedTable, as_text, moved_tables
from ...engines.postgres.replay import FollowedTable
from ...engines.postgres.run_statement import on_trial
from ...engines.postgres.statements import Ddl, Phase
from ...engines.postgres.types import ByHand, PgColumn
from ...engines.sqlite.capture.changelog import Logged, logged_by_primary_key
from ...engines.sqlite.connection import Connection
from ...engines.sqlite.for_postgres.findings import Finding
from ...engines.sqlite.for_postgres.scan import scan
from ...engines.sqlite.for_postgres.shapes import shapes
from ...engines.sqlite.inspect import inspect
from ...engines.sqlite.table_sizes import count_rows
from ...errors import Code, Problem, Refused
from ...schema.document import Document
from ...schema.model import Schema
from ...schema.names import fold
from ..phases.decide import SyncOptions, is_current
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .goal import Goal

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There

SHOWN = 3  # keys in the message of a finding


@dataclass(frozen=True, slots=True)
class MovePlan:
    """The plan of a move. `schema`: that of the file. `columns`: of each table on PostgreSQL. `tables`: those that are
    copied and followed. `findings`: values that are not copied as they are. `rows`: the number of each table."""

    schema: Schema
    columns: Mapping[str, tuple[PgColumn, ...]]
    tables: tuple[FollowedTable, ...]
    ddl: Ddl
    findings: tuple[Finding, ...]
    rows: Mapping[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The tables on PostgreSQL."""
        return tuple(table.moved.target for table in self.tables)

    @property
    def moved(self) -> tuple[MovedTable, ...]:
        """The tables, as their rows are copied."""
        return tuple(table.moved for table in self.tables)

    @property
    def total(self) -> int:
        """The rows of all tables."""
        return sum(self.rows.values())

    def judged(self, table: str) -> frozenset[str]:
        """The folded names of the table's columns in which the scan found something."""
        return frozenset(fold(column) for one in self.findings if one.table == table for column in one.columns)


def decide(
    target: Target, goal: Goal, document: Document, before: LiveDatabase, there: There | None = None
) -> MovePlan:
    """Return the plan of the move, from the state that the transaction of `before.connection` sees. `there`: PostgreSQL
    without any of the tables, to find the types of definitions by hand; without it, few values in such columns are
    judged. Raises Refused with all obstacles: expressions without a counterpart, and values that no policy covers; or
    if the file does not have the schema of schema.json."""
    from ...engines.postgres.ddl import make_ddl  # it imports sqlglot

    _check_current(document, before)
    schema, on_postgres = before.inspect().schema, document.on_postgres
    columns = _columns(before.connection, schema, goal, document)
    problems: list[Problem] = []
    ddl = Ddl(())
    try:
        ddl = make_ddl(schema, columns, on_postgres, target.opener)
    except Refused as refusal:
        problems += refusal.problems
    tables = moved_tables(schema, columns, on_postgres.on_move)
    if there is not None and not problems:
        tables = _as_defined(there, ddl, tables)
    with target.progress.phase("scan", "tables") as advance:
        findings: list[Finding] = []
        for number, table in enumerate(tables):
            findings += scan(before.connection, table)
            advance(number + 1, len(tables))
    problems += [_problem(one) for one in findings if one.stops]
    if problems:
        raise Refused(problems)
    followed = tuple(FollowedTable(table, log) for table, log in zip(tables, logged(schema), strict=True))
    rows = {table.name: count_rows(before.connection, table.name) for table in tables}
    return MovePlan(schema, columns, followed, ddl, tuple(findings), rows)


def _as_defined(there: There, ddl: Ddl, tables: tuple[MovedTable, ...]) -> tuple[MovedTable, ...]:
    """Return the tables with the types that PostgreSQL makes of definitions by hand, by which values are judged."""
    if not any(isinstance(column.type, ByHand) for table in tables for column in table.columns):
        return tables
    with on_trial(there, ddl.of(Phase.EXTENSION, Phase.TABLE)):
        return as_created(there, tables)


def logged(schema: Schema) -> tuple[Logged, ...]:
    """Return the tables that move, each with the columns by which its writes are logged."""
    return logged_by_primary_key([table for table in schema.tables if table.virtual is None])


def tables_there(connection: Connection, goal: Goal, document: Document) -> tuple[MovedTable, ...]:
    """Return the tables of a move that is done, as its plan had them: they are the same, as nobody can write to the
    file."""
    schema = inspect(connection).schema
    columns = _columns(connection, schema, goal, document)
    return moved_tables(schema, columns, document.on_postgres.on_move)


def _columns(
    connection: Connection, schema: Schema, goal: Goal, document: Document
) -> Mapping[str, tuple[PgColumn, ...]]:
    by_hand = document.on_postgres.columns
    declared = columns_of(schema, goal.fields, by_hand=by_hand)
    decided = {
        fold(table.name): {*goal.fields.get(fold(table.name), {}), *by_hand.get(fold(table.name), {})}
        for table in schema.tables
    }
    by_values = shapes(connection, schema, declared, decided)
    found = columns_of(schema, goal.fields, by_hand=by_hand, shapes=by_values)
    return as_text(found, document.on_postgres.on_move)


def _check_current(document: Document, before: LiveDatabase) -> None:
    if before.newest is None or not before.is_untouched or not is_current(document, SyncOptions(), before):
        raise Refused.of(
            Code.NOT_CURRENT,
            f"{before.path.name} is not what schema.json says, so that PostgreSQL would get another schema",
            "First: manage.py schemasync",
        )


def _problem(finding: Finding) -> Problem:
    columns = ", ".join(finding.columns)
    keys = "; ".join(finding.keys[:SHOWN])
    if finding.policies:
        policies = " or ".join(f'"{one.value}"' for one in finding.policies)
        hint = f'Fix them, or write "on_move": {policies} beside "{columns}" in schema.json.'
    else:
        hint = "Fix them: no policy can."
    return Problem(
        Code.POSTGRES_VALUES,
        f"{finding.table}.{columns}: {finding.refused:,} values do not fit on PostgreSQL ({finding.fault.value}), "
        f"such as in the row {keys}",
        hint,
        dict(finding.as_json()),
    )
