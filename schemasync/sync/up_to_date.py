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
from ..files.layout import Layout
from ..files.lock import is_held
from ..history.row import HistoryRow


def digest(data: bytes, stamp: bytes = b"") -> str:
    """The digest that a run stores: an equal digest means the same bytes of schema.json, read by the same release.

    `stamp`: all other facts that decide whether there is something to do.
    """
    return hashlib.sha256(b"\0".join((__version__.encode(), data, stamp))).hexdigest()


def current(layout: Layout, opener: Opener, data: bytes, stamp: bytes = b"") -> HistoryRow | None:
    """The newest row of the history, if it was made from these bytes and nothing has happened since.

    None if more work is needed to decide: something differs, is left over, or cannot be read.
    """
    live = layout.live()
    if live is None or not live.path.is_file():
        return None
    try:
        with closing(opener.read(live.path)) as connection:
            row = history_table.newest(connection)
            if row is None or row.generation != live.name or row.document != digest(data, stamp):
                return None
            if fence.read_fence(connection) is not None:
                return None
            is_same = row.fingerprint == fingerprint(connection) and not is_littered(layout, connection)
            return row if is_same else None
    except (SchemasyncError, sqlite3.Error, OSError, ValueError):
        return None


def is_littered(layout: Layout, connection: Connection) -> bool:
    """True if a dead run seems to have left something: a file that is not in the history, or a change log.

    Objects of a run at work do not count.
    """
    known = history_table.generations(connection)
    strange = any(g.building or g.name not in known for g in layout.generations())
    return (strange or has_temporary(connection)) and not is_held(layout.lock)
