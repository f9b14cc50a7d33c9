"""manage.py schemasync restore --sync in a project: the backup is synced before it goes live."""

import json

import pytest

from tests.project.test_migrated_apps import KEPT, PLANS
from tests.project.test_transforms_and_migrations import migration
from tests.support.site import Site

pytest.importorskip("backports.zstd")

HEALTH = """
from pathlib import Path
from django.contrib.auth.models import Permission
from plans.models import Plan
from shop.models import Extra, Tag

def look(using):
    tags = list(Tag.objects.using(using).order_by("id").values_list("label", "color"))
    plans = list(Plan.objects.using(using).values_list("name", flat=True))
    may = Permission.objects.using(using).filter(codename="add_extra").exists()
    Path(__file__).with_name("seen").write_text(repr((tags, plans, Extra.objects.using(using).count(), may)))
    assert Tag.objects.using(using).count() == {wanted}
"""
CHECKED = f'{KEPT}\nSCHEMASYNC["HEALTH"] = "shop.health.look"'
MORE = "label = models.SlugField()\n    color = models.TextField(null=True)\n\nclass Extra(models.Model):\n    pass"


@pytest.fixture
def site(tmp_path):
    """A project with a backup of two tags, and since then a new column, model and tag, and a migration of an app that
    keeps migrations."""
    found = Site(tmp_path / "site", flag=False, more='INSTALLED_APPS.append("plans")')
    (found.folder / "plans").mkdir()
    (found.folder / "plans" / "__init__.py").touch()
    (found.folder / "plans" / "models.py").write_text(PLANS)
    found.done("makemigrations", "plans")
    found.settings(flag=True, more=KEPT)
    found.done("schemasync", "--export")
    found.run_sql("INSERT INTO shop_tag (id, label) VALUES (1, 'red'), (2, 'green')")
    found.done("schemasync", "backup")
    migration(found)
    found.change(("label = models.SlugField()", MORE))
    found.done("schemasync", "--export")
    found.run_sql("INSERT INTO shop_tag (id, label) VALUES (3, 'blue')")
    found.settings(flag=True, more=CHECKED)
    return found


def restored(site, wanted):
    (site.folder / "shop" / "health.py").write_text(HEALTH.format(wanted=wanted))
    return site.manage("schemasync", "restore", "--sync", "--noinput", "--json")


def test_migrations_and_signals_are_through_before_the_check_of_the_project_and_the_swap(site):
    before = site.link.readlink()
    refused = restored(site, wanted=99)
    assert refused.code == 4 and "[health-check-failed]" in refused.err and "after the sync" in refused.err
    seen = "([('red', None), ('green', None)], ['red', 'green'], 0, True)"
    assert (site.folder / "shop" / "seen").read_text() == seen
    assert site.link.readlink() == before and site.rows("SELECT count(*) FROM shop_tag") == [(3,)]
    assert not list(site.folder.glob("db.sqlite3.generations/backup-*"))
    done = restored(site, wanted=2)
    assert done.code == 0, done.err
    assert json.loads(done.out)["sync"]["result"] == "synced"
    assert site.rows("SELECT label FROM shop_tag ORDER BY id") == [("red",), ("green",)]
    assert site.rows("SELECT name FROM plans_plan ORDER BY id") == [("red",), ("green",)]
    assert "nothing to do" in site.done("schemasync").out
    site.done("schemasync", "check")
    assert "synced before" in site.done("schemasync", "history").out
    site.done("schemasync", "rollback", "--noinput")
    assert site.link.readlink() == before


@pytest.mark.slow
def test_a_migration_that_fails_leaves_the_live_file_and_says_so(site):
    site.settings(flag=True, more=KEPT)
    path = site.folder / "plans" / "migrations" / "0003_fails.py"
    text = (site.folder / "plans" / "migrations" / "0002_copies.py").read_text()
    path.write_text(
        text.replace('"0001_initial"', '"0002_copies"').replace("Plan = ", "raise ValueError('no')\n    Plan = ")
    )
    before = site.link.readlink()
    ended = site.manage("schemasync", "restore", "--sync", "--noinput")
    assert ended.code == 4 and "plans.0003_fails failed" in ended.err
    assert "is live" not in ended.err and "the live one is unchanged" in ended.err
    assert site.link.readlink() == before


KEPT_IN_MEMORY = """
from django.contrib.contenttypes.models import ContentType
from schemasync.orm.new_file import on_file
from shop.models import Tag
kept, sizes = ContentType.objects._cache, []
ContentType.objects.get_for_model(Tag)
sizes.append(len(kept))
with on_file("default", "new.sqlite3"):
    sizes.append(len(kept))
    kept["default"] = {99: ContentType(id=99)}
print([*sizes, len(kept)])
"""


def test_ids_that_django_keeps_of_a_new_file_are_forgotten_with_it(built):
    """In the live file they may be the ids of other rows."""
    assert built.done("shell", "-v0", "-c", KEPT_IN_MEMORY).out == "[1, 0, 0]\n"
