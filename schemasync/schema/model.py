"""The schema of a database as values.

All are in normal form: two schemas are equal if and only if they describe the same database. Names keep the spelling
of their definition. SQL has both a canonical spelling, which is compared, and its text, which is executed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .names import ROWID_NAMES, fold
from .transform_function import TransformFunction


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL that compares by `canonical`; `text` is what the author wrote, for the DDL."""

    canonical: str
    text: str = field(compare=False, repr=False, default="")

    def __post_init__(self) -> None:
        if not self.text:
            object.__setattr__(self, "text", self.canonical)


@dataclass(frozen=True, slots=True)
class IndexedColumn:
    """A column of an index or key: exactly one of `column` and `expression` is set.

    `collation` is set only if it is not the column's own.
    """

    column: str | None = None
    expression: Sql | None = None
    collation: str | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class NotNull:
    """`conflict` is ROLLBACK, FAIL, IGNORE or REPLACE, or None for the default (ABORT)."""

    name: str | None = None
    conflict: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `collation` is lower case and None for BINARY; `generated` is the expression of a generated column.

    `written` is the value of the column's key in schema.json, as JSON, for hints. Empty if it was read elsewhere.
    """

    name: str
    type: Sql = field(default_factory=lambda: Sql(""))
    not_null: NotNull | None = None
    default: Sql | None = None
    collation: str | None = None
    generated: Sql | None = None
    stored: bool = False
    written: str = field(compare=False, repr=False, default="")


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """A primary key. `rowid_alias`: the key is the row id itself, by SQLite's rules (a single INTEGER column)."""

    columns: tuple[IndexedColumn, ...]
    name: str | None = None
    conflict: str | None = None
    autoincrement: bool = False
    rowid_alias: bool = False


@dataclass(frozen=True, slots=True)
class Unique:
    columns: tuple[IndexedColumn, ...]
    name: str | None = None
    conflict: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    expression: Sql
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key. `references` is empty for the parent's primary key if that cannot be written out: it has a
    collation of its own, or it is missing or has another number of columns (the last two only in an inspected file).

    `deferred` is DEFERRABLE INITIALLY DEFERRED; to SQLite all other spellings are immediate.
    """

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...] = ()
    on_delete: str | None = None
    on_update: str | None = None
    deferred: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Index:
    name: str
    columns: tuple[IndexedColumn, ...]
    where: Sql | None = None
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """`body` is the SQL after the name."""

    name: str
    body: Sql


@dataclass(frozen=True, slots=True)
class Table:
    """An ordinary table; or, with `virtual` (the text after USING), a virtual one, which has no other parts."""

    name: str
    columns: tuple[Column, ...] = ()
    primary_key: PrimaryKey | None = None
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    strict: bool = False
    without_rowid: bool = False
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    virtual: Sql | None = None
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # computed once: a plan looks up every column several times, and a table may have 2,000
        object.__setattr__(self, "_by_name", {fold(c.name): c for c in reversed(self.columns)})

    def column(self, name: str) -> Column | None:
        """The column of that name, looked up without case."""
        return self._by_name.get(fold(name))

    @property
    def has_stable_key(self) -> bool:
        """False if the key is a row id without an INTEGER PRIMARY KEY, which VACUUM may renumber."""
        return self.without_rowid or self.rowid_column is not None

    @property
    def free_rowid_name(self) -> str | None:
        """A name of the row id that no column hides; None if all are hidden, or the table has no row ids."""
        if self.without_rowid:
            return None
        return next((name for name in ROWID_NAMES if self.column(name) is None), None)

    @property
    def rowid_column(self) -> str | None:
        """The column that is an alias of the row id, if one is."""
        key = self.primary_key
        return key.columns[0].column if key and key.rowid_alias else None


@dataclass(frozen=True, slots=True)
class View:
    name: str
    select: Sql
    columns: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables and views, each in order of lower-cased name."""

    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    _tables_by_name: dict[str, Table] = field(init=False, repr=False, compare=False)
    _views_by_name: dict[str, View] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # computed once: a run looks up every table several times, and there may be thousands
        object.__setattr__(self, "_tables_by_name", {fold(t.name): t for t in reversed(self.tables)})
        object.__setattr__(self, "_views_by_name", {fold(v.name): v for v in reversed(self.views)})

    def table(self, name: str) -> Table | None:
        """The table of that name, looked up without case."""
        return self._tables_by_name.get(fold(name))

    def view(self, name: str) -> View | None:
        """The view of that name, looked up without case."""
        return self._views_by_name.get(fold(name))

    @property
    def owners(self) -> tuple[Table | View, ...]:
        """Everything that can have triggers: tables, then views."""
        return (*self.tables, *self.views)

    def object_names(self) -> Iterator[tuple[str, str]]:
        """(kind, folded name) of everything that the schema names, which is ours in a database."""
        for owner in self.owners:
            yield ("view" if isinstance(owner, View) else "table"), fold(owner.name)
            for trigger in owner.triggers:
                yield "trigger", fold(trigger.name)
        for table in self.tables:
            for index in table.indexes:
                yield "index", fold(index.name)


class ColumnName(NamedTuple):
    """A column by the names that the schema spells."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """A `_from`: the SELECT that fills a table from the old database. `may_drop_rows`: existing rows of the table may
    be missing in the result."""

    select: Sql
    may_drop_rows: bool = False


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """Rows of a table in the file, as values of `columns`. `key`: the columns that identify them. `given`: for each row
    and column, whether the row itself names the column, and not only another row."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    given: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True, slots=True)
class Hints:
    """Instructions for getting to the schema. Hints are not part of the version.

    Keys are names as spelled in the schema; `was` lists are newest first. `transforms`: those of the project, which are
    not in the file.
    """

    tables_were: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns_were: dict[ColumnName, tuple[str, ...]] = field(default_factory=dict)
    fills: dict[ColumnName, Sql] = field(default_factory=dict)
    dropped_tables: tuple[str, ...] = ()
    dropped_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    derivations: dict[str, Derivation] = field(default_factory=dict)
    rows: dict[str, ReferenceRows] = field(default_factory=dict)
    transforms: tuple[TransformFunction, ...] = ()
