"""Merges a model's table with the parts that the author keeps in schema.json in addition to the model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ..schema import digest, normalize, write
from ..schema.model import Check, Column, ForeignKey, Index, NotNull, Table, Unique
from ..schema.names import fold
from .equivalent_sql import reworded

Constraint = TypeVar("Constraint", Unique, Check, ForeignKey)


def merged(
    model: Table,
    file: Table | None,
    keep: Collection[str],
    renames: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
) -> Table:
    """Return the table for the file. Existing columns keep their order; new ones follow, sorted by the names of their
    `fields`, as in the migrations that Django would write.

    `fields` maps the folded name of a column to the name of its field, and `renames` maps its new name to its name in
    the file. `keep`: names of columns, indexes and constraints that stay as in the file; a constraint without a name is
    identified by its text. Triggers, STRICT and WITHOUT ROWID always stay: models have none.
    """
    if file is None:
        return model
    kept = _Kept(frozenset(map(fold, keep)))
    model = _as_kind(reworded(model, file), file)
    return replace(
        model,
        columns=tuple(
            _columns(model, file, kept, {fold(old): new for new, old in (renames or {}).items()}, fields or {})
        ),
        uniques=normalize.ordered(_constraints(model.uniques, file.uniques, kept), digest.unique_json),
        checks=normalize.ordered(_checks(model, file, kept), digest.check_json),
        foreign_keys=normalize.ordered(
            _constraints(model.foreign_keys, file.foreign_keys, kept), digest.foreign_key_json
        ),
        strict=file.strict,
        without_rowid=file.without_rowid,
        indexes=normalize.by_name(_indexes(model, file, kept)),
        triggers=file.triggers,
    )


def beyond(model: Table, found: Table) -> tuple[str, ...]:
    """Return the names for `_keep`: the parts of a model's table that only the database has, and would lose.

    They are columns that no model names, or that have more than the model, such as a collation, default or CHECK; and
    indexes and constraints.
    """
    model = _as_kind(reworded(model, found), found)
    return tuple(dict.fromkeys([*_more_columns(model, found), *_more_parts(model, found)]))


def _as_kind(model: Table, file: Table) -> Table:
    """Return the model's table as if it had the STRICT or WITHOUT ROWID of the file, where the key implies NOT NULL."""
    key = model.primary_key
    if key is None or not (file.strict or file.without_rowid):
        return model
    if file.without_rowid:
        key = replace(key, autoincrement=False, rowid_alias=False)
    columns = tuple(
        replace(c, not_null=None) if c.not_null == NotNull() and any(c.name == k.column for k in key.columns) else c
        for c in model.columns
    )
    return replace(model, columns=columns, primary_key=key)


@dataclass(frozen=True, slots=True)
class _Kept:
    names: frozenset[str]

    def has(self, name: str | None) -> bool:
        return name is not None and fold(name) in self.names

    def constraint(self, one: Unique | Check | ForeignKey) -> bool:
        """True if `keep` has its name, its text if it has no name, or the only column that it is about."""
        return self.has(one.name or text(one)) or self.has(only_column(one))


def lost_and_gained(model: Table, file: Table, keep: Collection[str]) -> tuple[list[Column], list[Column]]:
    """Return the columns of the file that the model no longer has, except for those in `keep`, and the columns that are
    new in the model."""
    kept = set(map(fold, keep))
    lost = [c for c in file.columns if model.column(c.name) is None and fold(c.name) not in kept]
    return lost, [c for c in model.columns if file.column(c.name) is None]


def _columns(
    model: Table, file: Table, kept: _Kept, renames: Mapping[str, str], fields: Mapping[str, str]
) -> Iterator[Column]:
    for column in file.columns:
        own = model.column(renames.get(fold(column.name), column.name))
        if kept.has(column.name):
            yield column
        elif own is not None:
            yield own
    there = {*renames.values(), *(fold(column.name) for column in file.columns)}
    new = (column for column in model.columns if fold(column.name) not in there)
    yield from sorted(new, key=lambda column: fields.get(fold(column.name), ""))


def _constraints(model: tuple[Constraint, ...], file: tuple[Constraint, ...], kept: _Kept) -> Iterator[Constraint]:
    yield from (one for one in model if not kept.has(only_column(one)) and not kept.has(one.name))
    yield from (one for one in file if kept.constraint(one))


def _checks(model: Table, file: Table, kept: _Kept) -> Iterator[Check]:
    def about(table: Table, check: Check) -> bool:
        return kept.has(write.about(table, check))

    yield from (one for one in model.checks if not about(model, one) and not kept.has(one.name))
    yield from (one for one in file.checks if kept.constraint(one) or about(file, one))


def _indexes(model: Table, file: Table, kept: _Kept) -> Iterator[Index]:
    yield from (index for index in model.indexes if not kept.has(index.name))
    yield from (index for index in file.indexes if kept.has(index.name))


def only_column(one: Unique | Check | ForeignKey) -> str | None:
    """Return the column of a UNIQUE or a foreign key with one column; None for several, and for a CHECK."""
    match one:
        case Unique():
            return one.columns[0].column if len(one.columns) == 1 else None
        case ForeignKey():
            return one.columns[0] if len(one.columns) == 1 else None
        case _:
            return None


def text(one: Unique | Check | ForeignKey) -> str:
    """Return the name in `_keep` for a constraint without a name."""
    return write.constraint_text(one)


def _more_columns(model: Table, found: Table) -> Iterator[str]:
    for column in found.columns:
        own = model.column(column.name)
        if own is None or _has_more(own, column) or _alone(found, column) - _alone(model, column):
            yield column.name


def _has_more(own: Column, found: Column) -> bool:
    return any(
        getattr(own, part) is None and getattr(found, part) is not None
        for part in ("collation", "default", "generated", "not_null")
    )


def _alone(table: Table, column: Column) -> set[str]:
    """Return the UNIQUE and CHECK constraints of one column, as text."""
    found: Iterable[Unique | Check | ForeignKey] = (*table.uniques, *table.checks)
    about = (one for one in found if column.name in (only_column(one), _of(table, one)))
    return {text(replace(one, name=None)) for one in about}


def _all(table: Table) -> tuple[Unique | Check | ForeignKey, ...]:
    return (*table.uniques, *table.checks, *table.foreign_keys)


def _of(table: Table, one: Unique | Check | ForeignKey) -> str | None:
    return write.about(table, one) if isinstance(one, Check) else None


def _more_parts(model: Table, found: Table) -> Iterator[str]:
    indexes = {fold(index.name) for index in model.indexes}
    yield from (index.name for index in found.indexes if fold(index.name) not in indexes)
    known = {text(replace(one, name=None)) for one in _all(model)}
    for one in _all(found):
        single = only_column(one) or _of(found, one)
        if single is None and text(replace(one, name=None)) not in known:
            yield one.name or text(one)
