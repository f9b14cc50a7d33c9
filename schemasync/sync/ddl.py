"""Makes the DDL of a schema, for SQLite or for PostgreSQL. Opens no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..engines.postgres import translator
from ..engines.postgres.columns import NO_MODEL, columns_of
from ..engines.postgres.types import FieldKind, PgColumn
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.validate import statements as sqlite_statements
from ..engines.sqlite.validate import validate_schema
from ..schema.document import Document

Fields = Mapping[str, Mapping[str, FieldKind]]
"""The fields of models, by folded table and column."""


@dataclass(frozen=True, slots=True)
class MadeDdl:
    """`statements`: (the phase, the table or view, the SQL) of each. `columns`: of each table on PostgreSQL. `notes`:
    differences from SQLite, each a sentence."""

    statements: tuple[tuple[str, str, str], ...]
    columns: Mapping[str, tuple[PgColumn, ...]]
    notes: tuple[str, ...] = ()


def for_sqlite(document: Document, opener: Opener) -> MadeDdl:
    """The statements that build the schema in an empty file. Raises SchemaInvalid."""
    validate_schema(document.schema, opener, document.place)
    return MadeDdl(tuple(("", "", sql) for sql in sqlite_statements(document.schema)), {})


def for_postgres(document: Document, fields: Fields, opener: Opener) -> MadeDdl:
    """The statements that build it in an empty schema of PostgreSQL. Raises SchemaInvalid, and Refused with everything
    that is to be written by hand, or if sqlglot is not installed."""
    translator.require()
    from ..engines.postgres.ddl import make_ddl  # it imports sqlglot

    validate_schema(document.schema, opener, document.place)
    columns = columns_of(document.schema, fields, by_hand=document.on_postgres.columns)
    made = make_ddl(document.schema, columns, document.on_postgres, opener)
    statements = tuple((one.phase.value, one.table, one.sql) for one in made.statements)
    return MadeDdl(statements, columns, (*made.notes, *_texts(columns)))


def _texts(columns: Mapping[str, tuple[PgColumn, ...]]) -> list[str]:
    return [
        f'"{table}"."{column.name}" becomes text: it is {column.why}. A move looks at its values; here, write its type '
        'as "postgres" beside the column, or give the table a model.'
        for table, found in columns.items()
        for column in found
        if NO_MODEL in column.why
    ]
