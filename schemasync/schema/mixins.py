"""Expands the mixins of a schema.json: columns, constraints, indexes, triggers and views that several tables share.

The expansion maps one file to another, before anything else is read: a schema that is written out by hand is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import Code
from . import lexer
from .diagnostics import Diagnostics
from .jsonc import Path
from .model import Table
from .names import ROWID_NAMES, fold, from_key, is_special
from .origins import Origin
from .placeholders import PLACEHOLDER, TableNames, filled_in
from .ready_mixins import GROUPS, READY, Facts, roles_group
from .shape_check import tables_of
from .tables import read_table
from .text import literal, nearest

Body = dict[str, Any]

LISTS = {
    "_indexes": "index",
    "_unique_constraints": "unique constraint",
    "_checks": "check",
    "_foreign_keys": "foreign key",
    "_constraints": "constraint",
}
"""Keys of a mixin whose items are added to those of the table, and the kind of one item."""


MADE_LIMIT = 4 * 1024 * 1024  # characters: as many as a file may have

LATE = ("_triggers", "_views", "_tables")
"""Keys of a mixin that may use the key of the table, which is known once all columns are."""


class Part(NamedTuple):
    """A part that a mixin made: its kind (`column`, `trigger`, ...), and its name, or its text if it has no name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class MixedIn:
    """The parts that a mixin made for one table. `table` is empty for parts that are made once: a table that all of
    them share, or those of a mixin that the top of the file uses."""

    mixin: str
    table: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Expanded:
    """A schema.json without mixins, and the origins of its parts. `origins`: path in `tree` -> origin, of each part
    that a mixin made."""

    tree: dict[str, Any]
    origins: Mapping[Path, Origin] = field(default_factory=dict)
    made: tuple[MixedIn, ...] = ()


@dataclass(frozen=True, slots=True)
class _Use:
    """One entry of `_use` or `_use_everywhere`. `keep`: names of columns that the table defines itself."""

    mixin: str
    path: Path
    keep: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def expand(tree: Mapping[str, Any], faults: Diagnostics, faulty: Collection[str] = ()) -> Expanded:
    """Return the tree of a file that passed `check_shapes`, with the parts of its mixins in the tables that use them.

    Mixins that cannot be found, and parts that a table defines differently, are recorded in `faults`. `faulty`: names
    of mixins that are left out of the tree, because their errors are recorded already.
    """
    return _Expansion(tree, faults, faulty).run()


def as_written(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree without its mixins: each table has only its own parts."""
    plain = {key: value for key, value in tree.items() if key not in ("_mixins", "_use", "_use_everywhere")}
    for key, body in tables_of(plain):
        if "_use" in body:
            plain[key] = {name: value for name, value in body.items() if name != "_use"}
    return plain


class _Expansion:
    """The expansion of one file. `tree` is a copy: the tables that get something, and the objects in them, are new."""

    def __init__(self, tree: Mapping[str, Any], faults: Diagnostics, faulty: Collection[str]) -> None:
        self.given, self.faults, self.faulty, self.tree = tree, faults, faulty, as_written(tree)
        if "_views" in tree:
            self.tree["_views"] = dict(tree["_views"])
        self.mixins: Mapping[str, Body] = tree.get("_mixins", {})
        self.origins: dict[Path, Origin] = {}
        self.parts: dict[tuple[str, str], list[Part]] = {}  # by mixin and table
        self.texts = {name: literal(body) for name, body in self.mixins.items()}
        self.size = 0  # characters that the mixins have made

    def run(self) -> Expanded:
        tables = [key for key, _ in tables_of(self.given)]
        everywhere = [*self._of_tables(("_use_everywhere",), self.given.get("_use_everywhere", ()))]
        excepted = {use.path: self._excepted(use.path, tables) for use in everywhere}
        for key in tables:
            own = [*self._of_tables((key, "_use"), self.given[key].get("_use", ()))]
            own = own if self._is_ordinary(key, own) else []
            named = {use.mixin for use in own}
            is_virtual = "_virtual" in self.given[key]
            for use in everywhere:
                if not (is_virtual or use.mixin in named or fold(from_key(key)) in excepted[use.path]):
                    own.append(use)
            if own:
                self._expand_table(key, own)
        for use in self._uses(("_use",), self.given.get("_use", ())):
            self._expand_top(use)
        made = tuple(MixedIn(mixin, table, tuple(parts)) for (mixin, table), parts in self.parts.items())
        return Expanded(self.tree, self.origins, made)

    # --- uses -----------------------------------------------------------------------------------------------

    def _uses(self, path: Path, entries: Sequence[Any]) -> Iterator[_Use]:
        """Yield the entries of a list of uses whose mixin exists; each mixin once."""
        found: set[str] = set()
        for number, entry in enumerate(entries):
            body: Body = {"mixin": entry} if isinstance(entry, str) else entry
            name = body["mixin"]
            if name not in self.mixins and (name not in (*READY, *GROUPS) or name in self.faulty):
                if name not in self.faulty:
                    self._note_unknown(name, (*path, number))
            elif name not in found:
                found.add(name)
                options = {key: value for key, value in body.items() if key not in ("mixin", "keep", "except")}
                self._check_options(name, options, (*path, number))
                yield _Use(name, (*path, number), tuple(body.get("keep", ())), options)

    def _of_tables(self, path: Path, entries: Sequence[Any]) -> Iterator[_Use]:
        """Yield the entries of `_uses` for a table. A ready mixin that makes tables by itself belongs at the top of the
        file."""
        for use in self._uses(path, entries):
            if use.mixin in GROUPS and use.mixin not in self.mixins:
                self.faults.note(
                    Code.MIXIN_CLASH,
                    f'the mixin "{use.mixin}" makes tables by itself, once',
                    f'At the top of the file: "_use": [{literal(use.mixin)}]',
                    at=use.path,
                )
            else:
                yield use

    def _check_options(self, name: str, options: Collection[str], path: Path) -> None:
        ready = GROUPS[name] if name in GROUPS else READY[name].options if name in READY else frozenset()
        known = frozenset() if name in self.mixins else ready
        for key in sorted(set(options) - known):
            hint = f"It has: {', '.join(sorted(known))}." if known else ""
            self.faults.note(Code.WRONG_SHAPE, f'the mixin "{name}" has no option "{key}"', hint, at=(*path, key))

    def _note_unknown(self, name: str, path: Path) -> None:
        known = [*self.mixins, *READY, *GROUPS]
        near = nearest(name, known)
        hint = f'Did you mean "{near}"?' if near else f'Mixins: {", ".join(known)}. Others are defined in "_mixins".'
        self.faults.note(Code.UNKNOWN_MIXIN, f'there is no mixin "{name}"', hint, at=path)

    def _excepted(self, path: Path, tables: Sequence[str]) -> frozenset[str]:
        """Folded names of the tables that do not use a mixin of `_use_everywhere`."""
        entry = self.given["_use_everywhere"][path[1]]
        names = entry.get("except", ()) if isinstance(entry, dict) else ()
        known = {fold(from_key(key)): from_key(key) for key in tables}
        for number, name in enumerate(names):
            if fold(name) not in known:
                near = nearest(name, known.values())
                hint = f'Did you mean "{near}"?' if near else "Remove the name."
                self.faults.note(
                    Code.UNKNOWN_MIXIN,
                    f'except names the table "{name}", which is not in the file',
                    hint,
                    at=(*path, "except", number),
                )
        return frozenset(map(fold, names))

    def _is_ordinary(self, key: str, uses: Sequence[_Use]) -> bool:
        if "_virtual" in self.given[key] and uses:
            self.faults.note(
                Code.MIXIN_CLASH,
                f'"{from_key(key)}" is a virtual table, which has no columns and triggers of its own',
                "Remove its _use. _use_everywhere leaves out virtual tables.",
                at=uses[0].path,
            )
            return False
        return True

    def _expand_top(self, use: _Use) -> None:
        """Add the tables and views of a mixin that the top of the file uses."""
        if use.mixin in GROUPS and use.mixin not in self.mixins:
            self._add_late("", use, roles_group(use.options, self._users(use)))
            return
        definition = self.mixins.get(use.mixin, {"columns or triggers": None})
        of_tables = [name for name in definition if name not in ("_tables", "_views", "_comment")]
        if of_tables:
            self.faults.note(
                Code.MIXIN_CLASH,
                f'the mixin "{use.mixin}" has {", ".join(of_tables)}, for which it needs a table',
                "Name it in the _use of a table, or in _use_everywhere.",
                at=use.path,
            )
            return
        self._add_late("", use, definition)

    def _users(self, use: _Use) -> tuple[str, str, str] | None:
        """Return the table of users that a group refers to, with its key and the type of the key."""
        name = use.options.get("users")
        if name is None:
            return None
        key = next((key for key, _ in tables_of(self.tree) if fold(from_key(key)) == fold(name)), None)
        table = read_table(key, self.tree[key]) if key is not None else None
        parts = table.primary_key.columns if table is not None and table.primary_key is not None else ()
        column = table.column(parts[0].column or "") if table is not None and len(parts) == 1 else None
        if table is None or column is None:
            self.faults.note(
                Code.MIXIN_CLASH,
                f'"{name}" is no table of the file with a primary key of one column, to which roles could refer',
                'Name the table of users: {"mixin": "roles", "users": "Users"}',
                at=(*use.path, "users"),
            )
            return None
        return table.name, column.name, column.type.text

    # --- one table ------------------------------------------------------------------------------------------

    def _expand_table(self, key: str, uses: Sequence[_Use]) -> None:
        """Add the parts of all mixins to a table: columns and constraints, then parts that may depend on its key."""
        body = self.tree[key] = {name: _copied(value) for name, value in self.tree[key].items()}
        is_strict = any(one.get("_strict") for one in (body, *(self.mixins.get(use.mixin, {}) for use in uses)))
        columns = {fold(from_key(name)): name for name in body if not is_special(name)}
        for use in uses:
            self._check_size(use, from_key(key))
            self._add(key, body, columns, use, self._early(use, from_key(key), is_strict=is_strict))
        if any(use.mixin not in self.mixins or set(LATE) & self.mixins[use.mixin].keys() for use in uses):
            facts = self._facts(key, body, uses)
            for use in uses:
                self._check_names(use, facts)
                self._add_late(key, use, self._late(use, facts))

    def _check_size(self, use: _Use, table: str) -> None:
        """Stop if mixins make so many parts from a small file that it would take seconds to read."""
        text = self.texts.get(use.mixin, "")
        self.size += len(text) + text.count(PLACEHOLDER) * len(table)
        if self.size > MADE_LIMIT:
            self.faults.note(
                Code.SCHEMA_TOO_LARGE,
                f"mixins make more than {MADE_LIMIT:,} characters of definitions",
                "Use them in fewer tables, or make them smaller.",
                at=use.path,
            )
            self.faults.stop()

    def _early(self, use: _Use, table: str, *, is_strict: bool) -> Body:
        """The columns, constraints and indexes of a mixin."""
        if use.mixin not in self.mixins:
            return READY[use.mixin].early("TEXT" if is_strict else "datetime", use.options)
        early = {name: part for name, part in self.mixins[use.mixin].items() if name not in (*LATE, "_comment")}
        return dict(filled_in(early, TableNames(table)))

    def _late(self, use: _Use, facts: Facts) -> Body:
        """The triggers, views and tables of a mixin."""
        if use.mixin not in self.mixins:
            return READY[use.mixin].late(facts, use.options)
        late = {name: part for name, part in self.mixins[use.mixin].items() if name in LATE}
        return dict(filled_in(late, facts.names))

    def _facts(self, key: str, body: Body, uses: Sequence[_Use]) -> Facts:
        table = read_table(key, {name: value for name, value in body.items() if name != "_triggers"})
        ready = [READY[use.mixin] for use in uses if use.mixin not in self.mixins]
        maintained = {fold(name) for one in ready for name in one.maintained}
        written = [one.name for one in table.columns if one.generated is None and fold(one.name) not in maintained]
        declared = [part.column for part in table.primary_key.columns] if table.primary_key is not None else []
        names = TableNames(table.name, row_key(table))
        return Facts(
            names,
            tuple(column.name for column in table.columns),
            tuple(written),
            tuple(name for name in declared if name) or names.key,
        )

    def _check_names(self, use: _Use, facts: Facts) -> None:
        """Record names of columns that the table does not have. In `_use_everywhere`, a name may be that of one
        table."""
        known = set(map(fold, facts.columns))
        for key, names in (("keep", use.keep), ("without", use.options.get("without", ()))):
            for number, name in enumerate(names):
                if fold(name) not in known and use.path[0] != "_use_everywhere":
                    near = nearest(name, facts.columns)
                    hint = f'Did you mean "{near}"?' if near else f"Columns: {', '.join(facts.columns)}."
                    message = f'"{facts.names.table}" has no column {name}'
                    self.faults.note(Code.UNKNOWN_COLUMN, message, hint, at=(*use.path, key, number))

    def _add(self, key: str, body: Body, columns: dict[str, str], use: _Use, definition: Body) -> None:
        for name, value in definition.items():
            source = self._source(use, name)
            if name in LISTS:
                self._add_items(key, body, use, name, value)
            elif is_special(name):
                if self._put(body, name, value, use, (key, name), source, f"{name} of {from_key(key)}"):
                    self._note(use, key, Part(name.strip("_").replace("_", " "), literal(value)))
            else:
                self._add_column(key, body, columns, use, name, value)

    def _add_column(self, key: str, body: Body, columns: dict[str, str], use: _Use, name: str, value: Any) -> None:
        there = columns.setdefault(fold(from_key(name)), name)
        if there not in body:
            body[name] = value
            self.origins[key, name] = Origin(use.mixin, self._source(use, name))
            self._note(use, key, Part("column", from_key(name)))
        elif fold(from_key(name)) not in map(fold, use.keep) and _definition(_column(body[there])) != _definition(
            _column(value)
        ):
            column = from_key(there)
            keep = f'{{"mixin": {literal(use.mixin)}, "keep": [{literal(column)}]}}'
            self._clash(
                f"{from_key(key)}.{column}",
                (key, there),
                (literal(_column(body[there])), literal(_column(value))),
                use,
                f"Remove one of the two. If the definition of the table is right, in its _use: {keep}",
            )

    def _add_items(self, key: str, body: Body, use: _Use, name: str, items: Sequence[Any]) -> None:
        there = body.setdefault(name, [])
        known = set(map(literal, there))
        for number, item in enumerate(items):
            if literal(item) not in known:
                known.add(literal(item))
                self.origins[key, name, len(there)] = Origin(use.mixin, self._source(use, name, number))
                there.append(item)
                self._note(use, key, Part(LISTS[name], _label(item)))

    def _add_late(self, key: str, use: _Use, definition: Body) -> None:
        triggers = self.tree[key].setdefault("_triggers", {}) if key and definition.get("_triggers") else {}
        owners = (("_triggers", triggers, (key, "_triggers")), ("_views", self._views(definition), ("_views",)))
        for kind, owner, path in (*owners, ("_tables", self.tree, ())):
            for name, value in definition.get(kind, {}).items():
                what = f'the {kind[1:-1]} "{from_key(name)}"'
                source = self._source(use, kind, self._source_key(use.mixin, kind, name, from_key(key)))
                if self._put(owner, name, value, use, (*path, name), source, what):
                    is_shared = kind == "_tables" and from_key(key) not in name
                    self._note(use, "" if is_shared else key, Part(kind[1:-1], from_key(name)))

    def _views(self, definition: Body) -> Body:
        """The views of the tree, if one is to be added."""
        views: Body = self.tree.setdefault("_views", {}) if definition.get("_views") else {}
        return views

    def _source(self, use: _Use, *path: str | int) -> Path:
        """Return the path of a part in the file: in the mixin, or that of the use if the mixin is a ready one."""
        return ("_mixins", use.mixin, *path) if use.mixin in self.mixins else use.path

    def _source_key(self, mixin: str, kind: str, name: str, table: str) -> str:
        """Return the key in the file of a part whose name had a placeholder."""
        given = self.mixins.get(mixin, {}).get(kind, ())
        return next((one for one in given if name in filled_in({one: None}, TableNames(table))), name)

    def _put(self, owner: Body, name: str, value: Any, use: _Use, path: Path, source: Path, what: str) -> bool:
        """Add one member; return False if it is there already. Records a clash if it has another definition."""
        if name not in owner:
            owner[name] = value
            self.origins[path] = Origin(use.mixin, source)
            return True
        if _definition(owner[name]) != _definition(value):
            self._clash(what, path, (literal(owner[name]), literal(value)), use, "Rename or remove one of the two.")
        return False

    def _clash(self, what: str, path: Path, both: tuple[str, str], use: _Use, hint: str) -> None:
        """Record that something has two definitions: the one at `path`, and that of the mixin."""
        first = self.origins.get(path)
        where = f'in the mixin "{first.mixin}"' if first is not None else "in the file itself"
        self.faults.note(
            Code.MIXIN_CLASH,
            f'{what} is {both[0]} {where} and {both[1]} in the mixin "{use.mixin}"',
            hint,
            at=use.path,
        )

    def _note(self, use: _Use, key: str, part: Part) -> None:
        self.parts.setdefault((use.mixin, from_key(key)), []).append(part)


def row_key(table: Table) -> tuple[str, ...]:
    """The columns that identify a row of the table in SQL: its row id, or its primary key without one."""
    if table.rowid_column is not None:
        return (table.rowid_column,)
    key = tuple(part.column for part in table.primary_key.columns if part.column) if table.primary_key else ()
    free = [name for name in ROWID_NAMES if table.column(name) is None]
    return key if key and (table.without_rowid or not free) else tuple(free[:1])


def _copied(value: Any) -> Any:
    """Return a copy of a list or object, to which parts can be added."""
    return value.copy() if isinstance(value, list | dict) else value


def _column(value: Any) -> Any:
    """The definition of a column, without its hints."""
    return value["type"] if isinstance(value, dict) else value


def _definition(value: Any) -> Any:
    """Return a form of a definition for comparison: two are the same if they differ only in the case and blanks of
    SQL."""
    match value:
        case str():
            return lexer.join(lexer.tokens(value))
        case dict():
            return {key: _definition(member) for key, member in value.items()}
        case list():
            return [_definition(item) for item in value]
        case _:
            return value


def _label(item: Any) -> str:
    """Return the name of an index or constraint, or its columns or text if it has none."""
    if isinstance(item, dict):
        named = item.get("name") or item.get("check") or item.get("columns")
        return named if isinstance(named, str) else ", ".join(named or ())
    return item if isinstance(item, str) else ", ".join(item)
