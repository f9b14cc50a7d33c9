"""The comparison of models, schema.json and database, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...actions.check import ThreeWays, WithoutSchema
from ...diff.hazards import PRUNE_HINTS
from ...engines.sqlite.runner_tables import runner_of
from ...orm.comparison import Comparison
from ...schema.text import short
from ...sync.check import Checked
from ...texts import FEW
from . import export, migrate_risks
from .shared import (
    Lines,
    changes,
    foreign,
    paragraph,
    problem,
    unknown_names,
)
from .terminal import Page


def lines(found: ThreeWays, schema: Path, page: Page) -> Lines:
    """Return verdicts for models and schema.json and for schema.json and database, and the differences; the objects
    that Django's migrate would destroy, and data migrations that did not run."""
    seen = found.checked
    differs, word = seen.differs(strict=found.strict), _word(seen.differs(strict=found.strict))
    if found.models is not None:
        lines = [
            f"models and schema.json: {_word(found.models.differs)}",
            *_models(found.models, schema, page),
            f"schema.json and database: {word}",
            *_details(seen, page),
            *(f"not run yet: {name}" for name in found.kept.waiting),
            *(f"missing, although its migrations were run: {name}" for name in found.kept.missing),
        ]
    elif differs:
        lines = _details(seen, page)
    else:
        lines = [f"schema.json and the database agree: version {short(seen.version)}", *_details(seen, page)]
    lines += migrate_risks.in_short(found.risks, page)
    lines += [f"note [{one.code}] {one}" for one in seen.outdated if one not in seen.stale_indexes]
    lines += [f"note: {line}" for line in found.unmanaged]
    return lines + _never_filled(found.never_filled)


def _word(differs: bool) -> str:
    return "differ" if differs else "agree"


def lines_without_schema(found: WithoutSchema, link: Path, page: Page) -> Lines:
    """Return the objects that Django's migrate would destroy, and the faults in the database now; if there are neither,
    also how to get a schema.json."""
    lines = migrate_risks.lines(found.risks, page) or [f"nothing in {link.name} would be lost in a migrate"]
    lines += migrate_risks.fault_lines(found.faults, page)
    return lines if found.risks or found.faults else [*lines, found.hint]


def reasons_without_schema(found: WithoutSchema, link: Path) -> Lines:
    """Return the reasons why the check fails, and the next step; empty if nothing was found."""
    why = [*migrate_risks.at_stake(found.risks, link), *migrate_risks.wrong_now(found.faults, link)]
    return [*why, found.hint] if why else []


def _details(seen: Checked, page: Page) -> Lines:
    """Return the differences without the verdict."""
    lines = []
    if not seen.is_empty:
        if seen.drift:
            lines.append("changed by hand: " + ", ".join(seen.drift))
        lines += changes(seen.changes, page)
    if seen.live_version and seen.live_version != seen.version and not seen.changes:
        lines.append(f"schema.json is version {short(seen.version)}, live is {short(seen.live_version)}")
    lines += foreign(seen.foreign, page) + unknown_names(seen.unknown, page)
    lines += [f"a sync would be refused [{one.code}]: {one.message}" for one in seen.refused]
    lines += [f"{name}: the rows of schema.json are not written yet" for name in seen.unwritten_rows]
    lines += [f"the transform {name} has not acted on this database" for name in seen.pending_transforms]
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


def _never_filled(names: Sequence[str]) -> Lines:
    """Return a note about rows that a database may lack because it was created from schema.json."""
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
