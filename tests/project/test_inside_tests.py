"""Migrations in the tests of a project: `migrate` once more, in memory and on disk, and MigrationExecutor."""

import pytest

from tests.support.site import Site

TESTS = """
from io import StringIO
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.signals import post_migrate, pre_migrate
from django.test import TestCase, TransactionTestCase
from schemasync.testing import migrations
from shop.models import Tag

class Again:
    def test_migrate_may_be_called_again_and_sends_its_signals(self):
        Tag.objects.create(label="red")
        sent = []
        def note(sender, signal, **kwargs):
            if sender.label == "shop":
                sent.append("pre" if signal is pre_migrate else "post")
        pre_migrate.connect(note)
        post_migrate.connect(note)
        Permission.objects.filter(codename="add_tag").delete()
        try:
            for _ in range(2):
                call_command("migrate", verbosity=0, interactive=False)
        finally:
            pre_migrate.disconnect(note)
            post_migrate.disconnect(note)
        self.assertEqual(sent, ["pre", "post"] * 2)
        self.assertEqual(Tag.objects.get().label, "red")
        self.assertTrue(Permission.objects.filter(codename="add_tag").exists())
        call_command("migrate", check_unapplied=True, verbosity=0)
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
        call_command("migrate", plan=True, stdout=StringIO())

    def test_an_executor_has_nothing_to_do(self):
        executor = MigrationExecutor(connection)
        executor.loader.build_graph()
        executor.migrate(executor.loader.graph.leaf_nodes())
        self.assertEqual(Tag.objects.count(), 0)

class InTransaction(Again, TestCase):
    pass

class Committed(Again, TransactionTestCase):
    def test_migrations_themselves_can_be_tested(self):
        with migrations():
            executor = MigrationExecutor(connection)
            executor.migrate([("shop", "0001_initial")])
            before = executor.loader.project_state([("shop", "0001_initial")]).apps
            before.get_model("shop", "Tag").objects.create(label="red")
            executor = MigrationExecutor(connection)
            executor.migrate([("shop", "0002_tag_weight")])
            self.assertEqual(Tag.objects.get().weight, 3)
            call_command("migrate", "shop", "0001", verbosity=0)
            call_command("migrate", "shop", verbosity=0)
            self.assertEqual(Tag.objects.get().weight, 3)
"""
MISSING = """
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TransactionTestCase
from io import StringIO
from shop.models import Tag

class Missing(TransactionTestCase):
    def test_what_is_missing_is_reported_and_made(self):
        Tag.objects.create(label="red")
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE shop_order_tags")
        with self.assertRaises(CommandError) as caught:
            call_command("migrate", check_unapplied=True)
        self.assertEqual(caught.exception.returncode, 1)
        self.assertIn("shop_order_tags", str(caught.exception))
        out = StringIO()
        call_command("migrate", plan=True, stdout=out)
        self.assertIn("table shop_order_tags", out.getvalue())
        call_command("migrate", verbosity=0)
        call_command("migrate", check_unapplied=True)
        self.assertEqual(Tag.objects.get().label, "red")
"""
CHANGED = """
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase

class Changed(TestCase):
    def test_a_transaction_that_would_be_in_the_way_is_reported(self):
        connection.connection.execute("ALTER TABLE shop_tag ADD COLUMN by_hand TEXT")
        with self.assertRaises(CommandError) as caught:
            call_command("migrate", verbosity=0)
        self.assertEqual(caught.exception.returncode, 5)
        self.assertIn("TransactionTestCase", str(caught.exception))
"""
ON_DISK = 'DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}\n'


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A project that also has migrations, two of them."""
    site = Site(tmp_path_factory.mktemp("inside") / "site", flag=False)
    site.done("makemigrations", "shop")
    site.change(("models.SlugField()", "models.SlugField()\n    weight = models.IntegerField(default=3)"))
    site.done("makemigrations", "shop")
    site.settings(flag=True)
    site.done("makemigrations")
    return site


@pytest.mark.slow(but=["memory"])
@pytest.mark.parametrize("more", ["", ON_DISK], ids=["memory", "disk"])
def test_migrate_in_a_test_does_nothing_where_nothing_is_to_do(migrated, tmp_path, more):
    site = migrated.copy(tmp_path / "site")
    site.settings(flag=True, more=more)
    (site.folder / "shop" / "tests.py").write_text(TESTS)
    assert "Ran 5 tests" in site.done("test").err


def test_what_a_test_dropped_is_made_again_in_memory(migrated, tmp_path):
    site = migrated.copy(tmp_path / "site")
    (site.folder / "shop" / "tests.py").write_text(MISSING)
    assert "Ran 1 test" in site.done("test").err


def test_a_change_that_needs_a_swap_is_refused_inside_a_transaction(migrated, tmp_path):
    site = migrated.copy(tmp_path / "site")
    site.settings(flag=True, more=ON_DISK)
    (site.folder / "shop" / "tests.py").write_text(CHANGED)
    assert "Ran 1 test" in site.done("test").err
