"""Runs a sync from a page: shows the plan first, then starts a separate process under the run lock."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from .. import conf
from ..diff.changes import as_json as change_json
from ..errors import Code, Problem, SchemasyncError
from ..files.lock import is_held
from ..schema import document
from ..schema.text import short
from ..sync import preview
from ..sync.phases.decide import SyncOptions
from .background_run import outcome, start
from .pages import NotAllowed, Pages
from .selected_database import SelectedDatabase, actor_of


def run(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> HttpResponse:
    """Show the plan; POST starts the run, if the setting and a permission allow it."""
    admin.require(request, "run")
    if not conf.runs_from_admin():
        raise NotAllowed(reason=_("The setting RUN_FROM_ADMIN is off: run manage.py schemasync on the server."))
    context = _plan(selected)
    if request.method == "POST":
        return _start(admin, request, selected, context)
    return admin.render(request, "run.html", selected, _("Bring the database to schema.json"), context)


def _plan(selected: SelectedDatabase) -> dict[str, Any]:
    """What a run would do, and what blocks it."""
    try:
        read = document.read(selected.schema.read_bytes(), str(selected.schema))
        seen = preview.outlook(selected.target(), read, SyncOptions())
    except SchemasyncError as error:
        return {"problems": error.problems, "last": outcome(selected)}
    except OSError as error:
        return {"problems": (_unreadable(selected, error),), "last": outcome(selected)}
    return {
        "seen": seen,
        "version": read.version,
        "to": short(read.version),
        "changes": [change_json(change) for change in seen.plan.changes] if seen.plan else [],
        "blocking": seen.plan.blocking if seen.plan else (),
        "hazards": [hazard for hazard in seen.plan.hazards if not hazard.blocking] if seen.plan else [],
        "is_running": is_held(selected.layout.lock),
        "last": outcome(selected),
    }


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
    if is_begun:
        messages.success(request, _("The run has started; this page shows its progress."))
    else:
        messages.warning(request, _("A run has already been started; this page shows its progress."))
    return admin.home(selected)
