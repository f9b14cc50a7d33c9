"""Opens the live database: its file, its history, its schema, and our objects in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...diff.hint_keys import table_drop
from ...engines.sqlite import history_table
from ...engines.sqlite.connection import Connection, Opener, data_version
from ...engines.sqlite.inspect import Inspection, inspect
from ...engines.sqlite.objects import Object, fingerprint, has_table_of_its_own, objects
from ...errors import Code, NeedsPerson, Refused
from ...files.layout import Generation, Inode, Layout, PathKind
from ...history.in_place import restored_in_place
from ...history.row import HistoryRow
from ...history.rows import Stamp, hints_of, schema_of
from ...schema.document import Document
from ...schema.model import Hints, Schema, Table
from ...schema.names import fold
from ...schema.subset import differing, ours
from .live_file import open_live

NOBODY = Stamp("", "")  # for a row that is only shown, never written

Elsewhere = Collection[str]
"""Folded names of tables that something other than schema.json makes."""


@dataclass(frozen=True, slots=True)
class LiveDatabase:
    """An open database: `connection` is for reading only; `generation` is None for a plain file.

    `is_recorded`: the history in the file ends with the live generation. It is False after a backup was restored into
    the live file; the last of `rows` is then the one that recovery will write.
    """

    connection: Connection
    path: Path
    generation: Generation | None
    rows: tuple[HistoryRow, ...]
    fingerprint: str
    data_version: int = 0
    inode: Inode | None = None
    is_recorded: bool = True
    _inspections: dict[str, Inspection] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def newest(self) -> HistoryRow | None:
        """The last row of the history, which records the last swap, alteration or restore."""
        return self.rows[-1] if self.rows else None

    @property
    def is_untouched(self) -> bool:
        """True if the schema is as the last row of the history records it."""
        return self.newest is not None and self.newest.fingerprint == self.fingerprint

    @property
    def built_by(self) -> str:
        """The version of SQLite that built the live file, '' if that is unknown."""
        return self.newest.sqlite_version if self.newest is not None else ""

    @property
    def is_of_another_sqlite(self) -> bool:
        """True unless the live file was built by the SQLite version of this process: another one may compute
        expressions differently."""
        return self.built_by != sqlite3.sqlite_version

    def has_changed(self) -> bool:
        """True if somebody has committed since this was opened."""
        return data_version(self.connection) != self.data_version

    def inspect(self) -> Inspection:
        """The present schema, which is read again only if it has changed. Raises Refused for objects that cannot be
        read."""
        known = self._inspections.get(fingerprint(self.connection))
        if known is None:
            known = inspect(self.connection)
            self._inspections[known.fingerprint] = known
        return known

    def ours(self, inspection: Inspection, document: Document, elsewhere: Elsewhere = ()) -> Schema:
        """The part that schema.json or the newest history row names. `elsewhere`: folded names of tables that something
        else makes, whatever the history says."""
        return ours(inspection.schema, self._names(inspection, document, elsewhere))

    def foreign(self, inspection: Inspection, document: Document, elsewhere: Elsewhere = ()) -> tuple[Object, ...]:
        """The objects that neither schema.json nor the newest history row names."""
        return inspection.foreign(self._names(inspection, document, elsewhere).object_names(), elsewhere)

    def drift(self, inspection: Inspection, elsewhere: Elsewhere = ()) -> frozenset[str]:
        """Names of our tables and views that differ from the history: changed by hand."""
        if self.newest is None or self.is_untouched:
            return frozenset()
        recorded = without(schema_of(self.newest), elsewhere)
        return frozenset(differing(recorded, ours(inspection.schema, recorded)))

    def _names(self, inspection: Inspection, document: Document, elsewhere: Elsewhere) -> Schema:
        new = document.schema
        recorded = without(schema_of(self.newest), elsewhere) if self.newest is not None else Schema()
        known = recorded.tables + new.tables
        claimed = _claimed(inspection.schema, document.hints, {fold(table.name) for table in known})
        named = {fold(table.name) for table in (*known, *claimed)}
        dropped = [inspection.schema.table(name) for name in self.to_drop(document) if fold(name) not in named]
        tables = (*known, *claimed, *(table for table in dropped if table is not None))
        return Schema(tables, recorded.views + new.views)

    def to_drop(self, document: Document) -> tuple[str, ...]:
        """Return the names in the `_dropped` of schema.json whose tables are there, and which have not acted before."""
        acted = hints_of(self.newest)
        names = [name for name in document.hints.dropped_tables if table_drop(name) not in acted]
        return tuple(name for name in names if has_table_of_its_own(self.connection, name))


def _claimed(there: Schema, hints: Hints, known: Collection[str]) -> tuple[Table, ...]:
    """Return the tables made by hand that schema.json has as the earlier name of a table that does not exist yet: they
    become that table, with their rows."""
    claimed = []
    for name, earlier in hints.tables_were.items():
        if there.table(name) is None:
            claimed += [table for old in earlier if (table := there.table(old)) is not None][:1]
    return tuple(table for table in claimed if fold(table.name) not in known)


def without(schema: Schema, tables: Elsewhere) -> Schema:
    """The schema without these tables."""
    return replace(schema, tables=tuple(table for table in schema.tables if fold(table.name) not in tables))


def no_history(layout: Layout) -> Refused:
    """Error for commands that need a history when there is none."""
    return Refused.of(
        Code.NO_HISTORY,
        f"{layout.link} has no history",
        "It begins with a first sync: manage.py schemasync\nor, for an existing database: manage.py schemasync adopt",
    )


@contextmanager
def read(
    layout: Layout, opener: Opener, *, whole: bool = True, parsed: bool = False, overwritten: bool = False
) -> Iterator[LiveDatabase | None]:
    """Open the file at the link for reading; None without one. Raises Refused or NeedsPerson.

    `whole`: with the whole history, which may be large; otherwise with its newest row alone. `parsed`: accept a schema
    that this SQLite cannot parse, and read only the part that it can. `overwritten`: accept a generation without a
    history, into which somebody copied another file.
    """
    file = open_live(layout, opener, parsed=parsed)
    if file is None:
        yield None
        return
    connection, generation = file.connection, file.generation
    try:
        seen, rows = data_version(connection), _rows(connection, whole=whole)
        if generation is not None and not rows and not overwritten:
            raise _without_history(layout, generation, is_empty=not objects(connection))
        is_recorded = generation is None or not rows or rows[-1].generation == generation.name
        if generation is not None and not is_recorded:
            rows = (*rows, restored_in_place(rows, generation.name, NOBODY))
        rows = rows if whole else rows[-1:]
        yield LiveDatabase(
            connection, file.path, generation, rows, fingerprint(connection), seen, file.inode, is_recorded
        )
    finally:
        connection.close()


def is_overwritten(layout: Layout, opener: Opener) -> bool:
    """True if the live generation has no history and holds something: somebody copied another file into it."""
    if layout.path_kind() is not PathKind.GENERATION:
        return False
    with read(layout, opener, whole=False, overwritten=True) as now:
        return now is not None and now.newest is None and bool(objects(now.connection))


def _rows(connection: Connection, *, whole: bool) -> tuple[HistoryRow, ...]:
    if whole:
        return history_table.read(connection)
    newest = history_table.newest(connection)
    return () if newest is None else (newest,)


def _without_history(layout: Layout, generation: Generation, *, is_empty: bool) -> NeedsPerson:
    """Return the error for a live generation without a history. Each has one from its first moment: this one was
    emptied, or a file without a history was copied into it through the link."""
    others = ", ".join(g.path.name for g in layout.generations() if g != generation) or "none"
    back = "To go back to another backup or to an archive, see docs/howto/restore.md of schemasync."
    what = "is empty" if is_empty else "schemasync did not make what it holds"
    go_on = "If it is a backup that was copied through the link, to go on with it: manage.py schemasync adopt"
    return NeedsPerson.of(
        Code.NO_HISTORY,
        f"{generation.path} is live, but has no history: {what}; beside it: {others}",
        f"Stop the application first.\n{back}" if is_empty else f"{go_on}\n{back}",
        found=others,
    )
