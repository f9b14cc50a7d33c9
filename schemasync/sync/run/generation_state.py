"""Reads from a file of the generations folder whether it is closed to writers, whether it is finished, and the last row
of its history."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from ...engines.sqlite import fence, history_table
from ...engines.sqlite.connection import Connection, Opener
from ...engines.sqlite.fence import Fence
from ...errors import Code, SchemasyncError
from ...files.layout import Generation
from ...history.row import HistoryRow
from .error_translation import translated_errors


@dataclass(frozen=True, slots=True)
class GenerationState:
    """One file: its fence, whether it has a mark, and the newest row of its history; or why it cannot be read.

    A file with a schema that this SQLite cannot parse has `trouble`, and the other facts, too.
    """

    generation: Generation
    fence: Fence | None = None
    marked: bool = False
    trouble: SchemasyncError | None = None
    newest: HistoryRow | None = None

    @property
    def readable(self) -> bool:
        return self.trouble is None

    @property
    def damaged(self) -> bool:
        """True if the file itself is at fault, not a full disk or a missing permission."""
        codes = {problem.code for problem in self.trouble.problems} if self.trouble is not None else set()
        return bool(codes & {Code.CORRUPT, Code.NOT_A_DATABASE})


def state_of(opener: Opener, generation: Generation) -> GenerationState:
    """Read the state of a file. An unreadable file does not raise an error here."""
    try:
        with translated_errors(generation.path), closing(opener.read(generation.path)) as connection:
            return _state(generation, connection)
    except SchemasyncError as error:
        return _unparsed(opener, generation, error)


def _state(generation: Generation, connection: Connection) -> GenerationState:
    found, newest = fence.read_fence(connection), history_table.newest(connection)
    return GenerationState(generation, found, fence.is_marked(connection), newest=newest)


def _unparsed(opener: Opener, generation: Generation, trouble: SchemasyncError) -> GenerationState:
    with suppress(SchemasyncError, sqlite3.Error), closing(opener.read_parsed(generation.path)) as connection:
        return replace(_state(generation, connection), marked=False, trouble=trouble)
    return GenerationState(generation, trouble=trouble)
