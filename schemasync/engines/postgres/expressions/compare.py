"""Comparisons: SQLite decides by affinity and collation what PostgreSQL decides by type."""

from __future__ import annotations

from .literals import as_literal_of, as_number_beside
from .values import NUMBERS, Collation, Refuse, Value, ValueKind, as_number, as_text, in_c

ALIKE = frozenset(
    {
        ValueKind.BOOL,
        ValueKind.DATE,
        ValueKind.TIME,
        ValueKind.TIMESTAMP,
        ValueKind.MOMENT,
        ValueKind.UUID,
        ValueKind.BYTES,
    }
)
"""Kinds of which two values are in the same order in both."""


def compared(left: Value, operator: str, right: Value, refuse: Refuse) -> str:
    """Return the comparison of two values as SQL."""
    sides = _sides(left, right)
    if sides is None:
        refuse(f"the comparison of {left.kind.value} with {right.kind.value}")
        return "NULL::boolean"
    if operator == "=" and (found := _is_set(*sides)) is not None:
        return found
    return f"({sides[0]} {operator} {sides[1]})"


def _is_set(left: str, right: str) -> str | None:
    """Return the SQL for a boolean compared with true or false, as Django and PostgreSQL's tools write it in conditions
    of indexes; None for any other comparison."""
    match left, right:
        case (other, "true") | ("true", other):
            return other
        case (other, "false") | ("false", other):
            return f"(NOT {other})"
        case _:
            return None


def _sides(left: Value, right: Value) -> tuple[str, str] | None:
    """Return the SQL of both sides, such that PostgreSQL compares them as SQLite does; None if it cannot."""
    left, right = as_number_beside(left, right), as_number_beside(right, left)
    kinds = {left.kind, right.kind}
    if ValueKind.UNKNOWN in kinds or ValueKind.NULL in kinds:
        return left.sql, right.sql
    if kinds == {ValueKind.TEXT}:
        return _texts(left, right)
    if kinds == {ValueKind.BOOL, ValueKind.INT}:
        return _with_boolean(left, right)
    if kinds <= NUMBERS:
        return left.sql, right.sql  # a decimal beside a float becomes the float that it is in SQLite
    if len(kinds) == 1 and left.kind in ALIKE:
        return left.sql, right.sql
    if (literal := as_literal_of(left.kind, right)) is not None:
        return left.sql, literal
    if (literal := as_literal_of(right.kind, left)) is not None:
        return literal, right.sql
    return None


def _with_boolean(left: Value, right: Value) -> tuple[str, str]:
    """Return both sides of a comparison of a boolean with a number: 0 and 1 become false and true; other numbers are
    compared as numbers."""
    both = {one.kind: one for one in (left, right)}
    if both[ValueKind.INT].literal in (0, 1):
        sides = [
            ("true" if one.literal else "false") if one.kind is ValueKind.INT else one.sql for one in (left, right)
        ]
        return sides[0], sides[1]
    return as_number(left).sql, as_number(right).sql


def _texts(left: Value, right: Value) -> tuple[str, str]:
    """Return both sides of a comparison of texts, with the collation that SQLite uses:
    https://www.sqlite.org/datatype3.html#assigning_collating_sequences_from_sql"""
    by_rank = [one.collation for one in (left, right) if one.is_explicit]
    by_rank += [one.collation for one in (left, right)]
    match next((one for one in by_rank if one is not None), Collation.BINARY):
        case Collation.NOCASE:
            return f"lower({in_c(left)})", f"lower({in_c(right)})"
        case Collation.RTRIM:
            return f"rtrim({in_c(left)}, ' ')", f"rtrim({in_c(right)}, ' ')"
        case Collation.BINARY:
            known = left.is_c or right.is_c or left.is_citext or right.is_citext
            return as_text(left) if known else in_c(left), as_text(right)


def as_key(value: Value) -> str:
    """Return the SQL of a text in an index, ordered and unique by the collation that SQLite uses."""
    match value.collation:
        case Collation.NOCASE:
            return value.sql if value.is_citext and not value.is_explicit else f"lower({in_c(value)})"
        case Collation.RTRIM:
            return f"rtrim({in_c(value)}, ' ')"
        case Collation.BINARY if value.is_explicit:
            return in_c(value)
        case _:
            return value.sql
