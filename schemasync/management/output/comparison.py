"""What `check` found, as text and as JSON: models, schema.json and database; and what `migrate` would destroy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ...diff.changes import as_json as change_json
from ...orm.comparison import Comparison
from ...orm.migrate import KeptApps
from ...orm.migrate_risks import MigrateRisk
from ...schema.text import count
from ...sync.look import Checked
from . import results
from .results import Json, Lines
from .terminal import Page

Danger = Sequence[MigrateRisk]

MODELS_DIFFER = ["models and schema.json differ", "To write the models into schema.json: manage.py schemasync export"]


# --- three ways -------------------------------------------------------------------------------------------------


def three_ways(seen: Checked, models: Comparison, schema: Path, kept: KeptApps, page: Page, *, strict: bool) -> Lines:
    """Models and schema.json, then schema.json and database: a verdict each, and what differs. `kept`: what is not in
    order with apps that keep their migrations."""
    word = "differ" if seen.differs(strict=strict) else "agree"
    return [
        f"models and schema.json: {'differ' if models.differs else 'agree'}",
        *_models(models, schema, page),
        f"schema.json and database: {word}",
        *results.details(seen, page),
        *(f"not run yet: {name}" for name in kept.waiting),
        *(f"missing, though its migrations were run: {name}" for name in kept.missing),
    ]


def _models(models: Comparison, schema: Path, page: Page) -> Lines:
    lines = results.exported(models.found, "differs", schema, page)[1:] if models.found and models.differs else []
    return [*lines, *(f"  {line}" for one in models.problems for line in results.problem(one).splitlines())]


def verdict(seen: Checked, models: Comparison | None, kept: KeptApps, *, strict: bool) -> Lines:
    """Why a check ends with 1, and what to do next."""
    lines = [*MODELS_DIFFER] if models is not None and models.differs else []
    lines += results.difference(seen) if seen.differs(strict=strict) else []
    if kept.waiting:
        wait = count(len(kept.waiting), "migration of MIGRATED_APPS was", "migrations of MIGRATED_APPS were")
        lines += [f"{wait} not run yet: {', '.join(kept.waiting)}", "To run them: manage.py schemasync"]
    return [*lines, *missing(kept)]


def missing(kept: KeptApps) -> Lines:
    """Tables of apps that keep their migrations, which are gone though those were run."""
    if not kept.missing:
        return []
    gone = count(len(kept.missing), "table of MIGRATED_APPS is", "tables of MIGRATED_APPS are")
    return [
        f"{gone} missing, though the migrations were run: {', '.join(kept.missing)}",
        "To see which generation has it: manage.py schemasync history, and to go back: manage.py schemasync rollback",
    ]


def models_json(models: Comparison | None) -> Json | None:
    """The same for machines; None where the models were not looked at."""
    if models is None:
        return None
    changes = models.found.changes if models.found else ()
    return {
        "result": "differs" if models.differs else "agrees",
        "changes": [change_json(change) for change in changes],
        "problems": [one.as_json() for one in models.problems],
    }


# --- what migrate would destroy ---------------------------------------------------------------------------------


def danger(found: Danger, page: Page) -> Lines:
    """Table by table what would be lost, then what would abort it."""
    lost, aborting = [one for one in found if not one.aborts], [one for one in found if one.aborts]
    return [
        *_under("Django's migrate loses without a word, when it makes a table anew:", lost, page),
        *_under("and is aborted there, as SQLite renames no table under a view or trigger:", aborting, page),
    ]


def _under(head: str, found: Danger, page: Page) -> Lines:
    if not found:
        return []
    lines = [page.style.MIGRATE_HEADING(head)]
    for table, things in groupby(sorted(found, key=lambda one: one.table or ""), key=lambda one: one.table):
        lines.append(f"  {page.style.MIGRATE_LABEL(table if table is not None else 'any table')}")
        lines += [f"    [{one.kind}] {one.text}" for one in things]
    return lines


def in_short(found: Danger, page: Page) -> Lines:
    """For a project that has a schema.json, which keeps all of it: a line that warns of the habit."""
    if page.detail:
        return danger(found, page)
    what = "is in tables of models" if len(found) == 1 else "are in tables of models"
    return [f"{_things(found)} {what} that Django's migrate would destroy: -v 2 lists them"] if found else []


def at_stake(found: Danger, link: Path) -> Lines:
    """Why the check of a project without schema.json ends with 1."""
    return [f"{_things(found)} in {link.name} would be lost in a migrate, or abort it"]


def _things(found: Danger) -> str:
    return count(len({(one.kind, one.name, one.table if one.name == "" else "") for one in found}), "thing")


def danger_json(found: Danger) -> Json:
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
        "applied_hints": [],
        "data_migrations_never_run": [],
        "pending_migrations": [],
        "missing_tables": [],
        "migrate_risks": [one.as_json() for one in found],
        "errors": [],
    }
