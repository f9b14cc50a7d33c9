"""Shows what a sync would do, and why, for `plan`, without writing."""

from __future__ import annotations

from dataclasses import dataclass

from ..diff.hazards import Hazard, column_order
from ..engines.sqlite import ddl, in_place, in_place_estimate, table_sizes
from ..engines.sqlite.rebuild import alter, derive, indexes, refill
from ..errors import Problem
from ..files.layout import size_of
from ..history.row import HistoryRow
from ..history.rows import old_name, other_order
from ..plan.model import (
    Action,
    Alter,
    CarriedStep,
    Create,
    Derive,
    Drop,
    FilledStep,
    Measured,
    Plan,
    Rewrite,
    StandingStep,
    Step,
    Strategy,
    Transform,
)
from ..schema.document import Document
from ..schema.mixins import MixedIn
from ..schema.names import fold, quote
from ..schema.text import count
from .phases import decide
from .phases.beforehand import unmet
from .phases.decide import Decision, SyncOptions
from .phases.disk_needed import disk_needed
from .prune import archives
from .run.live_database import LiveDatabase
from .run.reading import reading
from .run.target import Target

LARGE = 1_000_000_000  # bytes of a file from which on `plan` offers to alter it: its copy takes seconds, and the space


@dataclass(frozen=True, slots=True)
class DerivedOutlook:
    """The tables that the SELECT of a derived table `reads` in the live database, and the derived tables that it is
    filled `after`. `measured`: its present result, None if it was not computed. `by_key`: a changed row of the table
    that it reads changes only rows with its key."""

    reads: tuple[str, ...]
    after: tuple[str, ...]
    measured: Measured | None
    by_key: bool


@dataclass(frozen=True, slots=True)
class TransformOutlook:
    """The transforms that fill a table, and the tables of the live database that they read. `measured`: as of the step
    of the table."""

    names: tuple[str, ...]
    reads: tuple[str, ...]
    measured: Measured | None


@dataclass(frozen=True, slots=True)
class TableOutlook:
    """The action of the plan on one table, and its size. `bytes` is None if SQLite does not know it, `rows` for a
    virtual table whose module this process does not know. `why`: a phrase that names the first change that writes its
    rows again; or what fills it, with details in `derived` and `transforms`."""

    table: str
    action: Action
    rows: int | None
    bytes: int | None
    why: str = ""
    derived: DerivedOutlook | None = None
    transforms: TransformOutlook | None = None


@dataclass(frozen=True, slots=True)
class InPlaceOutlook:
    """The estimated `seconds` that writers would wait for an alteration of the live file; None if unknown. `max_pause`:
    the limit for them, None without one."""

    seconds: float | None
    max_pause: float | None

    @property
    def is_too_long(self) -> bool:
        """True if the estimate is above the limit."""
        return self.seconds is not None and self.max_pause is not None and self.seconds > self.max_pause


@dataclass(frozen=True, slots=True)
class Outlook:
    """A decision with its sizes, for `plan`. `live` is the newest row of the history, None without one. `in_place`:
    None if it is not possible, or if the file is small and `--in-place` was not given. `mixins`: the objects that each
    mixin of schema.json makes, changed or not. `unmet`: the conditions of REQUIRE that do not hold now."""

    version: str
    live: HistoryRow | None
    decision: Decision
    tables: tuple[TableOutlook, ...]
    disk_needed: int
    disk_archives: int
    file_bytes: int
    in_place: InPlaceOutlook | None = None
    mixins: tuple[MixedIn, ...] = ()
    unmet: tuple[Problem, ...] = ()

    @property
    def plan(self) -> Plan | None:
        return self.decision.plan

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """The hazards of the plan; of a current database a note on the order of columns, if that differs."""
        return self.plan.hazards if self.plan is not None else tuple(column_order(other_order(self.live)))


def outlook(target: Target, document: Document, options: SyncOptions) -> Outlook:
    """Return what a sync would do: its plan with hazards, and sizes. Raises Refused for errors that no data could
    fix."""
    with reading(target) as now:
        kept = sum(archive.bytes for archive in archives(target))
        decision = decide.plan_for(target, document, options, now)
        live = now.newest if now is not None else None
        file_bytes = size_of(now.path) if now is not None else 0
        if decision.plan is None:
            return Outlook(document.version, live, decision, (), 0, kept, file_bytes, mixins=document.mixins)
        sizes = table_sizes.sizes(now.connection) if now is not None else {}
        tables: list[TableOutlook] = []
        for step in decision.plan.steps:
            name = old_name(step)
            ordinary = now is not None and name is not None
            rows = table_sizes.known_rows(now.connection, name) if now is not None and name is not None else 0
            size = None if sizes is None else sizes.get(fold(name or ""), 0) if ordinary else 0
            taken = any(item.table == step.name for item in tables)  # a dropped table whose name another one gets
            shown = f"{step.name} (dropped)" if taken else step.name
            action, made = decision.plan.effective(step).action, _transformed(step)
            tables.append(TableOutlook(shown, action, rows, size, _why(step), _derived(step), made))
        needed = disk_needed(decision.plan, now, sizes)
        possible = _in_place(target, document, options, now, decision.plan) if now is not None else None
        sized, lacking = tuple(tables), unmet(target, decision.plan, now)
        return Outlook(
            document.version, live, decision, sized, needed, kept, file_bytes, possible, document.mixins, lacking
        )


def _why(step: Step) -> str:
    match step:
        case Rewrite():
            return step.reason
        case Derive():
            return f"its _from reads {', '.join((*step.selection.reads, *sorted(step.selection.after)))}"
        case Transform():
            return _transforms(step)
        case _:
            return ""


def _transforms(step: Transform) -> str:
    names, found = ", ".join(one.name for one in step.functions), step.measured
    about = "" if found is None else f": {count(found.rows, 'row')}, about {max(1, round(found.seconds)):,} s"
    return f"the transform {names} reads {', '.join(step.reads)}{about}"


def _derived(step: Step) -> DerivedOutlook | None:
    if not isinstance(step, Derive):
        return None
    return DerivedOutlook(
        step.selection.reads, tuple(sorted(step.selection.after)), step.measured, bool(step.selection.key)
    )


def _transformed(step: Step) -> TransformOutlook | None:
    if not isinstance(step, Transform):
        return None
    return TransformOutlook(tuple(one.name for one in step.functions), step.reads, step.measured)


def _in_place(
    target: Target, document: Document, options: SyncOptions, now: LiveDatabase, plan: Plan
) -> InPlaceOutlook | None:
    if now.newest is None or plan.blocking or not (options.in_place or size_of(now.path) >= LARGE):
        return None
    altered = decide.in_place(target, document, options, now, plan)
    if altered is None:
        return None
    seconds = in_place_estimate.seconds(now.connection, altered, target.opener)
    return InPlaceOutlook(seconds, None if options.block_writers else options.limits.max_pause)


def _drops(step: Step) -> bool:
    """Return True if the step drops its old table in a copy of the live file."""
    return isinstance(step, Drop | Rewrite) or (isinstance(step, FilledStep) and step.replaced is not None)


def statements(plan: Plan) -> list[str]:
    """Return the statements of a plan, in order, for people to read: the output of `plan --sql`."""
    found: list[str] = []
    if plan.strategy is Strategy.IN_PLACE:
        return in_place.statements(plan)
    steps = [plan.effective(step) for step in plan.steps]
    copied = steps if plan.strategy is Strategy.CLONE else []
    for step in copied:
        before = old_name(step)
        if isinstance(step, CarriedStep | FilledStep) and before is not None and before != step.new.name:
            found.append(f"ALTER TABLE {quote(before)} RENAME TO {quote(step.new.name)}")
        if isinstance(step, StandingStep):
            found += [
                f"ALTER TABLE {quote(step.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}"
                for old, new in step.column_renames
            ]
    found += [f"DROP TABLE {quote(step.name)}" for step in copied if _drops(step)]
    for step in steps:
        if isinstance(step, Create | FilledStep | Rewrite):
            found.append(ddl.create_table(step.new))
        if isinstance(step, Rewrite) and step.new.virtual is None:
            found.append(refill.refill_statement(step))
    found += [derive.statement(step) for step in plan.derived]
    found += [f"-- {step.name}: {_why(step)}" for step in plan.transformed]
    for step in steps:
        if isinstance(step, Alter):
            found += alter.statements(step)
    for step in steps:
        if not isinstance(step, Drop):
            found += [ddl.create_index(step.new, index) for index in indexes.new(step)]
    found += [ddl.create_view(view) for view in plan.new.views]
    found += [ddl.create_trigger(t) for owner in plan.new.owners for t in owner.triggers]
    return found


# --- history ----------------------------------------------------------------------------------------------------
