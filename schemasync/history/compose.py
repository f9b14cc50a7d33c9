"""Compose successive syncs of one table into one step: the values of each column if nobody wrote to it in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ..plan.model import CarriedStep, ColumnSource, Keep, Origin
from ..schema import lexer
from ..schema.affinity import affinity
from ..schema.lexer import Token, TokenKind
from ..schema.model import Column, Table
from ..schema.names import ROWID_NAMES, fold, quote

_NAMES = (TokenKind.WORD, TokenKind.QUOTED)


def not_known(column: str) -> ColumnSource:
    """Return the source of a column whose expected values are unknown: it is not compared."""
    return ColumnSource(column, Origin.DEFAULT, volatile=True)


def composed(first: CarriedStep, second: CarriedStep) -> Keep:
    """Return the step from the old table of `first` to the new one of `second`, which begins where `first` ends."""
    return Keep(first.old, second.new, tuple(_feed(first, second, feed) for feed in second.feeds))


def _feed(first: CarriedStep, second: CarriedStep, feed: ColumnSource) -> ColumnSource:
    if feed.volatile:
        return not_known(feed.column)
    match feed.origin:
        case Origin.GENERATED:
            return ColumnSource(feed.column, Origin.GENERATED)
        case Origin.DEFAULT:
            return _default(second, feed)
        case Origin.FILLED:
            return _filled(first, second, feed)
        case Origin.CARRIED:
            return _carried(first, second, feed)


def _default(second: CarriedStep, feed: ColumnSource) -> ColumnSource:
    """Return the default that the column had when it was added, as a fill: a later sync may have changed it."""
    if feed.column == second.new.rowid_column:
        return feed  # SQLite assigns the value
    column = second.new.column(feed.column)
    default = column.default if column is not None else None
    return ColumnSource(feed.column, Origin.FILLED, fill=default.text if default is not None else "NULL")


def _carried(first: CarriedStep, second: CarriedStep, feed: ColumnSource) -> ColumnSource:
    before = _source(first, feed.source)
    if before is None or before.volatile or before.origin is Origin.GENERATED:
        return not_known(feed.column)
    if before.origin is Origin.DEFAULT:
        return before if feed.column == second.new.rowid_column == before.column else not_known(feed.column)
    if _is_unchanged(before):
        return replace(feed, source=before.source)
    return replace(before, column=feed.column) if feed.same and _stores_alike(second, feed) else not_known(feed.column)


def _stores_alike(step: CarriedStep, feed: ColumnSource) -> bool:
    """True if both columns convert every value in the same way, so that the first conversion is not needed."""
    old, new = step.old.column(feed.source or ""), step.new.column(feed.column)
    assert old is not None
    assert new is not None
    return affinity(old, step.old.strict) is affinity(new, step.new.strict)


def _filled(first: CarriedStep, second: CarriedStep, feed: ColumnSource) -> ColumnSource:
    """Return the fill as an expression over the first table, whose columns get the names that the fill uses. A fill
    that reads changed columns is not composed."""
    parts = lexer.tokens(feed.fill or "")
    sources = {name: _unchanged(first, name) for name in _columns(second.old, parts)}
    if _reads_more(second.old, parts) or None in sources.values():
        return not_known(feed.column)
    before = _source(first, feed.source)
    source = before.source if before is not None else None
    if not sources:
        return ColumnSource(feed.column, Origin.FILLED, source, feed.fill)
    columns = ", ".join(f"{quote(old or '')} AS {quote(name)}" for name, old in sources.items())
    sql = f"SELECT ({feed.fill}) FROM (SELECT {columns}) AS {quote(second.old.name)}"
    return ColumnSource(feed.column, Origin.FILLED, source, sql)


def _columns(table: Table, parts: Sequence[Token]) -> list[str]:
    """Return the columns of the table that the tokens name, or may name."""
    named = {fold(token.value) for token in parts if token.kind in _NAMES}
    return [column.name for column in table.columns if fold(column.name) in named]


def _reads_more(table: Table, parts: Sequence[Token]) -> bool:
    """True for a fill that reads other tables or the row id."""
    words = {fold(token.value) for token in parts if token.kind in _NAMES}
    taken = {fold(column.name) for column in table.columns}
    reads_table = any(a.word == "in" and b.text != "(" for a, b in pairwise(parts))
    return reads_table or "select" in words or any(name in words - taken for name in ROWID_NAMES)


def _unchanged(first: CarriedStep, name: str) -> str | None:
    """Return the first table's column with the same values, affinity and collation; None if there is none."""
    feed = _source(first, name)
    if feed is None or not _is_unchanged(feed):
        return None
    old, new = first.old.column(feed.source or ""), first.new.column(name)
    return old.name if old and new and _compares(old, first.old) == _compares(new, first.new) else None


def _compares(column: Column, table: Table) -> tuple[str, str | None]:
    """Return the properties that decide how an expression compares the column's values: affinity and collation."""
    return affinity(column, table.strict), column.collation


def _source(first: CarriedStep, name: str | None) -> ColumnSource | None:
    return next((feed for feed in first.feeds if name is not None and fold(feed.column) == fold(name)), None)


def _is_unchanged(feed: ColumnSource) -> bool:
    return feed.origin is Origin.CARRIED and feed.same and not feed.volatile
