"""Finds all values of a table that do not fit on PostgreSQL, in one scan.

SQLite passes over the values that fit; only the others are judged in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ....schema.names import fold, quote
from ....schema.on_postgres import OnMove
from ...postgres.judge import OF_DECIMALS, Changed, Fault, Refusal, applicable, judge
from ...postgres.moved import MovedTable
from ...postgres.types import PgColumn
from ..connection import Connection
from .accepted import accepted, codec, register
from .clashes import clashes
from .dangling import dangling
from .findings import Finding
from .reading import decoded, key_text, raw, select

SAMPLES = 5  # keys of a finding
MOST_COLUMNS = 300  # of one scan: SQLite limits the depth of an expression and the columns of a result


def scan(connection: Connection, table: MovedTable) -> tuple[Finding, ...]:
    """All findings of a table, in the order of its columns, then those of its keys."""
    register(connection)
    found: list[Finding] = []
    columns = iter(table.copied)
    while some := list(islice(columns, MOST_COLUMNS)):
        found += _of_columns(connection, table, some)
    changed = {fold(finding.columns[0]) for finding in found if finding.count > finding.refused}
    return (*found, *clashes(connection, table, changed), *dangling(connection, table))


@dataclass(slots=True)
class _Tally:
    """The values of one column with one fault."""

    helps: set[OnMove]
    count: int = 0
    refused: int = 0
    keys: list[str] = field(default_factory=list)


def _of_columns(connection: Connection, table: MovedTable, columns: Sequence[PgColumn]) -> Iterator[Finding]:
    tallies: dict[tuple[int, Fault], _Tally] = {}
    encoding = codec(connection)
    parts = [part for column in columns for part in raw(quote(column.name))]
    misfits = " OR ".join(f"{accepted(column)} IS NOT TRUE" for column in columns)
    for key, *values in connection.execute(f"{select(table, [key_text(table), *parts])} WHERE {misfits}"):
        for number, column in enumerate(columns):
            value = decoded(values[2 * number], values[2 * number + 1], encoding)
            judged = judge(value, column, table.policy(column))
            if isinstance(judged, Changed | Refusal):
                _count(tallies, (number, judged.fault), judged, key, set(applicable(value, judged.fault, column)))
    for (number, fault), tally in sorted(tallies.items(), key=lambda item: item[0]):
        yield _finding(table, columns[number], fault, tally)


def _count(
    tallies: dict[tuple[int, Fault], _Tally],
    place: tuple[int, Fault],
    judged: Changed | Refusal,
    key: str,
    helps: set[OnMove],
) -> None:
    tally = tallies.setdefault(place, _Tally(set(helps)))
    tally.helps &= helps
    tally.count += 1
    tally.refused += isinstance(judged, Refusal)
    if len(tally.keys) < SAMPLES:
        tally.keys.append(str(key))


def _finding(table: MovedTable, column: PgColumn, fault: Fault, tally: _Tally) -> Finding:
    policy = table.policy(column)
    is_shown = fault in OF_DECIMALS and policy is not OnMove.REFUSE
    acting = policy if policy in tally.helps else OnMove.AS_SHOWN if is_shown else None
    helps = () if fault is Fault.NULL else tuple(one for one in OnMove if one in tally.helps)
    return Finding(table.name, (column.name,), fault, tally.count, tuple(tally.keys), helps, acting, tally.refused)
