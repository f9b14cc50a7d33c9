"""How models, schema.json and database compare, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from ...diff.changes import ChangeJson
from ...diff.changes import as_json as change_json
from ...diff.dropped import repair_hint
from ...engines.sqlite.unknown_names import Unknown
from ...errors import ProblemJson
from ...orm.comparison import Comparison
from ...orm.migrate import NONE_KEPT, KeptApps
from ...orm.migrate_risks import MigrateRisk, MigrateRiskJson
from ...schema.text import count, short
from ...sync.check import Checked
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
    """How models and schema.json compare."""

    result: Verdict
    changes: list[ChangeJson]
    """What an export would write."""
    problems: list[ProblemJson]
    """What an export would have to ask."""


class CheckJson(TypedDict):
    """What `manage.py schemasync check --json` prints."""

    result: Verdict
    version: str | None
    """Of schema.json; null where there is none."""
    live: str | None
    """The version of the database; null where its history does not say."""
    generation: str | None
    """The live generation; null for a plain file."""
    models: ModelsJson | None
    """Null where the models were not compared."""
    changes: list[ChangeJson]
    """What a sync would change."""
    drift: list[str]
    """Tables and views of schema.json that were changed by hand."""
    foreign: list[ForeignJson]
    """What schema.json does not name."""
    unknown_names: UnknownNamesJson
    refused: list[ProblemJson]
    """The errors that a sync would end in, as far as the schema tells."""
    applied_hints: list[str]
    """Hints of schema.json that do not act again on this database."""
    data_migrations_never_run: list[str]
    pending_migrations: list[str]
    """Migrations of MIGRATED_APPS that were not run on this database."""
    missing_tables: list[str]
    """Tables of MIGRATED_APPS that are gone though the migrations were run."""
    migrate_risks: list[MigrateRiskJson]
    """What Django's migrate would destroy."""
    errors: list[ProblemJson]


MODELS_DIFFER = ["models and schema.json differ", "To write the models into schema.json: manage.py schemasync export"]


def lines(seen: Checked, page: Page, *, strict: bool) -> Lines:
    """What differs between schema.json and the database."""
    if seen.differs(strict=strict):
        return _details(seen, page)
    return [f"schema.json and the database agree: version {short(seen.version)}", *_details(seen, page)]


def _details(seen: Checked, page: Page) -> Lines:
    """The same without the verdict."""
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
    return lines + paragraph("hints that do not act again, and may be deleted: ", seen.spent, page)


def three_ways(seen: Checked, models: Comparison, schema: Path, kept: KeptApps, page: Page, *, strict: bool) -> Lines:
    """Models and schema.json, then schema.json and database: a verdict each, and what differs. `kept`: what is not in
    order with apps that keep their migrations."""
    word = "differ" if seen.differs(strict=strict) else "agree"
    return [
        f"models and schema.json: {'differ' if models.differs else 'agree'}",
        *_models(models, schema, page),
        f"schema.json and database: {word}",
        *_details(seen, page),
        *(f"not run yet: {name}" for name in kept.waiting),
        *(f"missing, though its migrations were run: {name}" for name in kept.missing),
    ]


def _models(models: Comparison, schema: Path, page: Page) -> Lines:
    lines = export.lines(models.found, "differs", schema, page)[1:] if models.found and models.differs else []
    return [*lines, *(f"  {line}" for one in models.problems for line in problem(one).splitlines())]


def verdict(seen: Checked, models: Comparison | None, kept: KeptApps, *, strict: bool) -> Lines:
    """Why a check ends with 1, and what to do next."""
    lines = [*MODELS_DIFFER] if models is not None and models.differs else []
    lines += _difference(seen) if seen.differs(strict=strict) else []
    if kept.waiting:
        wait = count(len(kept.waiting), "migration of MIGRATED_APPS was", "migrations of MIGRATED_APPS were")
        lines += [f"{wait} not run yet: {', '.join(kept.waiting)}", "To run them: manage.py schemasync"]
    return [*lines, *missing_tables(kept)]


def _difference(seen: Checked) -> Lines:
    """Why a check ends with 1, and what to do next."""
    differ = "schema.json and the database differ"
    if seen.is_empty:
        return ["there is no database yet", "To make it: manage.py schemasync"]
    if seen.generation is None and not seen.unapplied:
        return [differ, "Take the database over first: manage.py schemasync adopt"]
    if seen.unapplied:
        return [*_unapplied(seen), *([differ] if seen.changes or seen.live_version != seen.version else [])]
    if seen.drift and seen.live_version == seen.version:
        return [differ, repair_hint(seen.losses), "To keep it, take it into schema.json."]
    if not seen.changes and seen.live_version == seen.version:
        unnamed = "the database has objects that schema.json does not name"
        return [unnamed, "Name them in schema.json, drop them, or check without --strict."]
    return [differ, "To see what a sync would do: manage.py schemasync plan"]


def _unapplied(seen: Checked) -> Lines:
    names, how = count(len(seen.unapplied), "data migration", "data migrations"), "To see what may be done: "
    action = " adopt" if seen.generation is None else " plan"
    return [f"this database never ran {names}: {', '.join(seen.unapplied)}", f"{how}manage.py schemasync{action}"]


def missing_tables(kept: KeptApps) -> Lines:
    """Tables of apps that keep their migrations, which are gone though those were run."""
    if not kept.missing:
        return []
    gone = count(len(kept.missing), "table of MIGRATED_APPS is", "tables of MIGRATED_APPS are")
    return [
        f"{gone} missing, though the migrations were run: {', '.join(kept.missing)}",
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
    """The same for machines; `models`: how they and schema.json compare, where that was looked at. `kept`: what
    is not in order with apps that keep their migrations."""
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
        "pending_migrations": list(kept.waiting),
        "missing_tables": list(kept.missing),
        "migrate_risks": [one.as_json() for one in migrate_risks],
        "errors": [],
    }


def models_json(models: Comparison | None) -> ModelsJson | None:
    """The same for machines; None where the models were not looked at."""
    if models is None:
        return None
    changes = models.found.changes if models.found else ()
    return {
        "result": "differs" if models.differs else "agrees",
        "changes": [change_json(change) for change in changes],
        "problems": [one.as_json() for one in models.problems],
    }


def without_schema_json(found: Sequence[MigrateRisk]) -> CheckJson:
    """A check where there is no schema.json, for machines: the keys of any other."""
    return {
        "result": "differs" if found else "agrees",
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
        "pending_migrations": [],
        "missing_tables": [],
        "migrate_risks": [one.as_json() for one in found],
        "errors": [],
    }
