"""The comparison of models, schema.json and database, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from ...diff.changes import ChangeJson
from ...diff.changes import as_json as change_json
from ...diff.dropped import repair_hint
from ...diff.hazards import PRUNE_HINTS
from ...engines.sqlite.runner_tables import runner_of
from ...engines.sqlite.unknown_names import Unknown
from ...errors import ProblemJson
from ...orm.comparison import Comparison
from ...orm.database_faults import DatabaseFault, DatabaseFaultJson
from ...orm.migrate import NONE_KEPT, KeptApps
from ...orm.migrate_risks import MigrateRisk, MigrateRiskJson
from ...schema.text import count, short
from ...sync.check import Checked
from ...texts import FEW
from . import export
from .shared import (
    ForeignJson,
    Lines,
    UnknownNamesJson,
    changes,
    foreign,
    foreign_json,
    paragraph,
    problem,
    unknown_json,
    unknown_names,
)
from .terminal import Page

Verdict = Literal["agrees", "differs"]


class ModelsJson(TypedDict):
    """The comparison of models and schema.json."""

    result: Verdict
    changes: list[ChangeJson]
    """The changes that an export would write."""
    problems: list[ProblemJson]
    """The questions that an export would ask."""
    unmanaged: list[str]
    """A sentence for each column or table that an unmanaged model reads and schema.json does not have."""


class CheckJson(TypedDict):
    """What `manage.py schemasync check --json` prints."""

    result: Verdict
    version: str | None
    """Of schema.json; null without one."""
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
    """What is wrong in the database now; looked for without a schema.json."""
    errors: list[ProblemJson]


MODELS_DIFFER = ["models and schema.json differ", "To write the models into schema.json: manage.py schemasync export"]


def lines(seen: Checked, page: Page, *, strict: bool) -> Lines:
    """The differences between schema.json and the database."""
    if seen.differs(strict=strict):
        return _details(seen, page)
    return [f"schema.json and the database agree: version {short(seen.version)}", *_details(seen, page)]


def _details(seen: Checked, page: Page) -> Lines:
    """The differences without the verdict."""
    lines = []
    if not seen.is_empty:
        if seen.drift:
            lines.append("changed by hand: " + ", ".join(seen.drift))
        lines += changes(seen.changes, page)
    if seen.live_version and seen.live_version != seen.version and not seen.changes:
        lines.append(f"schema.json is version {short(seen.version)}, live is {short(seen.live_version)}")
    lines += foreign(seen.foreign, page) + unknown_names(seen.unknown, page)
    lines += [f"a sync would be refused [{one.code}]: {one.message}" for one in seen.refused]
    lines += [f"never run on this database: {name}" for name in seen.unapplied]
    lines += [
        f"{name} changed since {seen.generation} was made: its migration runner ({runner_of(name)}) ran again, and "
        "schema.json replaces it"
        for name in seen.runners_ran
    ]
    return lines + _applied_hints(seen.spent, page)


def _applied_hints(names: Sequence[str], page: Page) -> Lines:
    if len(names) > FEW and not page.detail:
        return [f"{len(names)} hints do not act again; when no other database needs them: {PRUNE_HINTS}"]
    return paragraph(f"hints that do not act again (when no other database needs them: {PRUNE_HINTS}): ", names, page)


def three_ways(seen: Checked, models: Comparison, schema: Path, kept: KeptApps, page: Page, *, strict: bool) -> Lines:
    """Models and schema.json, then schema.json and database: a verdict for each, and the differences. `kept`: pending
    migrations and missing tables of MIGRATED_APPS."""
    word = "differ" if seen.differs(strict=strict) else "agree"
    return [
        f"models and schema.json: {'differ' if models.differs else 'agree'}",
        *_models(models, schema, page),
        f"schema.json and database: {word}",
        *_details(seen, page),
        *(f"not run yet: {name}" for name in kept.waiting),
        *(f"missing, although its migrations were run: {name}" for name in kept.missing),
    ]


def never_filled(names: Sequence[str]) -> Lines:
    """The rows that a database may lack that was created from schema.json."""
    if not names:
        return []
    listed = ", ".join(names)
    return [
        f"note: this database was created from schema.json, so these migrations have not filled it: {listed}",
        '  for the next new database, name a function that makes the rows it needs: SCHEMASYNC["SEED"]',
    ]


def _models(models: Comparison, schema: Path, page: Page) -> Lines:
    lines = export.lines(models.found, "differs", schema, page)[1:] if models.found and models.differs else []
    return [*lines, *(f"  {line}" for one in models.problems for line in problem(one).splitlines())]


def verdict(seen: Checked, models: Comparison | None, kept: KeptApps, *, strict: bool) -> Lines:
    """Why a check exits with 1, and what to do next."""
    lines = [*MODELS_DIFFER] if models is not None and models.differs else []
    lines += _difference(seen) if seen.differs(strict=strict) or seen.is_empty else []
    if kept.waiting:
        wait = count(len(kept.waiting), "migration of MIGRATED_APPS is", "migrations of MIGRATED_APPS are")
        lines += [f"{wait} not run yet: {', '.join(kept.waiting)}", "To run them: manage.py schemasync"]
    return [*lines, *missing_tables(kept)]


def _difference(seen: Checked) -> Lines:
    """Why a check exits with 1, and what to do next."""
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


def _unapplied(seen: Checked) -> Lines:
    names, how = count(len(seen.unapplied), "data migration", "data migrations"), "To see what to do: "
    action = " adopt" if seen.generation is None else " plan"
    return [f"this database never ran {names}: {', '.join(seen.unapplied)}", f"{how}manage.py schemasync{action}"]


def missing_tables(kept: KeptApps) -> Lines:
    """Missing tables of MIGRATED_APPS whose migrations were run."""
    if not kept.missing:
        return []
    gone = count(len(kept.missing), "table of MIGRATED_APPS is", "tables of MIGRATED_APPS are")
    return [
        f"{gone} missing, although the migrations were run: {', '.join(kept.missing)}",
        "To see which generation has it: manage.py schemasync history, and to go back: manage.py schemasync rollback",
    ]


def as_json(
    seen: Checked,
    *,
    strict: bool,
    models: ModelsJson | None = None,
    kept: KeptApps = NONE_KEPT,
    migrate_risks: Sequence[MigrateRisk] = (),
) -> CheckJson:
    """The JSON object. `models`: the comparison of models and schema.json, if made. `kept`: pending migrations and
    missing tables of MIGRATED_APPS."""
    differs = seen.differs(strict=strict) or bool(kept) or (models is not None and models["result"] == "differs")
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
        "data_migrations_never_run": list(seen.unapplied),
        "runners_ran": list(seen.runners_ran),
        "pending_migrations": list(kept.waiting),
        "missing_tables": list(kept.missing),
        "migrate_risks": [one.as_json() for one in migrate_risks],
        "database_faults": [],
        "errors": [],
    }


def models_json(models: Comparison | None, unmanaged: Sequence[str] = ()) -> ModelsJson | None:
    """The JSON object; None if the models were not compared. `unmanaged`: what unmanaged models read in vain."""
    if models is None:
        return None
    changes = models.found.changes if models.found else ()
    return {
        "result": "differs" if models.differs else "agrees",
        "changes": [change_json(change) for change in changes],
        "problems": [one.as_json() for one in models.problems],
        "unmanaged": list(unmanaged),
    }


def without_schema_json(found: Sequence[MigrateRisk], faults: Sequence[DatabaseFault]) -> CheckJson:
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
        "data_migrations_never_run": [],
        "runners_ran": [],
        "pending_migrations": [],
        "missing_tables": [],
        "migrate_risks": [one.as_json() for one in found],
        "database_faults": [one.as_json() for one in faults],
        "errors": [],
    }
