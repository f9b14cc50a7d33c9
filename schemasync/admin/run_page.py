"""Runs a sync from a page: shows the plan first, then starts a separate process under the run lock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from .. import conf
from ..diff.changes import as_json as change_json
from ..diff.hazards import Hazard, with_counted_hints
from ..errors import Code, Problem, SchemasyncError
from ..files.lock import is_held
from ..files.read_file import read_file
from ..models import SchemaVersion
from ..orm.requirements import requirements
from ..orm.with_transforms import with_transforms
from ..plan.model import Plan
from ..schema import document
from ..schema.text import short
from ..sync import preview
from ..sync.phases.decide import SyncOptions
from ..sync.status import status
from .background_run import is_at_work, outcome, start
from .overview import shown_run
from .pages import NotAllowed, Pages
from .selected_database import SelectedDatabase, actor_of


def run(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> HttpResponse:
    """Show the plan; POST starts the run, if the setting and a permission allow it. Then show its progress and its
    result. With `?state=1` return JSON with `at_work`, for the script of the page."""
    admin.require(request, "run")
    if selected.tenant:
        raise NotAllowed(reason=_("Run it on the server:") + " " + selected.addressed("manage.py schemasync"))
    if not conf.runs_from_admin():
        raise NotAllowed(reason=_("The setting RUN_FROM_ADMIN is off: run manage.py schemasync on the server."))
    if request.GET.get("state"):
        return JsonResponse({"at_work": is_at_work(selected)}, headers={"Cache-Control": "no-store"})
    if request.method != "POST" and is_at_work(selected):
        now = {"run": shown_run(status(selected.target()).as_json()["run"])}
        return admin.render(request, "run_at_work.html", selected, _("A run is at work"), now)
    context = _plan(selected)
    if request.method == "POST":
        return _start(admin, request, selected, context)
    return admin.render(request, "run.html", selected, _("Bring the database to schema.json"), context)


def _notes(plan: Plan) -> list[Hazard]:
    return list(with_counted_hints([hazard for hazard in plan.hazards if not hazard.blocking]))


def _plan(selected: SelectedDatabase) -> dict[str, Any]:
    """Return the context of the page: the plan of a run, and the problems that block it."""
    try:
        read = with_transforms(selected.alias, document.read(read_file(selected.schema), str(selected.schema)))
        target = replace(selected.target(), requirements=requirements(selected.alias))
        seen = preview.outlook(target, read, SyncOptions())
    except SchemasyncError as error:
        return {"problems": error.problems, **_last(selected)}
    except OSError as error:
        return {"problems": (_unreadable(selected, error),), **_last(selected)}
    return {
        "seen": seen,
        "problems": seen.unmet,
        "version": read.version,
        "to": short(read.version),
        "changes": [change_json(change) for change in seen.plan.changes] if seen.plan else [],
        "blocking": seen.plan.blocking if seen.plan else (),
        "hazards": _notes(seen.plan) if seen.plan else [],
        "is_running": is_held(selected.layout.lock),
        **_last(selected),
    }


def _last(selected: SelectedDatabase) -> dict[str, Any]:
    """Return the outcome of the last run from this page, and the history row that it made, if its generation is
    live."""
    last, live = outcome(selected), selected.layout.live()
    if last is None or live is None or live.name != last.generation:
        return {"last": last}
    rows = SchemaVersion.objects.using(selected.alias).filter(generation=last.generation)
    return {"last": last, "made": rows.order_by("-id").values_list("pk", flat=True).first()}


def _unreadable(selected: SelectedDatabase, error: OSError) -> Problem:
    return Problem(Code.SCHEMA_UNREADABLE, f"{selected.schema}: {error.strerror}")


def _start(admin: Pages, request: HttpRequest, selected: SelectedDatabase, context: dict[str, Any]) -> HttpResponse:
    if context.get("problems") or context["blocking"] or context["seen"].plan is None or context["is_running"]:
        return admin.render(request, "run.html", selected, _("Bring the database to schema.json"), context)
    if request.POST.get("version") != context["version"]:
        context["wrong"] = _("schema.json changed in the meantime. Check the plan again.")
        return admin.render(request, "run.html", selected, _("Bring the database to schema.json"), context)
    try:
        is_begun = start(selected, actor_of(request))
    except SchemasyncError as error:
        context["problems"] = error.problems
        return admin.render(request, "run.html", selected, _("Bring the database to schema.json"), context)
    if not is_begun:
        messages.warning(request, _("A run has already been started; this page shows its progress."))
    return admin.redirect(selected, "run")
