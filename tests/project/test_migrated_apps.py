"""Apps that keep their migrations next to models that live on schema.json, and the handling of former RunPython."""

import pytest

from schemasync.schema.edit import edit
from tests.support.site import Site

PLANS = """
from django.conf import settings
from django.db import models

class Plan(models.Model):
    name = models.CharField(max_length=20)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE)
"""
SEED = """
from django.db import migrations

def seed(apps, schema_editor):
    apps.get_model("plans", "Plan").objects.using(schema_editor.connection.alias).create(name="{name}")

class Migration(migrations.Migration):
    dependencies = [("plans", "{before}")]
    operations = [migrations.RunPython(seed)]
"""
KEPT = 'SCHEMASYNC["MIGRATED_APPS"] = ["plans"]\nINSTALLED_APPS.append("plans")'
REFERS = (
    "class Tag(models.Model):",
    "class Tag(models.Model):\n    plan = models.ForeignKey('plans.Plan', null=True, on_delete=models.CASCADE)",
)


@pytest.fixture
def site(tmp_path):
    """A project with the app `plans`, whose second migration fills its table."""
    found = Site(tmp_path / "site", flag=False, more='INSTALLED_APPS.append("plans")')
    (found.folder / "plans").mkdir()
    (found.folder / "plans" / "__init__.py").touch()
    (found.folder / "plans" / "models.py").write_text(PLANS)
    found.done("makemigrations", "plans")
    seed(found, "0002_seed", "0001_initial", "free")
    found.settings(flag=True, more=KEPT)
    return found


def seed(site, name, before, plan):
    (site.folder / "plans" / "migrations" / f"{name}.py").write_text(SEED.format(name=plan, before=before))


def test_their_migrations_run_on_the_new_file_before_it_goes_live(site):
    site.change(REFERS)
    site.done("makemigrations")
    text = site.schema.read_text()
    assert "plans_plan (id)" in text
    assert '"_elsewhere": ["plans_plan"]' in text
    assert '"plans_plan": {' not in text
    site.done("migrate")
    assert site.rows("SELECT name FROM plans_plan") == [("free",)]
    assert site.done("migrate").out.count("nothing to do") == 1
    assert site.manage("makemigrations", "--check").code == 0


@pytest.mark.slow
def test_a_new_migration_of_theirs_makes_a_new_file_though_the_schema_is_current(site):
    site.done("makemigrations")
    site.done("migrate")
    seed(site, "0003_more", "0002_seed", "gold")
    ended = site.done("migrate")
    assert "is live" in ended.out
    assert site.rows("SELECT name FROM plans_plan ORDER BY id") == [("free",), ("gold",)]
    assert "nothing to do" in site.done("migrate").out
    site.done("schemasync", "rollback", "--noinput")
    assert site.rows("SELECT name FROM plans_plan") == [("free",)]


def test_a_migration_of_theirs_that_fails_refuses_the_swap(site):
    site.done("makemigrations")
    site.done("migrate")
    before = site.link.readlink()
    path = site.folder / "plans" / "migrations" / "0003_bad.py"
    path.write_text(SEED.format(name="x", before="0002_seed").replace("apps.get_model", "1 / 0; apps.get_model"))
    ended = site.manage("migrate", "--verbosity", "1")
    assert ended.code == 4
    assert "[hook-failed] the migration plans.0003_bad failed: ZeroDivisionError" in ended.err
    assert site.link.readlink() == before
    assert len(list(site.folder.glob("*.generations/*.sqlite3*"))) == 1


@pytest.mark.slow
def test_their_migrations_may_depend_on_one_that_refers_to_them(site):
    site.settings(flag=False, more=KEPT.splitlines()[1])
    site.change(REFERS)
    site.done("makemigrations", "shop")
    seed(site, "0003_more", '0002_seed"), ("shop", "0001_initial', "gold")
    site.settings(flag=True, more=KEPT)
    site.done("makemigrations")
    site.done("migrate")
    assert site.rows("SELECT name FROM plans_plan ORDER BY id") == [("free",), ("gold",)]
    assert site.rows("SELECT app FROM django_migrations WHERE app = 'shop'") == [("shop",)]


HOOK = """
from django.apps import AppConfig
from django.dispatch import receiver

class Shop(AppConfig):
    name = "shop"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from schemasync.diff.changes import AddColumn
        from schemasync.signals import before_swap

        @receiver(before_swap, weak=False)
        def weigh(sender, using, changes, apps, **kwargs):
            if any(isinstance(change, AddColumn) and change.column.name == "weight" for change in changes):
                for tag in apps.get_model("shop", "Tag").objects.using(using).all():
                    tag.weight = {weight}
                    tag.save(using=using)
"""
WEIGHT = ("label = models.SlugField()", "label = models.SlugField()\n    weight = models.IntegerField(default=0)")


@pytest.mark.parametrize("weight", ["len(tag.label)", "1 / 0"])
def test_a_hook_works_on_the_new_file_and_one_that_fails_refuses_the_swap(tmp_path, weight):
    site = Site(tmp_path / "site")
    site.done("schemasync", "--export")
    site.run_sql("INSERT INTO shop_tag (label) VALUES ('red'), ('green')")
    (site.folder / "shop" / "apps.py").write_text(HOOK.format(weight=weight))
    site.change(WEIGHT)
    ended = site.manage("schemasync", "--export")
    if weight == "1 / 0":
        assert ended.code == 4
        assert "[hook-failed] ZeroDivisionError" in ended.err
        assert site.rows("SELECT * FROM shop_tag") == [(1, "red"), (2, "green")]
    else:
        assert site.rows("SELECT label, weight FROM shop_tag") == [("red", 3), ("green", 5)]
        assert site.manage("schemasync", "check").code == 0


@pytest.mark.slow
def test_a_migration_that_waits_is_a_difference_that_both_gates_see(site):
    site.change(REFERS)
    site.done("schemasync", "--export")
    seed(site, "0003_more", "0002_seed", "team")
    ended = site.manage("migrate", "--check")
    assert ended.code == 1
    assert "1 migration of MIGRATED_APPS is not run yet: plans.0003_more" in ended.err
    assert site.manage("schemasync", "check", "--json").json["pending_migrations"] == ["plans.0003_more"]
    site.done("migrate")
    assert site.manage("migrate", "--check").code == 0
    assert site.rows("SELECT name FROM plans_plan ORDER BY id") == [("free",), ("team",)]


@pytest.mark.slow
def test_their_models_change_by_makemigrations_as_ever(site):
    site.done("schemasync", "--export")
    path = site.folder / "plans" / "models.py"
    path.write_text(path.read_text().replace("max_length=20", "max_length=30"))
    assert site.manage("makemigrations", "--check").code == 1
    assert "0003_alter_plan_name" in site.done("makemigrations", "plans").out
    assert site.manage("makemigrations", "--check").code == 0
    assert "[ ] 0003_alter_plan_name" in site.done("showmigrations", "plans").out
    site.done("migrate")
    assert site.manage("migrate", "--check").code == 0
    assert site.rows("SELECT type FROM pragma_table_info('plans_plan') WHERE name = 'name'") == [("varchar(30)",)]
    path.write_text(path.read_text().replace("max_length=30", "max_length=40"))
    assert "0004_alter_plan_name" in site.done("makemigrations").out


def test_a_database_of_another_engine_is_django_s_to_migrate(tmp_path):
    site = Site(tmp_path / "site", more='DATABASES["none"] = {"ENGINE": "django.db.backends.dummy"}')
    ended = site.manage("migrate", "--database", "none")
    assert "improperly configured" in ended.err, "Django's own command has asked it"


@pytest.mark.slow
def test_out_again_they_are_where_they_were(site):
    site.change(REFERS)
    site.done("schemasync", "--export")
    site.done("schemasync", "eject")
    site.settings(flag=False, more=KEPT.partition("\n")[2], installed=False)
    assert site.manage("migrate", "--check").code == 0
    assert site.manage("makemigrations", "--check").code == 0
    assert site.rows("SELECT name FROM plans_plan") == [("free",)]


# --- the setting is added later ------------------------------------------------------------------------------------

INSTALLED = KEPT.partition("\n")[2]
NO_FLAG = {"flag": False, "more": INSTALLED}
SIZE = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("plans", "{before}")]
    operations = [migrations.AddField("plan", "size", models.IntegerField(default=1))]
"""


def with_size(site):
    """Install the next release of the app, which adds a field."""
    (site.folder / "plans" / "migrations" / "0003_size.py").write_text(SIZE.format(before="0002_seed"))
    path = site.folder / "plans" / "models.py"
    path.write_text(path.read_text() + "    size = models.IntegerField(default=1)\n")


@pytest.mark.slow
def test_adopt_leaves_their_tables_to_them(site):
    site.settings(**NO_FLAG)
    site.done("makemigrations", "shop")
    site.done("migrate")
    site.settings(flag=True, more=KEPT)
    site.done("schemasync", "adopt")
    text = site.schema.read_text()
    assert '"plans_plan": {' not in text
    assert '"_elsewhere": ["plans_plan"]' in text
    assert "nothing to do" in site.done("migrate").out
    seed(site, "0003_more", "0002_seed", "gold")
    site.done("migrate")
    assert site.rows("SELECT name FROM plans_plan ORDER BY id") == [("free",), ("gold",)]
    assert [site.manage(*gate).code for gate in (["migrate", "--check"], ["makemigrations", "--check"])] == [0, 0]


@pytest.mark.slow
def test_an_app_whose_tables_schema_json_made_keeps_its_migrations_from_now_on(site):
    site.settings(flag=True, more=INSTALLED)
    site.change(REFERS)
    site.done("schemasync", "--export")
    site.run_sql("INSERT INTO plans_plan (name) VALUES ('mine')")
    assert '"plans_plan": {' in site.schema.read_text()
    seed(site, "0003_more", "0002_seed", "gold")
    ended = site.manage("makemigrations")
    assert 'SCHEMASYNC["MIGRATED_APPS"] = ["plans"]' in ended.err, "the remedy that is proposed"
    site.settings(flag=True, more=KEPT)
    assert "plans_plan: left to the migrations of its app" in site.done("makemigrations").out
    assert '"plans_plan": {' not in site.schema.read_text()
    site.done("migrate")
    assert site.rows("SELECT name FROM plans_plan ORDER BY id") == [("mine",), ("free",), ("gold",)]
    assert site.rows("SELECT name FROM django_migrations WHERE app = 'plans' ORDER BY id") == [
        ("0001_initial",),
        ("0002_seed",),
        ("0003_more",),
    ]
    assert [site.manage(*gate).code for gate in (["migrate", "--check"], ["makemigrations", "--check"])] == [0, 0]


@pytest.mark.slow
def test_a_data_migration_that_their_tables_are_past_is_named_and_may_be_passed_over(site):
    with_size(site)
    site.settings(flag=True, more=INSTALLED)
    site.done("schemasync", "--export")
    site.run_sql("INSERT INTO plans_plan (name, size) VALUES ('mine', 5)")
    site.settings(flag=True, more=KEPT)
    site.done("makemigrations")
    ended = site.manage("migrate")
    assert ended.code == 3
    assert "never ran the migration plans.0002_seed" in ended.err
    site.done("schemasync", "--accept-data-migration", "plans.0002_seed")
    assert site.rows("SELECT name, size FROM plans_plan") == [("mine", 5)]
    assert site.manage("migrate", "--check").code == 0


@pytest.mark.slow
def test_a_table_of_theirs_that_was_taken_out_by_hand_is_carried_along_and_never_proposed_for_dropping(site):
    site.settings(flag=True, more=INSTALLED)
    site.done("schemasync", "--export")
    site.run_sql("INSERT INTO plans_plan (name) VALUES ('mine')")
    site.schema.write_text(edit(site.schema.read_text(), {}, ["plans_plan"]))
    ended = site.manage("schemasync")
    assert ended.code == 3
    assert "drop" not in ended.err.partition("lost-table")[2].lower()
    assert "plans.Plan has one of them, and is installed" in ended.err
    site.settings(flag=True, more=KEPT)
    site.done("schemasync")
    assert ("mine",) in site.rows("SELECT name FROM plans_plan")


def test_the_gates_look_whether_their_tables_are_there(site):
    site.done("schemasync", "--export")
    site.run_sql("DROP TABLE plans_plan")
    for gate in (["migrate", "--check"], ["makemigrations", "--check"], ["schemasync", "check"]):
        ended = site.manage(*gate)
        assert ended.code == 1, gate
        assert "plans_plan of plans.Plan" in ended.err
    assert site.manage("schemasync", "check", "--json").json["missing_tables"] == ["plans_plan of plans.Plan"]
