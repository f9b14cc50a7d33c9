"""Makes copies of a database for others: complete, and without the objects of a run at work."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from urllib.parse import quote as url_quote

from ...schema.names import quote
from .connection import Connection, Opener, copy_into
from .objects import has_temporary
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
            connection.execute("VACUUM")  # the change log may have been large


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
    """Names of the objects whose definition or rows differ between an open database and a file that `store` has
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


def exact_copy(opener: Opener, path: Path, copy: Path) -> None:
    """Write the present content of a database, page for page, to `copy`, which does not exist."""
    opener.copy(path, copy)
    with closing(opener.write(copy)) as connection:
        if has_temporary(connection):
            with transaction(connection):
                remove_temporary(connection)
