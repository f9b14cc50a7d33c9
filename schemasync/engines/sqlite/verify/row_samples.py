"""Samples of the rows in which two generations differ."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import Refused
from ....history.rows import MadeByHand
from ....plan.model import CarriedStep, Step
from ....schema.names import quote
from ..connection import Connection
from ..mapping import Key, Mapping, key_of, mapping
from .row_counts import stable_key
from .row_sql import both_sides, compared_columns, differing_terms, expected_rows, on_key, typed_by_value

SHOWN = 6  # columns that are shown of a row
LONGEST = 40  # characters that are shown of a value
SECRET = re.compile(
    r"pass|pwd|secret|token|hash|session|key$|salt|otp|totp|pin$|code|data|private|credential|auth|cipher|nonce|cvv|card"
    r"|iban|seed|social|oauth|mfa|recovery",
    re.IGNORECASE,
)
HARMLESS = re.compile(
    r"(^|_)(name|title|label|slug|subject|status|state|kind|type|category|number|username|activity|note|text|date|day)$"
    r"|_(at|on|date|time)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """A column in which the two sides of a row differ. `newer` and `older`: its values as text, both empty if they must
    not be shown."""

    column: str
    newer: str
    older: str


@dataclass(frozen=True, slots=True)
class RowSample:
    """A row that only the newer side has (`added`), or only the older one (`removed`), or that differs (`changed`).
    `row`: some of its columns as text: numbers, and text of columns with a harmless name; nothing with a name that
    suggests a secret, and only numbers if the name of the table does. For a row that differs it is the key, and
    `changes` are some of the differing columns."""

    kind: str
    row: tuple[tuple[str, str], ...]
    changes: tuple[ChangedValue, ...] = ()


def examples(connection: Connection, step: Step | MadeByHand, most: int) -> tuple[RowSample, ...]:
    """Up to `most` of each kind, of `main` and the attached `old`; empty if the two cannot be compared row by row."""
    if not isinstance(step, CarriedStep) or step.is_virtual:
        return ()
    try:
        mapped = mapping(step)
        key = stable_key(connection, mapped) if key_of(mapped) is not None else None
        return tuple(_found(connection, mapped, key, most)) if key is not None else ()
    except (Refused, sqlite3.Error):
        return ()


def _found(connection: Connection, mapped: Mapping, key: Key, most: int) -> Iterator[RowSample]:
    new, old = f"main.{quote(mapped.new.name)}", f"old.{quote(mapped.old.name)}"
    for kind, values in rows_apart(connection, mapped, key, most):
        if kind == "changed":
            yield _changed(connection, mapped, key, values)
            continue
        where = (old, key.sources) if kind == "removed" else (new, key.columns)
        if row := _row(connection, *where, values):
            yield RowSample(kind, row)


def _changed(connection: Connection, mapped: Mapping, key: Key, values: Sequence[Any]) -> RowSample:
    """Return the row with that key, with the first columns that differ."""
    raw, expected = compared_columns(mapped)
    typed, new = typed_by_value(mapped.new), quote(mapped.new.name)
    both = f"{expected_rows(quote(mapped.old.name), key, raw, expected)} JOIN main.{new} AS n ON {on_key(key)}"
    where = " AND ".join(f'o."_schemasync_k{i}" = ?' for i in range(len(key.columns)))

    def select(columns: Sequence[str]) -> Sequence[Any]:
        found = connection.execute(f"SELECT {', '.join(columns)} FROM {both} WHERE {where} LIMIT 1", tuple(values))
        return tuple(found.fetchone() or ())

    flags = select([" OR ".join(differing_terms([pair], typed)) for pair in expected])
    differing = [name for (name, _), differs in zip(expected, flags, strict=False) if differs][:SHOWN]
    sides = select([name for side in both_sides(differing) for name in side]) if differing else ()
    there = zip(differing, sides[: len(differing)], sides[len(differing) :], strict=True)
    names = {quote(column.name): column.name for column in mapped.new.columns}
    keys = [(names.get(column, column), value) for column, value in zip(key.columns, values, strict=True)]
    return RowSample(
        "changed",
        tuple((name, _text(value)) for name, value in keys if _is_shown(new, name, value)),
        tuple(_change(new, names.get(column, column), newer, older) for column, newer, older in there),
    )


def _change(table: str, column: str, newer: object, older: object) -> ChangedValue:
    if all(value is None or _is_shown(table, column, value) for value in (newer, older)) and not SECRET.search(column):
        return ChangedValue(column, _text(newer), _text(older))
    return ChangedValue(column, "", "")


def _row(connection: Connection, table: str, keys: Sequence[str], values: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    where = " AND ".join(f"{column} = ?" for column in keys)
    cursor = connection.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1", tuple(values))
    names = [column[0] for column in cursor.description]
    found = zip(names, cursor.fetchone() or (), strict=False)
    return tuple((name, _text(value)) for name, value in found if _is_shown(table, name, value))[:SHOWN]


def _is_shown(table: str, name: str, value: object) -> bool:
    if SECRET.search(name):
        return False
    return isinstance(value, int | float) or (HARMLESS.search(name) is not None and not SECRET.search(table))


def _text(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bytes():
            return f"{len(value):,} bytes"
        case _:
            text = str(value)
            return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def rows_apart(connection: Connection, mapped: Mapping, key: Key, most: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Up to `most` of each kind that `changed_rows` counts: (added, changed or removed, the values of its key)."""
    raw, expected = compared_columns(mapped)
    new, on = f"main.{quote(mapped.new.name)}", on_key(key)
    source = expected_rows(quote(mapped.old.name), key, raw, expected)
    differs = " OR ".join(differing_terms(expected, typed_by_value(mapped.new))) or "0"
    here = ", ".join(f"n.{column}" for column in key.columns)
    there = ", ".join(f'o."_schemasync_k{i}"' for i in range(len(key.columns)))
    first = f"n.{key.columns[0]}"
    for kind, query in (
        ("added", f'SELECT {here} FROM {new} AS n LEFT JOIN {source} ON {on} WHERE o."_schemasync_k0" IS NULL'),
        ("changed", f"SELECT {there} FROM {source} JOIN {new} AS n ON {on} WHERE {differs}"),
        ("removed", f"SELECT {there} FROM {source} LEFT JOIN {new} AS n ON {on} WHERE {first} IS NULL"),
    ):
        yield from ((kind, row) for row in connection.execute(f"{query} LIMIT ?", (most,)))
