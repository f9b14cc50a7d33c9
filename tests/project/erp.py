"""A project with the tables of the demo's ERP, their generated models, and an admin for them."""

import json

from schemasync.schema import jsonc
from schemasync.schema.shape_check import tables_of
from tests.support.processes import ROOT
from tests.support.site import Site

ADMIN = """
from django.contrib import admin
from . import models

@admin.register(models.User)
class UserAdmin(admin.ModelAdmin):
    list_display = ["name", "email", "role", "department"]
    list_filter = ["role", "status", "department"]
    search_fields = ["name", "department__name"]
    date_hierarchy = "hired_on"

@admin.register(models.Project)
class ProjectAdmin(admin.ModelAdmin):
    autocomplete_fields = ["lead"]
    list_filter = ["status", "lead__role"]

@admin.register(models.ProjectHour)
class HoursAdmin(admin.ModelAdmin):
    list_display = ["title", "lead", "hours"]

admin.site.register([models.Department, models.TimeEntry, models.ProjectAssignment, models.Contact])
"""
ROWS = """
INSERT INTO Departments VALUES (1, 'Sales', 'CC-0001', 10, NULL), (2, 'Lab', 'CC-0002', 20, NULL);
INSERT INTO Users VALUES (1, 'Ann', 'ann@x.yz', 'manager', 'active', 1, '2020-01-01', NULL),
    (2, 'Bob', 'bob@x.yz', 'employee', 'left', 2, '2021-01-01', NULL);
INSERT INTO Projects (project_id, title, department_id, lead_id, budget, start_date) VALUES (1, 'Pump', 1, 1, 5, '2024-01-01');
INSERT INTO TimeEntries VALUES (1, 1, 1, '2024-02-01', 7.5, 'design', 'draft', NULL);
"""


def erp(folder):
    """Make the project, with two departments, two people, a project and an hour."""
    site = Site(folder, "from django.db import models\n")
    tree = json.loads(jsonc.scan((ROOT / "demo_project" / "schema.json").read_text("utf-8")).json)
    own = {key: body for key, body in tables_of(tree) if "_model" not in body} | {"_views": tree["_views"]}
    site.done("schemasync", "export")
    text = site.schema.read_text().rstrip().removesuffix("}").rstrip()
    site.schema.write_text(f"{text},\n{json.dumps(own)[1:]}\n")
    site.done("schemasync")
    site.run_sql(ROWS)
    site.done("schemasync", "models", "--app", "shop")
    (site.folder / "shop" / "admin.py").write_text(ADMIN)
    return site
