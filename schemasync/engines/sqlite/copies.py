"""Makes copies of a database for others: complete, and without the objects of a running sync."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from urllib.parse import quote as url_quote

from ...files.scratch import work_folder, work_prefix
from ...history.row import HistoryRow
from ...schema.names import ROWID_NAMES, fold, quote
from . import history_table
from .checkpoint import durably
from .connection import Connection, Opener, copy_into, to_wal
from .objects import has_temporary, has_virtual_tables, is_internal
from .temporary import remove_temporary
from .transactions import transaction


def compact_copy(opener: Opener, path: Path, copy: Path) -> None:
    """Write the present content of a database, without free pages, to the empty file `copy`."""
    with closing(opener.write(path)) as source:
        copy_into(source, copy)
    with closing(opener.build(copy)) as connection:
        if has_temporary(connection):
            with transaction(connection):
                remove_temporary(connection)
            _without_free_pages(connection, copy)  # the change log may have been large


def _without_free_pages(connection: Connection, copy: Path) -> None:
    """Compact an open file. A VACUUM of the file itself would change the row ids of tables without an INTEGER PRIMARY
    KEY and without an index, to which a full-text index may refer; VACUUM INTO keeps all of them."""
    with work_folder(copy.parent, work_prefix(copy, "compact-")) as folder:
        copy_into(connection, folder / "copy.sqlite3")
        load(folder / "copy.sqlite3", connection)


def compacted(opener: Opener, path: Path, copy: Path) -> tuple[str, ...]:
    """Write the content of a file that nobody else uses, without free pages, to `copy`, which does not exist. Return
    the tables whose row ids have changed, if a virtual table may refer to them: SQLite's manual promises no row ids."""
    with closing(opener.write(path)) as source:
        copy_into(source, copy)
        if not has_virtual_tables(source):
            return ()
        with closing(opener.read(copy)) as target:
            return tuple(name for name in _with_row_ids(source) if _row_ids(source, name) != _row_ids(target, name))


def _with_row_ids(connection: Connection) -> list[str]:
    query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr ORDER BY name"
    return [name for (name,) in connection.execute(query) if not is_internal(name)]


def _row_ids(connection: Connection, table: str) -> tuple[object, ...]:
    """Return figures that differ if the row ids of two tables differ; empty if columns hide all names of the row id,
    because then nothing can refer to it."""
    columns = {fold(name) for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))}
    names = [name for name in ROWID_NAMES if name not in columns]
    if not names:
        return ()
    query = f"SELECT count(*), min({names[0]}), max({names[0]}), total({names[0]} % 1000003) FROM main.{quote(table)}"
    return tuple(connection.execute(query).fetchone())


def store(connection: Connection, copy: Path) -> None:
    """Write the present content of an open database to the empty file `copy`, which then has no log."""
    with closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
        target.execute("PRAGMA journal_mode=DELETE").fetchone()


def load(copy: Path, connection: Connection) -> None:
    """Replace the content of an open database by that of a file that `store` has written. Raises sqlite3.Error if the
    file is damaged."""
    with closing(_opened(copy)) as source:
        source.backup(connection)


def differing_tables(connection: Connection, copy: Path, without: Collection[str]) -> list[str]:
    """Return the names of objects whose definition or rows differ between an open database and a file that `store` has
    written. `without`: tables that may differ."""
    with closing(_opened(copy)) as other:
        found = set(_definitions(connection)) ^ set(_definitions(other))
        names = {name for name, _ in found}
        for name, sql in _definitions(connection):
            if name not in names and name not in without and sql is not None and sql.startswith("CREATE TABLE"):
                query = f"SELECT * FROM main.{quote(name)}"
                if Counter(connection.execute(query)) != Counter(other.execute(query)):
                    names.add(name)
    return sorted(names)


def _definitions(connection: Connection) -> list[tuple[str, str | None]]:
    return connection.execute("SELECT name, sql FROM main.sqlite_schema").fetchall()


def _opened(copy: Path) -> Connection:
    connection = sqlite3.connect(f"file:{url_quote(str(copy))}?mode=ro&immutable=1", uri=True)
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


def plain_copy(opener: Opener, path: Path, copy: Path) -> None:
    """Write the present content of a database to `copy`, which does not exist, as one file without a log."""
    exact_copy(opener, path, copy)
    with closing(opener.write(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()


def live_copy(opener: Opener, path: Path, copy: Path) -> HistoryRow | None:
    """Write the present content of a live file, page for page, to `copy`, which does not exist, as another live file;
    return the newest row of its history. The copy has no log, and is not synced."""
    opener.copy(path, copy, is_synced=False)
    with closing(opener.write(copy)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        if has_temporary(connection):
            with durably(connection):
                remove_temporary(connection)
        to_wal(connection)
        return history_table.newest(connection)


def exact_copy(opener: Opener, path: Path, copy: Path) -> None:
    """Write the present content of a database, page for page, to `copy`, which does not exist."""
    opener.copy(path, copy)
    with closing(opener.write(copy)) as connection:
        if has_temporary(connection):
            with transaction(connection):
                remove_temporary(connection)
