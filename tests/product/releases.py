"""A small product in three releases, which others install: each has its own migration files, some of which fill rows.

Release 1 creates books and seeds a shelf. Release 2 adds a column and fills it in Python, with an effect outside of the
database. Release 3 changes a type, adds an index by SQL, and removes a column.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.site import Site

MODELS = {
    1: """
from django.db import models

class Shelf(models.Model):
    name = models.CharField(max_length=20, unique=True)

class Book(models.Model):
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    title = models.CharField(max_length=50)
    pages = models.CharField(max_length=10, default="0")
""",
    2: """
from django.db import models

class Shelf(models.Model):
    name = models.CharField(max_length=20, unique=True)

class Book(models.Model):
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    title = models.CharField(max_length=50)
    slug = models.SlugField(default="")
    pages = models.CharField(max_length=10, default="0")
""",
    3: """
from django.db import models

class Shelf(models.Model):
    label = models.CharField(max_length=40, unique=True)

class Book(models.Model):
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    slug = models.SlugField(default="", db_index=True)
    read_on = models.DateField(null=True)
""",
}
HEAD = "from django.db import migrations, models\n\n"
MIGRATIONS = {
    1: {
        "0001_initial": """
class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel("Shelf", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("name", models.CharField(max_length=20, unique=True)),
        ]),
        migrations.CreateModel("Book", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("title", models.CharField(max_length=50)),
            ("pages", models.CharField(default="0", max_length=10)),
            ("shelf", models.ForeignKey(on_delete=models.CASCADE, to="shop.shelf")),
        ]),
    ]
""",
        "0002_first_shelf": """
def seed(apps, schema_editor):
    apps.get_model("shop", "Shelf").objects.create(name="inbox")

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
""",
    },
    2: {
        "0003_book_slug": """
class Migration(migrations.Migration):
    dependencies = [("shop", "0002_first_shelf")]
    operations = [migrations.AddField("book", "slug", models.SlugField(default=""))]
""",
        "0004_fill_slug": """
from pathlib import Path
from django.conf import settings
from django.utils.text import slugify

def fill(apps, schema_editor):
    with (Path(settings.BASE_DIR) / "outside.txt").open("a") as file:
        file.write("filled\\n")
    for book in apps.get_model("shop", "Book").objects.all():
        book.slug = slugify(book.title)
        book.save()

class Migration(migrations.Migration):
    dependencies = [("shop", "0003_book_slug")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
""",
    },
    3: {
        "0005_rename_and_grow": """
class Migration(migrations.Migration):
    dependencies = [("shop", "0004_fill_slug")]
    operations = [
        migrations.RenameField("shelf", "name", "label"),
        migrations.AlterField("shelf", "label", models.CharField(max_length=40, unique=True)),
        migrations.AlterField("book", "title", models.CharField(max_length=200)),
        migrations.AddField("book", "read_on", models.DateField(null=True)),
        migrations.RunSQL("CREATE INDEX book_by_title ON shop_book (lower(title))", "DROP INDEX book_by_title"),
    ]
""",
        "0006_no_pages": """
class Migration(migrations.Migration):
    dependencies = [("shop", "0005_rename_and_grow")]
    operations = [migrations.RemoveField("book", "pages")]
""",
    },
}
SETTINGS = """
import os
DATABASES["cache"] = {"ENGINE": DATABASES["default"]["ENGINE"], "NAME": BASE_DIR / "cache.sqlite3"}
DATABASE_ROUTERS = ["routers.Cache"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cached"}}
if os.environ.get("PRODUCT_ENGINE"):
    DATABASES["default"] = {"ENGINE": os.environ["PRODUCT_ENGINE"], "NAME": BASE_DIR / "elsewhere.db"}
SCHEMASYNC |= {"MIGRATED_APPS": "all", "ADOPT": True}
"""
ROUTERS = """
class Cache:
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return (app_label == "django_cache") == (db == "cache")

    def db_for_read(self, model, **hints):
        return "cache" if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read
"""
START = (["migrate"], ["createcachetable", "--database", "cache"])
"""The commands that the start script of a container runs before the server."""


class Product(Site):
    """An installation of the product. `with_schemasync` is False for the product before it used schemasync."""

    def __init__(self, folder: Path, release: int, *, with_schemasync: bool, more: str = "") -> None:
        self.more = SETTINGS + more
        super().__init__(folder, MODELS[release], flag=with_schemasync, more=self.more)
        (folder / "routers.py").write_text(ROUTERS)
        self.upgrade(release, with_schemasync=with_schemasync)

    def copy(self, folder: Path) -> Product:
        other = object.__new__(Product)
        other.__dict__.update(super().copy(folder).__dict__, more=self.more)
        return other

    def upgrade(self, release: int, *, with_schemasync: bool = True) -> None:
        """Install the code of another release, as a new image does, without running a command."""
        self.settings(flag=with_schemasync, more=self.more)
        self.models(MODELS[release])
        self.schema.unlink(missing_ok=True)
        if with_schemasync:
            self.schema.write_text("{}\n")
        folder = self.folder / "shop" / "migrations"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "__init__.py").touch()
        for number in range(1, release + 1):
            for name, text in MIGRATIONS[number].items():
                (folder / f"{name}.py").write_text(HEAD + text)

    def start(self) -> str:
        """Run the start script, and return its output."""
        return "".join(self.done(*words).out for words in START)


OWN_MIGRATE = """
from schemasync.management.commands.migrate import Command as Migrate


class Command(Migrate):
    def handle(self, *args, **options):
        super().handle(*args, **options)
        if options["verbosity"] > 0:
            self.stdout.write("the product's own work is done")
"""
"""A `migrate` of the product. Without schemasync it inherits from Django's command in the same way."""
SUITE = """
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections
from django.test import TestCase, TransactionTestCase
from shop.models import Book, Shelf


class Data(TestCase):
    databases = {"default", "cache"}
    fixtures = ["books"]

    def test_the_migrations_have_filled_it(self):
        self.assertEqual(list(Shelf.objects.values_list("label", flat=True)), ["inbox"])

    def test_fixtures_are_loaded(self):
        self.assertEqual(Book.objects.get().title, "Dune")

    def test_migrate_can_be_called(self):
        call_command("migrate", verbosity=0)
        self.assertEqual(Book.objects.count(), 1)

    def test_the_cache_is_a_table(self):
        cache.set("key", "value")
        self.assertEqual(cache.get("key"), "value")
        with connections["cache"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM cached")
            self.assertEqual(cursor.fetchone(), (1,))

    def test_what_only_a_migration_makes_is_there(self):
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, "shop_book")
        self.assertIn("book_by_title", found)


class Flushed(TransactionTestCase):
    databases = {"default", "cache"}

    def test_back_and_forth(self):
        call_command("migrate", "shop", "0005", verbosity=0)
        call_command("migrate", verbosity=0)
        Shelf.objects.create(label="again")

    def test_that_fails_on_purpose(self):
        self.fail("as it should")
"""
FIXTURE = """
[{"model": "shop.book", "pk": 1, "fields": {"shelf": 1, "title": "Dune", "slug": "dune", "read_on": null}}]
"""


def with_suite(product: Product, *, with_schemasync: bool) -> None:
    """Add the tests of the product, and its own `migrate`."""
    commands = product.folder / "shop" / "management" / "commands"
    commands.mkdir(parents=True)
    (commands / "__init__.py").touch()
    (commands.parent / "__init__.py").touch()
    own = OWN_MIGRATE if with_schemasync else OWN_MIGRATE.replace("schemasync.", "django.core.")
    (commands / "migrate.py").write_text(own)
    (product.folder / "shop" / "tests.py").write_text(SUITE)
    (product.folder / "shop" / "fixtures").mkdir()
    (product.folder / "shop" / "fixtures" / "books.json").write_text(FIXTURE)
