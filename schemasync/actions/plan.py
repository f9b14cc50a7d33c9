"""Makes the plan of a sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from .. import conf
from ..diff.changes import ChangeJson
from ..diff.changes import as_json as change_json
from ..diff.hazards import HazardJson
from ..errors import Code, ErrorResult, Problem, ProblemJson, Refused
from ..files.layout import PathKind
from ..orm.migrate import informed
from ..orm.pending_migrations import planned
from ..plan.model import Action, Strategy
from ..schema.mixins import MixedIn
from ..sync import check, preview
from ..sync.check import Checked
from ..sync.phases.decide import SyncOptions, as_problem
from ..sync.preview import DerivedOutlook, InPlaceOutlook, Outlook, TableOutlook, TransformOutlook
from ..sync.run.target import Target
from .database import Database
from .shared import ForeignJson, foreign_json


class DiskJson(TypedDict):
    """Bytes on the disk; null if they were not read."""

    needed: int | None
    """The space that the new file may need."""
    archives: int | None
    live: int | None


class InPlaceJson(TypedDict):
    """The estimated cost of an alteration of the live file."""

    seconds: float | None
    """The time that writers would wait, estimated from the first rows; null if unknown."""


class DerivedJson(TypedDict):
    """The tables that the SELECT of a derived table reads, and the size of its present result."""

    reads: list[str]
    """Tables of the live database. If one of them is written during the run, the table is filled again."""
    after: list[str]
    """Other derived tables, folded, which are filled first."""
    by_key: bool
    """Whether only the rows that come from a written row are filled again; otherwise all rows are."""
    rows: int | None
    seconds: float | None
    """The time to compute and compare the result. Writers wait about as long if the whole table has to be filled again
    at the cut-over."""


class TransformJson(TypedDict):
    """The transforms that fill a table."""

    names: list[str]
    reads: list[str]
    """Tables of the live database, under their names there."""
    rows: int | None
    """The rows of these tables."""
    seconds: float | None
    """The time of the transforms for all these rows, estimated from the first ones."""


class TableOutlookJson(TypedDict):
    """The step for a table, and its size."""

    action: Action
    rows: int | None
    """Null for a virtual table whose module this process does not have."""
    bytes: int | None
    """Null if SQLite cannot report it."""
    why: str
    """A phrase: the first change that rewrites the rows of the table, or the source that fills it; empty if the rows
    stay."""
    derived: DerivedJson | None
    """Null for a table that no SELECT fills."""
    transforms: TransformJson | None
    """Null for a table that no transform fills."""


class PartJson(TypedDict):
    """A part of the schema that a mixin makes."""

    kind: str
    """`column`, `index`, `trigger`, `view`, `table`, or another part of a table, as in a key of schema.json."""
    name: str
    """The name of the part, or its text if it has no name."""


class MixinJson(TypedDict):
    """The parts that one mixin of schema.json makes for one table, whether they change or not."""

    mixin: str
    table: str
    """Empty for parts that it makes once: a table that all its tables share, or a mixin in the top-level `_use`."""
    parts: list[PartJson]


class PlanJson(TypedDict):
    """The output of `manage.py schemasync plan --json`, also after an error."""

    result: Literal["planned", "current"] | ErrorResult
    version: str | None
    """The version of schema.json; null if it could not be read."""
    previous: str | None
    """The version that is live."""
    generation: str | None
    """The generation that is live."""
    strategy: Strategy | None
    """The start of the new file: a copy of the old one, or empty; in-place if the live file would be altered, or only
    its history would record the version. Null if nothing would be done."""
    reason: str
    """The reason for this strategy."""
    changes: list[ChangeJson]
    tables: dict[str, TableOutlookJson]
    disk: DiskJson
    mixins: list[MixinJson]
    in_place: InPlaceJson | None
    """Null if an alteration of the live file is not possible, or if the option `--in-place` is not given and the file
    has less than 1 GB."""
    hazards: list[HazardJson]
    foreign: list[ForeignJson]
    """Objects that schema.json does not name, and that would be carried along."""
    pending_migrations: list[str]
    """Migrations of MIGRATED_APPS that would run on the new file."""
    sql: NotRequired[list[str]]
    """The statements; only with `--sql`."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Planned:
    """`pending`: the migrations of MIGRATED_APPS that would run, as `app.name`. `statements`: None without `sql`."""

    outlook: Outlook
    pending: tuple[str, ...]
    statements: tuple[str, ...] | None

    @property
    def blocking(self) -> list[Problem]:
        """The problems that stop a sync: hazards, and unmet conditions of REQUIRE."""
        plan = self.outlook.plan
        hazards = [as_problem(hazard) for hazard in plan.blocking] if plan is not None else []
        return [*hazards, *self.outlook.unmet]

    @property
    def is_in_place(self) -> bool:
        plan = self.outlook.plan
        return plan is not None and plan.strategy is Strategy.IN_PLACE


@dataclass(frozen=True, slots=True)
class AfterAdoption:
    """The part of a plan that is known before the database is adopted."""

    checked: Checked
    pending: tuple[str, ...]


def plan(database: Database, options: SyncOptions, *, sql: bool = False) -> Planned | AfterAdoption:
    """Return the plan of a sync; change nothing. For a plain file that the sync itself would adopt, return
    AfterAdoption. Raises a SchemasyncError."""
    target, wanted = database.target(), database.document()
    pending = _pending(database.alias, target)
    try:
        seen = preview.outlook(target, wanted, informed(database.alias, options))
    except Refused as refusal:
        if refusal.problems[0].code is not Code.NOT_ADOPTED or not conf.adopts() or sql:
            raise
        return AfterAdoption(check.check(target, wanted), pending)
    return Planned(seen, pending, _statements(seen) if sql else None)


def _statements(seen: Outlook) -> tuple[str, ...]:
    return tuple(preview.statements(seen.plan)) if seen.plan is not None else ()


def after_adoption(database: Database) -> AfterAdoption:
    """Return the changes that a sync would make after `adopt`. Raises a SchemasyncError."""
    target = database.target()
    return AfterAdoption(check.check(target, database.document()), _pending(database.alias, target))


def _pending(alias: str, target: Target) -> tuple[str, ...]:
    if not conf.is_enabled():
        return ()
    is_new = target.layout.path_kind() is PathKind.NOTHING
    return tuple(f"{one.app_label}.{one.name}" for one, _ in planned(alias, is_new=is_new))


def _in_place_json(possible: InPlaceOutlook | None) -> InPlaceJson | None:
    if possible is None:
        return None
    return {"seconds": None if possible.seconds is None else round(possible.seconds, 3)}


def _before_adoption_json(seen: Checked, pending: Sequence[str]) -> PlanJson:
    """The JSON object for a plain file that the sync itself would adopt."""
    return {
        "result": "planned",
        "version": seen.version,
        "previous": seen.live_version,
        "generation": None,
        "strategy": None,
        "reason": seen.how_to_adopt,
        "changes": [change_json(change) for change in seen.changes],
        "tables": {},
        "disk": {"needed": None, "archives": None, "live": None},
        "mixins": [],
        "in_place": None,
        "hazards": [],
        "foreign": foreign_json(seen.foreign),
        "pending_migrations": list(pending),
        "errors": [],
    }


def as_json(planned: Planned | AfterAdoption) -> PlanJson:
    """The JSON object."""
    if isinstance(planned, AfterAdoption):
        return _before_adoption_json(planned.checked, planned.pending)
    seen = planned.outlook
    plan, live = seen.plan, seen.live
    data: PlanJson = {
        "result": "current" if plan is None else "refused" if planned.blocking else "planned",
        "version": seen.version,
        "previous": live.version if live else None,
        "generation": live.generation if live else None,
        "strategy": plan.strategy if plan else None,
        "reason": plan.reason if plan else "",
        "changes": [change_json(change) for change in plan.changes] if plan else [],
        "tables": {item.table: _table_json(item) for item in seen.tables},
        "disk": {"needed": seen.disk_needed, "archives": seen.disk_archives, "live": seen.file_bytes},
        "mixins": [_mixin_json(one) for one in seen.mixins],
        "in_place": _in_place_json(seen.in_place),
        "hazards": [hazard.as_json() for hazard in seen.hazards],
        "foreign": foreign_json(seen.decision.foreign),
        "pending_migrations": list(planned.pending),
        "errors": [one.as_json() for one in planned.blocking],
    }
    if planned.statements is not None:
        data["sql"] = list(planned.statements)
    return data


def _mixin_json(made: MixedIn) -> MixinJson:
    parts: list[PartJson] = [{"kind": kind, "name": name} for kind, name in made.parts]
    return {"mixin": made.mixin, "table": made.table, "parts": parts}


def _table_json(item: TableOutlook) -> TableOutlookJson:
    derived = _derived_json(item.derived) if item.derived is not None else None
    made = _transform_json(item.transforms) if item.transforms is not None else None
    return {
        "action": item.action,
        "rows": item.rows,
        "bytes": item.bytes,
        "why": item.why,
        "derived": derived,
        "transforms": made,
    }


def _transform_json(found: TransformOutlook) -> TransformJson:
    measured = found.measured
    return {
        "names": list(found.names),
        "reads": list(found.reads),
        "rows": measured.rows if measured is not None else None,
        "seconds": round(measured.seconds, 3) if measured is not None else None,
    }


def _derived_json(found: DerivedOutlook) -> DerivedJson:
    measured = found.measured
    return {
        "reads": list(found.reads),
        "after": list(found.after),
        "by_key": found.by_key,
        "rows": measured.rows if measured is not None else None,
        "seconds": round(measured.seconds, 3) if measured is not None else None,
    }
