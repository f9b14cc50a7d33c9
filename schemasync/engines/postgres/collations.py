"""Reports comparisons that give other results on PostgreSQL: the columns, and the keys and indexes that this
changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...schema.affinity import Affinity, affinity
from ...schema.model import IndexedColumn, Schema, Table
from ...schema.names import fold
from .types import ByHand, Citext, PgColumn, Text, Varchar

LIKE = (
    "LIKE, and so Django's contains, startswith and endswith, tells capital letters from small ones there. "
    "In SQLite it does not for those of ASCII; icontains and the like are the same on both sides."
)


def compared_otherwise(schema: Schema, columns: Mapping[str, tuple[PgColumn, ...]]) -> Iterator[str]:
    """Yield a sentence for each text column whose comparisons mean something else, and one for LIKE."""
    for table in schema.tables:
        for column in columns.get(table.name, ()):
            yield from _of_column(table, column)
    if any(isinstance(column.type, Text | Varchar) for several in columns.values() for column in several):
        yield LIKE


def _of_column(table: Table, column: PgColumn) -> Iterator[str]:
    name, used = f'"{table.name}"."{column.name}"', _used_in(table, column.name)
    declared = table.column(column.name)
    match column.type:
        case Citext():
            yield f"{name} folds all letters there, and in SQLite those of ASCII. That changes {used}."
        case ByHand() if declared is not None and affinity(declared, table.strict) is Affinity.TEXT:
            yield f"{name} is compared as its definition there says. That decides {used}."
        case _ if column.folds is not None:
            yield (
                f"{name} has COLLATE {column.folds.upper()} in SQLite, and is compared by its bytes there. Keys, "
                "indexes and CHECKs are made so that they mean the same; queries of your own are not."
            )


def _used_in(table: Table, name: str) -> str:
    """Return in which keys and indexes the values of a column are compared, in a phrase."""
    folded = fold(name)

    def has(columns: tuple[IndexedColumn, ...]) -> bool:
        return any(fold(one.column or "") == folded for one in columns)

    found = ["the primary key"] if table.primary_key is not None and has(table.primary_key.columns) else []
    found += [
        f"the UNIQUE ({', '.join(column.column or '' for column in one.columns)})"
        for one in table.uniques
        if has(one.columns)
    ]
    for index in table.indexes:
        if has(index.columns):
            found.append(f"the {'unique ' if index.unique else ''}index {index.name}")
    return ", ".join([*found, "and in queries =, <, > and ORDER BY"] if found else ["=, <, > and ORDER BY in queries"])
