"""The admin's page about all tenants. It reads only their rows, and opens none of their files."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from ..errors import SchemasyncError
from . import behind
from .fleet import leases
from .fleet.disks import disks
from .fleet.processes import processes
from .fleet.recorded import recorded
from .fleet.standing import SERVED, served_files
from .models import Health, State, Tenant

SHOWN = 20  # tenants with problems that are listed


def page(model_admin: admin.ModelAdmin[Tenant], request: HttpRequest) -> HttpResponse:
    """Show versions, failures, sizes, health, and the free space of disks and open descriptors. Raises PermissionDenied
    without the permission to view tenants."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS)
    found, version = recorded(rows, SHOWN), _version()
    request.current_app = model_admin.admin_site.name
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("State of the tenants"),
        "found": found,
        "in_use": urlencode({"state__in": ",".join(SERVED)}),
        "states": [(state, State(state).label, count) for state, count in found.states.items()],
        "versions": [(name, count, name == version) for name, count in found.versions.items()],
        "behind": sum(count for name, count in found.versions.items() if name != version) if version else None,
        "failed": rows.exclude(failure="").count(),
        "health": [(name, Health(name).label, count) for name, count in found.health.items()],
        "more": sum(count for name, count in found.health.items() if name != Health.OK) - SHOWN,
        "disks": disks(served_files()),
        "processes": processes(),
        "runs": list(leases.runs()),
    }
    return TemplateResponse(request, "admin/schemasync_tenants/status.html", context)


def _version() -> str:
    """Return the version of the tenants' schema.json; empty if it cannot be read."""
    try:
        return behind.version()
    except SchemasyncError:
        return ""
