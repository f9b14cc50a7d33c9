"""Refuses a schema that lacks tables or columns which no hint explains; the refusal has both hints ready to paste."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Code, Problem
from ..schema import write
from ..schema.model import Column, Table
from ..schema.names import fold, to_key
from ..schema.text import literal
from .column_facts import definition

MANY = 50  # parts that are compared with each other: nobody reads more hints
SIMILAR = 0.6  # ratio for two names: "phone" and "phone_number" are similar, "name" and "mobile" are not


@dataclass(frozen=True, slots=True)
class _Part:
    """A table or column that is lost or gained. `definition`, `type`, `position`: those of a column. `columns`: the
    folded names of a table's columns."""

    part: Table | Column
    definition: object = None
    type: str = ""
    position: int = -1
    columns: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.part.name


def _of_table(table: Table) -> _Part:
    return _Part(table, columns=frozenset(fold(column.name) for column in table.columns))


def _of_column(table: Table, column: Column) -> _Part:
    return _Part(column, definition(table, column.name), column.type.canonical, table.columns.index(column))


def _bare(column: Column) -> _Part:
    return _Part(column)


@dataclass(slots=True)
class Lost:
    """Lost and gained tables and columns, as they are found; columns by table.

    `other_options`: options that the command needs together with `--allow-drop`.
    """

    other_options: tuple[str, ...] = ()
    found: list[tuple[str | None, Sequence[_Part], Sequence[_Part]]] = field(default_factory=list)

    def tables(self, lost: Sequence[Table], gained: Sequence[Table]) -> None:
        if lost:
            self.found.append((None, list(map(_of_table, lost)), list(map(_of_table, gained))))

    def columns(self, old: Table, new: Table, lost: Sequence[Column], gained: Sequence[Column]) -> None:
        if lost:
            few, many = lost[:MANY], gained[:MANY]
            parts = [_of_column(old, column) for column in few], [_of_column(new, column) for column in many]
            rest = list(map(_bare, lost[MANY:])), list(map(_bare, gained[MANY:]))
            self.found.append((new.name, parts[0] + rest[0], parts[1] + rest[1]))


def refusals(lost: Lost) -> tuple[Problem, ...]:
    """One problem for each table (or for the tables together) that lost something."""
    return tuple(_problem(lost.other_options, *entry) for entry in lost.found)


def contested(table: str, old: str, new: Sequence[str]) -> Problem:
    """Return the problem of an old column (of an old table if `table` is empty) that the hints of several new ones
    claim."""
    what, key = ("column", "was") if table else ("table", "_was")
    where = f'in table "{table}" ' if table else ""
    names = ", ".join(f'"{name}"' for name in new)
    return Problem(
        Code.RENAME_CLASH,
        f'{where}the {what}s {names} all say that they were "{old}"; only one of them can take its values over',
        f"Leave {literal(old)} in the `{key}` of the one that does, and remove it from the `{key}` of every other.",
        {"table": table or None, "old": old, "new": list(new)},
    )


def losses(problems: Sequence[Problem], tables: Collection[str]) -> tuple[str, ...]:
    """The names for `--allow-drop` that let these tables lose what they lost, except what may be a rename."""
    found: list[str] = []
    for problem in problems:
        if problem.code is Code.LOST_COLUMN and problem.facts["table"] in tables:
            found += [f"{problem.facts['table']}.{name}" for name in problem.facts["lost"]]
    return tuple(found)


def repair_hint(losses: Sequence[str]) -> str:
    """Return, in a hint, the command that undoes a change by hand. `losses`: the columns and tables that were added by
    it."""
    goes = f" ({', '.join(losses)} {'is' if len(losses) == 1 else 'are'} dropped with all values)" if losses else ""
    return f"To undo the change{goes}: manage.py schemasync --repair{_allowing(losses)}"


def _allowing(names: Sequence[str]) -> str:
    return "".join(f" --allow-drop {shlex.quote(name)}" for name in names)


def _problem(
    other_options: Sequence[str], table: str | None, lost: Sequence[_Part], gained: Sequence[_Part]
) -> Problem:
    what = "table" if table is None else "column"
    before, after = [part.name for part in lost], [part.name for part in gained]
    names = ", ".join(f'"{name}"' for name in before)
    where = "the schema" if table is None else f'table "{table}"'
    one = len(lost) == 1
    message = f"{where} no longer has the {what}{'' if one else 's'} {names}, which the database has"
    facts: dict[str, Any] = {"table": table, "lost": before, "gained": after}
    drop = f"To drop {'it' if one else 'them'} with the data: {_dropped_hint(other_options, table, before)}"
    if not gained:
        return Problem(Code.LOST_TABLE if table is None else Code.LOST_COLUMN, message, drop, facts)
    message += f"; new in it: {', '.join(after)}. Renamed, or dropped?"
    proposals = list(_proposals(lost[:MANY], gained[:MANY]))
    facts["candidates"] = {one.old.name: [one.new.name, *one.others] for one in proposals}
    renames = [_proposal_hint(table, proposal) for proposal in proposals]
    return Problem(Code.RENAME_OR_DROP, message, "\n".join([*renames, drop]), facts)


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A lost part and the gained part that may be its new name. `others`: names of gained parts that match as well."""

    old: _Part
    new: _Part
    others: tuple[str, ...]
    is_guess: bool


def _proposals(lost: Sequence[_Part], gained: Sequence[_Part]) -> Iterator[_Proposal]:
    """Yield each lost part with the most similar gained one; no part is proposed twice.

    The proposal is a guess if another part of either side matches as well, or if only the name is similar.
    """
    pairs = [(old, new) for old in lost for new in gained]
    taken: list[_Part] = []
    for old, new in sorted(pairs, key=lambda pair: (*_likeness(*pair), *_nearness(*pair)), reverse=True):
        if any(part is old or part is new for part in taken):
            continue
        like = _likeness(old, new)
        others = tuple(o.name for o in gained if o is not new and _likeness(old, o) >= like and _is_open(o, old, lost))
        rivals = [o for o in lost if o is not old and _likeness(o, new) >= like and _is_open(o, new, gained)]
        taken += [old, new]
        yield _Proposal(old, new, others, bool(others or rivals or not any(like)))


def _is_open(part: _Part, other: _Part, side: Sequence[_Part]) -> bool:
    """True unless another part on that side is more similar to the part than `other` is."""
    return not any(_likeness(part, o) > _likeness(part, other) for o in side if o is not other)


def _likeness(one: _Part, other: _Part) -> tuple[float, ...]:
    """Return how similar the definitions are, without the names; larger is more similar."""
    if isinstance(one.part, Column):
        is_same = one.definition is not None and one.definition == other.definition
        return float(is_same), float(one.type == other.type)
    return (len(one.columns & other.columns) / max(len(one.columns | other.columns), 1),)


def _nearness(one: _Part, other: _Part) -> tuple[float, ...]:
    """Return a sort key for parts with similar definitions: by clearly similar names, then position, then names."""
    ratio = name_ratio(one.name, other.name)
    return float(ratio >= SIMILAR), float(one.position == other.position), ratio


def name_ratio(one: str, other: str) -> float:
    """Return how similar two names are, from 0 to 1."""
    return difflib.SequenceMatcher(None, fold(one), fold(other)).ratio()


def _proposal_hint(table: str | None, proposal: _Proposal) -> str:
    text = _rename_hint(table, proposal.old.part, proposal.new.part)
    if not proposal.is_guess:
        return f"If renamed: {text}"
    fits = ", ".join(f'"{name}"' for name in proposal.others)
    also = f"; {fits} {'fits' if len(proposal.others) == 1 else 'fit'} as well" if fits else ""
    return f'If "{proposal.old.name}" was renamed (a guess{also}): {text}'


def _rename_hint(table: str | None, old: Table | Column, new: Table | Column) -> str:
    if isinstance(new, Column) and table is not None:
        return f"in {literal(to_key(table))}: {write.renamed(new, old.name)}"
    return f'in {literal(to_key(new.name))}: "_was": {literal([old.name])}'


def _dropped_hint(other_options: Sequence[str], table: str | None, lost: Sequence[str]) -> str:
    names = lost if table is None else [f"{table}.{name}" for name in lost]
    place = "at the top of schema.json" if table is None else f"in {literal(to_key(table))}"
    options = " ".join(other_options) + _allowing(names)
    return f'"_dropped": {literal(list(lost))} {place}, or once: {options.strip()}'
