"""The tables of the ERP in Django's admin, read-only."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from demo_project.erp.models import Assignment, Contact, Department, Person, Project, TimeEntry

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Model]
else:
    _Admin = admin.ModelAdmin


class LookedAt(_Admin):
    """A read-only admin, because the models leave out columns that a new row may need."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Department)
class DepartmentAdmin(LookedAt):
    list_display = ["name", "cost_center", "budget", "manager"]
    list_select_related = ["manager"]


@admin.register(Person)
class PersonAdmin(LookedAt):
    list_display = ["email", "role", "status", "department", "hired_on"]
    list_filter = ["role", "status", "department"]
    list_select_related = ["department"]
    search_fields = ["email"]


@admin.register(Project)
class ProjectAdmin(LookedAt):
    list_display = ["title", "department", "status", "budget", "start_date", "end_date", "lead"]
    list_filter = ["status", "department"]
    list_select_related = ["department", "lead"]
    search_fields = ["title"]


@admin.register(Assignment)
class AssignmentAdmin(LookedAt):
    list_display = ["project", "person", "role", "allocation"]
    list_filter = ["role"]
    list_select_related = ["project", "person"]


@admin.register(TimeEntry)
class TimeEntryAdmin(LookedAt):
    list_display = ["work_date", "project", "person", "activity", "hours", "status"]
    list_filter = ["activity", "status"]
    list_select_related = ["project", "person"]


@admin.register(Contact)
class ContactAdmin(LookedAt):
    list_display = ["company", "name", "kind", "email", "owner"]
    list_filter = ["kind"]
    list_select_related = ["owner"]
    search_fields = ["company", "name", "email"]
