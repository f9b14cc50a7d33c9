"""A project whose default database has another engine, with a second database in SQLite."""

import pytest

from .test_several import two

ENGINE = """
from django.db.backends.sqlite3 import base

class DatabaseWrapper(base.DatabaseWrapper):
    vendor = "other"
    display_name = "Other"
"""
MORE = 'DATABASES["default"]["ENGINE"] = "engine"\nDATABASES["default"]["NAME"] = BASE_DIR / "other.db"\n'


@pytest.fixture
def site(tmp_path):
    """A project with the models of `shop` in a database that cannot have a schema.json, and those of `logs` in one that
    has its own. The engine is Django's for SQLite under another name, so that the tests need no other engine."""
    found = two(tmp_path / "site", more=MORE)
    (found.folder / "engine").mkdir()
    (found.folder / "engine" / "__init__.py").touch()
    (found.folder / "engine" / "base.py").write_text(ENGINE)
    return found


def test_migrations_are_written_for_the_other_engine_and_schema_json_for_sqlite(site):
    assert site.manage("makemigrations", "--check").code == 1
    reported = site.done("makemigrations").out
    assert "Create model Tag" in reported
    assert "logs_entry: new table" in reported
    assert (site.folder / "shop" / "migrations" / "0001_initial.py").exists()
    assert not (site.folder / "logs" / "migrations").exists()
    assert not site.schema.exists()
    assert "No changes detected" in site.done("makemigrations", "--check").out
    assert "Applying shop.0001_initial" in site.done("migrate").out
    assert "is live" in site.done("migrate", "--database", "logs").out
    assert "[X] 0001_initial" in site.done("showmigrations", "shop").out
    assert site.manage("schemasync", "check", "--all").code == 0


def test_one_app_can_be_named(site):
    assert "Create model Tag" in site.done("makemigrations", "shop").out
    assert "logs_entry: new table" in site.done("makemigrations", "logs").out


def test_what_needs_sqlite_says_so(site):
    ended = site.manage("schemasync", "export")
    assert ended.code == 2
    assert 'database "default" is other, not SQLite' in ended.err
    site.done("makemigrations")
    site.done("migrate", "--database", "logs")
    assert "logs_entry" in site.done("schemasync", "inspect", "logs.sqlite3").out
    assert '"_model": "logs.Entry"' in site.done("schemasync", "inspect", "logs.sqlite3", "--database", "logs").out
