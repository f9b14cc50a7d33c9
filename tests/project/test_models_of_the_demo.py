"""The models of the demo's ERP, generated: queries, and an admin that lists, filters, searches and edits."""

import pytest

from .erp import erp

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


@pytest.fixture(scope="module")
def _site(tmp_path_factory):
    return erp(tmp_path_factory.mktemp("erp") / "site")


@pytest.fixture
def site(_site, tmp_path):
    return _site.copy(tmp_path / "site")


@pytest.mark.slow
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
