"""What the new schema no longer has and no hint explains: refused, with both hints ready to paste."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import Code, Problem
from ..schema import write
from ..schema.model import Column, Table
from ..schema.names import fold, to_key

MANY = 50  # parts that are held against each other: nobody reads more hints than that
Part = Table | Column


@dataclass(slots=True)
class Lost:
    """Lost tables and columns beside gained ones, as they are found: columns by table.

    `beside`: options of the command line that `--allow-drop` must be given together with.
    """

    beside: tuple[str, ...] = ()
    found: list[tuple[str | None, Sequence[Part], Sequence[Part]]] = field(default_factory=list)

    def tables(self, lost: Sequence[Table], gained: Sequence[Table]) -> None:
        if lost:
            self.found.append((None, lost, gained))

    def columns(self, table: str, lost: Sequence[Column], gained: Sequence[Column]) -> None:
        if lost:
            self.found.append((table, lost, gained))


def refusals(lost: Lost) -> tuple[Problem, ...]:
    """One problem for each table (or for the tables together) that lost something."""
    return tuple(_problem(lost.beside, *entry) for entry in lost.found)


def contested(table: str, old: str, new: Sequence[str]) -> Problem:
    """One old column, or one old table where `table` is empty, that the hints of several new ones claim."""
    what, key = ("column", "was") if table else ("table", "_was")
    where = f'in table "{table}" ' if table else ""
    names = ", ".join(f'"{name}"' for name in new)
    return Problem(
        Code.RENAME_CLASH,
        f'{where}the {what}s {names} all say that they were "{old}"; only one of them can take its values over',
        f"Leave {_json(old)} in the `{key}` of the one that does, and remove it from the `{key}` of every other.",
        {"table": table or None, "old": old, "new": list(new)},
    )


def losses(problems: Sequence[Problem], tables: Collection[str]) -> tuple[str, ...]:
    """What `--allow-drop` must name, so that these tables lose what they lost: nothing that may be a rename."""
    found: list[str] = []
    for problem in problems:
        if problem.code is Code.LOST_COLUMN and problem.facts["table"] in tables:
            found += [f"{problem.facts['table']}.{name}" for name in problem.facts["lost"]]
    return tuple(found)


def repair_hint(losses: Sequence[str]) -> str:
    """The whole command that undoes what was done by hand to tables which have gained these columns by that."""
    goes = f" ({', '.join(losses)} {'goes' if len(losses) == 1 else 'go'} with all values)" if losses else ""
    return f"To undo the change{goes}: manage.py schemasync --repair{_allowing(losses)}"


def _allowing(names: Sequence[str]) -> str:
    return "".join(f" --allow-drop {shlex.quote(name)}" for name in names)


def _problem(beside: Sequence[str], table: str | None, lost: Sequence[Part], gained: Sequence[Part]) -> Problem:
    what = "table" if table is None else "column"
    before, after = [part.name for part in lost], [part.name for part in gained]
    names = ", ".join(f'"{name}"' for name in before)
    where = "the schema" if table is None else f'table "{table}"'
    one = len(lost) == 1
    message = f"{where} no longer has the {what}{'' if one else 's'} {names}, which the database has"
    facts = {"table": table, "lost": before, "gained": after}
    drop = f"To drop {'it' if one else 'them'} with the data: {_dropped_hint(beside, table, before)}"
    if not gained:
        return Problem(Code.LOST_TABLE if table is None else Code.LOST_COLUMN, message, drop, facts)
    message += f"; new in it: {', '.join(after)}. Renamed, or dropped?"
    renames = [_rename_hint(table, old, new) for old, new in _proposals(lost, gained)]
    hint = "\n".join([*(f"If renamed: {text}" for text in renames), drop])
    return Problem(Code.RENAME_OR_DROP, message, hint, facts)


def _proposals(lost: Sequence[Part], gained: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """Each lost one beside the gained one that is most like it; none is proposed twice."""
    pairs = [(old, new) for old in lost[:MANY] for new in gained[:MANY]]
    taken: list[Part] = []
    for old, new in sorted(pairs, key=lambda pair: _likeness(*pair), reverse=True):
        if not any(part is old or part is new for part in taken):
            taken += [old, new]
            yield old, new


def _likeness(old: Part, new: Part) -> tuple[float, float]:
    """How much alike they are in kind, and how much in name."""
    name = difflib.SequenceMatcher(None, fold(old.name), fold(new.name)).ratio()
    if isinstance(old, Column) and isinstance(new, Column):
        return float(old.type == new.type), name
    ours, theirs = _columns(old), _columns(new)
    return len(ours & theirs) / max(len(ours | theirs), 1), name


def _columns(part: Part) -> set[str]:
    return {fold(column.name) for column in part.columns} if isinstance(part, Table) else set()


def _rename_hint(table: str | None, old: Part, new: Part) -> str:
    if isinstance(new, Column) and table is not None:
        return f"in {_json(to_key(table))}: {write.renamed(new, old.name)}"
    return f'in {_json(to_key(new.name))}: "_was": {_json([old.name])}'


def _dropped_hint(beside: Sequence[str], table: str | None, lost: Sequence[str]) -> str:
    names = lost if table is None else [f"{table}.{name}" for name in lost]
    place = "at the top of schema.json" if table is None else f"in {_json(to_key(table))}"
    options = " ".join(beside) + _allowing(names)
    return f'"_dropped": {_json(list(lost))} {place}, or once: {options.strip()}'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
