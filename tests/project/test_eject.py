"""The way out: migrations that create what the models state, a database that records them as applied, a plain file."""

import re
import shutil

import pytest

from tests.support.site import Site

from .test_precedence import LAST, with_product

LATER = (
    ("max_length=100", "max_length=120"),
    ("label = models.SlugField()", "label = models.SlugField(unique=True)\n    rank = models.IntegerField()"),
    ("total = ", "amount = "),
)


def rewrite(site, old, new):
    text = site.schema.read_text()
    assert old in text, text
    site.schema.write_text(text.replace(old, new))


def changed(site):
    """Apply later models to the database, with a renamed field, and a new one for which nobody set a default."""
    site.change(*LATER)
    rewrite(site, '"total": "decimal NOT NULL"', '"amount": {"type": "decimal NOT NULL", "was": ["total"]}')
    site.done("schemasync", "export")
    rewrite(site, '"rank": "integer NOT NULL"', '"rank": {"type": "integer NOT NULL", "fill": "7"}')
    site.done("schemasync")


def plain_django(site):
    site.settings(flag=False, installed=False)
    return site


def test_out_again_with_the_data_and_migrations_that_know_of_every_change(adopted):
    adopted.run_sql("INSERT INTO shop_order (customer_id, total) VALUES (1, 12.5)")
    changed(adopted)
    rows = adopted.rows("SELECT * FROM shop_order"), adopted.rows("SELECT * FROM shop_customer")
    reported = adopted.done("schemasync", "eject")
    assert "is a plain file again" in reported.out
    assert not adopted.link.is_symlink()
    assert (adopted.rows("SELECT * FROM shop_order"), adopted.rows("SELECT * FROM shop_customer")) == rows
    ours = "SELECT name FROM sqlite_schema WHERE name LIKE '%schema\\_versions' ESCAPE '\\' OR name LIKE '%schemasync%'"
    assert adopted.rows(ours) == []
    (new,) = sorted((adopted.folder / "shop" / "migrations").glob("0002*.py"))
    assert "RenameField" in new.read_text()
    assert "total" in new.read_text()
    assert "default=7" in new.read_text(), "what filled the column"
    site = plain_django(adopted)
    assert site.manage("migrate", "--check").code == 0
    assert site.manage("makemigrations", "--check").code == 0
    assert "[ ]" not in site.done("showmigrations").out


def test_afterwards_django_migrates_as_ever(adopted):
    adopted.change(("max_length=100", "max_length=120"))
    adopted.done("schemasync", "--export")
    adopted.done("schemasync", "eject")
    site = plain_django(adopted)
    site.change(
        ("max_length=120", "max_length=140"), ("label = models.SlugField()", "name = models.SlugField(null=True)")
    )
    site.done("makemigrations", "--noinput")
    site.run_sql("DROP VIEW customers")
    site.done("migrate")
    assert site.manage("migrate", "--check").code == 0
    assert [row[1] for row in site.rows("PRAGMA table_info(shop_tag)")] == ["id", "name"]


def test_a_project_that_was_born_without_migrations_gets_its_first(built):
    built.done("schemasync", "eject")
    assert (built.folder / "shop" / "migrations" / "__init__.py").exists()
    assert "initial = True" in (built.folder / "shop" / "migrations" / "0001_initial.py").read_text()
    site = plain_django(built)
    assert site.manage("migrate", "--check").code == 0
    assert site.rows("SELECT label FROM shop_tag") == [("red",)]
    site.link.unlink()
    site.done("migrate")
    assert site.rows("SELECT count(*) FROM shop_tag") == [(0,)], "and they make the database from nothing"


def test_migrations_that_were_deleted_meanwhile_are_written_anew_and_their_rows_go(adopted):
    folder = adopted.folder / "shop" / "migrations"
    adopted.run_sql("INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0007_old', '2020-01-01')")
    shutil.rmtree(folder)
    adopted.done("schemasync", "eject")
    assert [path.name for path in folder.glob("0*.py")] == ["0001_initial.py"]
    assert adopted.rows("SELECT name FROM django_migrations WHERE app = 'shop'") == [("0001_initial",)]
    assert plain_django(adopted).manage("migrate", "--check").code == 0


def test_it_is_a_way_in_again(adopted):
    adopted.done("schemasync", "eject")
    adopted.schema.unlink()
    adopted.done("schemasync", "adopt")
    assert adopted.link.is_symlink()
    assert adopted.manage("makemigrations", "--check").code == 0
    assert adopted.rows("SELECT name, legacy FROM shop_customer") == [("Ann", "kept")]


def test_the_dry_run_says_which_migrations_are_missing_and_writes_nothing(adopted):
    adopted.change(("max_length=100", "max_length=120"))
    adopted.done("schemasync", "--export")
    reported = adopted.done("schemasync", "eject", "--dry-run", "--json").json
    assert [one["name"] for one in reported["migrations"]] == ["shop.0002_alter_customer_name"]
    assert reported["result"] == "planned"
    assert adopted.link.is_symlink()
    assert len(list((adopted.folder / "shop" / "migrations").glob("0*.py"))) == 1


def test_what_migrate_would_destroy_from_now_on_is_said(adopted):
    reported = adopted.done("schemasync", "eject").out
    assert "lower_tag" in reported
    assert "legacy" in reported


def test_models_that_schema_json_does_not_know_yet_are_brought_in_first(adopted):
    adopted.change(("max_length=100", "max_length=120"))
    reported = adopted.manage("schemasync", "eject")
    assert reported.code == 3
    assert "manage.py schemasync export" in reported.err
    assert adopted.link.is_symlink()


def test_a_value_that_nobody_said_is_asked_for(adopted):
    changed(adopted)
    rewrite(adopted, ', "fill": "7"', "")
    adopted.done("schemasync")
    reported = adopted.manage("schemasync", "eject", "--noinput")
    assert reported.code == 3
    assert "tag.rank was added without a default" in reported.err


def test_a_fill_that_gives_each_row_another_value_is_asked_for_and_no_value_of_it_written_down(adopted):
    changed(adopted)
    rewrite(adopted, '"fill": "7"', '"fill": "abs(random())"')
    adopted.done("schemasync")
    reported = adopted.manage("schemasync", "eject", "--noinput")
    assert reported.code == 3
    assert "tag.rank was added without a default" in reported.err


@pytest.mark.parametrize("action", [["eject"], ["eject", "--dry-run"]])
def test_a_plain_file_has_nothing_to_leave(adopted, action):
    adopted.done("schemasync", "eject")
    reported = adopted.manage("schemasync", *action)
    assert reported.code == 3
    assert "nothing to eject" in reported.err


def test_without_the_flag_the_file_is_plain_and_the_migrations_are_django_s(adopted):
    adopted.settings(flag=True, more='SCHEMASYNC = {"ON_STARTUP": "ignore"}')
    before = adopted.rows("SELECT * FROM django_migrations")
    assert "is a plain file again" in adopted.done("schemasync", "eject").out
    assert adopted.rows("SELECT * FROM django_migrations") == before
    assert not adopted.link.is_symlink()


def test_schemasync_itself_gets_no_migrations(adopted):
    reported = adopted.done("schemasync", "eject", "--dry-run", "--json").json
    assert not [one for one in reported["migrations"] if one["name"].startswith("schemasync.")]


def two_apps(folder, shop, depot):
    site = Site(folder, shop, flag=False, more='INSTALLED_APPS.append("depot")')
    (site.folder / "depot").mkdir()
    (site.folder / "depot" / "__init__.py").touch()
    (site.folder / "depot" / "models.py").write_text(depot)
    site.done("makemigrations", "shop", "depot")
    site.done("migrate")
    site.settings(flag=True, more='INSTALLED_APPS.append("depot")')
    site.done("schemasync", "adopt")
    return site


THING = (
    "from django.db import models\nclass Thing(models.Model):\n    title = models.CharField(max_length=10, null=True)\n"
)


@pytest.mark.slow
def test_a_rename_in_one_app_is_none_in_another_with_the_same_names(tmp_path):
    site = two_apps(tmp_path / "site", THING, THING)
    renamed = THING.replace("title = models", "label = models")
    (site.folder / "shop" / "models.py").write_text(renamed)
    (site.folder / "depot" / "models.py").write_text(renamed)
    text = site.schema.read_text()
    assert text.count('"title": "varchar(10)"') == 2
    depot, between, shop = text.partition('"shop_thing"')
    shop = shop.replace('"title": "varchar(10)"', '"label": {"type": "varchar(10)", "was": ["title"]}')
    site.schema.write_text(depot + between + shop)
    site.done("schemasync", "export", "--drop", "depot_thing.title")
    site.done("schemasync")
    site.done("schemasync", "eject")
    (mine,) = (site.folder / "shop" / "migrations").glob("0002*.py")
    (other,) = (site.folder / "depot" / "migrations").glob("0002*.py")
    assert "RenameField" in mine.read_text()
    assert "RenameField" not in other.read_text()
    assert "RemoveField" in other.read_text()


@pytest.mark.slow
def test_a_model_that_moved_with_its_table_is_refused(tmp_path):
    site = two_apps(tmp_path / "site", THING, "from django.db import models\n")
    (site.folder / "shop" / "models.py").write_text("from django.db import models\n")
    (site.folder / "depot" / "models.py").write_text(THING + "    class Meta:\n        db_table = 'shop_thing'\n")
    reported = site.manage("schemasync", "--export")
    if reported.code:
        site.schema.write_text(site.schema.read_text().replace('"shop.Thing"', '"depot.Thing"'))
        site.done("schemasync", "--export")
    reported = site.manage("schemasync", "eject")
    assert reported.code == 3
    assert "shop.Thing was moved to the app depot and kept its table shop_thing" in reported.err
    assert site.link.is_symlink()


DETECTOR = """
from django.core.management.commands.makemigrations import Command as Stock
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.models import Field

class Detector(MigrationAutodetector):
    def deep_deconstruct(self, obj):
        found = super().deep_deconstruct(obj)
        if isinstance(obj, Field):
            found[2].pop("help_text", None)
        return found

class Command(Stock):
    autodetector = Detector
"""
MIGRATE = """
from django.core.management.commands.migrate import Command as Stock
from .makemigrations import Detector

class Command(Stock):
    autodetector = Detector
"""


def test_a_makemigrations_behind_schemasync_decides_by_its_autodetector_what_is_missing(adopted):
    site = with_product(adopted, LAST, makemigrations=DETECTOR, migrate=MIGRATE)
    site.change(("max_length=100", "max_length=100, help_text='of the family'"))
    assert "none is missing" in site.done("schemasync", "eject").out
    site.settings(flag=False, installed=False, more=LAST)
    assert site.manage("makemigrations", "--check").code == 0


# --- apps of others -----------------------------------------------------------------------------------------------

BORROWED = """
from django.db import models
from django.utils.translation import gettext_lazy as _

class Borrowed(models.Model):
    answer = models.CharField(max_length=10, help_text=_("Yes"))
"""
LOAN = """
from django.db import models
from django.utils.translation import gettext_lazy as _

class Loan(models.Model):
    of = models.ForeignKey("lent.Borrowed", models.CASCADE, verbose_name=_("Yes"))
"""
LENT = """
import sys
sys.path.insert(0, str(BASE_DIR / "site-packages"))
INSTALLED_APPS.append("lent")
LANGUAGE_CODE = "de"
"""


TOGETHER = "    class Meta:\n        unique_together = [['id', 'answer']]\n"


def with_others(folder, shop, *, lags=False, together=False):
    """Make a project in German with a third-party app. With `lags`, its migrations lag behind its models; with
    `together`, they contain lists of lists."""
    site = Site(folder, shop, flag=False, more=LENT)
    lent = site.folder / "site-packages" / "lent"
    lent.mkdir(parents=True)
    (lent / "__init__.py").touch()
    (lent / "models.py").write_text(BORROWED + TOGETHER * together)
    site.done("makemigrations", "lent")
    if together:
        (first,) = (lent / "migrations").glob("0001*.py")
        text, tuples = first.read_text(), re.compile(r"'unique_together': \{\('id', 'answer'\)\}")
        assert tuples.search(text), text
        first.write_text(tuples.sub("'unique_together': [['id', 'answer']]", text))
    if shop:
        site.done("makemigrations", "shop")
    if lags:
        (lent / "models.py").write_text(BORROWED + "    since = models.DateField(null=True)\n")
    site.done("migrate")
    site.settings(flag=True, more=LENT)
    site.done("schemasync", "adopt")
    site.done("schemasync", "--export")
    return site


def migrations_of(site, app):
    return sorted(path.name for path in (site.folder / app / "migrations").glob("0*.py"))


@pytest.mark.slow
def test_translations_are_no_change_of_a_model(tmp_path):
    """With LANGUAGE_CODE = "de" the texts of fields are German; migrations are written with translations off."""
    site = with_others(tmp_path / "site", LOAN)
    assert "none is missing" in site.done("schemasync", "eject").out
    assert migrations_of(site, "shop") == ["0001_initial.py"]
    site.settings(flag=False, installed=False, more=LENT)
    assert site.manage("makemigrations", "--check").code == 0
    assert site.manage("migrate", "--check").code == 0


@pytest.mark.slow
def test_a_new_migration_holds_no_translation_either(tmp_path):
    site = with_others(tmp_path / "site", LOAN)
    site.change(
        ("class Loan", "class Late(models.Model):\n    why = models.TextField(help_text=_('Yes'))\n\nclass Loan")
    )
    site.done("schemasync", "--export")
    site.done("schemasync", "eject")
    (new,) = (site.folder / "shop" / "migrations").glob("0002*.py")
    assert "Yes" in new.read_text()
    assert "Ja" not in new.read_text()


@pytest.mark.slow
def test_unique_together_given_as_lists_in_a_migration_of_others_is_as_good_as_tuples(tmp_path):
    """Django converts it to tuples in a model, but keeps the lists of a CreateModel; django-oscar has some."""
    site = with_others(tmp_path / "site", LOAN, together=True)
    site.change(("models.CASCADE", "models.PROTECT"))
    assert "Alter field of on loan" in site.done("schemasync", "eject").out
    assert [len(migrations_of(site, app)) for app in ("shop", "site-packages/lent")] == [2, 1]
    site.settings(flag=False, installed=False, more=LENT)
    assert site.manage("makemigrations", "--check").code == 0
    assert site.manage("migrate", "--check").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("own", ["", LOAN], ids=["no apps of its own", "one that refers to it"])
def test_an_app_of_others_that_lags_behind_its_models_does_not_stop_it_and_gets_no_migration(tmp_path, own):
    site = with_others(tmp_path / "site", own, lags=True)
    if own:
        late = "class Late(models.Model):\n    of = models.ForeignKey('lent.Borrowed', models.CASCADE)\n\nclass Loan"
        site.change(("class Loan", late))
        site.done("schemasync", "--export")
    ended = site.done("schemasync", "eject")
    assert "the models of lent differ from the migrations in their packages" in ended.err
    assert migrations_of(site, "site-packages/lent") == ["0001_initial.py"]
    site.settings(flag=False, installed=False, more=LENT)
    assert site.manage("migrate", "--check").code == 0
    if own:
        (new,) = (site.folder / "shop" / "migrations").glob("0002*.py")
        assert "('lent', '0001_initial')" in new.read_text().replace('"', "'"), (
            "it depends on nothing that is not there"
        )
        assert site.manage("makemigrations", "--check", "shop").code == 0
        site.link.unlink()
        site.done("migrate")
    assert site.manage("makemigrations", "--check").code == 1, "as it was before: that is its package's"


@pytest.mark.slow
def test_in_again_with_the_same_schema_json_no_fill_empties_what_was_written_meanwhile(adopted):
    changed(adopted)
    adopted.done("schemasync", "eject")
    adopted.run_sql("UPDATE shop_tag SET rank = 55")
    adopted.done("schemasync", "adopt")
    adopted.change(("rank = models.IntegerField()", "rank = models.BigIntegerField(db_index=True)"))
    adopted.done("makemigrations")
    adopted.done("migrate")
    assert adopted.rows("SELECT rank FROM shop_tag") == [(55,)], "and not 7, which the fill would give"
