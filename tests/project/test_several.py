"""A project with several databases: a router assigns the tables, and each database has its own schema.json."""

import sqlite3
from contextlib import closing

import pytest

from tests.support.site import MODELS, Site

from ..pages import page, without_figures

LOGS = """
class Entry(models.Model):
    text = models.CharField(max_length=50)
    class Meta:
        app_label = "logs"
"""
ROUTER = """
class Router:
    def db_for_read(self, model, **hints):
        return "logs" if model._meta.app_label == "logs" else None
    db_for_write = db_for_read
    def allow_relation(self, one, other, **hints):
        return None
    def allow_migrate(self, db, app_label, **hints):
        return (db == "logs") == (app_label == "logs")
"""
MORE = """
DATABASES["logs"] = {**DATABASES["default"], "NAME": BASE_DIR / "logs.sqlite3"}
DATABASE_ROUTERS = ["router.Router"]
INSTALLED_APPS.append("logs")
"""


def two(folder, *, flag=True, more=""):
    site = Site(folder, MODELS, flag=flag, more=MORE + more)
    (site.folder / "logs").mkdir()
    (site.folder / "logs" / "__init__.py").touch()
    (site.folder / "logs" / "models.py").write_text("from django.db import models\n" + LOGS)
    (site.folder / "router.py").write_text(ROUTER)
    return site


@pytest.fixture(scope="session")
def _both(tmp_path_factory):
    site = two(tmp_path_factory.mktemp("both") / "site")
    site.done("schemasync", "--export", "--all")
    return site


@pytest.fixture
def both(_both, tmp_path):
    return _both.copy(tmp_path / "site")


def tables(path):
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%\\_%' ESCAPE '\\'"
        return {name for (name,) in connection.execute(query) if not name.startswith(("_schema", "sqlite_"))}


def test_each_database_has_its_own_models_and_its_own_schema_json(both):
    assert tables(both.folder / "logs.sqlite3") == {"logs_entry"}
    assert "shop_tag" in tables(both.link)
    assert "logs_entry" not in tables(both.link)
    assert '"_model": "logs.Entry"' in (both.folder / "schema.logs.json").read_text()
    assert "logs_entry" not in both.schema.read_text()


def test_all_of_them_are_brought_up_in_one_go(both):
    path = both.folder / "logs" / "models.py"
    path.write_text(path.read_text().replace("max_length=50", "max_length=60"))
    assert both.manage("schemasync", "check", "--all").code == 1
    reported = both.done("schemasync", "--export", "--all").out
    assert (
        reported.index("default:") < reported.index("nothing to do") < reported.index("logs:") < reported.index("0002-")
    )
    assert both.manage("schemasync", "check", "--all").code == 0


def test_makemigrations_writes_the_schema_json_of_each_database(both):
    path = both.folder / "logs" / "models.py"
    path.write_text(path.read_text().replace("max_length=50", "max_length=60"))
    assert both.manage("makemigrations", "--check").code == 1
    reported = both.manage("check").err
    assert 'The models and schema.json differ, in the database "logs"' in reported
    assert "HINT: manage.py schemasync --database logs --export" in reported
    both.done("makemigrations")
    assert "varchar(60)" in (both.folder / "schema.logs.json").read_text()
    assert both.manage("makemigrations", "--check").code == 0


def test_makemigrations_writes_what_it_can_and_says_of_the_rest_why(both):
    both.change(("label = models.SlugField()", "name = models.SlugField()"))
    path = both.folder / "logs" / "models.py"
    path.write_text(path.read_text().replace("max_length=50", "max_length=60"))
    ended = both.manage("makemigrations")
    assert (ended.code, "default: [rename-or-drop]" in ended.err) == (3, True), ended.err
    assert "varchar(60)" in (both.folder / "schema.logs.json").read_text()


def test_one_that_is_refused_keeps_no_other_one_back(both):
    (both.folder / "schema.json").write_text("{")
    path = both.folder / "logs" / "models.py"
    path.write_text(path.read_text().replace("max_length=50", "max_length=60"))
    both.done("schemasync", "export", "--database", "logs")
    ended = both.manage("schemasync", "--all")
    assert ended.code == 3
    assert "default: " in ended.err
    assert "0002-" in ended.out


def test_for_machines_it_is_one_object(both):
    reported = both.done("schemasync", "--all", "--json").json
    assert {alias: one["result"] for alias, one in reported["databases"].items()} == {
        "default": "current",
        "logs": "current",
    }


def test_all_and_one_is_a_contradiction(both):
    ended = both.manage("schemasync", "--all", "--database", "logs")
    assert ended.code == 2
    assert "--all means every database" in ended.err


def test_migrate_means_one_of_them(both):
    assert "nothing to do" in both.done("migrate", "--database", "logs").out
    assert both.manage("migrate", "--check", "--database", "logs").code == 0


def test_hints_name_the_database(both):
    path = both.folder / "logs" / "models.py"
    path.write_text(path.read_text().replace("text = ", "words = "))
    ended = both.manage("schemasync", "--export", "--all")
    assert ended.code == 3
    assert "manage.py schemasync export --database logs --drop logs_entry.text" in ended.err


@pytest.mark.slow
def test_a_project_with_two_databases_that_lived_on_migrations_comes_over_and_leaves(tmp_path):
    site = two(tmp_path / "site", flag=False)
    site.done("makemigrations", "shop", "logs")
    site.done("migrate")
    site.done("migrate", "--database", "logs")
    site.settings(flag=True, more=MORE)
    site.done("schemasync", "adopt", "--all")
    assert site.manage("schemasync", "check", "--all").code == 0
    site.done("schemasync", "eject", "--all")
    site.settings(flag=False, more=MORE, installed=False)
    assert site.manage("migrate", "--check").code == 0
    assert site.manage("migrate", "--check", "--database", "logs").code == 0


def test_tests_of_the_project_have_both(both):
    (both.folder / "shop" / "tests.py").write_text(
        "from django.test import TestCase\n"
        "from logs.models import Entry\n"
        "from shop.models import Tag\n"
        "class Both(TestCase):\n"
        "    databases = '__all__'\n"
        "    def test_both(self):\n"
        "        Tag.objects.create(label='red')\n"
        "        Entry.objects.create(text='x')\n"
        "        self.assertEqual((Tag.objects.count(), Entry.objects.count()), (1, 1))\n"
    )
    assert "Ran 1 test" in both.done("test").err


@pytest.mark.slow
def test_a_second_database_that_nobody_has_a_table_in_is_left_alone(tmp_path):
    more = 'DATABASES["other"] = {**DATABASES["default"], "NAME": BASE_DIR / "other.sqlite3"}\n'
    router = "class Router:\n    def allow_migrate(self, db, app_label, **hints):\n        return db == 'default'\n"
    site = Site(tmp_path / "site", more=more + 'DATABASE_ROUTERS = ["router.Router"]\n')
    (site.folder / "router.py").write_text(router)
    site.done("schemasync", "--export", "--all")
    assert not (site.folder / "other.sqlite3").exists()
    assert "other" not in site.done("schemasync", "check", "--all").out
    site.done("check", "--database", "default", "--database", "other")
    (site.folder / "shop" / "tests.py").write_text(
        "from django.test import TestCase\nclass One(TestCase):\n    databases = '__all__'\n"
        "    def test_one(self):\n        pass\n"
    )
    assert "Ran 1 test" in site.done("test").err


def test_migrate_has_nothing_to_do_where_nobody_has_a_table(tmp_path):
    more = 'DATABASES["other"] = {**DATABASES["default"], "NAME": BASE_DIR / "other.sqlite3"}\n'
    router = "class Router:\n    def allow_migrate(self, db, app_label, **hints):\n        return db == 'default'\n"
    site = Site(tmp_path / "site", more=more + 'DATABASE_ROUTERS = ["router.Router"]\n')
    (site.folder / "router.py").write_text(router)
    assert "no model is in other" in site.done("migrate", "--database", "other").out
    assert "no model is in other" in site.done("migrate", "--check", "--database", "other").out
    site.done("schemasync", "--export")
    assert "nothing to do" in site.done("migrate", "--database", "default").out


def test_the_page_shows_what_all_of_them_print(both):
    path = both.folder / "logs" / "models.py"
    path.write_text(path.read_text().replace("max_length=50", "max_length=60"))
    printed = both.done("schemasync", "--export", "--all").out
    (shown,) = [fence.text for fence in page("docs/django.md").fences if "--export --all" in fence.text]
    assert without_figures(shown) == without_figures(f"$ python manage.py schemasync --export --all\n{printed}")
