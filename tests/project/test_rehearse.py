"""A rehearsal in a project whose schema.json replaces migrations: the project's code works on the new file alone."""

import json

import pytest

RECEIVERS = """
from django.apps import AppConfig

def fill(sender, using, apps, **kwargs):
    apps.get_model("shop", "Tag").objects.using(using).create(label="made by the receiver")

def refuse(sender, **kwargs):
    raise RuntimeError("post_migrate is for a live file")

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        from django.db.models.signals import post_migrate
        from schemasync.signals import before_swap
        before_swap.connect(fill)
        post_migrate.connect(refuse)
"""


@pytest.fixture
def site(built):
    """A project with a pending change: Tag gets a weight."""
    built.change(
        ("label = models.SlugField()", "label = models.SlugField()\n    weight = models.IntegerField(default=3)")
    )
    built.done("schemasync", "export")
    return built


def state(site):
    names = sorted(path.name for path in (site.folder / "db.sqlite3.generations").glob("[0-9]*.sqlite3"))
    return (
        site.link.readlink(),
        names,
        site.rows("SELECT * FROM shop_tag"),
        site.rows("SELECT count(*) FROM django_content_type"),
    )


def test_receivers_work_on_the_new_file_and_the_live_one_stays(site):
    (site.folder / "shop" / "apps.py").write_text(RECEIVERS)
    before = state(site)
    ended = site.manage("schemasync", "rehearse", "--json")
    assert ended.code == 0, ended
    assert state(site) == before
    back = ended.json["back"]
    assert [(one["table"], one["set_aside"]) for one in back["tables"]] == [("shop_tag", 1)]
    assert back["values"] == [{"table": "shop_tag", "column": "weight", "values": 2}]


def test_a_rehearsal_on_a_copy_works_there_alone(site):
    (site.folder / "shop" / "apps.py").write_text(RECEIVERS)
    site.done("schemasync", "snapshot", "friday.sqlite3")
    site.run_sql("INSERT INTO shop_tag (label) VALUES ('since')")
    before = state(site)
    ended = site.manage("schemasync", "rehearse", "--at", "friday.sqlite3", "--json")
    assert ended.code == 0, ended
    assert state(site) == before
    assert ended.json["tables"]["shop_tag"]["rows"] in (0, 1)
    assert ended.json["back"]["values"] == [{"table": "shop_tag", "column": "weight", "values": 2}]
    assert not list(site.folder.glob(".db.sqlite3*"))


def test_the_check_of_the_project_is_rehearsed_too(site):
    (site.folder / "shop" / "health.py").write_text("def check(using):\n    return False\n")
    site.settings(flag=True, more='SCHEMASYNC["HEALTH"] = "shop.health.check"')
    before = state(site)
    ended = site.manage("schemasync", "rehearse", "--json")
    assert (ended.code, ended.json["errors"][0]["code"]) == (4, "health-check-failed")
    assert state(site) == before


def test_migrations_of_other_apps_run_on_the_new_file_alone(site):
    folder = site.folder / "plans"
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "models.py").write_text(
        "from django.db import models\n\nclass Plan(models.Model):\n    name = models.CharField(max_length=9)\n"
    )
    (folder / "migrations" / "__init__.py").touch()
    site.settings(flag=True, more='INSTALLED_APPS += ["plans"]\nSCHEMASYNC["MIGRATED_APPS"] = ["plans"]')
    site.done("makemigrations", "plans")
    before = state(site)
    ended = site.manage("schemasync", "rehearse", "--json")
    assert ended.code == 0, ended
    assert any("plans.0001_initial" in note for note in ended.json["notes"])
    assert state(site) == before
    assert site.rows("SELECT name FROM sqlite_master WHERE name = 'plans_plan'") == []
    assert json.loads(site.manage("schemasync", "plan", "--json").out)["pending_migrations"] == ["plans.0001_initial"]
