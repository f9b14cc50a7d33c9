"""The tenants in Django's admin: their states, and actions such as suspend and archive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from ..errors import SchemasyncError
from ..models import SchemaVersion
from ..schema.text import short
from ..texts import change, size
from . import lives, lookup
from .admin_filters import ByLabel, ByValue, ByVersion
from .creation import create_tenant, refuse_folder
from .folders import folder_at
from .hosts import chosen_host
from .models import State, Tenant
from .outside_admin import OutsideOfTenants
from .settings import tenant_settings
from .sizes import with_growth

SHOWN = (
    "folder", "state", "version", "bytes", "grown", "files", "failure", "health", "health_at",
    "listed_problems", "created_at",
)  # fmt: skip
CHANGED = ("name", "group", "labels", "pinned")


def in_one_line(text: str) -> str:
    """Return the text with no-break spaces, so that a narrow column does not break it."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # as the admin below
    """The form of a tenant, with the fields that a person decides."""

    def clean_labels(self) -> dict[str, str]:
        """Return no labels for an empty field, because the column takes no NULL."""
        return self.cleaned_data["labels"] or {}

    def clean(self) -> dict[str, Any]:
        """Choose the host of a new tenant, and add the errors that `create_tenant` would raise for it."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if {"key", "labels"} <= given.keys():
            key = given["key"]
            try:
                given["host"] = chosen_host(key, given.get("host", ""), given["labels"])
                is_new = not Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key).exists()
                if is_new and tenant_settings().is_here(given["host"]):
                    refuse_folder(key, folder_at(key, ""))
            except SchemasyncError as error:
                self.add_error(None, str(error))
        return given


@admin.register(Tenant)
class TenantAdmin(OutsideOfTenants, admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own has no parameters at run time
    """An admin that creates, suspends, activates and archives tenants. It deletes no tenant in use."""

    form = TenantForm
    list_display = ("key", "name", "state", "health", "short_version", "bytes", "grown", "host", "group", "created_at")
    list_filter = (
        "state",
        ("host", ByValue),
        ("group", ByValue),
        "pinned",
        ByLabel,
        ("version", ByVersion),
        ("failure", admin.EmptyFieldListFilter),
        "health",
    )
    search_fields = ("key", "name", "host", "group")
    fields = ("key", *CHANGED, "host", *SHOWN)
    readonly_fields = SHOWN
    list_per_page = 100
    show_full_result_count = False  # a count of all rows for each search
    actions = ("suspend", "activate", "archive")

    @admin.display(description=_("version"), ordering="version")
    def short_version(self, tenant: Tenant) -> str:
        """Return the version with as few digits as elsewhere: all digits leave no room for the other columns."""
        return short(tenant.version)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Leave out the column of hosts in a project with one host, as columns have little room."""
        return tuple(name for name in self.list_display if name != "host" or tenant_settings().hosts)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """Return the rows from the default database, with their growth."""
        return with_growth(super().get_queryset(request).using(DEFAULT_DB_ALIAS))

    def get_urls(self) -> list[URLPattern]:
        """Put the page on all tenants first: the catch-all of ModelAdmin would match its URL."""
        from .status_page import page  # not needed by the other pages

        view = self.admin_site.admin_view(partial(page, self))
        return [path("status/", view, name="schemasync_tenants_tenant_status"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add a link to the history of the tenant's database, if that is on this host and the user may see it."""
        address = self._versions(request, unquote(object_id))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "versions": address})

    def _versions(self, request: HttpRequest, key: str) -> str:
        try:
            lookup.check(key)
        except SchemasyncError:
            return ""
        if not self.admin_site.is_registered(SchemaVersion) or not request.user.has_perm(
            "schemasync.view_schemaversion"
        ):
            return ""
        address = reverse(f"{self.admin_site.name}:schemasync_schemaversion_changelist")
        return f"{address}?db={tenant_settings().alias(key)}"

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> tuple[str, ...]:
        """Make key and host read-only after creation, because they determine where the folder is."""
        return ("key", "host", *self.readonly_fields) if obj is not None else self.readonly_fields

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **named: Any) -> Any:
        """Offer the hosts of the settings for a new tenant."""
        if db_field.name != "host":
            return super().formfield_for_dbfield(db_field, request, **named)
        proposal = (("", _("proposed by its key and labels")),)
        choices = (*proposal, *((name, name) for name in tenant_settings().hosts))
        return forms.ChoiceField(choices=choices, required=False, label=db_field.verbose_name)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out "delete selected": tenants are deleted one by one."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return found

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Permit deletion only in the states of DELETABLE: a tenant in use has to be archived first."""
        can_go = obj is None or obj.state in lives.DELETABLE
        return can_go and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """Write the editable fields of a tenant. For a new one, write its row with the state `creating`, and create it
        after the commit."""
        if change:
            obj.save(update_fields=CHANGED)
            return
        obj.state = State.CREATING
        obj.save(force_insert=True)
        self._act(request, obj.key, create_tenant)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Require the key as a confirmation, because the deletion of the folder cannot be undone."""
        key = unquote(object_id)
        if request.method == "POST" and request.POST.get("confirm", "").strip() != key:
            self.message_user(request, _("To delete it, type its key, %(key)s:") % {"key": key}, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: Tenant) -> None:
        """Delete the tenant with its file. delete_view() has required the confirmation."""
        self._act(request, obj.key, lives.delete_archived)

    @admin.display(description=_("size"), ordering="size")
    def bytes(self, tenant: Tenant) -> str:
        """Return the size of the live file in a readable unit."""
        return "" if tenant.size is None else in_one_line(size(tenant.size))

    @admin.display(description=_("grown in 30 days"), ordering="growth")
    def grown(self, tenant: Tenant) -> str:
        """Return the change of this size in a readable unit."""
        growth: int | None = getattr(tenant, "growth", None)  # a new one has none
        return "" if growth is None else in_one_line(change(growth))

    @admin.display(description=_("problems"))
    def listed_problems(self, tenant: Tenant) -> str:
        """Return the problems that the last health check found, each with its hint."""
        lines = ((f"{one['message']}\n{one['hint']}".strip(),) for one in tenant.problems)
        return format_html_join("", '<pre class="schemasync-text">{}</pre>', lines)

    @admin.action(description=_("Suspend: answer requests with 503"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        """Suspend the selected tenants."""
        self._each(request, queryset, lives.suspend_tenant)

    @admin.action(
        description=_("Activate: take back a suspension, or put an archived tenant back"), permissions=["change"]
    )
    def activate(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        """Activate the selected tenants."""
        self._each(request, queryset, lives.activate_tenant)

    @admin.action(description=_("Archive: put the file out of the way, whole"), permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        """Archive the selected tenants."""
        self._each(request, queryset, lives.archive_tenant)

    def _each(self, request: HttpRequest, queryset: QuerySet[Tenant], act: Callable[[str], object]) -> None:
        """Call `act` for each of the tenants. A failure for one does not stop the others."""
        for key in list(queryset.order_by("key").values_list("key", flat=True)):
            self._act(request, key, act, done=True)

    def _act(self, request: HttpRequest, key: str, act: Callable[[str], object], *, done: bool = False) -> None:
        """Call `act` for a tenant after the transaction, because it commits the row before it changes the folder. Show
        an error as a message; `done`: show success, too, if Django does not do that."""

        def try_it() -> None:
            try:
                act(key)
            except SchemasyncError as error:
                self.message_user(request, f"{key}: {error}", messages.ERROR)
            else:
                if done:
                    self.message_user(request, _("%(tenant)s: done.") % {"tenant": key}, messages.SUCCESS)

        transaction.on_commit(try_it, using=DEFAULT_DB_ALIAS)
