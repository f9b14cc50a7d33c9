"""The process of `processes`: it copies and compares the tables, or parts of them, that the parent names.

Messages are pickles on its standard input and output. It ends when the input is closed, with its parent.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ...errors import Problem, SchemasyncError
from ..sqlite.connection import Connection as Source
from ..sqlite.connection import Opener
from ..sqlite.for_postgres.reading import Changes
from . import fence
from .connection import Target
from .copy import copy_table
from .moved import MovedTable, RowIds
from .verify.result import Proof
from .verify.tables import compare_table

if TYPE_CHECKING:
    from .driver import Connection


@dataclass(frozen=True, slots=True)
class Databases:
    """The databases from and to which the rows are copied."""

    path: Path
    target: Target


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a transaction in SQLite, which sees the present state."""


@dataclass(frozen=True, slots=True)
class Part:
    """A table, or some rows of it. `judged`: folded names of the columns in which values may not fit; None for all."""

    table: MovedTable
    judged: frozenset[str] | None = None
    rows: RowIds | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy the part."""

    part: Part


@dataclass(frozen=True, slots=True)
class Compare:
    """Compare the part."""

    part: Part


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is connected, or its transaction has begun."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`rows` more rows are copied or compared."""

    rows: int


@dataclass(frozen=True, slots=True)
class Copied:
    """The part is copied and committed. `changed`: the columns whose values policies changed, as in `Changes`."""

    rows: int
    changed: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Compared:
    """The part is compared."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class Failure:
    """The process ends with this error."""

    error: type[SchemasyncError]
    problems: tuple[Problem, ...]


Done = Copied | Compared
Message = Ready | Progress | Done | Failure
Say = Callable[[Message], None]


def run(reading: IO[bytes], writing: IO[bytes]) -> None:
    """Run the parent's commands until it closes its end."""

    def say(message: Message) -> None:
        pickle.dump(message, writing)
        writing.flush()

    databases: Databases = pickle.load(reading)  # from the parent
    try:
        with databases.target.connection() as target, closing(Opener().read(databases.path)) as source:
            fence.identify(target)
            say(Ready())
            _obey(reading, source, target, say)
    except EOFError:
        return
    except SchemasyncError as error:
        say(Failure(type(error), error.problems))


def _obey(reading: IO[bytes], source: Source, target: Connection, say: Say) -> None:
    while True:
        match pickle.load(reading):  # from the parent; raises EOFError at its end
            case Begin():
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM main.sqlite_schema").fetchone()
                say(Ready())
            case Copy(Part(table, judged, rows)):
                changes, progress = Changes(), _progress(say)
                done = copy_table(source, target, table, changes, judged=judged, part=rows, progress=progress)
                say(Copied(done, frozenset(changes.columns)))
            case Compare(Part(table, judged, rows)):
                say(Compared(compare_table(source, target, table, judged=judged, part=rows, progress=_progress(say))))


def _progress(say: Say) -> Callable[[int], None]:
    """Return a function that takes the number of rows so far, and reports how many are new."""
    reported = 0

    def progress(rows: int) -> None:
        nonlocal reported
        reported, more = rows, rows - reported
        say(Progress(more))

    return progress


def main() -> None:
    """Run with the standard streams; output of other code goes to the standard error."""
    writing = sys.stdout.buffer
    sys.stdout = sys.stderr
    run(sys.stdin.buffer, writing)
