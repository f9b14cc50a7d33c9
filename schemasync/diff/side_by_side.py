"""Two schemas side by side, table by table and line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..schema.model import Schema, Table, View
from ..schema.names import fold, spell
from ..schema.write import clauses, column_text, trigger_clauses

Names = Mapping[str, tuple[str, Mapping[str, str]]]
"""Old table -> (new table, old column -> new column)."""


class LineKind(StrEnum):
    """How a table or a line differs between the two sides."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class Line:
    """A column with its definition, or a constraint, index or trigger; None on the side that does not have it."""

    kind: LineKind
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A table, or a view, on both sides; its name is None on the side that does not have it."""

    kind: LineKind
    old: str | None
    new: str | None
    lines: tuple[Line, ...]

    @property
    def changes(self) -> tuple[Line, ...]:
        """The lines that differ."""
        return tuple(line for line in self.lines if line.kind is not LineKind.SAME)

    @property
    def name(self) -> str:
        """The new name, or the old one of a removed table or view."""
        return self.new or self.old or ""


def side_by_side(old: Schema, new: Schema, names: Names) -> tuple[Pair, ...]:
    """Every table and view of both sides, in the order of the new side, then the removed ones."""
    before = {fold(table.name): table for table in old.tables}
    moved = {fold(after): (fold(name), columns) for name, (after, columns) in names.items()}
    pairs, met = [], set()
    for table in new.tables:
        source, columns = moved.get(fold(table.name), (_of_the_same_name(table.name, names), {}))
        met.add(source)
        pairs.append(_pair(before.get(source or ""), table, columns))
    pairs += [_pair(table, None, {}) for table in old.tables if fold(table.name) not in met]
    return (*pairs, *_views(old, new))


def changed(pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """The pairs that differ."""
    return tuple(pair for pair in pairs if pair.kind is not LineKind.SAME)


def _of_the_same_name(name: str, renames: Mapping[str, object]) -> str | None:
    """Return the old name that matches a new one without a rename; None if the old object of that name was renamed."""
    return None if fold(name) in map(fold, renames) else fold(name)


def _pair(old: Table | None, new: Table | None, columns: Mapping[str, str]) -> Pair:
    lines = (*_columns(old, new, columns), *_parts(_rest(old), _rest(new)))
    return Pair(_kind_of(old, new, lines), _name(old), _name(new), lines)


def _name(one: Table | View | None) -> str | None:
    return None if one is None else one.name


def _kind_of(old: Table | View | None, new: Table | View | None, lines: tuple[Line, ...]) -> LineKind:
    if old is None or new is None:
        return LineKind.ADDED if old is None else LineKind.REMOVED
    if any(line.kind is not LineKind.SAME for line in lines):
        return LineKind.CHANGED
    return LineKind.SAME if old.name == new.name else LineKind.RENAMED


def _columns(old: Table | None, new: Table | None, renames: Mapping[str, str]) -> Iterator[Line]:
    before = {fold(c.name): c.name for c in old.columns} if old else {}
    sources = {fold(after): fold(name) for name, after in renames.items()}
    met = set()
    for column in new.columns if new else ():
        source = before.get(sources.get(fold(column.name)) or _of_the_same_name(column.name, renames) or "")
        met.add(source)
        yield _column(old, source, new, column.name)
    yield from (_column(old, name, None, None) for name in before.values() if name not in met)


def _column(old: Table | None, source: str | None, new: Table | None, name: str | None) -> Line:
    texts = _text(old, source), _text(new, name)
    if texts[0] is None or texts[1] is None:
        return _line(*texts)
    is_renamed = source != name and _definition(old, source) == _definition(new, name)
    return Line(LineKind.RENAMED, *texts) if is_renamed else _line(*texts)


def _text(table: Table | None, name: str | None) -> str | None:
    return f"{name} {_definition(table, name)}".rstrip() if table is not None and name is not None else None


def _definition(table: Table | None, name: str | None) -> str:
    column = table.column(name) if table is not None and name is not None else None
    return column_text(table, column) if table is not None and column is not None else ""


def _line(old: str | None, new: str | None) -> Line:
    if old is None or new is None:
        return Line(LineKind.ADDED if old is None else LineKind.REMOVED, old, new)
    return Line(LineKind.SAME if old == new else LineKind.CHANGED, old, new)


Parts = dict[str, str]
"""The parts of a table besides its columns: a key that identifies each, and its text."""


def _rest(table: Table | None) -> Parts:
    return {} if table is None else dict(clauses(table))


def _parts(old: Parts, new: Parts) -> Iterator[Line]:
    yield from (_line(old.get(key), text) for key, text in new.items())
    yield from (_line(text, None) for key, text in old.items() if key not in new)


def _views(old: Schema, new: Schema) -> Iterator[Pair]:
    before, after = ({fold(view.name): view for view in schema.views} for schema in (old, new))
    for name in dict.fromkeys([*after, *before]):
        sides = before.get(name), after.get(name)
        lines = tuple(_parts(_of_view(sides[0]), _of_view(sides[1])))
        yield Pair(_kind_of(*sides, lines), _name(sides[0]), _name(sides[1]), lines)


def _of_view(view: View | None) -> Parts:
    if view is None:
        return {}
    columns = {"columns": f"({', '.join(map(spell, view.columns))})"} if view.columns else {}
    return {**columns, "select": view.select.text, **dict(trigger_clauses(view.triggers))}
