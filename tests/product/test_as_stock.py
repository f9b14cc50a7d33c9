"""With the migrations of a product, its code and its operators get the same results as from Django's own `migrate`."""

import json
import re
import sqlite3
from contextlib import closing

import pytest

from .releases import HEAD, Product
from .test_migration_files import BOOKS, content

HEARD = """
import json
from pathlib import Path
from django.apps import AppConfig, apps as installed
from django.db.models.signals import post_migrate, pre_migrate

def heard(name):
    def hear(sender, app_config, apps, plan, verbosity, using, **kwargs):
        shelf = None
        if ("shop", "book") in [(m._meta.app_label, m._meta.model_name) for m in apps.get_models()]:
            shelf = sorted(field.name for field in apps.get_model("shop", "Book")._meta.get_fields())
        found = [name, app_config.label, [[str(one), back] for one, back in plan], shelf, verbosity, apps is installed]
        with (Path(__file__).parent.parent / "heard.txt").open("a") as file:
            file.write(json.dumps(found) + "\\n")
    return hear

class Shop(AppConfig):
    name = "shop"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        self.hear = [heard("pre"), heard("post")]
        pre_migrate.connect(self.hear[0], sender=self)
        post_migrate.connect(self.hear[1], sender=self)
"""
RENAMED = """
class Migration(migrations.Migration):
    dependencies = [("shop", "0006_no_pages")]
    operations = [migrations.RenameModel("Shelf", "Board")]
"""


def listening(folder, *, with_schemasync):
    product = Product(folder, 1, with_schemasync=with_schemasync)
    (product.folder / "shop" / "apps.py").write_text(HEARD)
    return product


def heard(product):
    path = product.folder / "heard.txt"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def permissions(product):
    with closing(sqlite3.connect(product.link)) as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
            for table in ("auth_permission", "django_content_type")
        ]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The product with schemasync, and without it, at release 1."""
    folder = tmp_path_factory.mktemp("both")
    return [listening(folder / name, with_schemasync=name == "ours") for name in ("ours", "stock")]


@pytest.mark.slow
def test_receivers_of_the_signals_get_what_django_gives(both):
    ours, stock = both
    for release in (1, 2, 3):
        for product in both:
            product.upgrade(release, with_schemasync=product is ours)
            product.done("migrate")
        assert (found := heard(ours)) == heard(stock)
        assert [one[0] for one in found] == ["pre", "post"]
        assert found[1][2], "the plan"
        assert permissions(ours) == permissions(stock)
    for product in both:
        product.done("migrate")
    assert heard(ours) == heard(stock), "with an empty plan"


@pytest.mark.slow
def test_a_content_type_follows_a_renamed_model(both, tmp_path):
    ours, stock = (one.copy(tmp_path / one.folder.name) for one in both)
    for product in (ours, stock):
        product.upgrade(3, with_schemasync=product is ours)
        (product.folder / "shop" / "migrations" / "0007_renamed.py").write_text(HEAD + RENAMED)
        models = product.folder / "shop" / "models.py"
        models.write_text(models.read_text().replace("Shelf", "Board"))
        product.done("migrate")
    assert permissions(ours) == permissions(stock)
    assert ours.rows("SELECT model FROM django_content_type WHERE app_label = 'shop' ORDER BY model") == [
        ("board",),
        ("book",),
    ]


@pytest.fixture(scope="module")
def _first(tmp_path_factory):
    product = Product(tmp_path_factory.mktemp("product") / "site", 1, with_schemasync=False)
    product.start()
    product.run_sql(BOOKS)
    return product


@pytest.fixture
def first(_first, tmp_path):
    """An installation of release 1 from before schemasync, with the code of release 3."""
    found = _first.copy(tmp_path / "site")
    found.upgrade(3)
    return found


def test_each_migration_has_the_line_of_djangos_own_command(first):
    out = first.done("migrate").out
    assert "Running migrations:\n  Applying shop.0003_book_slug... OK\n  Applying shop.0004_fill_slug... OK\n" in out
    assert "4 migrations run, version 44136fa355b3 as before" in out
    assert "->" not in out
    assert "Running migrations" not in first.done("migrate").out


@pytest.mark.slow
def test_a_quiet_migrate_prints_none(first):
    assert first.done("migrate", "-v", "0").out == ""


@pytest.mark.slow
def test_more_detail_shows_how_long_each_took(first):
    assert re.search(r"Applying shop\.0003_book_slug\.\.\. OK \(\d+\.\d{3}s\)", first.done("migrate", "-v", "2").out)


def test_the_json_of_a_sync_has_no_other_lines(first):
    assert first.done("schemasync", "--json").json["result"] == "synced"


@pytest.mark.slow
@pytest.mark.parametrize("words", [("migrate", "--plan"), ("schemasync", "plan")], ids=" ".join)
def test_a_plan_shows_what_the_next_migrate_does(first, words):
    before = content(first.link)
    out = first.done(*words).out
    assert "the next manage.py migrate adopts it" in out
    assert "shop.0003_book_slug" in out
    assert "Add field slug to book" in out or words[0] == "schemasync"
    assert (content(first.link), first.link.is_symlink()) == (before, False)
    first.start()
    assert "shop." not in first.done(*words).out


@pytest.mark.slow
def test_migrate_goes_to_a_named_migration_of_one_app(first):
    out = first.done("migrate", "shop", "0004").out
    assert "Applying shop.0004_fill_slug... OK" in out
    assert "0005" not in out
    assert first.rows("SELECT slug FROM shop_book ORDER BY id")[0] == ("dune",)
    assert first.manage("migrate", "--check").code == 1
    assert "Applying shop.0006_no_pages... OK" in first.done("migrate").out
    assert (first.folder / "outside.txt").read_text() == "filled\n"


def test_a_faked_migration_is_recorded_and_not_run(first):
    first.done("migrate", "shop", "0003")
    out = first.done("migrate", "shop", "0004", "--fake").out
    assert "Applying shop.0004_fill_slug... FAKED" in out
    assert first.rows("SELECT DISTINCT slug FROM shop_book") == [("",)]
    assert not (first.folder / "outside.txt").exists()
    assert first.rows("SELECT count(*) FROM django_migrations WHERE name = '0004_fill_slug'") == [(1,)]


@pytest.mark.slow(but=["zero"])
@pytest.mark.parametrize("name", ["0002", "zero"])
def test_a_migration_is_not_undone_on_a_live_database(first, name):
    first.start()
    before = first.link.resolve().read_bytes()
    ended = first.manage("migrate", "shop", name)
    assert ended.code == 2
    assert "that would undo shop.0006_no_pages" in ended.err
    assert "rollback" in ended.err
    assert first.link.resolve().read_bytes() == before


def test_a_name_that_no_migration_has_is_refused(first):
    first.start()
    ended = first.manage("migrate", "shop", "0099")
    assert (ended.code, "there is no migration shop.0099" in ended.err) == (2, True)


@pytest.mark.slow
def test_a_server_sees_pending_migrations(first):
    first.upgrade(2)
    first.start()
    first.upgrade(3)
    first.settings(
        flag=True, more=first.more + 'SCHEMASYNC |= {"ON_STARTUP": "refuse", "SERVING_COMMANDS": ["serve"]}\n'
    )
    commands = first.folder / "shop" / "management" / "commands"
    commands.mkdir(parents=True)
    for folder in (commands, commands.parent):
        (folder / "__init__.py").touch()
    (commands / "serve.py").write_text(
        "from django.core.management import BaseCommand\nfrom django.db import connection\n"
        "class Command(BaseCommand):\n    requires_system_checks = []\n"
        "    def handle(self, **options):\n        connection.ensure_connection()\n        self.stdout.write('serves')\n"
    )
    ended = first.manage("serve")
    assert ended.code != 0
    assert "2 migrations not run yet: shop.0005_rename_and_grow, shop.0006_no_pages" in ended.err
    assert "To run them: manage.py migrate" in ended.err
    first.settings(
        flag=True,
        more=first.more.replace("refuse", "sync")
        + 'SCHEMASYNC |= {"ON_STARTUP": "sync", "SERVING_COMMANDS": ["serve"]}\n',
    )
    assert "serves" in first.done("serve").out
    assert first.rows("SELECT label FROM shop_shelf ORDER BY id")[0] == ("inbox",)
    first.settings(
        flag=True, more=first.more + 'SCHEMASYNC |= {"ON_STARTUP": "refuse", "SERVING_COMMANDS": ["serve"]}\n'
    )
    assert "serves" in first.done("serve").out
