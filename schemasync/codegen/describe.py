"""Describes the models of a schema as a Django developer would write them for its tables and views."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..schema.model import Check, Column, ForeignKey, Schema, Sql, Table, Unique, View
from ..schema.names import fold
from ..schema.normalize import by_name
from .code import ModelClass
from .draft import Draft
from .model_class import ModelBuilder
from .naming import RESERVED, class_name, field_name, free, is_quotable, words
from .request import Request


def describe(schema: Schema, request: Request) -> tuple[ModelClass, ...]:
    """Return a model for each table and view without an installed one, in order of name. Virtual tables get none."""
    tables = [table for table in schema.tables if has_model(table) and fold(table.name) not in request.external]
    views = [view for view in schema.views if fold(view.name) not in request.external]
    views = [view for view in views if is_quotable(view.name) and _view_columns(view, request)]
    owners = by_name(tables + [_as_table(view, request) for view in views])
    drafts = {fold(table.name): draft for table, draft in zip(owners, _named(owners, request), strict=True)}
    for one in views:
        drafts[fold(one.name)].view = one
    for draft in drafts.values():
        _find_relations(draft, drafts, request)
    for draft in drafts.values():
        draft.fields = _field_names(draft)
        draft.rowid = _rowid(draft)
    _Relations(drafts, request).name()
    _rules(drafts, request)
    constraint_names = {one.name for table in tables for one in _constraints(table) if one.name is not None}
    keys = {fold(table.name): table for table in schema.tables}
    return tuple(ModelBuilder(draft, drafts, request, keys, constraint_names).build() for draft in drafts.values())


def has_model(table: Table) -> bool:
    """False for virtual tables, and for names that Django cannot use."""
    key = [one.column or "" for one in table.primary_key.columns] if table.primary_key is not None else []
    return table.virtual is None and all(map(is_quotable, (table.name, *key)))


def _view_columns(view: View, request: Request) -> list[tuple[str, str]]:
    found = request.view_columns.get(fold(view.name), ())
    return [(name, declared) for name, declared in found if is_quotable(name)]


def _constraints(table: Table) -> list[Unique | Check]:
    return [*table.uniques, *table.checks]


def _as_table(view: View, request: Request) -> Table:
    columns = _view_columns(view, request)
    return Table(view.name, tuple(Column(name, Sql(declared.upper())) for name, declared in columns))


def _named(tables: Sequence[Table], request: Request) -> list[Draft]:
    """Return a draft for each table, with a class name that is unique even in lower case."""
    wanted = [class_name(table.name, request.app_label) for table in tables]
    taken = set(request.class_names)
    drafts = []
    times = Counter(name.lower() for name in wanted)
    for table, name in zip(tables, wanted, strict=True):
        if times[name.lower()] > 1:  # `Tag` and `Tags`: no singular for either
            name = "".join(word[0].upper() + word[1:].lower() for word in words(table.name)) or "Table"
            name = name if name.isidentifier() else f"Table{name}"
        number, found = 1, name
        while found.lower() in taken:
            number += 1
            found = f"{name}{number}"
        taken.add(found.lower())
        drafts.append(Draft(table, found))
    return drafts


def _find_relations(draft: Draft, drafts: Mapping[str, Draft], request: Request) -> None:
    """Store in the draft the foreign keys that become relations, by folded column; of several on one column the
    first."""
    for key in draft.table.foreign_keys:
        if len(key.columns) == 1 == len(key.references):
            column = draft.table.column(key.columns[0])
            is_plain = column is not None and column.generated is None and is_quotable(column.name)
            if is_plain and _is_possible(key, drafts, request) and not _is_circle(draft, key, drafts):
                draft.keys.setdefault(fold(key.columns[0]), key)


def _is_possible(key: ForeignKey, drafts: Mapping[str, Draft], request: Request) -> bool:
    """True if the other model exists, and Django can see that the column is unique in it."""
    target, column = fold(key.table), fold(key.references[0])
    if (external := request.external.get(target)) is not None:
        return column == external.key or column in external.unique
    return target in drafts and is_quotable(column) and _has_unique(drafts[target].table, column)


def _has_unique(table: Table, column: str) -> bool:
    key = table.primary_key
    sets = [key.columns] if key is not None else []
    sets += [one.columns for one in table.uniques if one.conflict is None]
    sets += [index.columns for index in table.indexes if index.unique and index.where is None]
    plain = [columns[0] for columns in sets if len(columns) == 1 and columns[0].collation is None]
    return any(fold(one.column or "") == column and not one.descending for one in plain)


def _is_circle(draft: Draft, key: ForeignKey, drafts: Mapping[str, Draft]) -> bool:
    """True if the column would refer to itself through others: Django then finds no type for it."""
    start = (fold(draft.table.name), fold(key.columns[0]))
    at = (fold(key.table), fold(key.references[0]))
    while at != start:
        following = drafts[at[0]].keys.get(at[1]) if at[0] in drafts else None
        if following is None:
            return False
        at = (fold(following.table), fold(following.references[0]))
    return True


def _field_names(draft: Draft) -> dict[str, str]:
    """Return a field name for each folded column. Columns without a relation get their names first."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    columns = [column for column in draft.table.columns if is_quotable(column.name)]
    columns.sort(key=lambda column: fold(column.name) in draft.keys)
    for column in columns:
        name = field_name(column.name)
        if fold(column.name) in draft.keys:
            short = name.removesuffix("_id") or name
            is_free = (
                short != "id"
                and short.isidentifier()
                and not keyword.iskeyword(short)
                and short not in taken | RESERVED
            )
            name = free(short if is_free else f"{short}_ref", taken)
            while f"{name}_id" in taken:
                name = free(f"{name}_ref", taken)
            taken.add(f"{name}_id")
        name = free(name, taken)
        taken.add(name)
        found[fold(column.name)] = name
    return found


def _rowid(draft: Draft) -> str:
    """Return the name under which SQLite returns the row id of a table without a primary key; '' for other tables."""
    if draft.table.primary_key is not None or draft.view is not None:
        return ""
    return draft.table.free_rowid_name or ""


@dataclass(slots=True)
class _Relations:
    """Gives relations a related name if Django's own would clash."""

    drafts: Mapping[str, Draft]
    request: Request

    def name(self) -> None:
        targets: dict[str, list[tuple[Draft, str]]] = {}
        for draft in self.drafts.values():
            for column, key in draft.keys.items():
                targets.setdefault(fold(key.table), []).append((draft, column))
        for target, relations in targets.items():
            self._name(target, relations)

    def _name(self, target: str, relations: list[tuple[Draft, str]]) -> None:
        taken = set(self._taken(target))
        owners = [draft.name for draft, _ in relations]
        clashing = []
        for draft, column in relations:
            names = _default_names(draft, column)
            if owners.count(draft.name) > 1 or not names.isdisjoint(taken | RESERVED):
                clashing.append((draft, column))
            else:
                taken |= names
        for draft, column in clashing:
            label = self.request.app_label
            table = draft.table.name.removeprefix(f"{label}_" if label else "")
            name = free(f"{field_name(table)}_as_{draft.fields[column]}", taken)
            draft.related[column] = name
            taken.add(name)

    def _taken(self, target: str) -> frozenset[str] | set[str]:
        external = self.request.external.get(target)
        return external.names if external is not None else self.drafts[target].attributes


def _default_names(draft: Draft, column: str) -> set[str]:
    """Return the names of the attribute and the lookup that Django adds to the other model."""
    name = draft.name.lower()
    return {name} if draft.is_unique(column) else {name, f"{name}_set"}


def _rules(drafts: Mapping[str, Draft], request: Request) -> None:
    """Store the on_delete of each relation. Django refuses Python rules together with database rules in a model and in
    models related to it, except for DO_NOTHING."""
    in_database: set[tuple[str, str]] = set()
    if request.features.db_on_delete:
        for name, draft in drafts.items():
            for column, key in draft.keys.items():
                external = request.external.get(fold(key.table))
                if _db_rule(draft, column) and not (external is not None and external.has_python_rules):
                    in_database.add((name, column))
    referred = {fold(drafts[name].keys[column].table) for name, column in in_database}
    referring = {name for name, _ in in_database}
    for name, draft in drafts.items():
        for column, key in draft.keys.items():
            if (name, column) in in_database:
                draft.rules[column] = _db_rule(draft, column)
                continue
            external = request.external.get(fold(key.table))
            mixes = name in referred | referring or fold(key.table) in referring
            mixes = mixes or (external is not None and external.has_db_rules)
            is_left = request.features.db_on_delete and bool(_db_rule(draft, column))
            draft.rules[column] = "DO_NOTHING" if mixes or is_left else _python_rule(draft, column)


def _db_rule(draft: Draft, column: str) -> str:
    """Return the database-level rule for the ON DELETE of a foreign key; '' if Django has none."""
    found = draft.table.column(column)
    assert found is not None
    match draft.keys[column].on_delete:
        case "CASCADE":
            return "DB_CASCADE"
        case "SET NULL" if found.not_null is None and not _is_key(draft, column):
            return "DB_SET_NULL"
        case "SET DEFAULT" if found.default is not None:
            return "DB_SET_DEFAULT"
        case _:
            return ""


def _python_rule(draft: Draft, column: str) -> str:
    """Return the rule that makes Django itself do the same as SQLite; PROTECT for other actions."""
    found = draft.table.column(column)
    assert found is not None
    match draft.keys[column].on_delete:
        case "CASCADE":
            return "CASCADE"
        case "SET NULL" if found.not_null is None and not _is_key(draft, column):
            return "SET_NULL"
        case "SET NULL" | "SET DEFAULT":
            return "DO_NOTHING"
        case _:
            return "PROTECT"


def _is_key(draft: Draft, column: str) -> bool:
    key = draft.table.primary_key
    return key is not None and any(fold(one.column or "") == column for one in key.columns)
