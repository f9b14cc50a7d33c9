"""Makes a copy of a schema in memory, without rows and with the statistics of the file: everything that a plan depends
on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from ..connection import Connection, Opener
from ..objects import TEMPORARY

_STATISTICS = ("sqlite_stat1", "sqlite_stat4")
_RELOAD = "ANALYZE sqlite_schema"  # it also makes the tables of statistics, and reads no other table


@contextmanager
def scratch(opener: Opener, live: Connection) -> Iterator[Connection]:
    """Return a database in memory in which SQLite plans statements as in the live file. It has no triggers: their
    statements are not part of a plan."""
    with closing(opener.memory()) as memory:
        rows = live.execute(
            f"SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND type <> 'trigger' AND NOT {TEMPORARY}"
            " AND NOT (name >= 'sqlite_' AND name < 'sqlite`') ORDER BY type = 'view', type = 'index', rowid"
        )
        for (sql,) in rows.fetchall():
            with suppress(sqlite3.Error):  # a shadow table, which exists already, or an unknown function
                memory.execute(sql)
        _copy_statistics(live, memory)
        yield memory


def _copy_statistics(live: Connection, memory: Connection) -> None:
    there = {name for (name,) in live.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")}
    if not there.intersection(_STATISTICS):
        return
    memory.execute(_RELOAD)
    for name in _STATISTICS:
        if name in there:
            rows = live.execute(f"SELECT * FROM main.{name}").fetchall()
            with suppress(sqlite3.Error):  # this SQLite does not know sqlite_stat4
                memory.executemany(
                    f"INSERT INTO main.{name} VALUES ({', '.join('?' * len(rows[0]))})" if rows else "", rows
                )
    memory.execute(_RELOAD)
