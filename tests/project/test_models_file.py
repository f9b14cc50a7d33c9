"""Models from schema.json in a project: queries, checks, the admin, and the way back into schema.json."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.support.site import Site

SCHEMA = {
    "departments": {
        "id": "INTEGER PRIMARY KEY",
        "name": "TEXT NOT NULL UNIQUE",
        "manager_id": "INTEGER REFERENCES people",
    },
    "people": {
        "_comment": "Everybody who works here.",
        "id": "INTEGER PRIMARY KEY",
        "name": "TEXT NOT NULL",
        "state": "TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'here', 'gone'))",
        "joined": "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP",
        "department_id": "INTEGER NOT NULL REFERENCES departments ON DELETE CASCADE",
        "account_id": "INTEGER REFERENCES auth_user ON DELETE SET NULL",
    },
    "badges": {
        "house": "TEXT NOT NULL",
        "number": "INTEGER NOT NULL",
        "person_id": "INTEGER REFERENCES people ON DELETE SET NULL",
        "code": "TEXT GENERATED ALWAYS AS (house || '-' || number) VIRTUAL",
        "_primary_key": ["house", "number"],
        "_without_rowid": True,
    },
    "log": {"what": "TEXT NOT NULL", "value": ""},
    "shop_color": {"code": "TEXT PRIMARY KEY NOT NULL"},
    "_views": {
        "staff": "SELECT p.id, p.name, d.name AS department FROM people p JOIN departments d ON d.id = p.department_id"
    },
}


@pytest.fixture(scope="module")
def _site(tmp_path_factory):
    site = Site(
        tmp_path_factory.mktemp("models") / "site", "from django.db import models\n\n# Create your models here.\n"
    )
    site.done("schemasync", "export")
    text = site.schema.read_text().rstrip().removesuffix("}").rstrip()
    site.schema.write_text(f"{text},\n{json.dumps(SCHEMA, indent=2)[1:]}\n")
    site.done("schemasync")
    site.done("schemasync", "models", "--app", "shop")
    (site.folder / "shop" / "admin.py").write_text(
        "from django.contrib import admin\nfrom . import models\n"
        "admin.site.register([models.Department, models.Person, models.Log, models.Staff])\n"
    )
    return site


@pytest.fixture
def site(_site, tmp_path):
    return _site.copy(tmp_path / "site")


@pytest.mark.slow
def test_the_project_has_no_faults_nothing_to_migrate_and_the_same_version_after_an_export(site):
    before, version = site.schema.read_bytes(), site.done("schemasync", "hash").out
    site.done("check", "--fail-level", "WARNING")
    site.done("makemigrations", "--check")
    site.done("migrate", "--check")
    site.done("schemasync", "--export")
    assert site.schema.read_bytes() == before
    assert site.done("schemasync", "hash").out == version
    site.done("schemasync", "models", "--app", "shop", "--check")
    site.done("schemasync", "check")


def test_rows_are_made_found_and_deleted_as_the_schema_says(site):
    said = site.python(
        "from django.db import connection\n"
        "from django.contrib.auth.models import User\n"
        "from shop.models import *\n"
        "sales = Department.objects.create(name='Sales')\n"
        "ann = User.objects.create(username='ann')\n"
        "one = Person.objects.create(name='Ann', department=sales, account=ann)\n"
        "print(one.state, one.pk, sales.person_set.get().name, ann.person_set.get().name)\n"
        "sales.manager = one; sales.save()\n"
        "print(one.departments_as_manager.count())\n"
        "one.refresh_from_db(); print(one.joined.year > 2000, one.get_state_display())\n"
        "badge = Badge.objects.create(house='A', number=1, person=one)\n"
        "badge.refresh_from_db(); print(badge.pk, badge.code)\n"
        "Log.objects.create(what='seen', value=5); print(Log.objects.get().value, Log.objects.get().pk)\n"
        "print(Staff.objects.get(department='Sales'))\n"
        "ann.delete(); one.refresh_from_db(); print(one.account)\n"
        "sales.manager = None; sales.save(); sales.delete(); print(Person.objects.count(), Badge.objects.get().person)\n"
    )
    assert said.splitlines() == [
        "new 1 Ann Ann", "1", "True New", "('A', 1) A-1", "5 1", "Ann", "None", "0 None",
    ]  # fmt: skip


def test_nothing_is_written_through_a_view(site):
    said = site.python(
        "from django.db import DatabaseError\nfrom shop.models import Staff\n"
        "try: Staff.objects.create(id=9, name='X')\n"
        "except DatabaseError as error: print(error)\n"
        "print(Staff._meta.default_permissions)\n"
    )
    assert said.splitlines() == ["cannot modify staff because it is a view", "['view']"]


def test_the_admin_lists_adds_and_edits_them(site):
    site.python(
        "from django.contrib.auth.models import User\nfrom django.test import Client\nfrom django.conf import settings\n"
        "settings.ALLOWED_HOSTS = ['testserver']\n"
        "User.objects.create_superuser('root', '', 'x')\n"
        "from django.test.utils import setup_test_environment; setup_test_environment()\n"
        "client = Client(); client.login(username='root', password='x')\n"
        "def post(path, **data):\n"
        "    done = client.post(path, data)\n"
        "    assert done.status_code == 302, done.context['adminform'].form.errors\n"
        "post('/admin/shop/department/add/', name='Sales')\n"
        "post('/admin/shop/person/add/', name='Ann', state='new', department=1)\n"
        "post('/admin/shop/person/1/change/', name='Bea', state='here', department=1)\n"
        "for path in ('department', 'person', 'person/1/change', 'person/1/delete', 'department/1/delete', 'staff', 'log'):\n"
        "    found = client.get(f'/admin/shop/{path}/')\n"
        "    assert found.status_code == 200, path\n"
        "assert b'Bea' in client.get('/admin/shop/staff/').content\n"
        "bad = client.post('/admin/shop/person/add/', {'name': 'C', 'state': 'nope', 'department': 1})\n"
        "assert 'state' in bad.context['adminform'].form.errors\n"
    )
    with closing(sqlite3.connect(site.folder / "db.sqlite3")) as connection:
        assert connection.execute("SELECT name, state FROM people").fetchall() == [("Bea", "here")]


def test_a_model_that_moves_out_of_the_block_is_left_to_its_author(site):
    path = site.folder / "shop" / "models.py"
    text = path.read_text()
    begin = text.index("class Color(")
    end = text.index("\n\n\n", begin)
    path.write_text(text[:begin] + text[end + 3 :] + "\n\n" + text[begin:end] + "\n")
    site.done("schemasync", "models", "--app", "shop")
    assert path.read_text().count("class Color(") == 1
    assert path.read_text().index("class Color(") > path.read_text().index("--- end")
    site.done("check")
    site.done("schemasync", "models", "--app", "shop", "--check")


def test_a_table_of_the_app_needs_no_db_table(site):
    text = (site.folder / "shop" / "models.py").read_text()
    color = text[text.index("class Color(") :].partition("\n\n\n")[0]
    assert "db_table" not in color


def test_a_package_of_models_needs_the_name_of_a_file(site):
    (site.folder / "shop" / "models").mkdir()
    (site.folder / "shop" / "models.py").rename(site.folder / "shop" / "models" / "__init__.py")
    file = str(site.folder / "shop" / "models" / "__init__.py")
    site.done("schemasync", "models", "--app", "shop", "-o", file)
    ended = site.manage("schemasync", "models", "--app", "shop")
    assert ended.code == 2
    assert "-o" in ended.err
