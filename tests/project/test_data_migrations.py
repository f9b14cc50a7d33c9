"""Data migrations that a database never ran: one schema.json is shipped to many databases, each at another release."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.support.site import Site

NOTE = """
from django.db import models

class Note(models.Model):
    title = models.CharField(max_length=40)
"""
SLUG = NOTE + "    slug = models.CharField(max_length=40, null=True)\n"
FILL = """
from django.db import migrations

def fill(apps, schema_editor):
    for note in apps.get_model("shop", "Note").objects.using(schema_editor.connection.alias).all():
        note.slug = note.title.lower()
        note.save()

class Migration(migrations.Migration):
    dependencies = [("shop", "{before}")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
"""


@pytest.fixture(scope="module")
def _released(tmp_path_factory):
    """The maintainer's project with three migrations, run and adopted; its schema.json is shipped."""
    site = Site(tmp_path_factory.mktemp("released") / "site", NOTE, flag=False)
    site.done("makemigrations", "shop", "-n", "title")
    site.done("migrate")
    site.models(SLUG)
    site.done("makemigrations", "shop", "-n", "slug")
    migration(site, "0003_slugs", "0002_slug")
    site.run_sql("INSERT INTO shop_note (title) VALUES ('One'), ('Two')")
    return site


@pytest.fixture(scope="module")
def _shipped(_released, tmp_path_factory):
    maintainer = _released.copy(tmp_path_factory.mktemp("maintainer") / "site")
    maintainer.done("migrate")
    maintainer.settings(flag=True)
    maintainer.done("schemasync", "adopt")
    return maintainer


@pytest.fixture
def maintainer(_shipped, tmp_path):
    return _shipped.copy(tmp_path / "maintainer")


@pytest.fixture
def user(_released, _shipped, tmp_path):
    """Another installation, which stopped at the first release, with the newest code and schema.json."""
    site = _released.copy(tmp_path / "user")
    site.settings(flag=True)
    site.schema.write_bytes(_shipped.schema.read_bytes())
    return site


def migration(site, name, before, text=FILL):
    (site.folder / "shop" / "migrations" / f"{name}.py").write_text(text.format(before=before))


def back_to(site, name):
    site.settings(flag=False)
    site.done("migrate", "shop", name)
    site.settings(flag=True)


def history(site):
    return [json.loads(plan) for (plan,) in site.rows("SELECT plan FROM _schema_versions ORDER BY id")]


def forget(site):
    """Rewrite the history as an earlier release wrote it."""
    site.run_sql("UPDATE _schema_versions SET plan = json_remove(plan, '$.data_migrations')")


def slugs(site):
    return site.rows("SELECT slug FROM shop_note ORDER BY id")


def gates(site):
    return [site.manage(*words).code for words in (["migrate", "--check"], ["schemasync", "check"])]


# --- adopt --------------------------------------------------------------------------------------------------------


def test_a_database_that_never_ran_a_data_migration_is_not_adopted_and_the_error_names_the_way_out(user):
    before = user.link.read_bytes()
    ended = user.manage("schemasync", "adopt")
    assert ended.code == 3
    assert "[data-migration] this database never ran the migration shop.0003_slugs" in ended.err
    assert "manage.py migrate shop 0003_slugs" in ended.err
    assert "manage.py schemasync adopt --accept-data-migration shop.0003_slugs" in ended.err
    assert user.link.read_bytes() == before
    assert not list(user.folder.glob("*.generations"))


@pytest.mark.slow
def test_the_way_out_that_the_error_names_keeps_what_the_migration_does(user):
    user.settings(flag=False)
    user.done("migrate", "shop", "0003_slugs")
    user.settings(flag=True)
    user.done("schemasync", "adopt")
    user.done("migrate")
    assert slugs(user) == [("one",), ("two",)]
    assert gates(user) == [0, 0]


def test_a_data_migration_may_be_passed_over_by_name_for_this_database(user):
    user.done("schemasync", "adopt", "--accept-data-migration", "shop.0003_slugs")
    assert history(user)[-1]["data_migrations"]["passed_over"] == ["shop.0003_slugs"]
    user.done("migrate")
    assert slugs(user) == [(None,), (None,)]
    assert gates(user) == [0, 0]
    assert user.manage("makemigrations", "--check").code == 0


def test_all_of_them_are_named_at_once(user):
    migration(user, "0004_more", "0003_slugs")
    ended = user.manage("schemasync", "adopt", "--json", "--accept-data-migration", "shop.0003_slugs")
    assert [one["facts"]["migration"] for one in ended.json["errors"]] == ["shop.0004_more"]
    ended = user.manage("schemasync", "adopt", "--json")
    assert [one["facts"]["migration"] for one in ended.json["errors"]] == ["shop.0003_slugs", "shop.0004_more"]


def test_the_gate_sees_it_before_the_database_is_adopted_too(user):
    back_to(user, "0002")
    ended = user.manage("migrate", "--check")
    assert ended.code == 1, "its tables are what schema.json says, its rows are not"
    assert "never ran 1 data migration: shop.0003_slugs" in ended.err


def test_a_database_that_migrations_never_touched_needs_none(user):
    user.link.unlink()
    with closing(sqlite3.connect(user.link)) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER PRIMARY KEY)")
    user.done("schemasync", "adopt")
    assert history(user)[-1]["data_migrations"]["born_with"] == [
        "auth.0011_update_proxy_permissions",
        "shop.0003_slugs",
    ]


# --- sync ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_database_made_from_schema_json_needs_none_of_those_that_were_there(user):
    user.link.unlink()
    user.done("migrate")
    assert gates(user) == [0, 0]
    forget(user)
    user.change(("max_length=40, null=True", "max_length=50, null=True"))
    user.done("schemasync", "--export")
    assert "shop.0003_slugs" in history(user)[-1]["data_migrations"]["born_with"]


@pytest.mark.slow
def test_one_that_an_earlier_release_passed_over_is_found_by_sync_and_gates(user):
    user.done("schemasync", "adopt", "--accept-data-migration", "shop.0003_slugs")
    user.done("migrate")
    forget(user)
    live = user.link.readlink()
    for words in (["migrate"], ["schemasync", "plan"]):
        ended = user.manage(*words)
        assert ended.code == 3, words
        assert "--accept-data-migration shop.0003_slugs" in ended.err
    assert gates(user) == [1, 1]
    assert user.manage("schemasync", "check", "--json").json["data_migrations_never_run"] == ["shop.0003_slugs"]
    assert "nothing to do" in user.done("schemasync", "--accept-data-migration", "shop.0003_slugs").out
    assert history(user)[-1]["data_migrations"]["passed_over"] == ["shop.0003_slugs"]
    assert gates(user) == [0, 0]
    assert "nothing to do" in user.done("migrate").out
    assert user.link.readlink() == live


@pytest.mark.slow
def test_a_new_one_is_accepted_for_each_database_by_itself(maintainer, tmp_path):
    other = maintainer.copy(tmp_path / "other")
    migration(maintainer, "0004_more", "0003_slugs")
    ended = maintainer.manage("migrate")
    assert ended.code == 3, "a migration that came with a package is seen though schema.json is the same"
    assert maintainer.manage("schemasync", "export").code == 3
    maintainer.done("schemasync", "--export", "--accept-data-migration", "shop.0004_more")
    assert gates(maintainer) == [0, 0]
    migration(other, "0004_more", "0003_slugs")
    other.schema.write_bytes(maintainer.schema.read_bytes())
    assert other.manage("migrate").code == 3
    assert gates(other) == [1, 1]
    other.done("schemasync", "--accept-data-migration", "shop.0004_more")
    assert gates(other) == [0, 0]


@pytest.mark.slow
def test_what_was_passed_over_goes_along_from_generation_to_generation_and_back(user):
    user.done("schemasync", "adopt", "--accept-data-migration", "shop.0003_slugs")
    user.done("migrate")
    user.change(("max_length=40, null=True", "max_length=50, null=True"))
    user.done("schemasync", "--export")
    assert gates(user) == [0, 0]
    user.done("schemasync", "rollback", "--noinput")
    assert user.manage("schemasync", "check", "--json").json["data_migrations_never_run"] == []
    user.done("schemasync", "snapshot", "copy.sqlite3")
    other = user.copy(user.folder.parent / "copied")
    for path in [*other.folder.glob("*.generations/*"), other.link]:
        path.unlink()
    (other.folder / "copy.sqlite3").rename(other.link)
    other.done("schemasync", "adopt")


def test_without_the_flag_migrations_are_django_s_and_nothing_is_asked(user):
    user.settings(flag=False)
    user.done("schemasync", "adopt")
    assert "data_migrations" not in history(user)[-1]
    user.settings(flag=True)
    assert user.manage("migrate").code == 3, "with the flag they matter"


# --- which migrations count ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_squashed_migration_was_run_where_those_were_that_it_replaces(maintainer):
    maintainer.done("schemasync", "snapshot", "plain.sqlite3")
    squashed = FILL.replace(
        "    dependencies", '    replaces = [("shop", "0002_slug"), ("shop", "0003_slugs")]\n    dependencies'
    )
    migration(maintainer, "0002_squashed", "0001_title", squashed)
    maintainer.change(("max_length=40, null=True", "max_length=50, null=True"))
    maintainer.done("schemasync", "--export", "--accept-data-migration", "shop.0002_squashed")
    assert history(maintainer)[-1]["data_migrations"]["passed_over"] == []
    maintainer.run_sql("DELETE FROM django_migrations WHERE name = '0003_slugs'")
    assert maintainer.manage("schemasync", "check", "--json").json["data_migrations_never_run"] == [
        "shop.0002_squashed",
        "shop.0003_slugs",
    ]


OWN = """
from django.db import migrations

class Fill(migrations.AddField):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        schema_editor.execute("UPDATE shop_note SET slug = 'x'")

    def state_forwards(self, app_label, state):
        pass

class Migration(migrations.Migration):
    dependencies = [("shop", "{before}")]
    operations = [Fill("note", "slug", None)]
"""


def test_an_operation_of_the_project_s_own_may_change_data(user):
    migration(user, "0004_own", "0003_slugs", OWN)
    ended = user.manage("schemasync", "adopt", "--json", "--accept-data-migration", "shop.0003_slugs")
    assert [one["facts"]["migration"] for one in ended.json["errors"]] == ["shop.0004_own"]


ROUTER = """
class Router:
    def allow_migrate(self, db, app_label, **hints):
        return (app_label == "shop") == (db == "default")
"""


@pytest.mark.slow
def test_what_a_router_keeps_away_from_a_database_is_not_missing_there(user):
    (user.folder / "routers.py").write_text(ROUTER)
    logs = (
        'DATABASES["logs"] = {"ENGINE": "%s", "NAME": BASE_DIR / "logs.sqlite3"}\nDATABASE_ROUTERS = ["routers.Router"]'
    )
    user.settings(flag=False, more=logs % "django.db.backends.sqlite3")
    user.done("migrate", "auth", "--database", "logs")
    user.settings(flag=True, more=logs % "schemasync.backends.sqlite3")
    user.done("schemasync", "adopt", "--database", "logs")
    assert user.manage("schemasync", "adopt").code == 3
