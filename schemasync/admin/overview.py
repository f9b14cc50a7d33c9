"""The overview page: whether models, schema.json and database agree, what is live, what runs, what needs attention."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from .. import conf, databases
from ..errors import Problem, SchemasyncError
from ..orm.models_fingerprint import beside
from ..orm.project import difference
from ..schema import document
from ..sync import check, up_to_date
from ..sync.run.broadcast import RunningJson
from ..sync.status import status
from ..texts import gist
from .history_rows import WIDTH, when
from .pages import Pages
from .selected_database import SelectedDatabase
from .timeline import timeline

if TYPE_CHECKING:
    from ..diff.changes import Change


@dataclass(frozen=True, slots=True)
class Agreed:
    """Whether two of the three agree; `how`: the differences as a phrase. `is_known`: they could be compared."""

    agrees: bool
    how: str = ""
    is_known: bool = True


@dataclass(slots=True)
class _Models:
    """Cache of the comparison with the models of this process, which do not change, by the digest of schema.json."""

    found: dict[tuple[str, str], Agreed] = field(default_factory=dict)


_models = _Models()


def context(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> dict[str, Any]:
    """The context of the panel above the history."""
    now = status(selected.target())
    return {
        "status": now,
        "run": _run(now.as_json()["run"]),
        "since": when(now.live.applied_at) if now.live else "",
        "database": with_database(selected),
        "models": with_models(selected),
        "selected": selected,
        "timeline": timeline(selected) if now.live else None,
        "may": {act: admin.may(request, act) for act in ("rollback", "run", "prune", "download")},
        "can_run": conf.runs_from_admin(),
    }


def status_json(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> HttpResponse:
    """The status for monitors, and for the page that shows a run."""
    return JsonResponse(status(selected.target()).as_json(), headers={"Cache-Control": "no-store"})


def with_database(selected: SelectedDatabase) -> Agreed:
    """Compare schema.json and database."""
    try:
        data = selected.schema.read_bytes()
        if up_to_date.current(selected.layout, databases.opener(selected.alias), data, beside()) is not None:
            return Agreed(agrees=True)
        seen = check.check(selected.target(), document.read(data, str(selected.schema)), tries=False)
    except SchemasyncError as error:
        return Agreed(False, _first(error.problems), is_known=False)
    except OSError as error:
        return Agreed(False, f"{selected.schema.name}: {error.strerror}", is_known=False)
    if not seen.differs(strict=False):
        return Agreed(agrees=True)
    if seen.drift:
        return Agreed(False, _("changed by hand: %(names)s") % {"names": ", ".join(seen.drift)})
    return Agreed(False, _phrase(seen.changes) or _("another version is live"))


def with_models(selected: SelectedDatabase) -> Agreed | None:
    """Compare models and schema.json; None if the models are not used."""
    if not conf.is_enabled():
        return None
    try:
        key = selected.alias, hashlib.sha256(selected.schema.read_bytes()).hexdigest()
    except OSError as error:
        return Agreed(False, f"{selected.schema.name}: {error.strerror}", is_known=False)
    if key not in _models.found:
        how = difference(selected.alias, selected.schema)
        _models.found = {
            key: Agreed(not how, how),
            **{k: v for k, v in _models.found.items() if k[0] != selected.alias},
        }
    return _models.found[key]


def _phrase(changes: tuple[Change, ...]) -> str:
    from ..diff.changes import as_json

    return gist([as_json(change) for change in changes], WIDTH)


def _first(problems: tuple[Problem, ...]) -> str:
    return problems[0].message


def _run(run: RunningJson | None) -> dict[str, Any] | None:
    """The run as the page shows it without JavaScript."""
    if run is None:
        return None
    percent = round(100 * run["done"] / run["total"]) if run["total"] else None
    return {**run, "percent": percent, "seconds": round(time.time() - run["begun"]) if run["begun"] else None}
