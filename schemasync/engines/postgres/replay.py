"""Replay into PostgreSQL: deletes the rows of logged keys there, and copies them again from the file.

All deletions of a table come before its rows, so that rows can exchange unique values. The tables have no foreign keys
yet: theirs would fire cascades, or refuse a row whose parent comes later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...errors import Code, Failed
from ...schema.model import Table
from ...schema.names import quote
from ...schema.text import count
from ..sqlite.capture.changelog import LOG, Logged
from ..sqlite.connection import Connection as Source
from ..sqlite.for_postgres.reading import Changes, reading, select, sent_columns
from .copy import copy_rows, copy_table, place_of
from .moved import MovedTable
from .types import Bigint, Bytea, Citext, Date, Integer, Smallint, Text, Time, Timestamp, TimestampTz, Uuid, Varchar
from .verify.result import Proof
from .verify.rows import typed_key
from .verify.tables import compare_some, compare_table

if TYPE_CHECKING:
    from .driver import Connection

_KEYS = "schemasync_keys"
MANY = 50_000  # rows of a round that are compared in memory
FEW = 500  # most keys that are written into a statement
# Types on PostgreSQL to which a key's text or number can be cast.
_GIVEN = (Bigint, Integer, Smallint, Text, Varchar, Citext, Uuid, Date, Time, Timestamp, TimestampTz, Bytea)


@dataclass(frozen=True, slots=True)
class FollowedTable:
    """A table of a move, and how its writes are logged."""

    moved: MovedTable
    logged: Logged

    @property
    def has_key(self) -> bool:
        """True if the log identifies rows as PostgreSQL does; otherwise the whole table is copied again after a write
        to it."""
        return bool(self.moved.key)


@dataclass(frozen=True, slots=True)
class LogRange:
    """The entries of the change log after `since`, up to `upto`."""

    since: int
    upto: int

    def of(self, table: FollowedTable) -> str:
        """Return the condition for the log's entries that name a row of this table."""
        named = "".join(f" AND {slot} IS NOT NULL" for slot in table.logged.slots)
        return f"t = {table.logged.number} AND id > {self.since} AND id <= {self.upto}{named}"


def written(source: Source, tables: Sequence[FollowedTable], log: LogRange) -> tuple[FollowedTable, ...]:
    """Return the tables that have entries in the range."""
    query = f"SELECT DISTINCT t FROM main.{LOG} WHERE id > ? AND id <= ?"
    numbers = {number for (number,) in source.execute(query, (log.since, log.upto))}
    return tuple(table for table in tables if table.logged.number in numbers)


@dataclass(slots=True)
class Replayed:
    """The result of a round: the number of copied rows and tables, and with `prove` a comparison of each table."""

    rows: int = 0
    tables: int = 0
    proofs: list[Proof] = field(default_factory=list)


def replay(
    source: Source,
    target: Connection,
    tables: Sequence[FollowedTable],
    log: LogRange,
    changes: Changes,
    *,
    prove: bool = True,
) -> Replayed:
    """Bring the rows of the logged keys to the state that the source's transaction sees, in a transaction of the
    target; with `prove`, compare them."""
    done = Replayed()
    for table in written(source, tables, log):
        if table.has_key:
            _refuse_null_keys(source, table)
        named = _named(source, target, table, log) if table.has_key else None
        done.tables += 1
        done.rows += (rows := _replay(source, target, table, log, changes, named))
        if prove:
            done.proofs.append(_prove(source, target, table, log, named, rows))
    return done


def _may_be_null(table: Table, name: str) -> bool:
    column = table.column(name)
    return not table.without_rowid and column is not None and column.not_null is None and name != table.rowid_column


def _refuse_null_keys(source: Source, table: FollowedTable) -> None:
    """Raise Failed if a row was written whose key has a NULL: SQLite accepts it, and no key finds it again."""
    logged, name = table.logged.table, table.moved.name
    nullable = [column.name for column in table.moved.key if _may_be_null(logged, column.name)]
    if not nullable:
        return
    unset = " OR ".join(f"{quote(column)} IS NULL" for column in nullable)
    rows = source.execute(f"SELECT count(*) FROM main.{quote(logged.name)} WHERE {unset}").fetchone()[0]
    if rows:
        raise Failed.of(
            Code.ROWS_VIOLATE_SCHEMA,
            f"{count(rows, 'row')} of {name}, written during the move, {'has' if rows == 1 else 'have'} NULL in the "
            "primary key, which PostgreSQL refuses",
            "Give the key a value, or delete the row. Then run it again.",
            table=name,
            rows=rows,
        )


def _replay(
    source: Source, target: Connection, table: FollowedTable, log: LogRange, changes: Changes, named: _Named | None
) -> int:
    moved = table.moved
    if named is None:
        target.execute(f"DELETE FROM {quote(moved.target)}".encode())
        return copy_table(source, target, moved, changes)
    target.execute(f"DELETE FROM {quote(moved.target)} WHERE {named.where}".encode(), named.given)
    query = select(moved, sent_columns(source, moved, changes))
    return copy_rows(source, target, f"{query} WHERE {_is_logged(table, log)}", place_of(moved), changes)


def _prove(
    source: Source, target: Connection, table: FollowedTable, log: LogRange, named: _Named | None, rows: int
) -> Proof:
    """Compare the rows of the keys in memory; without keys, or with too many rows, compare the whole table."""
    if named is None or rows > MANY:
        return compare_table(source, target, table.moved)
    here = _is_logged(table, log)
    return compare_some(source, target, table.moved, here, named.where, given_there=named.given)


def _is_logged(table: FollowedTable, log: LogRange) -> str:
    """Return the condition for rows of the source whose key is in the range."""
    logged = f"SELECT {', '.join(table.logged.slots)} FROM main.{LOG} WHERE {log.of(table)}"
    return f"({', '.join(table.logged.key)}) IN ({logged})"


@dataclass(frozen=True, slots=True)
class _Named:
    """The condition for rows on PostgreSQL whose key is in the range. `given`: its parameters."""

    where: str
    given: Sequence[Any] = ()


def _named(source: Source, target: Connection, table: FollowedTable, log: LogRange) -> _Named:
    """Return the condition for the logged keys. A key that does not fit on PostgreSQL has no row there: it becomes
    NULL, which equals no key."""
    moved, key = table.moved, table.moved.key
    slots = ", ".join(f"{slot} AS {quote(column.name)}" for slot, column in zip(_slots_of_key(table), key, strict=True))
    ignored = Changes(refuses=False)
    sent = ", ".join(sent_columns(source, replace(moved, columns=key, rowid=None), ignored))
    query = f"SELECT {sent} FROM (SELECT DISTINCT {slots} FROM main.{LOG} WHERE {log.of(table)})"
    if all(isinstance(column.type, _GIVEN) for column in key):
        with reading(source, ignored):
            few = source.execute(f"{query} LIMIT {FEW + 1}").fetchall()
        if len(few) <= FEW:
            return _by_values(moved, few)
    names = ", ".join(quote(column.name) for column in key)
    target.execute(f"DROP TABLE IF EXISTS pg_temp.{_KEYS}".encode())
    target.execute(f"CREATE TEMP TABLE {_KEYS} AS SELECT {names} FROM {quote(moved.target)} WHERE false".encode())
    copy_rows(source, target, query, f"pg_temp.{_KEYS}", ignored)
    equal = " AND ".join(f"{quote(moved.target)}.{quote(one.name)} = pg_temp.{_KEYS}.{quote(one.name)}" for one in key)
    return _Named(f"EXISTS (SELECT FROM pg_temp.{_KEYS} WHERE {equal})")


def _by_values(moved: MovedTable, keys: Sequence[Sequence[Any]]) -> _Named:
    """Return the condition with the keys as parameters: for few keys this is much faster than a temporary table."""
    if not keys:
        return _Named("false")
    names = ", ".join(quote(column.name) for column in moved.key)
    rows, given = list[str](), list[Any]()
    for values in keys:
        marks, typed = typed_key(moved.key, values)
        rows.append(f"({marks})")
        given += typed
    return _Named(f"({names}) IN (VALUES {', '.join(rows)})", given)


def _slots_of_key(table: FollowedTable) -> tuple[str, ...]:
    """Return the slots of the log in the order of the moved table's key."""
    by_name = dict(zip(table.logged.key, table.logged.slots, strict=True))
    if len(by_name) == 1:
        return tuple(by_name.values())
    return tuple(by_name[quote(column.name)] for column in table.moved.key)
