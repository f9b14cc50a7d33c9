"""Compares models, schema.json and database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from .. import conf, databases
from ..diff.changes import ChangeJson
from ..diff.changes import as_json as change_json
from ..diff.dropped import repair_hint
from ..diff.hazards import Hazard, HazardJson
from ..engines.sqlite.name_errors import Unknown
from ..errors import Problem, ProblemJson
from ..files.layout import Layout, PathKind
from ..keep.litestream.faults import link_faults
from ..orm.comparison import Comparison
from ..orm.data_migrations import data_migrations, is_own
from ..orm.database_faults import DatabaseFault, DatabaseFaultJson, database_faults
from ..orm.migrate_risks import MigrateRisk, MigrateRiskJson, migrate_risks
from ..orm.models import Modelled, made_elsewhere, modelled
from ..orm.pending_migrations import NONE_KEPT, KeptApps, kept_apps
from ..orm.unmanaged import unread
from ..schema.document import Document
from ..schema.text import count
from ..sync import check as comparison
from ..sync.check import Checked
from .database import Database
from .export import compared
from .shared import (
    ForeignJson,
    UnknownNamesJson,
    foreign_json,
    unknown_json,
)

Verdict = Literal["agrees", "differs"]


class ModelsJson(TypedDict):
    """The comparison of models and schema.json."""

    result: Verdict
    changes: list[ChangeJson]
    """The changes that an export would write."""
    problems: list[ProblemJson]
    """The questions that an export would ask."""
    unmanaged: list[str]
    """One sentence for each column or table that an unmanaged model reads and schema.json lacks or renames."""


class CheckJson(TypedDict):
    """The output of `manage.py schemasync check --json`."""

    result: Verdict
    version: str | None
    """The version of schema.json; null without that file."""
    live: str | None
    """The version of the database; null if its history does not record one."""
    generation: str | None
    """The live generation; null for a plain file."""
    models: ModelsJson | None
    """Null if the models were not compared."""
    changes: list[ChangeJson]
    """The changes that a sync would make."""
    drift: list[str]
    """Tables and views of schema.json that were changed by hand."""
    foreign: list[ForeignJson]
    """Objects that schema.json does not name."""
    unknown_names: UnknownNamesJson
    refused: list[ProblemJson]
    """The errors of a sync that the schema alone shows."""
    applied_hints: list[str]
    """Hints of schema.json that do not act again on this database."""
    unwritten_rows: list[str]
    """Tables whose rows of schema.json a sync would write."""
    pending_transforms: list[str]
    """Transforms that have not acted on this database, and that a sync would run."""
    data_migrations_never_run: list[str]
    runners_ran: list[str]
    """Tables of migration runners that changed since the live generation was made: their runner ran again."""
    pending_migrations: list[str]
    """Migrations of MIGRATED_APPS that were not run on this database."""
    missing_tables: list[str]
    """Tables of MIGRATED_APPS that are missing although the migrations were run."""
    migrate_risks: list[MigrateRiskJson]
    """Objects that Django's migrate would destroy."""
    database_faults: list[DatabaseFaultJson]
    """Faults in the database now; looked for only without a schema.json."""
    outdated: list[HazardJson]
    """Indexes and stored values that this SQLite computes differently, if another version of SQLite built the live
    file."""
    litestream: list[ProblemJson]
    """A problem if Litestream is configured with the link: it then replicates nothing."""
    errors: list[ProblemJson]


MODELS_DIFFER = ["models and schema.json differ", "To write the models into schema.json: manage.py schemasync export"]


def verdict(seen: Checked, models: Comparison | None, kept: KeptApps, *, strict: bool) -> list[str]:
    """Return the reasons why a check exits with 1, and the next steps."""
    lines = [*MODELS_DIFFER] if models is not None and models.differs else []
    lines += _difference(seen) if seen.differs(strict=strict) or seen.is_empty else []
    if kept.waiting:
        wait = count(len(kept.waiting), "migration of MIGRATED_APPS is", "migrations of MIGRATED_APPS are")
        lines += [f"{wait} not run yet: {', '.join(kept.waiting)}", "To run them: manage.py schemasync"]
    return [*lines, *missing_tables(kept)]


def _difference(seen: Checked) -> list[str]:
    """Return the reasons why a check exits with 1, and the next steps."""
    differ = "schema.json and the database differ"
    if seen.is_empty:
        return ["there is no database yet", "To create it: manage.py schemasync"]
    if seen.generation is None and not seen.unapplied:
        return [differ, f"The database has to be adopted first: {seen.how_to_adopt}"]
    if seen.unapplied:
        return [*_unapplied(seen), *([differ] if seen.changes or seen.live_version != seen.version else [])]
    if seen.drift and seen.live_version == seen.version:
        return [differ, repair_hint(seen.losses), "To keep the change, add it to schema.json."]
    if not seen.changes and seen.live_version == seen.version:
        unnamed = "the database has objects that schema.json does not name"
        return [unnamed, "Name them in schema.json, drop them, or check without --strict."]
    if seen.refused:
        return [differ, *(line for one in seen.refused for line in one.hint.splitlines())]
    return [differ, "To see what a sync would do: manage.py schemasync plan"]


def _unapplied(seen: Checked) -> list[str]:
    names, how = count(len(seen.unapplied), "data migration", "data migrations"), "To see what to do: "
    action = " adopt" if seen.generation is None else " plan"
    return [f"this database never ran {names}: {', '.join(seen.unapplied)}", f"{how}manage.py schemasync{action}"]


def missing_tables(kept: KeptApps) -> list[str]:
    """Return lines about missing tables of MIGRATED_APPS whose migrations were run."""
    if not kept.missing:
        return []
    gone = count(len(kept.missing), "table of MIGRATED_APPS is", "tables of MIGRATED_APPS are")
    return [
        f"{gone} missing, although the migrations were run: {', '.join(kept.missing)}",
        "To see which generation has it: manage.py schemasync history, and to go back: manage.py schemasync rollback",
    ]


@dataclass(frozen=True, slots=True)
class ThreeWays:
    """The comparison of models, schema.json and database. `models` is None without the setting ENABLED. `kept`: pending
    migrations and missing tables of MIGRATED_APPS. `unmanaged`: one sentence for each table or column that an unmanaged
    model reads and schema.json lacks or renames."""

    checked: Checked
    models: Comparison | None
    kept: KeptApps
    risks: tuple[MigrateRisk, ...]
    unmanaged: tuple[str, ...]
    strict: bool
    litestream: tuple[Problem, ...] = ()

    @property
    def reasons(self) -> list[str]:
        """The reasons why the check fails, and the next steps; empty if all agree."""
        lines = verdict(self.checked, self.models, self.kept, strict=self.strict)
        found: list[Hazard | Problem] = [*self.checked.stale_indexes, *self.litestream]
        return lines + [line for one in found for line in (one.message, *one.hint.splitlines())]

    @property
    def never_filled(self) -> list[str]:
        """Data migrations of the project's own apps that did not run because the database was created from schema.json.
        Empty with the setting SEED, and without ENABLED."""
        has_seed = self.models is None or conf.seed() is not None
        return [] if has_seed else [name for name in self.checked.born_without if is_own(name)]


@dataclass(frozen=True, slots=True)
class WithoutSchema:
    """A check without a schema.json: the objects that Django's migrate would destroy, and the faults in the database
    now."""

    risks: tuple[MigrateRisk, ...]
    faults: tuple[DatabaseFault, ...]
    hint: str


def check(
    database: Database, *, strict: bool = False, quick_check: bool = False, for_migrate: bool = False
) -> ThreeWays | WithoutSchema:
    """Compare models, schema.json and database; changes nothing. Raises a SchemasyncError if that is not possible.

    `for_migrate`: the check replaces `migrate --check`, and does not look for objects that Django's migrate would
    destroy.
    """
    if not (for_migrate or database.schema or database.schema_path.exists()):
        return _without_schema(database, reads_every_page=quick_check)
    alias, wanted = database.alias, database.document()
    seen = checked(database, wanted)
    seen = replace(seen, outdated=()) if for_migrate else seen
    models = compared(database) if conf.is_enabled() else None
    risks = () if for_migrate else risks_of_migrate(alias)
    unmanaged = tuple(unread(alias, wanted)) if models is not None else ()
    litestream = () if for_migrate else tuple(link_faults(alias))
    return ThreeWays(seen, models, kept(alias), risks, unmanaged, strict, litestream)


def checked(database: Database, wanted: Document) -> Checked:
    """Compare schema.json with the database."""
    alias = database.alias
    return comparison.check(database.target(), wanted, data_migrations(alias), made_elsewhere(alias))


def kept(alias: str) -> KeptApps:
    """Return pending migrations and missing tables of MIGRATED_APPS on the live database."""
    if databases.is_no_path(databases.name_of(alias)):
        return NONE_KEPT  # a test database in memory
    is_there = Layout(databases.path_of(alias)).path_kind() in (PathKind.GENERATION, PathKind.PLAIN)
    return kept_apps(alias) if is_there and conf.is_enabled() and conf.migrated_apps() else NONE_KEPT


def risks_of_migrate(alias: str, models: Modelled | None = None) -> tuple[MigrateRisk, ...]:
    """Return the objects that Django's migrate would destroy; none if `migrate` runs a sync. `models`: the models, if
    they are already read."""
    link = databases.path_of(alias)
    if conf.is_enabled() and Layout(link).path_kind() is PathKind.GENERATION:
        return ()
    return tuple(migrate_risks(alias, link, models or modelled(alias)))


def _without_schema(database: Database, *, reads_every_page: bool) -> WithoutSchema:
    alias, link, models = database.alias, database.link, modelled(database.alias)
    risks = risks_of_migrate(alias, models)
    if not risks and Layout(link).path_kind() is PathKind.GENERATION:
        database.document()  # raises: an adopted database without its schema.json
    faults = database_faults(alias, link, models, reads_every_page=reads_every_page)
    return WithoutSchema(risks, tuple(faults), database.where_from(database.schema_path))


def as_json(found: ThreeWays | WithoutSchema) -> CheckJson:
    """The JSON object."""
    if isinstance(found, WithoutSchema):
        return _without_schema_json(found.risks, found.faults)
    seen, kept = found.checked, found.kept
    models = _models_json(found.models, found.unmanaged)
    differs = seen.differs(strict=found.strict) or (models is not None and models["result"] == "differs")
    differs = differs or seen.is_empty or bool(kept) or bool(found.litestream) or bool(seen.stale_indexes)
    return {
        "result": "differs" if differs else "agrees",
        "version": seen.version,
        "live": seen.live_version,
        "generation": seen.generation,
        "models": models,
        "changes": [change_json(change) for change in seen.changes],
        "drift": list(seen.drift),
        "foreign": foreign_json(seen.foreign),
        "unknown_names": unknown_json(seen.unknown),
        "refused": [one.as_json() for one in seen.refused],
        "applied_hints": list(seen.spent),
        "unwritten_rows": list(seen.unwritten_rows),
        "pending_transforms": list(seen.pending_transforms),
        "data_migrations_never_run": list(seen.unapplied),
        "runners_ran": list(seen.runners_ran),
        "pending_migrations": list(kept.waiting),
        "missing_tables": list(kept.missing),
        "migrate_risks": [one.as_json() for one in found.risks],
        "database_faults": [],
        "outdated": [one.as_json() for one in seen.outdated],
        "litestream": [one.as_json() for one in found.litestream],
        "errors": [],
    }


def _models_json(models: Comparison | None, unmanaged: Sequence[str]) -> ModelsJson | None:
    """The JSON object; None if the models were not compared. `unmanaged`: one sentence for each table or column that an
    unmanaged model reads and schema.json lacks or renames."""
    if models is None:
        return None
    changes = models.found.changes if models.found else ()
    return {
        "result": "differs" if models.differs else "agrees",
        "changes": [change_json(change) for change in changes],
        "problems": [one.as_json() for one in models.problems],
        "unmanaged": list(unmanaged),
    }


def _without_schema_json(found: Sequence[MigrateRisk], faults: Sequence[DatabaseFault]) -> CheckJson:
    """The JSON object of a check without a schema.json, with the keys of any other check."""
    return {
        "result": "differs" if found or faults else "agrees",
        "version": None,
        "live": None,
        "generation": None,
        "models": None,
        "changes": [],
        "drift": [],
        "foreign": [],
        "unknown_names": unknown_json(Unknown()),
        "refused": [],
        "applied_hints": [],
        "unwritten_rows": [],
        "pending_transforms": [],
        "data_migrations_never_run": [],
        "runners_ran": [],
        "pending_migrations": [],
        "missing_tables": [],
        "migrate_risks": [one.as_json() for one in found],
        "database_faults": [one.as_json() for one in faults],
        "outdated": [],
        "litestream": [],
        "errors": [],
    }
