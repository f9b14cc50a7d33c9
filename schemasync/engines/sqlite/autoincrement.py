"""Carries AUTOINCREMENT counters to the new file. https://www.sqlite.org/autoinc.html

`sqlite_sequence` is state, like rows: an application may set a counter, lower it or delete it. SQLite itself raises a
counter only when rows are inserted, so a row that had a high id for a moment, and was replayed with it, would leave the
new file's counter too high. So the counters are copied unchanged from the old file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...plan.model import CarriedStep, Create, FilledStep, Origin, Plan, Step
from ...schema.model import Table
from ...schema.names import fold, quote
from .connection import ARCHIVE, Connection
from .objects import is_own

Counters = dict[str, list[object]]
"""Name of a table -> its values in sqlite_sequence: usually one, none if the row is missing."""


@dataclass(frozen=True, slots=True)
class CounterSources:
    """Where the counters of the new file come from. This is found before writers wait, because it takes time for each
    table.

    `same`: new name of a table -> the old name, whose counter it keeps. `computed`: new name -> the old name, and the
    step from which another counter follows; '' for a derived or transformed table without an old one. `known`: the old
    names of all tables in the plan. `left`: folded new names of the tables whose counters are not taken from the old
    file. `archived`: folded name of a table -> its values in the archive that the plan reads. All other names are in
    SQLite's spelling, as in sqlite_sequence.
    """

    same: Mapping[str, str]
    computed: Mapping[str, tuple[str, CarriedStep | FilledStep]]
    known: frozenset[str]
    left: frozenset[str]
    archived: Counters


def counter_sources(connection: Connection, plan: Plan, leave: Collection[str] = ()) -> CounterSources:
    """The sources for the new file, `main`, with the old one attached; `leave`: folded new names of tables whose
    counters stay as they are."""
    here, there = _names(connection, "main"), _names(connection, "old")
    same: dict[str, str] = {}
    computed: dict[str, tuple[str, CarriedStep | FilledStep]] = {}
    for step in plan.carried:
        new, old = here.get(fold(step.new.name), step.new.name), there.get(fold(step.old.name), step.old.name)
        if keeps_counter(step):
            same[new] = old
        else:
            computed[new] = old, step
    for filled in plan.filled:
        replaced = filled.replaced.name if filled.replaced is not None else ""
        computed[here.get(fold(filled.name), filled.name)] = there.get(fold(replaced), replaced), filled
    known = {*same.values(), *(old for old, _ in computed.values())}
    known |= {there.get(fold(step.old.name), step.old.name) for step in plan.dropped}
    created = {fold(step.name) for step in plan.steps if isinstance(step, Create)}
    return CounterSources(same, computed, frozenset(known), frozenset({*created, *leave}), archived(connection, plan))


def archived(connection: Connection, plan: Plan) -> Counters:
    """Return the counters of the archive that the plan reads, by folded table name. Its ids were given out, too: those
    of a table that the archive fills, and of a table that had no counter since."""
    found = _counters(connection, ARCHIVE) if plan.archive else {}
    return {fold(name): values for name, values in found.items()}


def carry_counters(connection: Connection, sources: CounterSources) -> None:
    """Give the new file, `main`, the counters of the attached old one, under the new names of their tables."""
    if not has_counters(connection, "main"):
        return
    old, new = _counters(connection, "old"), _counters(connection, "main")
    wanted: Counters = {name: [] for name in new}
    wanted |= {name: values for name, values in old.items() if name not in sources.known}
    wanted |= {name: old.get(source, []) for name, source in sources.same.items()}
    wanted |= {
        name: _values(connection, step, [*old.get(source, []), *sources.archived.get(fold(name), [])])
        for name, (source, step) in sources.computed.items()
    }
    for name, values in wanted.items():
        if new.get(name, []) != values and fold(name) not in sources.left:
            connection.execute("DELETE FROM main.sqlite_sequence WHERE name = ?", (name,))
            rows = [(name, value) for value in values]
            connection.executemany("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", rows)


def counters(connection: Connection) -> Counters:
    """The counters of the new file by the folded names of their tables."""
    return {fold(name): values for name, values in _counters(connection, "main").items()}


def changed_counters(connection: Connection, steps: Iterable[CarriedStep], before: Counters) -> set[str]:
    """Return the folded new names of the tables whose counter in the attached old file has changed. `before`: the
    counters of the new file, by folded name, when the two files agreed."""
    now = {fold(name): values for name, values in _counters(connection, "old").items()}
    return {
        fold(step.new.name)
        for step in steps
        if _counts(step.old) and _counts(step.new) and _keeps_ids(step)
        if now.get(fold(step.old.name), []) != before.get(fold(step.new.name), [])
    }


def keeps_counter(step: Step | None) -> bool:
    """Return True if a new table takes the counter of its old one unchanged; also for a table without a step."""
    if not isinstance(step, CarriedStep):
        return step is None
    if not _counts(step.new):
        return not _counts(step.old)
    return _counts(step.old) and _keeps_ids(step)


def _values(connection: Connection, step: CarriedStep | FilledStep, before: list[object]) -> list[object]:
    """Return the counter of a new table that does not keep that of its old one, `before`."""
    if not _counts(step.new):
        return []
    column = quote(step.new.rowid_column or "")
    highest = connection.execute(f"SELECT max({column}) FROM main.{quote(step.new.name)}").fetchone()[0]
    numbers = [value for value in (highest, *before) if isinstance(value, int)]
    return [max(0, *numbers)] if numbers else []


def _keeps_ids(step: CarriedStep) -> bool:
    """True if a row has the same id in both tables, so that the old counter holds for the new ids, too."""
    feed = next(feed for feed in step.feeds if feed.column == step.new.rowid_column)
    if feed.origin is Origin.DEFAULT:  # then it is the row id of the old table
        return True
    is_same = feed.origin is Origin.CARRIED and feed.same
    return is_same and fold(feed.source or "") == fold(step.old.rowid_column or "")


def _counts(table: Table) -> bool:
    return table.primary_key is not None and table.primary_key.autoincrement


def has_counters(connection: Connection, schema: str) -> bool:
    """Return True if the file has the table of AUTOINCREMENT counters, which SQLite creates with the first such
    table."""
    query = f"SELECT 1 FROM {schema}.sqlite_schema WHERE name = 'sqlite_sequence'"
    return connection.execute(query).fetchone() is not None


def _counters(connection: Connection, schema: str) -> Counters:
    """All counters except those of our own tables."""
    found: Counters = {}
    if has_counters(connection, schema):
        rows: Sequence[tuple[object, object]] = connection.execute(
            f"SELECT name, seq FROM {schema}.sqlite_sequence WHERE name IS NOT NULL ORDER BY rowid"
        ).fetchall()
        for name, value in rows:
            if not is_own(str(name)):
                found.setdefault(str(name), []).append(value)
    return found


def _names(connection: Connection, schema: str) -> dict[str, str]:
    """Folded names of the tables -> their names in SQLite's spelling, which sqlite_sequence uses."""
    rows = connection.execute(f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table'")
    return {fold(name): name for (name,) in rows}
