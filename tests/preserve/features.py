"""Read tests/preserve/*.yml: features of SQLite, as plain values.

| key | |
|---|---|
| `name` | the feature, as the table of docs/preserved.md names it |
| `needs` | a statement that fails, or gives '0', if this SQLite lacks the feature |
| `sql` | a database that has the feature |
| `each` | statements that run before: the feature is one of the whole file, and is tried once for each |
| `tables` | the tables that are altered and rewritten; without it all ordinary ones that `sql` makes |
| `asks` | statements that have the same results before and after, rows or errors, in copies of both files |
| `rebuilt` | like `asks`, for objects that are rebuilt with other bytes |
| `changed` | `to`: a change of schema.json as a merge patch (RFC 7396); `asks`: statements with their results, rows as
|
| | SQL literals or a part of an error. Without it schema.json has no word for the feature |
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.oracle import cases

from .opened import opened

FOLDER = Path(__file__).parent
KEYS = {"name", "needs", "sql", "each", "tables", "asks", "rebuilt", "changed"}
OF_ANY_FILE = ("",)


@dataclass(frozen=True)
class Feature:
    """A feature: one row of the table."""

    name: str
    sql: str
    asks: tuple[str, ...]
    rebuilt: tuple[str, ...]
    needs: str
    each: tuple[str, ...]
    tables: tuple[str, ...] | None
    change: Mapping[str, Any] | None
    wanted: Mapping[str, Any]

    @property
    def is_of_the_file(self) -> bool:
        return self.each != OF_ANY_FILE

    def is_here(self) -> bool:
        """Return True if this SQLite has the feature."""
        with closing(opened(":memory:")) as connection:
            try:
                found = connection.execute(self.needs).fetchone()
            except sqlite3.Error:
                return False
        return found is None or found[0] != "0"

    def tables_of(self) -> tuple[str, ...]:
        """Return the names of the tables that are altered and rewritten."""
        if self.tables is not None:
            return self.tables
        with closing(opened(":memory:")) as connection:
            connection.executescript(self.sql)
            rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
            return tuple(name for (name,) in rows if not name.startswith("sqlite_"))


@cache
def load() -> tuple[Feature, ...]:
    """Return every feature, in the order of the files and of their entries."""
    texts = (path.read_text("utf-8").replace("LONG", "long" * 50) for path in sorted(FOLDER.glob("*.yml")))
    return tuple(_feature(data) for text in texts for data in cases.parsed(text))


def _feature(data: dict[str, Any]) -> Feature:
    assert data.keys() <= KEYS, f"unknown keys {sorted(data.keys() - KEYS)}"
    changed = data.get("changed", {})
    return Feature(
        name=data["name"],
        sql=data["sql"],
        asks=tuple(data["asks"]),
        rebuilt=tuple(data.get("rebuilt", ())),
        needs=data.get("needs", ""),
        each=tuple(data.get("each", OF_ANY_FILE)),
        tables=tuple(data["tables"]) if "tables" in data else None,
        change=changed.get("to"),
        wanted=changed.get("asks", {}),
    )
