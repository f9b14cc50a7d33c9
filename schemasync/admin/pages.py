"""Shared parts of the admin pages: permissions, redirects between pages, and rendering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from ..models import SchemaVersion
from .selected_database import SelectedDatabase

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[SchemaVersion]
else:
    _Admin = admin.ModelAdmin


class NotAllowed(PermissionDenied):
    """The user may not open the page or take the action: `permission` is missing, or there is another `reason`."""

    def __init__(self, permission: str = "", reason: str = "") -> None:
        super().__init__(permission or reason)
        self.permission, self.reason = permission, reason


class Pages(_Admin):
    """The part of the ModelAdmin that its pages call; each page is a function of it and of the request."""

    def may(self, request: HttpRequest, act: str) -> bool:
        """True for a user who may see the pages and has the permission for this action."""
        user: Any = request.user
        return self.has_view_permission(request) and user.has_perm(f"schemasync.{act}_schemaversion")

    def require(self, request: HttpRequest, act: str) -> None:
        """Raise NotAllowed for a user for whom `may` is False."""
        if not self.may(request, act):
            raise NotAllowed(f"{act}_schemaversion")

    def not_allowed(self, request: HttpRequest, error: NotAllowed) -> HttpResponse:
        """Return the page for users without a permission: it names the permission, and shows nothing about the
        database."""
        context = {
            "permission": f"{self.opts.app_label}.{error.permission}" if error.permission else "",
            "permission_name": self.name_of(error.permission),
            "reason": error.reason,
        }
        selected = SelectedDatabase("")
        title = str(_("You may not do this"))
        response = self.render(request, "not_allowed.html", selected, title, context)
        response.status_code = 403
        return response

    def name_of(self, permission: str) -> str:
        """Return the name of a permission of this model, as the admin's pages for users and groups list it."""
        return str(dict(self.opts.permissions).get(permission, f"Can view {self.opts.verbose_name_raw}"))

    def redirect(self, selected: SelectedDatabase, name: str, *words: Any) -> HttpResponse:
        """Redirect to another of these pages."""
        address = reverse(f"{self.admin_site.name}:schemasync_schemaversion_{name}", args=words)
        return HttpResponseRedirect(address + selected.query)

    def home(self, selected: SelectedDatabase) -> HttpResponse:
        """Redirect to the overview."""
        return self.redirect(selected, "changelist")

    def render(
        self, request: HttpRequest, template: str, selected: SelectedDatabase, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        """Render a page in the admin's layout."""
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"admin/schemasync/{template}",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": title,
                "selected": selected,
                "may": {act: self.may(request, act) for act in ("rollback", "run", "prune", "download")},
                **context,
            },
        )
