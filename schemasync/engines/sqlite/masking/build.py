"""Builds the copy: a new file, into which rows go through functions that mask them. No value of a masked column is ever
written to it, even for a moment, so no free page or journal has one either."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from ....errors import Code, Failed, Problem, Refused
from ....history.row import HistoryRow
from ....masking.masker import Masker, MaskKind
from ....masking.permutation import Permutation
from ....masking.rules import Rules
from ....schema.model import ColumnName, Schema, Table
from ....schema.names import fold, quote
from .. import history_table
from ..autoincrement import has_counters
from ..connection import Connection, Opener
from ..inspect import Inspection
from ..objects import Object, is_temporary, is_virtual, schema_text
from ..rebuild.start import attach_old, like
from ..rebuild.unchanged import copy_shadow
from ..transactions import transaction
from . import columns, virtual
from .columns import Masking
from .elsewhere import found_elsewhere
from .fill import Column, Filling, functions, unfit
from .traits import traits_of
from .triggers import undecided
from .verify import verify
from .virtual import Content, Virtual

Tick = Callable[[int, int], None]
"""Called with (done, total) rows."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions on all tables of the live file, with their rules."""

    inspection: Inspection
    rules: Rules
    masking: Masking
    virtual: Sequence[Virtual]

    @property
    def schema(self) -> Schema:
        return self.inspection.schema

    @property
    def tables(self) -> list[Table]:
        """The ordinary tables whose rows are copied."""
        return [t for t in self.schema.tables if t.virtual is None and fold(t.name) not in self.masking.empty]


def decide(connection: Connection, found: Inspection, rules: Rules) -> Decided:
    """Decide about all tables. Raises Refused with every rule that cannot be followed, and every table for which the
    rules are incomplete."""
    masking = columns.decide(found.schema, rules, virtual.columns_of(connection, found.schema))
    tables, problems = virtual.decide(found.schema, found.shadows, rules, masking)
    problems += undecided(connection, found.schema, tables, rules, masking)
    if problems:
        raise Refused(problems)
    return Decided(found, rules, masking, tables)


@dataclass(frozen=True, slots=True)
class Source:
    """The live file: its path, and a connection that reads it."""

    opener: Opener
    live: Connection
    path: Path


def masked_copy(
    source: Source, copy: Path, decided: Decided, key: bytes, history: Sequence[HistoryRow], tick: Tick
) -> tuple[ColumnName, ...]:
    """Write the copy to an empty file, and compare it with the live one. Return the columns of the copy that have
    values which masked columns had. Raises Failed."""
    with ExitStack() as stack:
        connection = stack.enter_context(closing(source.opener.build(copy)))
        like(source.live, connection)  # before the other file is attached, which must have the same encoding
        attach_old(connection, source.path)
        stack.enter_context(transaction(connection, "DEFERRED"))  # the only one: it holds one snapshot of the old file
        if schema_text(connection, "old") != schema_text(source.live):
            raise Failed.of(
                Code.CHANGED_DURING_RUN, f"the schema of {source.path.name} changed during the run", "Run it again."
            )
        maskers = functions(_maskers(stack, source.opener, decided, Permutation(key)))
        for column in maskers.values():
            column.register(connection)
        _Build(connection, decided, maskers, tick).run(history)
        return tuple(found_elsewhere(connection, decided.tables, maskers, decided.rules))


def _maskers(stack: ExitStack, opener: Opener, decided: Decided, permutation: Permutation) -> dict[ColumnName, Masker]:
    """Return a masker for each column; columns that are masked alike share one."""
    found, of_groups = dict[ColumnName, Masker](), dict[tuple[columns.Group, MaskKind], Masker]()
    for one in decided.masking.columns:
        same = one.group, one.kind
        if same not in of_groups:
            traits = traits_of(stack, opener, decided.schema, one.group)
            of_groups[same] = Masker(one.kind, permutation, traits)
        found[one.name] = of_groups[same]
    for table in decided.virtual:
        if table.content is Content.MASKED:
            kinds = {name: kind for name, kind in table.kinds.items() if kind is not MaskKind.KEEP}
            found |= {ColumnName(table.name, name): Masker(kind, permutation) for name, kind in kinds.items()}
    return found


@dataclass(frozen=True, slots=True)
class _Build:
    """The steps of one build, in the transaction of the caller."""

    connection: Connection
    decided: Decided
    maskers: Mapping[tuple[str, str], Column]
    tick: Tick

    def run(self, history: Sequence[HistoryRow]) -> None:
        """Run all steps. Raises Failed with all problems."""
        connection = self.connection
        connection.execute("PRAGMA ignore_check_constraints=ON")  # all violations are counted afterwards
        self._create(self._tables)
        total = sum(self._rows(table.name) for table in self.decided.tables)
        filling = Filling(connection, self.maskers, lambda rows: self.tick(rows, total))
        for table in self.decided.tables:
            filling.table(table)
        self._fill_virtual(filling)
        problems = [*filling.failures(), *self._index()]
        if problems:
            raise Failed(problems)
        self._create(self._of_type("view"))
        virtual.rebuild(connection, self.decided.virtual)
        self._create(self._of_type("trigger"))  # last, so that none of them fires
        self._carry(history)
        connection.execute("PRAGMA ignore_check_constraints=OFF")
        verify(connection, self.decided.tables, self.maskers, self.decided.masking.empty)

    # --- objects ----------------------------------------------------------------------------------------------

    @property
    def _tables(self) -> list[Object]:
        """Ordinary tables first: an FTS4 table takes its columns from that of its content."""
        shadows = self.decided.inspection.shadows
        found = [one for one in self._of_type("table") if fold(one.name) not in shadows]
        return sorted(found, key=is_virtual)

    def _of_type(self, kind: str) -> list[Object]:
        """Return the objects of this type, except parts of virtual tables, which their modules create and which have no
        triggers."""
        shadows = frozenset[str]() if kind == "trigger" else self.decided.inspection.shadows
        return [one for one in self.decided.inspection.objects if one.type == kind and fold(one.table) not in shadows]

    def _create(self, found: Iterable[Object]) -> None:
        for one in found:
            self.connection.execute(one.sql)

    def _index(self) -> Iterator[Problem]:
        for one in self._of_type("index"):
            try:
                self.connection.execute(one.sql)
            except sqlite3.IntegrityError as error:
                yield unfit(one.table, error)

    # --- rows -------------------------------------------------------------------------------------------------

    def _rows(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM old.{quote(table)}").fetchone()[0])

    def _fill_virtual(self, filling: Filling) -> None:
        for one in self.decided.virtual:
            if one.content is Content.MASKED:
                filling.virtual(one.name)
            elif one.content is Content.COPIED:
                for shadow in one.shadows:
                    copy_shadow(self.connection, shadow, shadow)
        if self.decided.virtual:
            virtual.write_pending(self.connection)
            # a module caches the content of its tables
            self.connection.execute("PRAGMA writable_schema=RESET").fetchall()

    def _carry(self, history: Sequence[HistoryRow]) -> None:
        """Copy counters, statistics and the history."""
        connection = self.connection
        if history:
            history_table.replace(connection, history)
        if has_counters(connection, "main") and has_counters(connection, "old"):
            rows = connection.execute("SELECT name, seq FROM old.sqlite_sequence ORDER BY rowid").fetchall()
            connection.execute("DELETE FROM main.sqlite_sequence")
            kept = [(name, seq) for name, seq in rows if not is_temporary(str(name))]
            connection.executemany("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", kept)
        if self._has_statistics():
            connection.execute("ANALYZE main")  # samples of statistics are values of rows

    def _has_statistics(self) -> bool:
        query = "SELECT 1 FROM old.sqlite_schema WHERE name = 'sqlite_stat1'"
        return self.connection.execute(query).fetchone() is not None
