"""What a sync would do, and why, for `plan`. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..engines.sqlite import ddl, table_sizes
from ..engines.sqlite.rebuild import indexes, refill
from ..files.layout import size_of
from ..history.row import HistoryRow
from ..plan.model import Action, Plan, Step, Strategy
from ..schema.document import Document
from ..schema.names import fold, quote
from .phases import decide
from .phases.decide import Decision, SyncOptions
from .prune import archives
from .run.reading import reading
from .run.target import Target


@dataclass(frozen=True, slots=True)
class TableOutlook:
    """What would happen to one table, and how large it is; `bytes` is None where SQLite cannot tell."""

    table: str
    action: Action
    rows: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """A decision with its sizes: what `plan` shows. `live` is the newest row of the history, None without one."""

    version: str
    live: HistoryRow | None
    decision: Decision
    tables: tuple[TableOutlook, ...]
    disk_needed: int
    disk_archives: int
    file_bytes: int

    @property
    def plan(self) -> Plan | None:
        return self.decision.plan


def outlook(target: Target, document: Document, options: SyncOptions) -> Outlook:
    """What a sync would do, hazards included. Raises Refused for what no data could fix."""
    with reading(target) as now:
        kept = sum(archive.bytes for archive in archives(target))
        decision = decide.plan_for(target, document, options, now)
        live = now.newest if now is not None else None
        file_bytes = size_of(now.path) if now is not None else 0
        if decision.plan is None:
            return Outlook(document.version, live, decision, (), 0, kept, file_bytes)
        sizes = table_sizes.sizes(now.connection) if now is not None else {}
        tables: list[TableOutlook] = []
        for step in decision.plan.steps:
            name = step.old.name if step.old is not None else None
            ordinary = now is not None and name is not None
            rows = table_sizes.count_rows(now.connection, name) if now is not None and name is not None else 0
            size = None if sizes is None else sizes.get(fold(name or ""), 0) if ordinary else 0
            taken = any(item.table == step.name for item in tables)  # a dropped table whose name another takes over
            shown = f"{step.name} (dropped)" if taken else step.name
            tables.append(TableOutlook(shown, decision.plan.effective_action(step), rows, size))
        needed = decide.disk_needed(decision.plan, now, sizes)
        return Outlook(document.version, live, decision, tuple(tables), needed, kept, file_bytes)


def statements(plan: Plan) -> list[str]:
    """The statements of a plan, in their order, for people to read: what `plan --sql` prints."""
    found = []
    steps = [replace(step, action=plan.effective_action(step)) for step in plan.steps]
    in_place = steps if plan.strategy is Strategy.CLONE else []
    for step in in_place:
        if step.old is not None and step.new is not None and step.old.name != step.new.name:
            found.append(f"ALTER TABLE {quote(step.old.name)} RENAME TO {quote(step.new.name)}")
        if step.action is Action.KEEP and step.new is not None:
            found += [
                f"ALTER TABLE {quote(step.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}"
                for old, new in step.column_renames
            ]
    found += [f"DROP TABLE {quote(s.name)}" for s in in_place if s.action in (Action.DROP, Action.REWRITE)]
    for step in steps:
        if step.action in (Action.CREATE, Action.REWRITE) and step.new is not None:
            found.append(ddl.create_table(step.new))
        if step.action is Action.REWRITE:
            found += _refill(step)
    for step in steps:
        found += [ddl.create_index(step.new, index) for index in indexes.new(step) if step.new]
    found += [ddl.create_view(view) for view in plan.new.views]
    found += [ddl.create_trigger(t) for owner in plan.new.owners for t in owner.triggers]
    return found


def _refill(step: Step) -> list[str]:
    virtual = step.new is not None and step.new.virtual is not None
    return [] if virtual else [refill.refill_statement(step)]


# --- history ----------------------------------------------------------------------------------------------------
