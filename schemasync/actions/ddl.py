"""Makes the DDL for schema.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from .. import databases
from ..engines.postgres.types import PgColumn
from ..errors import ProblemJson
from ..orm.postgres_fields import field_kinds
from ..schema.document import Document
from ..schema.text import short
from ..sync import ddl
from .database import Database

NAMES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


class StatementJson(TypedDict):
    """One statement."""

    phase: str
    """`extension`, `table`, `key`, `index`, `check`, `foreign key` or `view`: rows are loaded after `table`. Empty for
    SQLite."""
    table: str
    """The table or view of the statement; empty for an extension, and for SQLite."""
    sql: str


class ColumnTypeJson(TypedDict):
    """A column on PostgreSQL."""

    table: str
    column: str
    type: str
    why: str
    """The reason for the type."""


class DdlJson(TypedDict):
    """The output of `manage.py schemasync ddl --json`."""

    result: Literal["made"]
    engine: Literal["postgres", "sqlite"]
    version: str
    """The version of schema.json."""
    statements: list[StatementJson]
    columns: list[ColumnTypeJson]
    """Empty for SQLite."""
    notes: list[str]
    """Differences from SQLite."""
    output: str | None
    """The file that was written."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Script:
    """The DDL of a schema.json for an engine."""

    engine: Literal["postgres", "sqlite"]
    document: Document
    made: ddl.MadeDdl

    @property
    def text(self) -> str:
        """All statements as one transaction, for psql or sqlite3, with the differences from SQLite as comments."""
        head = f"-- {NAMES[self.engine]}: version {short(self.document.version)} of schema.json\n"
        head += "".join(f"-- {' '.join(note.split())}\n" for note in self.made.notes)
        body = "".join(f"{sql};\n" for _, _, sql in self.made.statements)
        return f"{head}BEGIN;\n{body}COMMIT;\n"


def ddl_of(database: Database, engine: Literal["postgres", "sqlite"]) -> Script:
    """Return the DDL of schema.json. Raises a SchemasyncError with all problems."""
    document, opener = database.document(), databases.opener(database.alias)
    if engine == "sqlite":
        return Script(engine, document, ddl.for_sqlite(document, opener))
    return Script(engine, document, ddl.for_postgres(document, field_kinds(document.models), opener))


def as_json(found: Script, output: Path | None = None) -> DdlJson:
    """The JSON object; `output`: the file that was written."""
    return {
        "result": "made",
        "engine": found.engine,
        "version": found.document.version,
        "statements": [{"phase": phase, "table": table, "sql": sql} for phase, table, sql in found.made.statements],
        "columns": column_types(found.made.columns),
        "notes": list(found.made.notes),
        "output": str(output) if output else None,
        "errors": [],
    }


def column_types(columns: Mapping[str, tuple[PgColumn, ...]]) -> list[ColumnTypeJson]:
    """Return the PostgreSQL type of each column of each table."""
    return [
        {"table": table, "column": column.name, "type": column.type.sql, "why": column.why}
        for table, several in columns.items()
        for column in several
    ]
