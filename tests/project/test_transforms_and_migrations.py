"""Transforms combined with apps that keep their migrations, and with --in-place: each acts once, in an order that the
output names."""

import json

import pytest

from tests.project.test_migrated_apps import KEPT, PLANS
from tests.support.site import Site

TRANSFORMS = """
from schemasync.transforms import ONE_TO_ONE, transform

@transform("shop_tag", into="shop_tag", kind=ONE_TO_ONE, name="loud-tags")
def loud(tag):
    yield "shop_tag", {**tag, "label": tag["label"].upper()}
"""
OF_PLANS = """

@transform("plans_plan", into="shop_tag", kind=ONE_TO_ONE, name="tags-of-plans")
def tags(plan):
    yield "shop_tag", {"id": 100 + plan["id"], "label": plan["name"]}
"""
INTO_PLANS = """

@transform("shop_tag", into="plans_plan", kind=ONE_TO_ONE, name="plans-of-tags")
def plans(tag):
    yield "plans_plan", {"id": tag["id"], "name": tag["label"]}
"""
COPIES_TAGS = """
from django.db import migrations

def seed(apps, schema_editor):
    alias = schema_editor.connection.alias
    Plan = apps.get_model("plans", "Plan")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT label FROM shop_tag ORDER BY id")
        for (label,) in cursor.fetchall():
            Plan.objects.using(alias).create(name=label)

class Migration(migrations.Migration):
    dependencies = [("plans", "{before}")]
    operations = [migrations.RunPython(seed)]
"""
TRANSFORMED = f'{KEPT}\nSCHEMASYNC["TRANSFORMS"] = "shop.transforms"'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with two tags, and with the migrated app `plans` and its table; tests only copy it."""
    found = Site(tmp_path_factory.mktemp("made") / "site", flag=False, more='INSTALLED_APPS.append("plans")')
    (found.folder / "plans").mkdir()
    (found.folder / "plans" / "__init__.py").touch()
    (found.folder / "plans" / "models.py").write_text(PLANS)
    found.done("makemigrations", "plans")
    found.settings(flag=True, more=KEPT)
    found.done("schemasync", "--export")
    found.run_sql("INSERT INTO shop_tag (id, label) VALUES (1, 'red'), (2, 'green')")
    found.settings(flag=True, more=TRANSFORMED)
    return found


@pytest.fixture
def site(made, tmp_path):
    return made.copy(tmp_path / "site")


def declare(site, text):
    (site.folder / "shop" / "transforms.py").write_text(text)


def migration(site, name="0002_copies", before="0001_initial"):
    (site.folder / "plans" / "migrations" / f"{name}.py").write_text(COPIES_TAGS.format(before=before))


@pytest.mark.parametrize("command", ["migrate", pytest.param("schemasync", marks=pytest.mark.slow)])
def test_in_one_run_the_transform_acts_first_and_the_migration_sees_its_rows(site, command):
    declare(site, TRANSFORMS)
    migration(site)
    planned = site.done("schemasync", "plan").out
    assert "shop_tag: filled by the transform loud-tags" in planned
    assert "plans.0002_copies" in planned
    site.done(command)
    assert site.rows("SELECT label FROM shop_tag ORDER BY id") == [("RED",), ("GREEN",)]
    assert site.rows("SELECT name FROM plans_plan ORDER BY id") == [("RED",), ("GREEN",)]
    assert "nothing to do" in site.done(command).out
    site.done("schemasync", "rollback", "--noinput")
    assert site.rows("SELECT label FROM shop_tag ORDER BY id") == [("red",), ("green",)]
    assert site.rows("SELECT name FROM plans_plan") == []


@pytest.mark.slow
def test_one_that_reads_a_table_of_theirs_gets_the_rows_of_before_their_migrations(site):
    site.run_sql("DELETE FROM shop_tag; INSERT INTO plans_plan (id, name) VALUES (7, 'free')")
    declare(site, TRANSFORMS.split("@transform")[0] + OF_PLANS)
    migration(site)
    site.done("migrate")
    assert site.rows("SELECT id, label FROM shop_tag") == [(107, "free")]
    assert site.rows("SELECT id, name FROM plans_plan ORDER BY id") == [(7, "free"), (8, "free")]
    assert "nothing to do" in site.done("migrate").out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (INTO_PLANS, 'the transform "plans-of-tags" fills "plans_plan", which schema.json does not have'),
        (OF_PLANS.replace("plans_plan", "plans_more"), 'reads "plans_more", which the database does not have'),
    ],
    ids=["into", "from"],
)
def test_one_that_fills_their_tables_or_reads_what_they_will_make_is_refused(site, text, message):
    declare(site, TRANSFORMS.split("@transform")[0] + text)
    before = site.link.readlink()
    ended = site.manage("migrate", "-v", "1")
    assert ended.code == 3
    assert "[bad-transform]" in ended.err
    assert message in ended.err
    assert site.link.readlink() == before


@pytest.mark.parametrize(
    "words", [("schemasync", "--in-place"), pytest.param(("schemasync", "plan", "--in-place"), marks=pytest.mark.slow)]
)
def test_in_place_it_is_refused_and_nothing_is_changed(site, words):
    """A transform creates rows, which could not be undone in the live file."""
    declare(site, TRANSFORMS)
    ended = site.manage(*words)
    assert ended.code == 3
    assert "[not-in-place]" in ended.err
    assert "shop_tag: filled by the transform loud-tags" in ended.err
    assert site.rows("SELECT label FROM shop_tag ORDER BY id") == [("red",), ("green",)]
    assert json.loads(site.done("schemasync", "status", "--json").out)["pending_transforms"] == ["loud-tags"]


@pytest.mark.slow
def test_in_place_after_it_has_acted_the_record_of_it_stays(site):
    declare(site, TRANSFORMS)
    site.done("schemasync")
    site.change(("label = models.SlugField()", "label = models.SlugField()\n    color = models.TextField(null=True)"))
    site.done("schemasync", "export")
    site.done("schemasync", "--in-place")
    assert json.loads(site.done("schemasync", "status", "--json").out)["pending_transforms"] == []
    assert "nothing to do" in site.done("schemasync").out
    site.done("schemasync", "rollback", "--in-place", "--noinput")
    assert json.loads(site.done("schemasync", "status", "--json").out)["pending_transforms"] == []
    assert site.rows("SELECT label FROM shop_tag ORDER BY id") == [("RED",), ("GREEN",)]
