"""Checks references to row ids that have no gap by comparing numbers, instead of looking up each reference."""

from __future__ import annotations

from ...schema.affinity import Affinity, affinity
from ...schema.model import ForeignKey, Table
from ...schema.names import fold, quote
from .connection import Connection

_SHARE = 4
"""There are at least so many rows for each row id that is counted, so that counting reads less than looking up, also
where rows of the parent are wide."""
_WHOLE = (Affinity.INTEGER, Affinity.NUMERIC)


def is_of_row_ids(key: ForeignKey, child: Table, parent: Table) -> bool:
    """True if the key of one column refers to the row id of its parent, and the column keeps whole numbers."""
    column = child.column(key.columns[0])
    if parent.rowid_column is None or [fold(parent.rowid_column)] != list(map(fold, key.references)):
        return False
    return column is not None and affinity(column, child.strict) in _WHOLE


def is_in_order(connection: Connection, table: str, column: str) -> bool:
    """True if an index of the table begins with the column. Then references are looked up in their order, which takes
    a third of the time of comparing them; without an index it takes four times as long."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?, 'main') AS i, pragma_index_info(i.name, 'main') AS c"
        " WHERE NOT i.partial AND c.seqno = 0 AND c.name = ? COLLATE nocase)"
    )
    return bool(connection.execute(query, (table, column)).fetchone()[0])


def are_all_there(connection: Connection, rows: str, column: str, parent: str, key: str) -> bool:
    """True if each of the rows has NULL, or a row id of the parent. False leaves it open: there is a gap, there are few
    rows, or one has a value of another type, which may be equal to a row id.

    `rows`: a FROM clause, with a column of that name. `parent`: a FROM clause, such as `main."t"`; `key`: the alias of
    its row id. One statement, so that a writer beside it cannot come between.
    """
    there, refers = quote(key), quote(column)
    # each of the two is one step into the B-tree; LIMIT accepts no column of a table expression
    low, high = f"(SELECT min({there}) FROM {parent})", f"(SELECT max({there}) FROM {parent})"
    enough = f"CAST(min({_SHARE} * ({high} - {low} + 1.0), 1e15) AS INTEGER)"
    query = f"""
        SELECT CASE
            WHEN {low} IS NULL THEN FALSE
            WHEN (SELECT count({refers}) FROM (SELECT {refers} FROM {rows} LIMIT {enough})) < {enough} THEN FALSE
            WHEN (SELECT count(*) FROM {parent} NOT INDEXED WHERE {there} BETWEEN {low} AND {high}) < {high} - {low} + 1
                THEN FALSE
            ELSE NOT EXISTS (
                SELECT 1 FROM {rows}
                WHERE typeof({refers}) NOT IN ('integer', 'null') OR +{refers} NOT BETWEEN {low} AND {high}
            )
        END"""
    return bool(connection.execute(query).fetchone()[0])
