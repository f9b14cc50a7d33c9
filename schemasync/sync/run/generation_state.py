"""Reads from a file of the generations folder whether it is closed to writers, and whether it is finished."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass

from ...engines.sqlite import fence
from ...engines.sqlite.connection import Opener
from ...engines.sqlite.fence import Fence
from ...errors import Code, SchemasyncError
from ...files.layout import Generation
from .error_translation import translated_errors


@dataclass(frozen=True, slots=True)
class GenerationState:
    """One file: its fence and whether it has a mark, or why it cannot be read.

    A file with a schema that this SQLite cannot parse has both `trouble` and a fence.
    """

    generation: Generation
    fence: Fence | None = None
    marked: bool = False
    trouble: SchemasyncError | None = None

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
            return GenerationState(generation, fence.read_fence(connection), fence.is_marked(connection))
    except SchemasyncError as error:
        return GenerationState(generation, _fence_of_unparsed(opener, generation), trouble=error)


def _fence_of_unparsed(opener: Opener, generation: Generation) -> Fence | None:
    with suppress(SchemasyncError, sqlite3.Error), closing(opener.read_parsed(generation.path)) as connection:
        return fence.read_fence(connection)
    return None
