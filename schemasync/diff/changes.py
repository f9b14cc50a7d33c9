"""The types of schema changes: a closed family of small frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NotRequired, TypedDict, assert_never, cast, get_args

from ..schema.model import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexedColumn,
    PrimaryKey,
    Table,
    Trigger,
    Unique,
    View,
)
from ..schema.write import plain

_CHECK_WIDTH = 60  # characters of an expression in a phrase: enough to recognize it


@dataclass(frozen=True, slots=True)
class CreateTable:
    table: Table


@dataclass(frozen=True, slots=True)
class DropTable:
    table: Table


@dataclass(frozen=True, slots=True)
class RenameTable:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DeriveTable:
    """The rows of the table come from the SELECT of its `_from`."""

    table: str


@dataclass(frozen=True, slots=True)
class TransformTable:
    """The rows of the table come from transforms: their names, in a phrase."""

    table: str
    transform: str


@dataclass(frozen=True, slots=True)
class AddColumn:
    table: str
    column: Column


@dataclass(frozen=True, slots=True)
class DropColumn:
    table: str
    column: Column


@dataclass(frozen=True, slots=True)
class RenameColumn:
    table: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ReorderColumns:
    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeType:
    table: str
    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ChangeNotNull:
    table: str
    column: str
    old: bool
    new: bool


@dataclass(frozen=True, slots=True)
class ChangeDefault:
    table: str
    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class ChangeCollation:
    table: str
    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ChangeGenerated:
    table: str
    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class ChangePrimaryKey:
    table: str
    old: PrimaryKey | None
    new: PrimaryKey | None


@dataclass(frozen=True, slots=True)
class AddUnique:
    table: str
    unique: Unique


@dataclass(frozen=True, slots=True)
class DropUnique:
    table: str
    unique: Unique


@dataclass(frozen=True, slots=True)
class AddCheck:
    table: str
    check: Check


@dataclass(frozen=True, slots=True)
class DropCheck:
    table: str
    check: Check


@dataclass(frozen=True, slots=True)
class AddForeignKey:
    table: str
    key: ForeignKey


@dataclass(frozen=True, slots=True)
class DropForeignKey:
    table: str
    key: ForeignKey


@dataclass(frozen=True, slots=True)
class ChangeStrict:
    table: str
    new: bool


@dataclass(frozen=True, slots=True)
class ChangeRowid:
    """The table becomes WITHOUT ROWID, or stops being so."""

    table: str
    without_rowid: bool


@dataclass(frozen=True, slots=True)
class ChangeVirtual:
    table: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class AddIndex:
    table: str
    index: Index


@dataclass(frozen=True, slots=True)
class DropIndex:
    table: str
    index: Index


@dataclass(frozen=True, slots=True)
class ChangeIndex:
    table: str
    old: Index
    new: Index


@dataclass(frozen=True, slots=True)
class AddTrigger:
    owner: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class DropTrigger:
    owner: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class ChangeTrigger:
    owner: str
    old: Trigger
    new: Trigger


@dataclass(frozen=True, slots=True)
class AddView:
    view: View


@dataclass(frozen=True, slots=True)
class DropView:
    view: View


@dataclass(frozen=True, slots=True)
class ChangeView:
    old: View
    new: View


Change = (
    CreateTable
    | DropTable
    | RenameTable
    | DeriveTable
    | TransformTable
    | AddColumn
    | DropColumn
    | RenameColumn
    | ReorderColumns
    | ChangeType
    | ChangeNotNull
    | ChangeDefault
    | ChangeCollation
    | ChangeGenerated
    | ChangePrimaryKey
    | AddUnique
    | DropUnique
    | AddCheck
    | DropCheck
    | AddForeignKey
    | DropForeignKey
    | ChangeStrict
    | ChangeRowid
    | ChangeVirtual
    | AddIndex
    | DropIndex
    | ChangeIndex
    | AddTrigger
    | DropTrigger
    | ChangeTrigger
    | AddView
    | DropView
    | ChangeView
)

FAMILY: tuple[type, ...] = get_args(Change)

WITHOUT_REWRITE = (
    RenameTable,
    RenameColumn,
    AddIndex,
    DropIndex,
    ChangeIndex,
    AddTrigger,
    DropTrigger,
    ChangeTrigger,
)
"""Changes of a table that SQLite's own ALTER TABLE makes, or that touch no row of it."""


class ChangeJson(TypedDict):
    """One change of the schema. The optional keys depend on its kind; an object without a name has no key for it."""

    change: str
    """The kind, such as `CreateTable`, `DropColumn` or `ChangeType`."""
    text: str
    """The change in a phrase."""
    table: NotRequired[str]
    column: NotRequired[str]
    old: NotRequired[str | bool]
    """A name, type or expression before the change; for NOT NULL whether it was declared."""
    new: NotRequired[str | bool]
    """The new name, type or expression; for NOT NULL whether it is declared now."""
    without_rowid: NotRequired[bool]
    """Whether the table becomes a WITHOUT ROWID table."""
    unique: NotRequired[str]
    """The name of a UNIQUE constraint."""
    check: NotRequired[str]
    """The expression of a CHECK constraint."""
    key: NotRequired[str]
    """The name of a foreign key."""
    index: NotRequired[str]
    owner: NotRequired[str]
    """The table or view that a trigger belongs to."""
    trigger: NotRequired[str]
    view: NotRequired[str]
    transform: NotRequired[str]
    """The names of the transforms that fill a table."""


def describe(change: Change) -> str:
    """Return the change in a phrase, as plans and the history show it."""
    match change:
        case CreateTable(table):
            return f"{table.name}: new table"
        case DropTable(table):
            return f"{table.name}: dropped, with its rows"
        case RenameTable(old, new):
            return f"{old} -> {new}"
        case DeriveTable(table):
            return f"{table}: filled by its _from"
        case TransformTable(table, names):
            return f"{table}: filled by the transform {names}"
        case AddColumn(table, column):
            return f"{table}: +{column.name}"
        case DropColumn(table, column):
            return f"{table}: -{column.name}, with its values"
        case RenameColumn(table, old, new):
            return f"{table}: {old} -> {new}"
        case ReorderColumns(table, columns):
            return f"{table}: columns in the order {shortened(columns)}"
        case ChangeType(table, column, old, new):
            return f"{table}.{column}: type {old or 'none'} -> {new or 'none'}"
        case ChangeNotNull(table, column, old, new):
            return f"{table}.{column}: {'NOT NULL' if new else 'may be NULL'}" + (
                " (another conflict clause or name)" if old == new else ""
            )
        case ChangeDefault(table, column, old, new):
            return f"{table}.{column}: default {old or 'NULL'} -> {new or 'NULL'}"
        case ChangeCollation(table, column, old, new):
            return f"{table}.{column}: collation {old} -> {new}"
        case ChangeGenerated(table, column, old, new):
            return f"{table}.{column}: " + (f"generated as {new}" if new else f"no longer generated ({old})")
        case ChangePrimaryKey(table, old, new):
            return f"{table}: primary key {_keys(old, new)}"
        case AddUnique(table, unique):
            return f"{table}: +UNIQUE ({_columns(unique)})"
        case DropUnique(table, unique):
            return f"{table}: -UNIQUE ({_columns(unique)})"
        case AddCheck(table, check):
            return f"{table}: +{_check(check)}"
        case DropCheck(table, check):
            return f"{table}: -{_check(check)}"
        case AddForeignKey(table, key):
            return f"{table}: +{_reference(key)}"
        case DropForeignKey(table, key):
            return f"{table}: -{_reference(key)}"
        case ChangeStrict(table, new):
            return f"{table}: {'STRICT' if new else 'no longer STRICT'}"
        case ChangeRowid(table, without_rowid):
            return f"{table}: {'WITHOUT ROWID' if without_rowid else 'with row ids'}"
        case ChangeVirtual(table, old, new):
            return f"{table}: {old} -> {new}"
        case AddIndex(table, index):
            return f"{table}: +index {index.name}"
        case DropIndex(table, index):
            return f"{table}: -index {index.name}"
        case ChangeIndex(table, _, index):
            return f"{table}: index {index.name} changed"
        case AddTrigger(owner, trigger):
            return f"{owner}: +trigger {trigger.name}"
        case DropTrigger(owner, trigger):
            return f"{owner}: -trigger {trigger.name}"
        case ChangeTrigger(owner, _, trigger):
            return f"{owner}: trigger {trigger.name} changed"
        case AddView(view):
            return f"{view.name}: new view"
        case DropView(view):
            return f"{view.name}: view removed"
        case ChangeView(_, view):
            return f"{view.name}: view changed"
        case _:
            assert_never(change)


def subject(change: Change) -> str:
    """Return the name of the table or view that changes: the new name of a renamed table, the owner of a trigger."""
    match change:
        case CreateTable(table) | DropTable(table):
            return table.name
        case RenameTable(_, new):
            return new
        case AddTrigger(owner) | DropTrigger(owner) | ChangeTrigger(owner):
            return owner
        case AddView(view) | DropView(view) | ChangeView(_, view):
            return view.name
        case _:
            return change.table


def lines_by_table(changes: Iterable[Change]) -> list[str]:
    """One line for each table or view, with its changes: `Users: +phone; -fax, with its values`."""
    phrases: dict[str, list[str]] = {}
    for change in changes:
        name = subject(change)
        phrases.setdefault(name, []).append(describe(change).removeprefix(f"{name}: ").removeprefix(f"{name}."))
    return [f"{name}: {'; '.join(found)}" for name, found in phrases.items()]


def as_json(change: Change) -> ChangeJson:
    """Return `{change: its kind, text: in a phrase, ...}`, with the names that the change has, and the full text of a
    CHECK."""
    named = {f.name: _plainly(getattr(change, f.name)) for f in fields(change)}
    known = {key: value for key, value in named.items() if value is not None}
    return cast("ChangeJson", {"change": type(change).__name__, "text": describe(change), **known})


def _plainly(value: object) -> str | bool | None:
    match value:
        case str() | bool():
            return value
        case Check(expression):
            return plain(expression)
        case _:
            return getattr(value, "name", None)


def _check(check: Check) -> str:
    """Return the CHECK as written, on one line; a long one is shortened in the middle, because two mostly differ at the
    ends."""
    text = " ".join(plain(check.expression).split())
    if len(text) > _CHECK_WIDTH:
        text = f"{text[: _CHECK_WIDTH // 2].rstrip()} … {text[-_CHECK_WIDTH // 2 :].lstrip()}"
    return f"CHECK ({text})"


def shortened(names: Sequence[str]) -> str:
    """The first eight names, with an ellipsis if there are more."""
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _columns(key: Unique | PrimaryKey) -> str:
    return ", ".join(column.column or "" for column in key.columns)


def _keys(old: PrimaryKey | None, new: PrimaryKey | None) -> str:
    """`old -> new`, with every part in which the keys differ."""
    if old is None or new is None or old.rowid_alias == new.rowid_alias:
        return f"{_key(old)} -> {_key(new)}"
    is_one, is_none = "the row id", "not the row id"
    before, after = (is_one, is_none) if old.rowid_alias else (is_none, is_one)
    return f"{_key(old)}, {before} -> {_key(new)}, {after}"


def _key(key: PrimaryKey | None) -> str:
    if key is None:
        return "none"
    name = f"{key.name} " if key.name else ""
    columns = ", ".join(_key_column(column) for column in key.columns)
    conflict = f" ON CONFLICT {key.conflict}" if key.conflict else ""
    return f"{name}({columns}){conflict}{' AUTOINCREMENT' if key.autoincrement else ''}"


def _key_column(column: IndexedColumn) -> str:
    collation = f" COLLATE {column.collation.upper()}" if column.collation else ""
    return f"{column.column or ''}{collation}{' DESC' if column.descending else ''}"


def _reference(key: ForeignKey) -> str:
    return f"({', '.join(key.columns)}) REFERENCES {key.table} ({', '.join(key.references)})"
