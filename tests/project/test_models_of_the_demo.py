"""The models of the demo's ERP, generated: queries, and an admin that lists, filters, searches and edits."""

import json

import pytest

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
BEGIN = """
from django.conf import settings
from django.test.utils import setup_test_environment
setup_test_environment(); settings.ALLOWED_HOSTS = ["testserver"]
from django.contrib.auth import get_user_model
from django.test import Client
from shop.models import *
client = Client()
client.force_login(get_user_model().objects.create_superuser("root", "", "x"))
def get(path):
    found = client.get("/admin/shop/" + path)
    assert found.status_code == 200, (path, found.status_code)
    return found.content.decode()
def post(path, **data):
    found = client.post("/admin/shop/" + path, data)
    assert found.status_code == 302, found.context["adminform"].form.errors
"""
ROWS = """
INSERT INTO Departments VALUES (1, 'Sales', 'CC-0001', 10, NULL), (2, 'Lab', 'CC-0002', 20, NULL);
INSERT INTO Users VALUES (1, 'Ann', 'ann@x.yz', 'manager', 'active', 1, '2020-01-01', NULL),
    (2, 'Bob', 'bob@x.yz', 'employee', 'left', 2, '2021-01-01', NULL);
INSERT INTO Projects (project_id, title, department_id, lead_id, budget, start_date) VALUES (1, 'Pump', 1, 1, 5, '2024-01-01');
INSERT INTO TimeEntries VALUES (1, 1, 1, '2024-02-01', 7.5, 'design', 'draft', NULL);
"""


@pytest.fixture(scope="module")
def _site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("erp") / "site", "from django.db import models\n")
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


@pytest.fixture
def site(_site, tmp_path):
    return _site.copy(tmp_path / "site")


def test_the_project_has_no_faults_and_the_same_version_after_an_export(site):
    before = site.schema.read_bytes()
    site.done("check", "--fail-level", "WARNING")
    site.done("schemasync", "--export")
    site.done("schemasync", "check")
    assert site.schema.read_bytes() == before


def test_the_admin_lists_filters_and_searches(site):
    site.python(
        BEGIN + "assert 'Ann' in get('user/') and 'Bob' in get('user/')\n"
        "assert 'bob@' not in get('user/?role__exact=manager')\n"
        "assert 'ann@' not in get('user/?department__dept_id__exact=2')\n"
        "assert 'bob@' not in get('user/?q=sales')\n"
        "assert 'On Leave' in get('user/add/')\n"
        "assert 'Pump' in get('project/?lead__role__exact=manager')\n"
        "assert '7.5' in get('projecthour/')\n"
        "found = client.get('/admin/autocomplete/?app_label=shop&model_name=project&field_name=lead&term=ann')\n"
        "assert [one['text'] for one in found.json()['results']] == ['Ann']\n"
        "for name in ('department', 'timeentry', 'projectassignment', 'contact', 'project', 'project/1/change', 'user/1/delete'):\n"
        "    get(name + '/')\n"
    )


def test_the_admin_adds_edits_and_deletes(site):
    site.python(
        BEGIN + "post('department/add/', name='Press', cost_center='CC-0003', budget='7.50', manager=1)\n"
        "post('project/add/', title='Valve', department=3, lead=2, status='planned', budget='9', start_date='2024-03-01')\n"
        "post('timeentry/1/change/', project=1, user=2, work_date='2024-02-02', hours='8', activity='travel', status='draft')\n"
        "entry = TimeEntry.objects.get()\n"
        "assert (entry.user.name, str(entry.hours), entry.get_activity_display()) == ('Bob', '8.00', 'Travel')\n"
        "bad = client.post('/admin/shop/department/add/', {'name': 'X', 'cost_center': 'CC-0004', 'budget': '-1'})\n"
        "assert bad.status_code == 200 and bad.context['adminform'].form.errors\n"
        "assert Project.objects.filter(department__manager__email__startswith='ann', status='planned').get().title == 'Valve'\n"
        "get('department/3/delete/')\n"
        "post('department/3/delete/', post='yes')\n"
        "assert not Project.objects.filter(title='Valve').exists()\n"
        "post('user/1/delete/', post='yes')\n"
        "assert Project.objects.get(title='Pump').lead is None\n"
    )
