"""The overview page: the agreement of models, schema.json and database, the live generation, the run, and problems."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from .. import conf, databases
from ..diff.changes import lines_by_table
from ..errors import SchemasyncError
from ..files.read_file import read_file
from ..keep.litestream.faults import link_faults
from ..management.local_time import local_time
from ..orm.models_fingerprint import models_stamp
from ..orm.project import differences
from ..orm.transforms import stamp
from ..orm.with_transforms import status_with_transforms, with_transforms
from ..schema import document
from ..sync import check, up_to_date
from ..sync.run.broadcast import RunningJson
from ..sync.status import status
from .next_step import Agreement, Difference, Findings, had_earlier, next_step
from .pages import Pages
from .selected_database import SelectedDatabase
from .timeline import timeline


@dataclass(slots=True)
class _Models:
    """Cache of the comparison of schema.json, by its digest, with the models of this process, which do not change."""

    found: dict[tuple[str, str], Agreement] = field(default_factory=dict)


_models = _Models()


def context(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> dict[str, Any]:
    """Return the context of the panel above the history."""
    now = status(selected.target())  # the page compares schema.json itself, and with the models
    now = replace(now, problems=(*now.problems, *link_faults(selected.alias)))
    models, database = with_models(selected), with_database(selected)
    return {
        "status": now,
        "next": next_step(admin, request, selected, Findings(now, models, database)),
        "run": shown_run(now.as_json()["run"]),
        "since": local_time(now.live.applied_at) if now.live else "",
        "database": database,
        "models": models,
        "selected": selected,
        "timeline": timeline(selected) if now.live else None,
        "may": {act: admin.may(request, act) for act in ("rollback", "run", "prune", "download")},
        "can_run": conf.runs_from_admin() and not selected.tenant,
        "backup": _when(now.kept["backup"], "made_at"),
        "drill": _when(now.kept["drill"], "at"),
    }


def _when(found: Mapping[str, Any] | None, key: str) -> dict[str, Any] | None:
    """Return a backup or a drill with its time as the page shows it."""
    return None if found is None else {**found, "when": local_time(found[key])}


def status_json(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> HttpResponse:
    """Return the status as JSON, for monitors and for the page that shows a run."""
    found = status_with_transforms(selected.alias, selected.target(), selected.schema)
    return JsonResponse(found.as_json(), headers={"Cache-Control": "no-store"})


def with_database(selected: SelectedDatabase) -> Agreement:
    """Compare schema.json and database."""
    try:
        data = read_file(selected.schema)
        seen_data = data + stamp(selected.alias)
        if up_to_date.current(selected.layout, databases.opener(selected.alias), seen_data, models_stamp()) is not None:
            return Agreement(Difference.NONE)
        wanted = with_transforms(selected.alias, document.read(data, str(selected.schema)))
        seen = check.check(selected.target(), wanted, tries=False)
    except SchemasyncError as error:
        return Agreement(Difference.UNKNOWN, tuple(problem.message for problem in error.problems))
    except OSError as error:
        return Agreement(Difference.UNKNOWN, (f"{selected.schema.name}: {error.strerror}",))
    if not seen.differs(strict=False):
        return Agreement(Difference.NONE)
    if seen.drift:
        names = _("changed by hand: %(names)s") % {"names": ", ".join(seen.drift)}
        return Agreement(Difference.BY_HAND, (names,))
    lines = tuple(lines_by_table(seen.changes)) or (_("another version is live"),)
    earlier = had_earlier(selected, seen.version)
    return Agreement(Difference.PENDING if earlier is None else Difference.EARLIER, lines, earlier)


def with_models(selected: SelectedDatabase) -> Agreement | None:
    """Compare models and schema.json; None if the models are not used."""
    if not conf.is_enabled():
        return None
    try:
        key = conf.entry_of(selected.alias), hashlib.sha256(read_file(selected.schema)).hexdigest()
    except OSError as error:
        return Agreement(Difference.UNKNOWN, (f"{selected.schema.name}: {error.strerror}",))
    if key not in _models.found:
        lines = tuple(differences(selected.alias, selected.schema))
        _models.found = {
            key: Agreement(Difference.PENDING if lines else Difference.NONE, lines),
            **{k: v for k, v in _models.found.items() if k[0] != key[0]},
        }
    return _models.found[key]


def shown_run(run: RunningJson | None) -> dict[str, Any] | None:
    """Return the run as the page shows it without JavaScript."""
    if run is None:
        return None
    percent = round(100 * run["done"] / run["total"]) if run["total"] else None
    return {**run, "percent": percent, "seconds": round(time.time() - run["begun"]) if run["begun"] else None}
