"""The product with schema.json in place of its migrations on SQLite, and with migration files for other engines."""

import ast
import re

import pytest

from .releases import Product
from .test_migration_files import ANOTHER_ENGINE, BOOKS, PAGE

MORE = 'SCHEMASYNC |= {"MIGRATED_APPS": [], "WRITE_MIGRATIONS": True}\n'


OWN = {
    "SEED": "shop.seeds.first_shelf",
    "DATA_MIGRATIONS": {"shop.0004_fill_slug": "shop.upgrades.fill_slug", "shop.0005_rename_and_grow": None},
}
SEEDS = """
from shop.models import Shelf

def first_shelf(using):
    field = "label" if hasattr(Shelf, "label") else "name"
    Shelf.objects.using(using).create(**{field: "inbox"})
"""
UPGRADES = """
from django.utils.text import slugify
from shop.models import Book

def fill_slug(using):
    for book in Book.objects.using(using).filter(slug=""):
        book.slug = slugify(book.title)
        book.save(using=using)
"""


@pytest.fixture
def product(tmp_path):
    """A new installation of release 1, on which the maintainer works."""
    found = Product(tmp_path / "site", 1, with_schemasync=True, more=MORE)
    found.schema.unlink()
    found.done("schemasync", "export", "--accept-data-migration", "shop.0002_first_shelf")
    found.done("migrate")
    return found


def test_these_are_the_settings_of_the_page():
    _, shown = re.findall(r"^SCHEMASYNC = (\{.*?^\})", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert ast.literal_eval(shown) == {"ENABLED": True, "WRITE_MIGRATIONS": True, "ADOPT": True, **OWN}


@pytest.mark.slow
def test_makemigrations_writes_schema_json_and_a_migration(product, monkeypatch):
    assert product.done("makemigrations", "--check").code == 0
    product.change(
        ("class Shelf(models.Model):", "class Shelf(models.Model):\n    note = models.TextField(default='')")
    )
    assert product.manage("makemigrations", "--check").code == 1
    reported = product.done("makemigrations").out
    assert "+note" in reported
    assert "0003_shelf_note.py" in reported
    assert '"note"' in product.schema.read_text()
    assert product.done("makemigrations", "--check").code == 0
    assert "+note" in product.done("migrate").out
    (product.folder / "shop" / "migrations" / "0003_shelf_note.py").unlink()
    assert product.manage("makemigrations", "--check").code == 1, "schema.json has it, the migrations do not"
    product.done("makemigrations", "shop")

    (product.folder / "engine").mkdir()
    (product.folder / "engine" / "__init__.py").touch()
    (product.folder / "engine" / "base.py").write_text(ANOTHER_ENGINE)
    monkeypatch.setenv("PRODUCT_ENGINE", "engine")
    assert "Applying shop.0003_shelf_note... OK" in product.done("migrate").out
    assert "No changes detected" in product.done("makemigrations", "--check").out


def maintained(folder):
    """Make the folder of the maintainer: schema.json has advanced from release 1 to 3."""
    found = Product(folder, 1, with_schemasync=True, more=MORE)
    found.schema.unlink()
    seen = [
        word
        for name in ("0002_first_shelf", "0004_fill_slug", "0005_rename_and_grow")
        for word in ("--accept-data-migration", f"shop.{name}")
    ]
    found.done("schemasync", "export", *seen[:2])
    text = found.schema.read_text()
    found.upgrade(3)
    found.schema.write_text(text)
    ended = found.manage("schemasync", "export", "--json", *seen)
    (error,) = (one for one in ended.json["errors"] if "shop.Shelf no longer" in one["message"])
    assert error["code"] == "rename-or-drop", error
    (line,) = (hint.partition("removes: ")[2] for hint in error["hint"].splitlines() if "removes: " in hint)
    found.schema.write_text(
        text.replace('"name": "varchar(20) NOT NULL UNIQUE"', f'"name": "varchar(20) NOT NULL UNIQUE",\n    {line}')
    )
    found.done("schemasync", "export", "--drop", "shop_book.pages", *seen)
    return found


@pytest.fixture(scope="module")
def _maintained(tmp_path_factory):
    return maintained(tmp_path_factory.mktemp("maintained") / "site")


def installed(folder, _maintained, release):
    """Make an installation that began with release 1, and that migrations brought to `release`; then install the new
    image, with schema.json."""
    found = Product(folder, 1, with_schemasync=False, more=MORE + f"SCHEMASYNC |= {OWN!r}\n")
    found.start()
    found.run_sql(BOOKS)
    found.upgrade(release, with_schemasync=False)
    found.start()
    image(found, _maintained)
    return found


def image(found, _maintained):
    found.upgrade(3)
    found.schema.write_text(_maintained.schema.read_text())
    (found.folder / "shop" / "seeds.py").write_text(SEEDS)
    (found.folder / "shop" / "upgrades.py").write_text(UPGRADES)


@pytest.mark.parametrize("release", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_installation_several_releases_behind_comes_over_in_one_start(tmp_path, _maintained, release):
    found = installed(tmp_path / "site", _maintained, release)
    out = found.start()
    assert "is adopted" in out
    ran = "1 migration run on the new file: shop.0004_fill_slug"
    assert (ran in out) == (release == 1)
    assert found.rows("SELECT title, slug FROM shop_book ORDER BY id") == [
        ("Dune", "dune"),
        ("The Left Hand of Darkness", "the-left-hand-of-darkness"),
    ]
    assert found.rows("SELECT label FROM shop_shelf ORDER BY id") == [("inbox",), ("read",)]
    for words in (["check"], ["migrate", "--check"], ["schemasync", "check"]):
        found.done(*words)
    found.run_sql("UPDATE shop_book SET slug = ''")
    assert "nothing to do" in found.start()
    assert found.rows("SELECT DISTINCT slug FROM shop_book") == [("",)], "once"


@pytest.mark.slow
def test_an_installation_of_this_release_is_current_at_once_whatever_the_order_of_its_columns(tmp_path, _maintained):
    """Migrations appended them; no table is rewritten."""
    found = installed(tmp_path / "site", _maintained, 3)
    columns = [row[1] for row in found.rows("PRAGMA table_info(shop_book)")]
    out = found.start()
    assert "is adopted" in out
    assert "nothing to do" in out
    assert [row[1] for row in found.rows("PRAGMA table_info(shop_book)")] == columns
    assert "have another order than in schema.json" in found.done("schemasync", "status").out
    for words in (["check"], ["migrate", "--check"], ["schemasync", "check"], ["makemigrations", "--check"]):
        found.done(*words)
    text = found.schema.read_text()
    title, following = re.search(r'( +"title": .*\n)( +"\w+": .*\n)', text).groups()
    found.schema.write_text(text.replace(title + following, following + title))
    assert "recorded in its history; no table changes" in found.done("migrate").out
    assert "nothing to do" in found.start()
    code = "from shop.models import Book; print(list(Book.objects.values_list('title', 'slug')[:1]))"
    assert "[('Dune', 'dune')]" in found.done("shell", "-v", "0", "-c", code).out


@pytest.mark.slow
def test_values_move_out_of_a_column_that_a_release_drops(tmp_path, _maintained):
    found = installed(tmp_path / "site", _maintained, 1)
    found.run_sql(
        "CREATE TABLE ping (id INTEGER PRIMARY KEY, raw BLOB, body TEXT); INSERT INTO ping VALUES (1, NULL, 'a')"
    )
    table = '"ping": {"id": "INTEGER PRIMARY KEY", "raw": {"type": "BLOB", "fill": "coalesce(raw, CAST(body AS BLOB))"}, "_dropped": ["body"]}'
    head, _, tail = found.schema.read_text().rpartition("}")
    found.schema.write_text(f"{head.rstrip().rstrip(',')},\n{table}\n}}{tail}")
    found.start()
    assert found.rows("SELECT * FROM ping") == [(1, b"a")]
    found.run_sql("UPDATE ping SET raw = NULL")
    assert "nothing to do" in found.start()


def test_a_new_installation_gets_its_rows_from_the_seed(tmp_path, _maintained):
    found = Product(tmp_path / "site", 3, with_schemasync=True, more=MORE + f"SCHEMASYNC |= {OWN!r}\n")
    image(found, _maintained)
    assert "shop.seeds.first_shelf has filled the new database" in found.start()
    assert found.rows("SELECT label FROM shop_shelf") == [("inbox",)]
    assert "nothing to do" in found.start()
    assert found.rows("SELECT label FROM shop_shelf") == [("inbox",)]
    (found.folder / "shop" / "tests.py").write_text(
        "from django.test import TestCase\nfrom shop.models import Shelf\n\n"
        "class Seeded(TestCase):\n    def test_it(self):\n        self.assertEqual(Shelf.objects.get().label, 'inbox')\n"
    )
    assert "OK" in found.done("test").err


@pytest.mark.slow
def test_one_that_the_setting_does_not_name_stops_the_installation(tmp_path, _maintained):
    found = installed(tmp_path / "site", _maintained, 1)
    found.settings(flag=True, more=found.more.replace("shop.0004_fill_slug", "shop.0099_no_such"))
    ended = found.manage("migrate")
    assert ended.code == 3
    assert "[data-migration]" in ended.err
    assert "shop.0004_fill_slug" in ended.err


@pytest.mark.slow
def test_export_asks_only_about_those_that_the_setting_does_not_name(product):
    product.schema.write_text(product.schema.read_text().replace('"0002_first_shelf"', '"0001_initial"'))
    ended = product.manage("schemasync", "export")
    assert ended.code == 3
    assert "the migration shop.0002_first_shelf is new" in ended.err
    assert 'SCHEMASYNC["DATA_MIGRATIONS"] = {"shop.0002_first_shelf": "its dotted path"}' in ended.err
    product.settings(
        flag=True, more=product.more + 'SCHEMASYNC |= {"DATA_MIGRATIONS": {"shop.0002_first_shelf": None}}\n'
    )
    product.done("schemasync", "export")
    assert '"0002_first_shelf"' in product.schema.read_text()
    product.settings(flag=True, more=product.more)
    assert product.manage("schemasync", "export", "--check").code == 0, "schema.json has it"


@pytest.mark.slow
def test_a_function_that_cannot_be_imported_is_named(tmp_path, _maintained):
    found = installed(tmp_path / "site", _maintained, 1)
    (found.folder / "shop" / "upgrades.py").unlink()
    ended = found.manage("migrate")
    assert ended.code == 2
    assert "SCHEMASYNC names shop.upgrades.fill_slug, which cannot be imported" in ended.err
    assert found.rows("SELECT count(*) FROM shop_book") == [(2,)]


@pytest.mark.slow
def test_what_a_new_database_lacks_is_named_at_the_first_export_and_by_check(product):
    product.schema.unlink()
    product.link.unlink()
    (product.folder / "db.sqlite3.generations").rename(product.folder / "aside")
    seen = ("--accept-data-migration", "shop.0002_first_shelf")
    reported = product.done("schemasync", "export", *seen).err
    assert "does not run these migrations, which fill tables: shop.0002_first_shelf\n" in reported
    assert 'name a function that makes them: SCHEMASYNC["SEED"]' in reported
    product.done("migrate")
    said = "so these migrations have not filled it: shop.0002_first_shelf"
    assert said in product.done("schemasync", "check").out
    assert "contenttypes" not in product.done("schemasync", "check").out
    product.settings(flag=True, more=product.more + 'SCHEMASYNC |= {"SEED": "shop.seeds.first_shelf"}\n')
    assert said not in product.done("schemasync", "check").out
    product.schema.unlink()
    product.link.unlink()
    (product.folder / "db.sqlite3.generations").rename(product.folder / "aside2")
    assert "which fill tables" not in product.done("schemasync", "export", *seen).err
