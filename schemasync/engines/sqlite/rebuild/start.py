"""Starts a build: a clone or an empty file with the same objects, and the old file attached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ....files.kernel_copy import KernelCopy
from ....schema.names import fold, quote
from ..connection import BUILD_CACHE_KIB, Connection, attach, page_count, page_size
from ..objects import Object, is_internal, is_temporary, shadow_tables

CLONE_PAGES = 4096  # pages in a step: often enough for a smooth progress bar, rarely enough to cost nothing

# Each step ends with a scan of all unwritten pages: with a large cache 300 MB took 1.4 s, with this 0.4.
CLONE_CACHE_KIB = 2 * 1024

Tick = Callable[[int, int], None]
"""Called with (done, total) of the present phase: pages, rows or indexes."""


def _silent(done: int, total: int) -> None: ...


def clone(source: Connection, target: Connection, copying: KernelCopy, tick: Tick = _silent) -> None:
    """Copy the database page by page: by the kernel if that is possible, else by SQLite's backup API.

    The caller holds a read transaction on `source`, so that the copy never restarts, and began it when `copying` had
    noted the end of the log. `target` has not used its empty file yet.
    """
    if not copying.copy(page_count(source), page_size(source), tick):
        target.execute(f"PRAGMA cache_size=-{CLONE_CACHE_KIB}")
        source.backup(target, pages=CLONE_PAGES, progress=lambda _, left, total: tick(total - left, total), sleep=0)
    for pragma in ("main.journal_mode=OFF", "main.synchronous=OFF", f"cache_size=-{BUILD_CACHE_KIB}"):
        target.execute(f"PRAGMA {pragma}").fetchall()


def empty(source: Connection | None, target: Connection) -> None:
    """Give an empty file the properties of the old one and all of its objects, without rows."""
    if source is None:
        return
    like(source, target)
    recreate(target, all_objects(source), shadow_tables(source))


def like(source: Connection, target: Connection) -> None:
    """Give an empty file the properties of the old one."""
    for pragma in ("page_size", "encoding", "auto_vacuum", "application_id", "user_version"):
        value = source.execute(f"PRAGMA {pragma}").fetchone()[0]
        target.execute(f"PRAGMA {pragma} = {quote(value) if isinstance(value, str) else int(value)}")


def all_objects(connection: Connection) -> tuple[Object, ...]:
    """Return every object in an order in which it can be created again, including our history."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL")
    rank = {"table": 0, "index": 1, "view": 2, "trigger": 3}
    found = [Object(*row) for row in rows]
    wanted = (o for o in found if not is_internal(o.name) and not is_temporary(o.name))
    return tuple(sorted(wanted, key=lambda o: rank[o.type]))


def recreate(target: Connection, found: Iterable[Object], shadows: frozenset[str]) -> None:
    """Run the DDL of these objects, except for the shadow tables, which virtual tables create themselves, and their
    indexes."""
    for item in found:
        if item.type == "trigger" or (fold(item.name) not in shadows and fold(item.table) not in shadows):
            target.execute(item.sql)


def attach_old(connection: Connection, path: Path, *, closed: bool = False) -> None:
    """Attach the old file, for reading only, as `old`. A `closed` one, an archive, gets no side files."""
    attach(connection, path, "old", closed=closed)


def carry_numbers(connection: Connection) -> None:
    """Copy the two numbers that SQLite keeps for applications from the attached old file."""
    for pragma in ("application_id", "user_version"):
        value = int(connection.execute(f"PRAGMA old.{pragma}").fetchone()[0])
        connection.execute(f"PRAGMA main.{pragma} = {value}")


def detach_old(connection: Connection) -> None:
    """Detach the old file."""
    connection.execute("DETACH old")
