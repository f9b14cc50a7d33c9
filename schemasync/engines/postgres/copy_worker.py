"""The process of `copy_processes`: it copies the tables, or parts of them, that the parent names.

Messages are pickles on its standard input and output. It ends when the input is closed, with its parent.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ...errors import Problem, SchemasyncError
from ..sqlite.connection import Connection as Source
from ..sqlite.connection import Opener
from ..sqlite.for_postgres.reading import ChangedValue, Changes
from .connection import Target
from .copy import RowIds, copy_table
from .moved import MovedTable


@dataclass(frozen=True, slots=True)
class Databases:
    """Where the rows come from, and where they go."""

    path: Path
    target: Target


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a transaction in SQLite, which sees what is there now."""


@dataclass(frozen=True, slots=True)
class Work:
    """A table to copy, or a part of it."""

    table: MovedTable
    judged: frozenset[str] | None = None
    part: RowIds | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """It is connected, or its transaction has begun."""


@dataclass(frozen=True, slots=True)
class Progress:
    """So many rows more are copied."""

    rows: int


@dataclass(frozen=True, slots=True)
class Copied:
    """The work is done, and committed."""

    rows: int


@dataclass(frozen=True, slots=True)
class Failure:
    """The process ends with this error."""

    error: type[SchemasyncError]
    problems: tuple[Problem, ...]


Message = Ready | Progress | ChangedValue | Copied | Failure


def run(reading: IO[bytes], writing: IO[bytes]) -> None:
    """Obey the parent until it closes its end."""

    def say(message: Message) -> None:
        pickle.dump(message, writing)
        writing.flush()

    databases: Databases = pickle.load(reading)  # of the parent
    try:
        with databases.target.connection() as target, closing(Opener().read(databases.path)) as source:
            say(Ready())
            _obey(reading, source, target, say)
    except EOFError:
        return
    except SchemasyncError as error:
        say(Failure(type(error), error.problems))


def _obey(reading: IO[bytes], source: Source, target: Any, say: Any) -> None:
    while True:
        match pickle.load(reading):  # of the parent; raises EOFError at its end
            case Begin():
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM main.sqlite_schema").fetchone()
                say(Ready())
            case Work(table, judged, part):
                say(Copied(_copy(source, target, table, judged, part, say)))


def _copy(
    source: Source, target: Any, table: MovedTable, judged: Collection[str] | None, part: RowIds | None, say: Any
) -> int:
    told = 0

    def progress(rows: int) -> None:
        nonlocal told
        told, more = rows, rows - told
        say(Progress(more))

    changes = Changes(each=say)
    return copy_table(source, target, table, changes, judged=judged, part=part, progress=progress)


def main() -> None:
    """Run with the standard streams; what anything prints goes to the standard error."""
    writing = sys.stdout.buffer
    sys.stdout = sys.stderr
    run(sys.stdin.buffer, writing)
