"""Reads the values of a table that do not fit on PostgreSQL, with the judgement on each.

SQLite skips the values that fit; only the others are judged in Python.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ....schema.names import fold, quote
from ....schema.text import literal
from ...postgres.judge import Changed, Refusal, judge
from ...postgres.moved import MovedTable
from ...postgres.types import PgColumn
from ...postgres.value_forms import Value, is_unicode
from ..connection import Connection
from .accepted import accepted, codec, register
from .reading import decoded, encoded, key_text, raw, select

MOST_COLUMNS = 300  # columns of one scan: SQLite limits the depth of an expression and the columns of a result


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit. `key`: the key of its row, as SQL."""

    column: PgColumn
    key: str
    value: Value
    judged: Changed | Refusal


def misfits(connection: Connection, table: MovedTable, columns: Collection[str] | None = None) -> Iterator[Misfit]:
    """Yield the misfits in the copied columns, or only in those with these folded names. A wide table is read several
    times."""
    register(connection)
    wanted = [one for one in table.copied if columns is None or fold(one.name) in columns]
    for start in range(0, len(wanted), MOST_COLUMNS):
        yield from _of_columns(connection, table, wanted[start : start + MOST_COLUMNS])


def _of_columns(connection: Connection, table: MovedTable, columns: Sequence[PgColumn]) -> Iterator[Misfit]:
    encoding = codec(connection)
    parts = [part for column in columns for part in raw(quote(column.name))]
    some_misfit = " OR ".join(f"{accepted(column)} IS NOT TRUE" for column in columns)
    for key, *values in connection.execute(f"{select(table, [key_text(table), *parts])} WHERE {some_misfit}"):
        for number, column in enumerate(columns):
            value = decoded(values[2 * number], values[2 * number + 1], encoding)
            judged = judge(value, column, table.policy(column))
            if isinstance(judged, Changed | Refusal):
                yield Misfit(column, str(key), value, judged)


def listed(
    connection: Connection, table: MovedTable, columns: Collection[str] | None = None
) -> Iterator[tuple[Misfit, str]]:
    """Yield each misfit that a policy changes, with a line of JSON that has the value before and after."""
    encoding = codec(connection)
    for one in misfits(connection, table, columns):
        if isinstance(one.judged, Changed):
            line = {
                "table": table.name,
                "column": one.column.name,
                "key": one.key,
                "fault": one.judged.fault.value,
                "old": _as_json(one.value, encoding),
                "new": _as_json(one.judged.value, encoding),
            }
            yield one, f"{literal(line)}\n"


def _as_json(value: Value, encoding: str) -> object:
    """Return the value, or SQL for it if JSON cannot express it."""
    match value:
        case bytes():
            return {"sql": f"x'{value.hex()}'"}
        case float() if math.isinf(value):
            return {"sql": "9e999" if value > 0 else "-9e999"}
        case str() if not is_unicode(value):
            return {"sql": f"CAST(x'{encoded(value, encoding).hex()}' AS TEXT)"}
        case _:
            return value
