"""Writes the clause of a foreign key, and checks whether PostgreSQL accepts one between the types of its columns."""

from __future__ import annotations

from collections.abc import Mapping

from ...schema.model import ForeignKey, PrimaryKey, Table
from ...schema.names import fold, quote
from .refusals import Refusals
from .types import Bigint, ByHand, DoublePrecision, Integer, Numeric, PgColumn, PgType, Smallint, Text, Varchar

_NUMBERS = (Bigint, Integer, Smallint, Numeric, DoublePrecision)
_TEXTS = (Text, Varchar)


def foreign_key(
    key: ForeignKey, table: Table, parent: Table, made: Mapping[str, tuple[PgColumn, ...]], refusals: Refusals
) -> str:
    """Return the clause, from FOREIGN KEY on. Refuses columns whose types PostgreSQL does not compare."""
    references = key.references or tuple(one.column or "" for one in (parent.primary_key or PrimaryKey(())).columns)
    ours = {fold(column.name): column for column in made[table.name]}
    theirs = {fold(column.name): column for column in made[parent.name]}
    for name, other in zip(key.columns, references, strict=False):
        _compare(table, ours[fold(name)], parent, theirs[fold(other)], refusals)
    columns = ", ".join(quote(name) for name in key.columns)
    there = ", ".join(quote(theirs[fold(name)].name) for name in references)
    clause = f"FOREIGN KEY ({columns}) REFERENCES {quote(parent.name)} ({there})"
    clause += f" ON DELETE {key.on_delete}" if key.on_delete else ""
    clause += f" ON UPDATE {key.on_update}" if key.on_update else ""
    return clause + (" DEFERRABLE INITIALLY DEFERRED" if key.deferred else "")


def _compare(table: Table, ours: PgColumn, parent: Table, theirs: PgColumn, refusals: Refusals) -> None:
    if not _alike(ours.type, theirs.type):
        refusals.add(
            f'"{table.name}"."{ours.name}" is {ours.type.sql} and refers to "{parent.name}"."{theirs.name}", which is '
            f"{theirs.type.sql}: PostgreSQL takes no foreign key between the two",
            refusals.beside_column(table.name, ours.name, theirs.type.sql),
        )


def _alike(one: PgType, other: PgType) -> bool:
    """Return True if PostgreSQL accepts a foreign key between columns of these types. Definitions by hand are not
    checked."""
    if isinstance(one, ByHand) or isinstance(other, ByHand) or type(one) is type(other):
        return True
    return any(isinstance(one, family) and isinstance(other, family) for family in (_NUMBERS, _TEXTS))
