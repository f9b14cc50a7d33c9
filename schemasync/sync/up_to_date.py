"""Checks with one small read whether the live file was made from exactly these bytes of schema.json.

Most runs, and each start of a server, find nothing to do: they read a file and a row, and parse nothing.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

from .. import __version__
from ..engines.sqlite import fence, history_table
from ..engines.sqlite.connection import Connection, Opener
from ..engines.sqlite.objects import fingerprint, has_temporary
from ..errors import SchemasyncError
from ..files.layout import Layout, PathKind
from ..files.lock import is_held
from ..history.row import HistoryRow


def digest(data: bytes, beside: bytes = b"") -> str:
    """What is kept of a schema.json beside what it made: the same again means the same bytes, read by this release.

    `beside`: whatever else decides whether there is something to do.
    """
    return hashlib.sha256(b"\0".join((__version__.encode(), data, beside))).hexdigest()


def current(layout: Layout, opener: Opener, data: bytes, beside: bytes = b"") -> HistoryRow | None:
    """The newest row of the history, where these bytes are what it was made from and nothing has happened since.

    None where it takes more than a look to tell: something differs, is left over, or cannot be read.
    """
    live = layout.live()
    if live is None or layout.at() is not PathKind.GENERATION:
        return None
    try:
        with closing(opener.read(live.path)) as connection:
            row = history_table.newest(connection)
            if row is None or row.generation != live.name or row.document != digest(data, beside):
                return None
            if fence.read_fence(connection) is not None:
                return None
            is_same = row.fingerprint == fingerprint(connection) and not is_littered(layout, connection)
            return row if is_same else None
    except (SchemasyncError, sqlite3.Error, OSError, ValueError):
        return None


def is_littered(layout: Layout, connection: Connection) -> bool:
    """True where a dead run seems to have left something: a file that the history does not know, or a change log.

    What a run that is at work has put there is no litter.
    """
    known = history_table.generations(connection)
    strange = any(g.building or g.name not in known for g in layout.generations())
    return (strange or has_temporary(connection)) and not is_held(layout.lock)
