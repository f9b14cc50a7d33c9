"""The ModelAdmin of the history, and the URLs of the other pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from importlib import import_module
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connections, transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.defaultfilters import floatformat
from django.template.response import SimpleTemplateResponse
from django.urls import URLPattern, path
from django.utils.crypto import constant_time_compare
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from .. import conf, databases
from ..actions.database_errors import translated_disk_and_query_errors
from ..errors import SchemasyncError
from ..management.local_time import local_time
from ..models import SchemaVersion
from ..tenants.outside_admin import OutsideOfTenants
from .filters import ByWhom, When
from .history_rows import light, story
from .pages import NotAllowed, Pages
from .selected_database import PARAMETER, SelectedDatabase, reachable, selected_database

VIEW = "view_schemaversion"  # the permission without which no page is shown
View = Callable[..., HttpResponseBase]


def page_view(module: str, name: str) -> View:
    """Return a view of this package that imports its module when it is first opened: management commands start
    faster."""

    def view(*args: Any, **kwargs: Any) -> HttpResponseBase:
        found: View = getattr(import_module(f".{module}", __package__), name)
        return found(*args, **kwargs)

    view.__name__ = name
    return view


class VersionList(ChangeList):
    """The change list of one database: the query parameter for the database is not a filter."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        return {name: value for name, value in super().get_filters_params(params).items() if name != PARAMETER}

    def url_for_result(self, result: Model) -> str:
        named = PARAMETER in self.params
        return super().url_for_result(result) + (f"?{PARAMETER}={result._state.db}" if named else "")


class SchemaVersionAdmin(OutsideOfTenants, Pages):
    """The read-only admin of the history: each action has its own page, permission and URL."""

    change_list_template = "admin/schemasync/versions.html"
    list_display = ("name", "moment", "action_column", "what", "figures", "file")
    list_display_links = ("name",)
    list_filter = ("action", When, ByWhom)
    search_fields = ("generation", "version", "actor")
    list_per_page = 25
    actions = None
    ordering = ("-id",)

    # --- permissions ----------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- URLs -----------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Return schemasync's URLs before those of ModelAdmin, whose catch-all would match them."""

        def page(route: str, module: str, view: str, name: str) -> URLPattern:
            return path(route, self._page(page_view(module, view)), name=f"schemasync_schemaversion_{name}")

        return [
            path("status.json", self._for_monitors(), name="schemasync_schemaversion_status"),
            page("run/", "run_page", "run", "run"),
            page("metrics/", "metrics_page", "page", "metrics"),
            page("prune/", "archives", "prune", "prune"),
            page("<int:pk>/rollback/", "rollback_page", "page", "rollback"),
            page("<int:pk>/schema.json", "generation", "schema_json", "schema"),
            page("<int:pk>/database/", "archives", "database", "database"),
            page("<int:pk>/verify/", "archives", "verify", "verify"),
            page("<int:pk>/sql/", "generation", "sql", "sql"),
            *super().get_urls(),
        ]

    def _for_monitors(self) -> View:
        """Return the view of the status, for requests with the token, and for users who may see the pages."""
        status_json = page_view("overview", "status_json")
        for_people = self._page(status_json)

        @login_not_required  # for the middleware: the view checks access itself
        def shown(request: HttpRequest) -> HttpResponseBase:
            token, given = conf.status_token(), request.headers.get("Authorization", "")
            if token and constant_time_compare(given, f"Bearer {token}"):
                return self._of_database(
                    request, selected_database(request), lambda selected: status_json(self, request, selected)
                )
            return for_people(request)

        return cast("View", shown)

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise NotAllowed(VIEW)

    def _require_tenants(self, request: HttpRequest, selected: SelectedDatabase) -> None:
        """Raise NotAllowed for a user who requests the database of a tenant and has no permission to see tenants."""
        user: Any = request.user
        may = any(user.has_perm(f"schemasync_tenants.{act}_tenant") for act in ("view", "change"))
        if selected.tenant and not may:
            raise NotAllowed(reason=str(_("Your account may not see tenants, so it may not see the database of one.")))

    def _of_database(
        self, request: HttpRequest, selected: SelectedDatabase, view: Callable[[SelectedDatabase], HttpResponseBase]
    ) -> HttpResponseBase:
        """Return the response of a view for a database. For the database of a tenant, render it here, while the
        database can be reached; if it cannot be read, return a page with the problems."""
        if not selected.tenant:
            return view(selected)
        try:
            with reachable(selected), translated_disk_and_query_errors(selected.layout.link):
                response = view(selected)
                return response.render() if isinstance(response, SimpleTemplateResponse) else response
        except SchemasyncError as error:
            title = str(_("The database of the tenant cannot be shown"))
            return self.render(request, "refused.html", selected, title, {"problems": error.problems})

    def _page(self, view: View) -> View:
        """Require the view permission, and run outside of a transaction, which would block a swap."""

        def shown(request: HttpRequest, **words: Any) -> HttpResponseBase:
            return self._checked(request, lambda selected: view(self, request, selected, **words))

        found: View = update_wrapper(self.admin_site.admin_view(shown), view)
        for alias in connections:
            found = transaction.non_atomic_requests(alias)(found)
        return found

    # --- history and one generation -------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[SchemaVersion]:
        rows = SchemaVersion.objects.using(selected_database(request).alias)
        later = rows.filter(generation=OuterRef("generation"), pk__gt=OuterRef("pk"))
        return light(rows).annotate(is_live_again=Exists(later))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return VersionList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if self.has_view_permission(request) and not databases.synced() and databases.moved():
            return self._moved(request)
        return cast("HttpResponse", self._checked(request, lambda selected: self._list(request, selected)))

    def _checked(self, request: HttpRequest, view: Callable[[SelectedDatabase], HttpResponseBase]) -> HttpResponseBase:
        """Return the response of a view if the user may see the database of the request, otherwise the page of
        NotAllowed."""
        try:
            self._require_view(request)
            selected = selected_database(request)
            self._require_tenants(request, selected)
            return self._of_database(request, selected, view)
        except NotAllowed as error:
            return self.not_allowed(request, error)

    def _list(self, request: HttpRequest, selected: SelectedDatabase) -> HttpResponse:
        from .overview import context

        about = context(self, request, selected)
        title = str(_("Schema versions"))
        if about["status"].live is None:
            return self.render(request, "nothing.html", selected, title, about)
        try:
            return super().changelist_view(request, {"title": title, **about})
        except DatabaseError:  # the file disappeared a moment ago
            return self.render(request, "nothing.html", selected, title, about)

    def _moved(self, request: HttpRequest) -> HttpResponse:
        """Return the page for a database that has moved to PostgreSQL: its history is in the file."""
        selected = SelectedDatabase(databases.moved()[0])
        return self.render(request, "moved.html", selected, str(_("Schema versions")), {"link": selected.layout.link})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from .generation import generation

        found = self._checked(request, lambda selected: generation(self, request, selected, unquote(object_id)))
        return cast("HttpResponse", found)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the admin's log entries of a row."""
        log = super().history_view
        found = self._checked(request, lambda selected: log(request, object_id, extra_context))
        return cast("HttpResponse", found)

    def add_view(self, request: HttpRequest, *args: Any, **words: Any) -> HttpResponse:
        return self._only_read(request)

    def delete_view(self, request: HttpRequest, *args: Any, **words: Any) -> HttpResponse:
        return self._only_read(request)

    def _only_read(self, request: HttpRequest) -> HttpResponse:
        """Refuse a page that Django's admin has for other models."""
        if not self.has_view_permission(request):
            return self.not_allowed(request, NotAllowed(VIEW))
        reason = _("Only schemasync itself writes the history. Nothing can be added or deleted here.")
        return self.not_allowed(request, NotAllowed(reason=str(reason)))

    # --- columns --------------------------------------------------------------------------------------------

    @admin.display(description=_("generation"), ordering="id")
    def name(self, row: SchemaVersion) -> str:
        return str(row.generation)

    @admin.display(description=_("live from, by"), ordering="applied_at")
    def moment(self, row: SchemaVersion) -> str:
        return format_html("{}<br><bdi>{}</bdi>", local_time(row.applied_at), row.actor)

    @admin.display(description=_("action"), ordering="action")
    def action_column(self, row: SchemaVersion) -> str:
        return str(row.get_action_display())

    @admin.display(description=_("what changed"))
    def what(self, row: SchemaVersion) -> str:
        return format_html('<bdi class="schemasync-what">{}</bdi>', story(row))

    @admin.display(description=_("rows; duration; writers waited"), ordering="rows")
    def figures(self, row: SchemaVersion) -> str:
        from ..texts import span

        found = (
            (_("rows"), floatformat(row.rows, "0g")),
            (_("duration"), span(row.duration_ms)),
            (_("writers waited"), span(row.pause_ms)),
        )
        return format_html_join(mark_safe("<br>"), '<span class="schemasync-side">{}</span> {}', found)

    @admin.display(description=_("file"))
    def file(self, row: SchemaVersion) -> str:
        if getattr(row, "is_live_again", False):  # a newer row of the list is about the same file
            return format_html('<span class="schemasync-gone">{}</span>', _("live again later"))
        return _file(SelectedDatabase(str(row._state.db)), row)


def _file(selected: SelectedDatabase, row: SchemaVersion) -> str:
    """Return the size of the row's file, and whether it is live, an archive or gone."""
    from ..texts import size

    live = selected.layout.live()
    found = selected.file_of(row.generation)
    if found is None:
        return format_html('<span class="schemasync-gone">{}</span>', _("gone"))
    is_live = live is not None and live.name == row.generation
    word = format_html("<strong>{}</strong>", _("live")) if is_live else _("archive")
    return format_html("{}<br>{}", word, size(found.path.stat().st_size))
