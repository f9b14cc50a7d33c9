"""Create a database in a temporary folder, with a schema and rows, on which a test runs real syncs."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db.backends.sqlite3._functions import register as register_functions

from .. import databases
from ..diff.hazards import Hazard
from ..engines.sqlite.connection import Opener
from ..schema.document import Document
from ..schema.names import fold
from ..sync import preview
from ..sync.phases.decide import SyncOptions
from ..sync.rollback import RolledBack, rollback
from ..sync.run.progress import Advance
from ..sync.run.report import Report
from ..sync.run.target import Target, target
from ..sync.runner import sync
from .rows import Rows, RowSource, Value, insert, select
from .schema_source import SchemaSource, as_document

KEEP = 100  # archives: a test may look at each


@dataclass
class TemporaryDatabase:
    """A database of a test. `path`: the link that an application opens. `document`: the schema of the last sync;
    `report`: its report. `rolled_back`: the report of the last rollback. `seconds`: the time of each phase of the last
    run."""

    path: Path
    document: Document
    report: Report
    rolled_back: RolledBack | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that is closed at the end of the block. The block is one transaction: committed, or rolled
        back after an error. The connection has the functions that Django and the project register."""
        with closing(_connection(self.path)) as connection, connection:
            yield connection

    def rows(self, table: str) -> list[dict[str, Value]]:
        """Return the present rows of a table or view, as dicts."""
        with self.connect() as connection:
            return select(connection, table)

    def insert(self, rows: RowSource) -> None:
        """Insert rows in one transaction. Their order does not matter to foreign keys. Raises SQLite's error if it
        refuses a row."""
        with self.connect() as connection:
            if callable(rows):
                rows(connection)
            else:
                _insert_checked(connection, rows, self.document)

    def plan(self, to: SchemaSource, *, allow_drop: Iterable[str] = ()) -> preview.Outlook:
        """Return the plan of a sync, with its hazards. Raises Refused for errors that no data could fix."""
        return preview.outlook(self._target(), as_document(to), SyncOptions(allow_drop=frozenset(allow_drop)))

    def sync(
        self,
        to: SchemaSource,
        *,
        allow_drop: Iterable[str] = (),
        block_writers: bool = False,
        rebuild_all: bool = False,
        in_place: bool = False,
    ) -> Report:
        """Sync to a schema, like `manage.py schemasync` with the options of these names. Raises a SchemasyncError."""
        options = SyncOptions(
            allow_drop=frozenset(allow_drop), block_writers=block_writers, rebuild_all=rebuild_all, in_place=in_place
        )
        document = as_document(to)
        with self._measured("sync"):
            self.report = sync(self._target(), document, options)
        self.document = document
        return self.report

    def rollback(self) -> RolledBack:
        """Roll back, like `manage.py schemasync rollback`. Raises Refused if there is nothing to go back to."""
        with self._measured("rollback"):
            done = rollback(self._target(), None, lambda ahead: True)
        assert done is not None, "nobody declined"
        self.rolled_back = done
        return done

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """The hazards of the last sync: all are notes, because the others stop a sync."""
        return self.report.hazards

    @property
    def pause_ms(self) -> int:
        """The milliseconds for which the last sync held the write lock."""
        return self.report.pause_ms

    def _target(self) -> Target:
        return target(self.path, opener=opener(), progress=_Timer(self.seconds), keep=KEEP, actor="tests")

    @contextmanager
    def _measured(self, name: str) -> Iterator[None]:
        self.seconds.clear()
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun


@contextmanager
def temporary_database(at: SchemaSource, rows: RowSource | None = None) -> Iterator[TemporaryDatabase]:
    """Yield a new database with this schema and rows, in a temporary folder that is removed at the end of the block.

    Raises SchemaInvalid, and SQLite's error if it refuses a row."""
    document = as_document(at)
    with tempfile.TemporaryDirectory(prefix="schemasync-testing-") as folder:
        path = Path(folder).resolve() / "db.sqlite3"
        report = sync(target(path, opener=opener(), keep=KEEP, actor="tests"), document)
        database = TemporaryDatabase(path, document, report)
        if rows is not None:
            database.insert(rows)
        yield database


def _insert_checked(connection: sqlite3.Connection, rows: Rows, document: Document) -> None:
    insert(connection, rows)
    for table in document.schema.tables:
        for row in connection.execute("SELECT * FROM pragma_foreign_key_check(?)", (table.name,)):
            child, rowid, parent, _ = row
            if fold(parent) not in document.elsewhere:
                raise sqlite3.IntegrityError(f"the row {rowid} of {child} refers to a row that {parent} does not have")


def _connection(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30)
    opener().register(connection)
    return connection


def opener() -> Opener:
    """Return an opener with the functions of Django and, in a Django project, of the project."""
    return databases.opener() if settings.configured else Opener(register_functions)


class _Timer:
    """A progress that measures the phases of a run."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    @contextmanager
    def phase(self, name: str, unit: str) -> Iterator[Advance]:
        begun = time.monotonic()
        yield _ignored
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begun

    def note(self, text: str) -> None: ...


def _ignored(done: int, total: int) -> None: ...
