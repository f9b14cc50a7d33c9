"""The file beside the generations in which all processes add up their measurements.

It is a SQLite database of bounded size. Nobody waits for it: a process that does not get its lock at once keeps its
measurements, and adds them a minute later. A killed process leaves it intact, without its last measurements. It is
never synced, so a power cut may damage it; then it is removed and begun again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote as url_quote

from ...errors import SchemasyncError
from ...files.temporary import create_like, remove_all
from ...metrics.totals import HIGHEST, KEPT, NAMES, Bin, Spent, Totals, together
from .connection import Connection, Opener, side_files
from .sqlite_errors import is_busy, is_damage

VERSION = 2  # version of its tables; a file of another version is begun again
MOST_PAGES = 1024  # 4 MB, which is never reached: 558 stretches of time and 2,100 statements
DAY = 86_400
_ALWAYS = 0  # the width of the row that adds up everything
DAYS, STATEMENTS = 7, 300  # limits for statements: days, and texts a day

_FIRST = f"""
PRAGMA journal_mode=WAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS bins (
  width INTEGER, start INTEGER, {", ".join(NAMES)}, PRIMARY KEY (width, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS statements (
  day INTEGER, sql TEXT, count, seconds, slowest, PRIMARY KEY (day, sql)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (id INTEGER PRIMARY KEY, at);
PRAGMA user_version={VERSION};
COMMIT;
"""
_ADD_BIN = f"""
INSERT INTO bins (width, start, {", ".join(NAMES)}) VALUES ({", ".join("?" * (len(NAMES) + 2))})
ON CONFLICT DO UPDATE SET
  {", ".join(f"{x} = max({x}, excluded.{x})" if x in HIGHEST else f"{x} = {x} + excluded.{x}" for x in NAMES)}
"""
_ADD_STATEMENT = """
INSERT INTO statements VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  count = count + excluded.count, seconds = seconds + excluded.seconds, slowest = max(slowest, excluded.slowest)
"""
_LEAVE_OUT = """
DELETE FROM statements WHERE day = ?1 AND sql NOT IN
  (SELECT sql FROM statements WHERE day = ?1 ORDER BY seconds DESC LIMIT ?2)
"""


def add(path: Path, like: Path, bins: Mapping[int, Totals], statements: Mapping[str, Spent]) -> bool:
    """Add measurements, by the beginning of each minute. `like`: the live file, whose mode and owner a new file gets.

    Return False if another process is adding at this moment: try again later. Measurements that cannot be written for
    another reason, as on a full disk, are dropped.
    """
    try:
        if not path.exists():
            create_like(path, like.stat())
        with closing(_open(path)) as connection:
            _add(connection, bins, statements)
    except FileExistsError:  # another process has just created it
        return False
    except OSError:
        return True
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            remove_all((path, *side_files(path)))
        return not is_busy(error)
    return True


def _open(path: Path) -> Connection:
    connection = sqlite3.connect(
        f"file:{url_quote(str(path.absolute()))}?mode=rw", uri=True, isolation_level=None, timeout=0
    )
    try:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(f"PRAGMA max_page_count={MOST_PAGES}")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise _of_another_version()
        if version == 0:
            connection.executescript(_FIRST)
    except BaseException:
        connection.close()
        raise
    return connection


def _of_another_version() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("a file of another version")
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error


def _add(connection: Connection, bins: Mapping[int, Totals], statements: Mapping[str, Spent]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    now = int(time.time())
    day = now // DAY
    for width, kept in KEPT.items():
        for start, totals in bins.items():
            values = [getattr(totals, name) for name in NAMES]
            connection.execute(_ADD_BIN, (width, start // width * width, *values))
        connection.execute("DELETE FROM bins WHERE width = ? AND start < ?", (width, now - kept * width))
    connection.execute("INSERT OR IGNORE INTO begun VALUES (1, ?)", (min(bins),))
    values = [getattr(together(bins.values()), name) for name in NAMES]
    connection.execute(_ADD_BIN, (_ALWAYS, 0, *values))
    rows = [(day, sql, one.count, one.seconds, one.slowest) for sql, one in statements.items()]
    connection.executemany(_ADD_STATEMENT, rows)
    connection.execute("DELETE FROM statements WHERE day <= ?", (day - DAYS,))
    connection.execute(_LEAVE_OUT, (day, STATEMENTS))
    connection.execute("COMMIT")


def bins(path: Path, width: int, since: float) -> tuple[Bin, ...]:
    """Return the totals of each period of this width that had not ended by `since`, the earliest first. Periods without
    measurements are missing."""
    wanted = f"SELECT start, {', '.join(NAMES)} FROM bins WHERE width = ? AND start > ? ORDER BY start"
    rows = _read(path, wanted, (width, since - width))
    return tuple(Bin(start, width, Totals(*values)) for start, *values in rows)


def begun(path: Path) -> int:
    """Return the time of the first measurement, in seconds since 1970; 0 without figures."""
    rows = _read(path, "SELECT at FROM begun")
    return rows[0][0] if rows else 0


def since_the_begin(path: Path) -> Totals:
    """Return the totals since the file was begun, for counters that only grow."""
    rows = _read(path, f"SELECT {', '.join(NAMES)} FROM bins WHERE width = ?", (_ALWAYS,))
    return Totals(*rows[0]) if rows else Totals()


def statements(path: Path) -> dict[str, Spent]:
    """Return the time that statements took in the last days, by their text; under the empty text those beyond the
    limit."""
    rows = _read(path, "SELECT sql, sum(count), sum(seconds), max(slowest) FROM statements GROUP BY sql")
    return {sql: Spent(*values) for sql, *values in rows}


def _read(path: Path, sql: str, values: tuple[float, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a query; none without a file, or from one that is new, damaged or of another version."""
    if not path.exists():
        return []
    try:
        with closing(Opener().read(path)) as connection:
            return connection.execute(sql, values).fetchall()
    except (SchemasyncError, sqlite3.Error):
        return []
