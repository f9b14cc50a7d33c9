"""The product with schema.json in place of its migrations on SQLite, and with migration files for other engines."""

import ast
import re

import pytest

from .releases import Product
from .test_migration_files import ANOTHER_ENGINE, PAGE

MORE = 'SCHEMASYNC |= {"MIGRATED_APPS": [], "WRITE_MIGRATIONS": True}\n'


@pytest.fixture
def product(tmp_path):
    """A new installation of release 1; the maintainer works on it."""
    found = Product(tmp_path / "site", 1, with_schemasync=True, more=MORE)
    found.schema.unlink()
    found.done("schemasync", "export", "--accept-data-migration", "shop.0002_first_shelf")
    found.done("migrate")
    return found


def test_these_are_the_settings_of_the_page():
    _, shown = re.findall(r"^SCHEMASYNC = (\{.*?^\})", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert ast.literal_eval(shown) == {"ENABLED": True, "WRITE_MIGRATIONS": True, "ADOPT": True}


def test_makemigrations_writes_schema_json_and_a_migration(product, monkeypatch):
    assert product.done("makemigrations", "--check").code == 0
    product.change(
        ("class Shelf(models.Model):", "class Shelf(models.Model):\n    note = models.TextField(default='')")
    )
    assert product.manage("makemigrations", "--check").code == 1
    told = product.done("makemigrations").out
    assert "+note" in told
    assert "0003_shelf_note.py" in told
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
