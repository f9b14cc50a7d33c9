"""Decides which columns are masked: those that the rules name, and those at the other end of a foreign key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ....errors import Code, Problem, Refused
from ....masking.masker import MaskKind
from ....masking.personal_names import looks_personal
from ....masking.rules import Rules, Whole
from ....schema.model import ColumnName, ForeignKey, Schema, Table
from ....schema.names import fold
from ....schema.text import nearest

Group = frozenset[ColumnName]
"""Columns that refer to each other, however indirectly: equal values in them get equal ones."""


@dataclass(frozen=True, slots=True)
class MaskedColumn:
    """A column that is masked. `is_named`: True if the rules name the column itself, and not only one that it refers to
    or that refers to it. `group`: the columns that are masked alike."""

    name: ColumnName
    kind: MaskKind
    is_named: bool
    group: Group


@dataclass(frozen=True, slots=True)
class Masking:
    """The masked columns. `empty`: folded names of the tables whose rows are left out. `not_named`: columns that look
    personal and that the rules do not name."""

    columns: tuple[MaskedColumn, ...]
    empty: frozenset[str]
    not_named: tuple[ColumnName, ...]

    def of(self, table: str) -> dict[str, MaskedColumn]:
        """Return the masked columns of a table, by folded name."""
        return {fold(one.name.column): one for one in self.columns if fold(one.name.table) == fold(table)}


def decide(schema: Schema, rules: Rules, virtual: Mapping[str, tuple[str, ...]]) -> Masking:
    """Decide which columns are masked. `virtual`: the columns of each virtual table. Raises Refused with every rule
    that cannot be followed."""
    problems = [*_unknown_names(schema, rules, virtual)]
    if problems:
        raise Refused(problems)
    named = dict(_named(schema, rules))
    groups = _groups(schema)
    columns = []
    for group in {groups.get(name, frozenset({name})) for name, kind in named.items() if kind is not MaskKind.KEEP}:
        kinds = {named[name] for name in group if name in named}
        problems += _unfit(schema, group, kinds, named)
        columns += [MaskedColumn(name, min(kinds), name in named, group) for name in group]
    if problems:
        raise Refused(sorted(problems, key=lambda one: one.message))
    masked = {one.name for one in columns}
    empty = frozenset(fold(name) for name, whole in rules.whole.items() if whole is Whole.EMPTY)
    decided = masked | set(named)
    return Masking(tuple(sorted(columns, key=lambda one: one.name)), empty, tuple(_not_named(schema, rules, decided)))


def _unknown_names(schema: Schema, rules: Rules, virtual: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    tables = {fold(table.name): (table.name, [c.name for c in table.columns]) for table in schema.tables}
    tables |= {fold(name): (name, list(columns)) for name, columns in virtual.items()}
    views = {fold(view.name) for view in schema.views}
    for table in (*rules.columns, *rules.whole):
        if fold(table) in views:
            yield _bad(f'"{table}" is a view', "Name the tables that it reads.", table)
        elif fold(table) not in tables:
            near = nearest(table, [name for name, _ in tables.values()])
            yield _bad(f'there is no table "{table}"', f'Did you mean "{near}"?' if near else "", table)
    for table, kinds in rules.columns.items():
        name, columns = tables.get(fold(table), ("", []))
        for column in kinds if name else ():
            if fold(column) not in map(fold, columns):
                near = nearest(column, columns)
                hint = f'Did you mean "{near}"?' if near else ""
                yield _bad(f'"{name}" has no column "{column}"', hint, name, column)


def _named(schema: Schema, rules: Rules) -> Iterator[tuple[ColumnName, MaskKind]]:
    for table in schema.tables:
        kinds = rules.of(table.name)
        for column in table.columns:
            if fold(column.name) in kinds:
                yield ColumnName(table.name, column.name), kinds[fold(column.name)]


def _unfit(
    schema: Schema, group: Group, kinds: set[MaskKind], named: Mapping[ColumnName, MaskKind]
) -> Iterator[Problem]:
    """The problems of columns that are masked together."""
    shown = ", ".join(f"{table}.{column}" for table, column in sorted(group))
    if len(kinds) > 1:
        yield _bad(
            f"{shown} refer to each other, and the rules give them several kinds: {', '.join(sorted(kinds))}",
            "Name one of them, or give all of them one kind.",
            *min(group),
        )
    for name in sorted(group):
        table = schema.table(name.table)
        column = table.column(name.column) if table is not None else None
        if table is None or column is None:
            continue
        if table.rowid_column is not None and fold(table.rowid_column) == fold(column.name):
            yield _is_an_id(name, next((one for one in sorted(group) if one in named), name))
        elif column.generated is not None:
            yield _bad(
                f'"{name.table}.{name.column}" is a generated column',
                "Name the columns that it is computed from.",
                *name,
            )


def _is_an_id(name: ColumnName, named: ColumnName) -> Problem:
    what = f'"{name.table}.{name.column}" is an id that SQLite gives out'
    if name != named:
        what = f'"{named.table}.{named.column}" refers to "{name.table}.{name.column}", an id that SQLite gives out'
    return _bad(
        what, "An id says nothing about a person by itself, and other rows may refer to it: leave it out.", *named
    )


def _groups(schema: Schema) -> dict[ColumnName, Group]:
    """The group of each column that is at an end of a foreign key."""
    groups: dict[ColumnName, Group] = {}
    for child, parent in _references(schema):
        both = groups.get(child, frozenset({child})) | groups.get(parent, frozenset({parent}))
        groups |= dict.fromkeys(both, both)
    return groups


def _references(schema: Schema) -> Iterator[tuple[ColumnName, ColumnName]]:
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = schema.table(key.table)
            if parent is not None:
                yield from _pairs(table, key, parent)


def _pairs(table: Table, key: ForeignKey, parent: Table) -> Iterator[tuple[ColumnName, ColumnName]]:
    named: Iterable[str | None] = key.references
    if not key.references and parent.primary_key is not None:
        named = [column.column for column in parent.primary_key.columns]
    for child, target in zip(key.columns, named, strict=False):
        one, other = table.column(child), parent.column(target or "")
        if one is not None and other is not None:
            yield ColumnName(table.name, one.name), ColumnName(parent.name, other.name)


def _not_named(schema: Schema, rules: Rules, decided: set[ColumnName]) -> Iterator[ColumnName]:
    for table in schema.tables:
        if rules.whole_of(table.name) is None:
            for column in table.columns:
                name = ColumnName(table.name, column.name)
                is_plain = column.generated is None and column.name != table.rowid_column
                if is_plain and name not in decided and looks_personal(*name):
                    yield name


def _bad(message: str, hint: str, table: str, column: str = "") -> Problem:
    facts = {"table": table, "column": column} if column else {"table": table}
    return Problem(Code.BAD_MASK, message, hint, facts)
