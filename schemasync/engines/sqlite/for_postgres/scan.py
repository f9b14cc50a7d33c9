"""Finds all values of a table that do not fit on PostgreSQL, in one scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ....schema.names import fold
from ....schema.on_postgres import OnMove
from ...postgres.judge import OF_DECIMALS, Changed, Fault, Refusal, applicable
from ...postgres.moved import MovedTable
from ...postgres.types import PgColumn
from ..connection import Connection
from .clashes import clashes
from .dangling import dangling
from .findings import Finding
from .misfits import misfits

SAMPLES = 5  # keys of a finding


def scan(connection: Connection, table: MovedTable) -> tuple[Finding, ...]:
    """Yield all findings of a table, first those of its columns in order, then those of its keys."""
    found = list(_of_columns(connection, table))
    changed = {fold(finding.columns[0]) for finding in found if finding.count > finding.refused}
    return (*found, *clashes(connection, table, changed), *dangling(connection, table))


@dataclass(slots=True)
class _Tally:
    """The values of one column with one fault."""

    helps: set[OnMove]
    count: int = 0
    refused: int = 0
    keys: list[str] = field(default_factory=list)


def _of_columns(connection: Connection, table: MovedTable) -> Iterator[Finding]:
    tallies: dict[tuple[int, Fault], _Tally] = {}
    places = {column: number for number, column in enumerate(table.copied)}
    for one in misfits(connection, table):
        helps = set(applicable(one.value, one.judged.fault, one.column))
        _count(tallies, (places[one.column], one.judged.fault), one.judged, one.key, helps)
    for (number, fault), tally in sorted(tallies.items(), key=lambda item: item[0]):
        yield _finding(table, table.copied[number], fault, tally)


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
        tally.keys.append(key)


def _finding(table: MovedTable, column: PgColumn, fault: Fault, tally: _Tally) -> Finding:
    policy = table.policy(column)
    is_shown = fault in OF_DECIMALS and policy is not OnMove.REFUSE
    acting = policy if policy in tally.helps else OnMove.AS_SHOWN if is_shown else None
    helps = () if fault is Fault.NULL else tuple(one for one in OnMove if one in tally.helps)
    return Finding(table.name, (column.name,), fault, tally.count, tuple(tally.keys), helps, acting, tally.refused)
