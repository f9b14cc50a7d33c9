"""The first commands of a project without a schema.json: `migrate` alone leads to a working site."""

import pytest

from tests.support.site import Site

WORKS = (
    "from django.contrib.auth.models import Permission, User\n"
    "User.objects.create_superuser('ann', password='x')\n"
    "print(Permission.objects.filter(codename='add_order').count(), User.objects.count())"
)


@pytest.fixture
def new(tmp_path):
    return Site(tmp_path / "site")


@pytest.fixture
def old(_handmade, tmp_path):
    """A project with migrations, to which the settings of schemasync were just added."""
    return _handmade.copy(tmp_path / "site")


def test_in_a_new_project_migrate_alone_makes_schema_json_and_the_database(new):
    reported = new.done("migrate")
    assert f"writing {new.schema} from the models" in reported.out
    assert "a new database" in reported.out
    assert new.link.is_symlink()
    assert new.python(WORKS) == "1 1"
    assert "nothing to do" in new.done("migrate").out


@pytest.mark.parametrize("left", ["an empty file", "a file without a table"])
def test_an_empty_database_file_counts_as_none(new, left):
    new.link.touch()
    if left != "an empty file":
        new.run_sql("PRAGMA journal_mode=WAL")
        assert new.link.stat().st_size > 0
    new.done("migrate")
    assert new.link.is_symlink()
    assert new.python(WORKS) == "1 1"


def test_without_a_schema_json_every_command_says_what_leads_to_one(new):
    for command in (["schemasync"], ["schemasync", "plan"]):
        reported = new.manage(*command).err
        assert "To write it from the models, and create the database: manage.py schemasync --export" in reported
        assert "adopt" not in reported
    new.link.touch()
    assert "adopt" not in new.manage("schemasync").err
    assert "HINT: manage.py migrate" in new.manage("check").err


def test_migrate_check_and_plan_write_nothing_in_a_new_project(new):
    assert new.manage("migrate", "--check").code == 1
    assert "writes it from the models" in new.done("migrate", "--plan").out
    assert not new.schema.exists()
    assert not new.link.exists()


def test_until_an_old_project_is_adopted_its_migrations_run(old):
    (old.folder / "shop" / "migrations" / "0002_more.py").write_text(
        "from django.db import migrations, models\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [migrations.AddField('Tag', 'weight', models.IntegerField(default=3))]\n"
    )
    old.change(
        ("label = models.SlugField()", "label = models.SlugField()\n    weight = models.IntegerField(default=3)")
    )
    assert "HINT: manage.py schemasync adopt" in old.manage("check").err
    assert old.manage("migrate", "--check").code == 1
    assert "[ ] 0002_more" in old.done("showmigrations", "shop").out
    reported = old.done("migrate")
    assert "Applying shop.0002_more... OK" in reported.out
    assert "To write it: manage.py schemasync adopt" in reported.out
    assert not old.schema.exists()
    assert old.done("makemigrations").out == "No changes detected\n"
    old.done("schemasync", "adopt")
    assert old.rows("SELECT legacy FROM shop_customer") == [("kept",)]
    assert "nothing to do" in old.done("migrate").out
    assert old.manage("showmigrations").code == 2


def test_a_managed_database_whose_schema_json_is_missing_is_not_migrated(built):
    built.schema.unlink()
    ended = built.manage("migrate")
    assert ended.code == 3
    assert "manage.py schemasync inspect" in ended.err
    for command in (["makemigrations"], ["schemasync", "--export"]):
        ended = built.manage(*command)
        assert ended.code == 3, "a schema.json from the models alone would lack what no model knows"
        assert "manage.py schemasync inspect" in ended.err
    assert not built.schema.exists()
    built.link.replace(built.link.with_name("moved"))
    plain = built.link
    plain.write_bytes(built.link.with_name("moved").read_bytes())  # as a backup that was restored to this path
    ended = built.manage("migrate")
    assert ended.code == 3
    assert "Applying" not in ended.out
    assert not built.schema.exists()


def test_tests_write_no_schema_json(new):
    (new.folder / "shop" / "tests.py").write_text(
        "from django.test import TestCase\nclass T(TestCase):\n    def test(self): pass\n"
    )
    ended = new.manage("test")
    assert ended.code != 0
    assert "manage.py schemasync export" in ended.err
    assert not new.schema.exists()


def test_a_schema_json_without_the_tables_of_installed_models_works_and_says_so_in_one_line(new):
    new.schema.write_text('{"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL"}}')
    reported = new.done("migrate")
    (line,) = [line for line in reported.out.splitlines() if "lacks the tables" in line]
    assert "admin.LogEntry" in line
    assert line.endswith("to add them: manage.py schemasync --export")
    assert "differ" not in reported.out
    new.done("schemasync", "--export")
    assert new.python(WORKS) == "1 1"


LISTENING = """
from django.apps import AppConfig
from django.db.models.signals import post_migrate

def heard(app_config, using, **given):
    print("heard", app_config.label)

class Shop(AppConfig):
    name = "shop"
    def ready(self):
        post_migrate.connect(heard, sender=self)
"""


def test_post_migrate_is_sent_to_the_apps_whose_tables_exist(new):
    """Sessions have no table in schema.json, and no other app needs it."""
    (new.folder / "shop" / "apps.py").write_text(LISTENING)
    new.done("schemasync", "export")
    text = new.schema.read_text()
    start = text.index('"django_session"')
    new.schema.write_text(
        text[:start]
        + '"unrelated"'
        + text[start + len('"django_session"') :].replace('"_model": "sessions.Session",', "", 1)
    )
    reported = new.done("migrate")
    assert "heard shop" in reported.out
    assert "sessions.Session" in reported.out
    assert new.python(WORKS) == "1 1"


@pytest.mark.slow
def test_the_tables_of_an_app_that_is_not_installed_stay_until_they_are_dropped_by_name(old):
    old.done("schemasync", "adopt")
    settings = (old.folder / "site_settings.py").read_text()
    (old.folder / "site_settings.py").write_text(settings.replace('"shop",', ""))
    reported = old.done("makemigrations")
    assert "shop_order stays, though its app is not installed" in reported.out + reported.err
    old.done("migrate")
    assert old.rows("SELECT legacy FROM shop_customer") == [("kept",)]
    (old.folder / "site_settings.py").write_text(settings)
    assert old.manage("makemigrations", "--check").code == 0, "with all that was made by hand"
    (old.folder / "site_settings.py").write_text(settings.replace('"shop",', ""))
    old.done("schemasync", "export", "--drop", "shop_order_tags", "--drop", "shop_order")
    old.done("schemasync")
    assert old.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'shop_order'") == [(0,)]
    assert old.rows("SELECT legacy FROM shop_customer") == [("kept",)]


@pytest.mark.parametrize("mistake", ['"SCHEMAS": "x"', '"KEEP": 0'])
def test_a_mistake_in_the_setting_is_reported_by_check_without_a_traceback(new, mistake):
    new.settings(flag=True, more=f"SCHEMASYNC |= {{{mistake}}}")
    ended = new.manage("check")
    assert ended.code == 1
    assert "schemasync.E00" in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_as_schema_is_reported_as_one(new):
    new.settings(flag=True, more='SCHEMASYNC["SCHEMA"] = BASE_DIR')
    assert "is a folder" in new.manage("check").err
