"""Whether a file is whole, as SQLite's own checks have it: every page is read."""

from __future__ import annotations

from .connection import Connection


def faults(connection: Connection) -> list[str]:
    """What integrity_check and foreign_key_check find; empty for a whole file.

    https://www.sqlite.org/pragma.html#pragma_integrity_check
    """
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    dangling = connection.execute('SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY 1').fetchall()
    return found + [f"{table}: {count} rows refer to rows that are not there" for table, count in dangling]
