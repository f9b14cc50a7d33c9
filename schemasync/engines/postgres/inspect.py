"""Reads the types that columns got from PostgreSQL's catalog, above all those that are defined by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import Code, Failed, Problem
from ...schema.names import quote
from .moved import MovedTable, UniqueSet
from .types import (
    Bigint,
    Boolean,
    ByHand,
    Bytea,
    Citext,
    Date,
    DoublePrecision,
    Inet,
    Integer,
    Interval,
    Jsonb,
    Numeric,
    PgColumn,
    PgType,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)

if TYPE_CHECKING:
    from .driver import Connection

_PLAIN: tuple[PgType, ...] = (
    Bigint(), Integer(), Smallint(), Boolean(), DoublePrecision(), Numeric(), Text(), Citext(), Bytea(), Date(), Time(),
    Timestamp(), TimestampTz(), Interval(), Jsonb(), Uuid(), Inet(),
)  # fmt: skip
_BY_NAME = {one.sql: one for one in _PLAIN}
_SIZED = re.compile(r"(numeric|character varying)\((\d+)(?:,(\d+))?\)")  # spellings of format_type, not of people

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity <> '', a.attgenerated <> '',
    CASE WHEN c.collname = 'default' THEN NULL ELSE c.collname END
FROM pg_catalog.pg_attribute AS a LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""


def as_created(connection: Connection, tables: Iterable[MovedTable]) -> tuple[MovedTable, ...]:
    """Return the created tables with their columns as the catalog has them.

    Raises Failed, naming all of them, for columns that are missing, or have another type than the one for which values
    are checked: COPY would change values silently.
    """
    problems: list[Problem] = []
    found = tuple(_table(connection, table, problems) for table in tables)
    if problems:
        raise Failed(problems)
    return found


def _table(connection: Connection, table: MovedTable, problems: list[Problem]) -> MovedTable:
    there = {row[0]: row[1:] for row in connection.execute(_COLUMNS, (quote(table.target),)).fetchall()}
    read: dict[str, PgColumn] = {}
    for column in table.columns:
        become = _column(column, *there[column.name]) if column.name in there else None
        if become is None or (become.type != column.type and not isinstance(column.type, ByHand)):
            is_there = f"is {there[column.name][0]}" if column.name in there else "is missing"
            problems.append(
                Problem(
                    Code.POSTGRES_ERROR,
                    f"{table.target}.{column.name} {is_there} there, and should be {column.type.sql}",
                    "Something else made or changed the table. Run the move anew into an empty database.",
                    {"table": table.target, "column": column.name},
                )
            )
        read[column.name] = become or column
    return replace(
        table,
        columns=tuple(read.values()),
        key=tuple(read[column.name] for column in table.key),
        uniques=tuple(
            UniqueSet(tuple(read[one.name] for one in several.columns), several.where) for several in table.uniques
        ),
    )


def _column(
    column: PgColumn, sql: str, not_null: bool, identity: bool, generated: bool, collation: str | None
) -> PgColumn:
    return replace(
        column,
        type=type_of(sql) or ByHand(sql),
        not_null=not_null,
        identity=identity,
        generated=generated,
        collation=collation,
    )


def type_of(sql: str) -> PgType | None:
    """Return the type for a name as `format_type` writes it; None for an unknown type."""
    if (sized := _SIZED.fullmatch(sql)) is None:
        return _BY_NAME.get(sql)
    first, second = int(sized[2]), int(sized[3] or 0)
    return Varchar(first) if sized[1] == "character varying" else Numeric(first, second)
