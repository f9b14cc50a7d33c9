"""Reads an archive that is attached as `archive`: its values for rows of the live file, and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...plan.model import ColumnSource, Derive, Selection
from ...schema.model import Column, Table
from ...schema.names import fold, quote
from .autoincrement import has_counters
from .connection import ARCHIVE, Connection
from .hazards.findings import SAMPLES
from .mapping import stored
from .verify.integrity_check import damage_of_table

Pairs = Sequence[tuple[str, str]]
"""(column of the archive, column of the live table) of a primary key."""

_VALUE = '"_schemasync_value"'


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """The rows of a live table: how many have a row with their key in the archive, with some of these keys, and how
    many have none."""

    found: int
    new: int
    keys: tuple[str, ...]


def value_by_key(table: Table, column: Column, key: Pairs, otherwise: str | None) -> str:
    """SQL over a row of the live table: the value of the archive's row with the same key, or `otherwise` without one;
    None for NULL, which needs only one look at the archive.

    The names of the archive are hidden by aliases, so that the live columns need no name of a table before them.
    """
    source = f"(SELECT {_aliases(key)}, {quote(column.name)} AS {_VALUE} FROM {ARCHIVE}.{quote(table.name)})"
    terms = _on_key(key)
    value = f"(SELECT {_VALUE} FROM {source} WHERE {terms})"
    if otherwise is None:
        return value
    return f"CASE WHEN EXISTS (SELECT 1 FROM {source} WHERE {terms}) THEN {value} ELSE ({otherwise}) END"


def _aliases(key: Pairs) -> str:
    return ", ".join(f'{quote(there)} AS "_schemasync_k{number}"' for number, (there, _) in enumerate(key))


def _on_key(key: Pairs) -> str:
    return " AND ".join(f'"_schemasync_k{number}" = {quote(here)}' for number, (_, here) in enumerate(key))


def whole_table(table: Table) -> Derive:
    """The step that fills a table from the archive's table of that name."""
    names = tuple(column.name for column in table.columns if column.generated is None)
    select = f"SELECT {', '.join(map(quote, names))} FROM {ARCHIVE}.{quote(table.name)}"
    return Derive(table, select, Selection(names, ()))


def count_by_key(connection: Connection, table: Table, live: str, key: Pairs) -> KeyCounts:
    """Look up each key of the live table in the archive's table."""
    there = f"EXISTS (SELECT 1 FROM (SELECT {_aliases(key)} FROM {ARCHIVE}.{quote(table.name)}) WHERE {_on_key(key)})"
    found, rows = connection.execute(f"SELECT total({there}), count(*) FROM main.{quote(live)}").fetchone()
    shown = " || ', ' || ".join(f"quote({quote(here)})" for _, here in key)
    keys = connection.execute(f"SELECT {shown} FROM main.{quote(live)} WHERE {there} LIMIT {SAMPLES}")
    return KeyCounts(int(found), int(rows) - int(found), tuple(str(text) for (text,) in keys))


def count_rows(connection: Connection, table: str) -> int:
    """The rows of the archive's table."""
    return int(connection.execute(f"SELECT count(*) FROM {ARCHIVE}.{quote(table)}").fetchone()[0])


def keeps_values(connection: Connection, earlier: Table, column: Column, live: Table, feed: ColumnSource) -> int | None:
    """How many values of the archive a fill kept, so that the live values can be carried back as they are. None if it
    changed one; zeros, empty texts and NULL prove nothing and are not counted."""
    now = live.column(feed.column)
    assert now is not None
    there, before = f"{ARCHIVE}.{quote(earlier.name)}", quote(column.name)
    filled = f"SELECT {before} AS a, ({feed.fill}) AS f FROM {there} WHERE {before} IS NOT NULL"
    kept = f"SELECT a, {stored('f', now, live)} AS s FROM ({filled})"
    back = f"SELECT a, {stored('s', column, earlier)} AS b FROM ({kept})"
    is_same = "+a COLLATE BINARY IS +b COLLATE BINARY AND typeof(a) = typeof(b)"
    changed, same = connection.execute(
        f"SELECT total(NOT ({is_same})), total(({is_same}) AND a NOT IN (0, '', x'')) FROM ({back})"
    ).fetchone()
    return None if changed else int(same)


def counter_was_lowered(connection: Connection, table: str, live: str, attached: str = ARCHIVE) -> bool:
    """True if the live table's AUTOINCREMENT counter is below that of the `attached` archive: somebody set it back."""
    if not has_counters(connection, attached) or not has_counters(connection, "main"):
        return False
    before, now = _counter(connection, attached, table), _counter(connection, "main", live)
    return before is not None and (now is None or now < before)


def _counter(connection: Connection, schema: str, table: str) -> int | None:
    rows = connection.execute(f"SELECT name, max(CAST(seq AS INTEGER)) FROM {schema}.sqlite_sequence GROUP BY name")
    return next((seq for name, seq in rows if fold(str(name)) == fold(table)), None)


def damage(connection: Connection, tables: Sequence[str]) -> list[str]:
    """Return the messages of integrity_check about the pages and indexes of these tables of the archive."""
    return [line for name in tables for line in damage_of_table(connection, ARCHIVE, name)]
