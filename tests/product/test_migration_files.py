"""A product with many installations, under its own migration files: `migrate` in the start script does everything."""

import ast
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .releases import HEAD, SETTINGS, Product, with_suite

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "product.md"
BOOKS = """
INSERT INTO shop_shelf (name) VALUES ('read');
INSERT INTO shop_book (shelf_id, title, pages) VALUES (1, 'Dune', '412'), (2, 'The Left Hand of Darkness', '304');
"""


def content(path):
    """Return the schema and the rows of a database without the history of schemasync, and its applied migrations."""
    with closing(sqlite3.connect(path)) as connection:
        lines = [line for line in connection.iterdump() if "_schema_versions" not in line]
    return [line for line in lines if not line.startswith('INSERT INTO "django_migrations"')], applied(path)


def applied(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()


@pytest.fixture(scope="module")
def _first(tmp_path_factory):
    """An installation of release 1, from before the product used schemasync."""
    product = Product(tmp_path_factory.mktemp("product") / "site", 1, with_schemasync=False)
    product.start()
    product.run_sql(BOOKS)
    return product


@pytest.fixture
def first(_first, tmp_path):
    return _first.copy(tmp_path / "site")


def test_an_old_installation_comes_over_and_up_in_one_start(first, _first, tmp_path):
    stock = _first.copy(tmp_path / "stock")
    stock.upgrade(3, with_schemasync=False)
    stock.start()
    first.upgrade(3)
    out = first.start()
    assert "was a plain file, and is adopted: 0001-" in out
    assert "4 migrations run on the new file: shop.0003_book_slug, shop.0004_fill_slug" in out
    assert "; writers waited for 3 of them" in out, "from the one with Python on"
    assert content(first.link) == content(stock.link)
    assert (first.folder / "outside.txt").read_text() == "filled\n"
    assert first.rows("SELECT slug FROM shop_book ORDER BY id") == [("dune",), ("the-left-hand-of-darkness",)]
    rows = first.done("schemasync", "history", "--json").json["generations"]
    assert [(row["action"], len(row["migrations"])) for row in rows] == [("sync", 4), ("adopt", 0)]
    for words in (["check"], ["migrate", "--check"], ["schemasync", "check"], ["makemigrations", "--check"]):
        assert "not name" not in first.done(*words).out

    assert "nothing to do" in first.start()
    first.done("schemasync", "rollback", "--noinput")
    first.upgrade(1)
    assert "nothing to do" in first.start()
    assert first.rows("SELECT title, pages FROM shop_book ORDER BY id") == [
        ("Dune", "412"),
        ("The Left Hand of Darkness", "304"),
    ]


@pytest.mark.slow
def test_a_check_and_a_rollback_see_what_no_schema_json_names(first):
    first.upgrade(3)
    ended = first.manage("migrate", "--check")
    assert ended.code == 1, "the file from before has migrations to run"
    assert "shop.0006_no_pages" in ended.out + ended.err
    first.start()
    first.run_sql(
        "INSERT INTO shop_book (shelf_id, title, slug) VALUES (1, 'Only here', ''); DELETE FROM shop_shelf WHERE id = 2"
    )
    found = first.done("schemasync", "rollback", "--dry-run", "--json").json["differences"]
    assert found["tables"]["shop_book"]["added"] == 1
    assert found["tables"]["shop_shelf"]["removed"] == 1
    assert "no row differs" not in first.done("schemasync", "rollback", "--dry-run").out


@pytest.mark.slow
def test_without_a_database_a_check_says_so(tmp_path):
    product = Product(tmp_path / "site", 3, with_schemasync=True)
    ended = product.manage("migrate", "--check")
    assert ended.code == 1
    assert "there is no database yet" in ended.out + ended.err
    product.start()
    assert "[X] 0006_no_pages" in product.done("showmigrations").out


def test_a_new_installation(tmp_path):
    product, stock = (Product(tmp_path / name, 3, with_schemasync=name == "site") for name in ("site", "stock"))
    out = product.start()
    stock.start()
    assert re.search(r"\d\d migrations run on the new file, from \S+ to shop.0006_no_pages", out), out
    assert content(product.link) == content(stock.link)
    assert product.rows("SELECT label FROM shop_shelf") == [("inbox",)]
    assert "nothing to do" in product.start()


@pytest.mark.slow
def test_a_backup_that_is_moved_over_the_link_goes_on_by_itself(first):
    backup = first.folder / "backup.sqlite3"
    with closing(sqlite3.connect(first.link)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    first.upgrade(2)
    first.start()
    first.upgrade(3)
    first.start()
    first.run_sql("INSERT INTO shop_book (shelf_id, title, slug) VALUES (1, 'Only here', '')")
    was_live = first.link.readlink().stem
    backup.rename(first.link)
    out = first.start()
    assert "was a plain file, and is adopted" in out
    assert "4 migrations run on the new file" in out
    assert f"{was_live} was live before; to go back to it: manage.py schemasync rollback 3" in out
    assert first.rows("SELECT title FROM shop_book ORDER BY id") == [("Dune",), ("The Left Hand of Darkness",)]
    assert f"{was_live}.sqlite3" in [path.name for path in first.folder.glob("db.sqlite3.generations/*.sqlite3")]
    rows = first.done("schemasync", "history", "--json").json["generations"]
    assert [row["action"] for row in rows] == ["sync", "adopt", "sync", "sync", "adopt"]
    assert "adopted a backup from before the first generation" in first.done("schemasync", "history").out
    found = first.done("schemasync", "rollback", "3", "--dry-run", "--json").json["differences"]
    assert found["tables"]["shop_book"]["removed"] == 1
    first.done("schemasync", "rollback", "3", "--noinput")
    assert ("Only here",) in first.rows("SELECT title FROM shop_book")


@pytest.mark.slow
@pytest.mark.parametrize("proof", [True, pytest.param(False, marks=pytest.mark.slow)])  # the history alone differs
def test_a_backup_that_is_copied_through_the_link_goes_on_by_itself(first, proof):
    """`cp` into the live generation: its rows are lost then, and the database continues with those of the backup."""
    backup = first.folder / "backup.sqlite3"
    with closing(sqlite3.connect(first.link)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
        if not proof:
            copy.execute("UPDATE django_migrations SET applied = '2020-01-01 00:00:00.000000'")
            copy.commit()
    first.upgrade(2)
    first.start()
    first.upgrade(3)
    first.start()
    overwritten = first.link.readlink().stem
    shutil.copyfile(backup, first.link)
    assert "SCHEMASYNC" not in (found := first.manage("schemasync", "status")).err
    assert "[no-history]" in found.out
    assert "To go on with it: the next manage.py migrate adopts it" in found.out
    out = first.start()
    assert f"a file without a history was copied into {overwritten} through {first.link}, and is adopted there" in out
    assert "4 migrations run on the new file" in out
    assert first.rows("SELECT title, slug FROM shop_book ORDER BY id")[0] == ("Dune", "dune")
    rows = first.done("schemasync", "history", "--json").json["generations"]
    assert rows[1]["generation"] == overwritten
    earlier = ["sync", "adopt"] if proof else []
    assert [row["action"] for row in rows] == ["sync", "adopt", *earlier]
    assert first.done("schemasync", "status", "--json").json["result"] == "ok"
    assert "nothing to do" in first.start()
    first.done("schemasync", "rollback", "--noinput")
    assert first.rows("SELECT title, pages FROM shop_book ORDER BY id")[0] == ("Dune", "412")


@pytest.mark.slow
def test_a_backup_of_a_generation_keeps_the_history_and_the_way_to_what_was_live(first):
    first.upgrade(2)
    first.start()
    first.done("schemasync", "snapshot", "backup.sqlite3")
    first.upgrade(3)
    first.start()
    first.run_sql("INSERT INTO shop_book (shelf_id, title, slug) VALUES (1, 'Only here', '')")
    was_live = first.link.readlink().stem
    (first.folder / "backup.sqlite3").rename(first.link)
    out = first.start()
    assert f"{was_live} was live before; to go back to it: manage.py schemasync rollback 3" in out
    assert [row["action"] for row in first.done("schemasync", "history", "--json").json["generations"]] == [
        "sync",
        "adopt",
        "sync",
        "sync",
        "adopt",
    ]
    first.done("schemasync", "rollback", was_live, "--noinput")
    assert ("Only here",) in first.rows("SELECT title FROM shop_book")


@pytest.mark.slow
def test_with_the_setting_no_message_says_to_adopt_by_hand(first):
    first.upgrade(3)
    how = "the next manage.py migrate adopts it"
    for words in (["status"], ["plan"], ["check"]):
        ended = first.manage("schemasync", *words)
        printed = ended.out + ended.err
        assert (how in printed, "schemasync adopt" in printed) == (words != ["check"], False), printed
    reported = first.manage("check").err
    assert "(schemasync.W010)" in reported
    assert "The next manage.py migrate adopts it." in reported
    first.start()
    with closing(sqlite3.connect(first.link)) as source, closing(sqlite3.connect(first.folder / "b")) as copy:
        source.backup(copy)
    (first.folder / "b").rename(first.link)
    assert how in first.manage("schemasync", "status").out


def test_without_the_setting_one_line_says_what_to_do(first):
    first.upgrade(3)
    first.settings(flag=True, more=first.more.replace('"ADOPT": True', '"ADOPT": False'))
    ended = first.manage("migrate")
    assert ended.code == 3
    assert "To adopt it, with all rows: manage.py schemasync adopt" in ended.err
    assert not first.link.is_symlink()


def spoil(product):
    """Make the migration 0005 fail; return a function that restores it."""
    path = product.folder / "shop" / "migrations" / "0005_rename_and_grow.py"
    text = path.read_text()
    path.write_text(text.replace("book_by_title ON shop_book", "book_by_title ON no_such_table"))
    return lambda: path.write_text(text)


@pytest.mark.slow
def test_a_migration_that_fails_leaves_the_live_file_and_is_named(first):
    first.upgrade(2)
    first.start()
    before = first.link.readlink()
    first.upgrade(3)
    mend = spoil(first)
    ended = first.manage("migrate")
    assert ended.code == 4
    assert "the migration shop.0005_rename_and_grow failed: OperationalError: no such table" in ended.err
    assert "the live one is unchanged" in ended.err
    assert first.link.readlink() == before
    assert first.rows("SELECT title, pages FROM shop_book ORDER BY id")[0] == ("Dune", "412")
    mend()
    assert (
        "2 migrations run on the new file: shop.0005_rename_and_grow, shop.0006_no_pages; writers waited for none"
        in (first.start())
    )


@pytest.mark.slow
def test_nothing_that_may_have_acted_outside_of_the_database_runs_twice(first, _first, tmp_path):
    """The migrations that ran before the failed one are live, as after Django's own migrate."""
    stock = _first.copy(tmp_path / "stock")
    stock.upgrade(3, with_schemasync=False)
    spoil(stock)
    assert stock.manage("migrate").code == 1
    first.upgrade(3)
    mend = spoil(first)
    ended = first.manage("migrate")
    assert ended.code == 4
    assert "what ran before it is live: shop.0003_book_slug, shop.0004_fill_slug" in ended.err
    assert content(first.link) == content(stock.link)
    assert "2 migrations, the last one shop.0004_fill_slug" in first.done("schemasync", "history").out
    assert first.manage("migrate", "--check").code == 1
    mend()
    assert "2 migrations run on the new file: shop.0005_rename_and_grow, shop.0006_no_pages" in first.start()
    assert (first.folder / "outside.txt").read_text() == "filled\n"


@pytest.mark.slow
def test_a_squashed_migration_is_recorded_while_its_parts_are_there(first):
    """A later release has only the squashed migration."""
    folder = first.folder / "shop" / "migrations"
    first.upgrade(1)
    first.start()
    (folder / "0001_squashed.py").write_text(HEAD + SQUASHED)
    assert "is live" in first.start()
    assert ("shop", "0001_squashed") in applied(first.link)
    assert "nothing to do" in first.start()


SQUASHED = """
class Migration(migrations.Migration):
    initial = True
    replaces = [("shop", "0001_initial"), ("shop", "0002_first_shelf")]
    dependencies = []
    operations = []
"""


def test_these_are_the_settings_of_the_page():
    shown, _ = re.findall(r"^SCHEMASYNC = (\{.*?^\})", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert ast.literal_eval(shown) == {"ENABLED": True, "MIGRATED_APPS": "all", "ADOPT": True}
    assert '{"MIGRATED_APPS": "all", "ADOPT": True}' in SETTINGS


ANOTHER_ENGINE = """
from django.db.backends.sqlite3 import base

class DatabaseWrapper(base.DatabaseWrapper):
    vendor = "other"
    display_name = "Other"
"""


@pytest.mark.slow
def test_with_another_engine_every_command_is_django_s_own(tmp_path, monkeypatch):
    """The engine is Django's for SQLite under another name, so that this test needs no other engine."""
    product = Product(tmp_path / "site", 3, with_schemasync=True)
    (product.folder / "engine").mkdir()
    (product.folder / "engine" / "__init__.py").touch()
    (product.folder / "engine" / "base.py").write_text(ANOTHER_ENGINE)
    monkeypatch.setenv("PRODUCT_ENGINE", "engine")
    assert "Applying shop.0006_no_pages... OK" in product.done("migrate").out
    assert "No migrations to apply" in product.done("migrate").out
    assert "No changes detected" in product.done("makemigrations").out
    assert "[X] 0006_no_pages" in product.done("showmigrations", "shop").out
    assert "DROP COLUMN" in product.done("sqlmigrate", "shop", "0006").out
    assert "Unapplying shop.0006_no_pages... OK" in product.done("migrate", "shop", "0005").out
    assert product.manage("migrate", "--check").code == 1
    product.done("check")
    assert not product.link.exists()
    assert not (product.folder / "elsewhere.db").is_symlink()
    monkeypatch.delenv("PRODUCT_ENGINE")
    product.start()
    assert product.link.is_symlink()


COMPARED = """
from django.conf import settings
from django.db import connection

SQLITE = settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
EITHER = settings.DATABASES["default"]["ENGINE"] in ("django.db.backends.sqlite3", "schemasync.backends.sqlite3")
KNOWN = {"ENGINE": "django.db.backends.sqlite3"}

def search():
    if settings.DATABASES["default"]["ENGINE"] in ["django.db.backends.postgresql", "django.db.backends.sqlite3"]:
        return connection.vendor == "sqlite"
"""


LATE = """
def fill(using):
    from shop.models import Shelf
    field = "label" if hasattr(Shelf, "label") else "name"
    Shelf.objects.using(using).create(**{field: "late"})
"""


@pytest.mark.slow
def test_a_seed_that_a_failing_migration_put_off_is_made_by_the_next_run(tmp_path):
    product = Product(tmp_path / "site", 3, with_schemasync=True, more='SCHEMASYNC |= {"SEED": "shop.late.fill"}\n')
    (product.folder / "shop" / "late.py").write_text(LATE)
    mend = spoil(product)
    assert product.manage("migrate").code == 4
    assert product.rows("SELECT name FROM shop_shelf") == [("inbox",)]
    mend()
    assert "shop.late.fill has filled the new database" in product.start()
    assert product.rows("SELECT label FROM shop_shelf ORDER BY id") == [("inbox",), ("late",)]
    assert "nothing to do" in product.start()


@pytest.mark.slow
def test_code_that_compares_the_engine_by_its_name_is_found(tmp_path):
    more = 'HAS_ICU = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"\n'
    product = Product(tmp_path / "site", 3, with_schemasync=True, more=more)
    (product.folder / "shop" / "search.py").write_text(COMPARED)
    reported = product.done("check").err
    assert sorted(re.findall(r"(\w+\.py):(\d+) compares with the name", reported)) == [
        ("search.py", "10"),
        ("search.py", "5"),
        (
            "site_settings.py",
            str(1 + (product.folder / "site_settings.py").read_text().splitlines().index(more.strip())),
        ),
    ]
    assert 'connection.vendor == "sqlite"' in reported
    assert "W012" not in product.done("migrate").err


# tests/backend/test_creation.py covers the place of test databases.
@pytest.mark.slow
@pytest.mark.parametrize("place", ["memory", pytest.param("disk", marks=pytest.mark.slow)])
def test_the_suite_of_the_product_comes_out_as_before(tmp_path, place):
    outcomes = []
    for with_schemasync in (False, True):
        more = "" if place == "memory" else 'DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}\n'
        more += 'INSTALLED_APPS.sort(key=lambda name: name != "shop")\n'  # its own migrate has precedence
        product = Product(tmp_path / str(with_schemasync), 3, with_schemasync=with_schemasync, more=more)
        with_suite(product, with_schemasync=with_schemasync)
        ended = product.manage("test", "--verbosity", "2", "--noinput")
        outcomes.append((ended.code, sorted(re.findall(r"^(test_\w+ .*) \.\.\. (\w+)$", ended.err, re.MULTILINE))))
        assert "the product's own work is done" in product.done("migrate").out
    stock, ours = outcomes
    assert stock == ours
    assert [result for _, result in stock[1]].count("ok") == 6, stock
