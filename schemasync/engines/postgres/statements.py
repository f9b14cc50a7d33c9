"""The DDL of a schema, as statements in an order that works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """The phase in which a statement runs. Rows are loaded after TABLE, because indexes are built faster over existing
    rows, and foreign keys are then checked once."""

    EXTENSION = "extension"
    TABLE = "table"
    KEY = "key"
    INDEX = "index"
    CHECK = "check"
    FOREIGN_KEY = "foreign key"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of the DDL. `table`: its table or view, as the schema spells it; '' for an extension."""

    phase: Phase
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class Translated:
    """An expression over the rows of a table, as both engines compute it. `what`: such as `the CHECK "positive"`.
    `is_json`: its value is JSON text, which is compared by its meaning."""

    table: str
    what: str
    sqlite: str
    postgres: str
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Ddl:
    """The DDL of a schema. `notes`: differences from SQLite, such as a shortened name; each a sentence. `translated`:
    the expressions that can be compared once there are rows."""

    statements: tuple[Statement, ...]
    notes: tuple[str, ...] = ()
    translated: tuple[Translated, ...] = ()

    def of(self, *phases: Phase) -> Iterator[Statement]:
        """Yield the statements of these phases, in their order."""
        return (one for one in self.statements if one.phase in phases)

    @property
    def script(self) -> str:
        """The whole DDL, for psql."""
        return "".join(f"{one.sql};\n" for one in self.statements)
