"""Before a move, migrations with operations for PostgreSQL alone are named, because a move runs no migration."""

import sys

import pytest

from schemasync.orm import postgres_migrations

HEAD = "from django.db import connection, migrations\n"
BODY = "class Migration(migrations.Migration):\n    operations = [{}]\n"
OF_OSCAR = """
from elsewhere_{0} import is_postgres

def make_view(apps, schema_editor):
    if is_postgres():
        schema_editor.execute("CREATE MATERIALIZED VIEW v AS SELECT 1")

"""
CASES = {
    "extension": ("from django.contrib.postgres.operations import TrigramExtension\n", "TrigramExtension()"),
    "own_extension": (
        "from django.contrib.postgres.operations import CreateExtension\nclass Own(CreateExtension): pass\n",
        'migrations.SeparateDatabaseAndState(database_operations=[Own("postgis")])',
    ),
    "collation": (
        "from django.contrib.postgres.operations import CreateCollation\n",
        'CreateCollation("german", provider="icu", locale="de-x-icu")',
    ),
    "oscar": (OF_OSCAR, "migrations.RunPython(make_view)"),
    "vendor": ("", "migrations.RunSQL('SELECT 1') if connection.vendor != 'sqlite' else migrations.RunSQL('')"),
    "imported": ("from elsewhere_{0} import fill\n", "migrations.RunPython(fill)"),
    "plain": (
        "import django.contrib.postgres.fields\n# not needed on PostgreSQL\n",
        "migrations.RunPython(lambda apps, editor: editor.vendor)",
    ),
}
SAID = {
    "extension": "by hand: CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "own_extension": "by hand: CREATE EXTENSION IF NOT EXISTS postgis",
    "collation": "by hand: the collation german",
    "oscar": "PostgreSQL alone (is_postgres)",
    "vendor": "PostgreSQL alone (connection.vendor)",
    "imported": "PostgreSQL alone (postgresql)",
}
ELSEWHERE = """
def is_postgres():
    return False

def fill(apps, schema_editor):
    if "postgresql" in str(schema_editor.connection):
        pass
"""


def install(folder, monkeypatch, settings, texts):
    """Give an app these migrations, by name."""
    package = f"migrations_{folder.name.replace('-', '_')}"
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    (folder / f"elsewhere_{package}.py").write_text(ELSEWHERE)
    for name, text in texts.items():
        (folder / package / f"{name}.py").write_text(text.replace("{0}", package))
    monkeypatch.syspath_prepend(folder)
    settings.MIGRATION_MODULES = {"schemasync": package}


def written(name):
    head, operations = CASES[name]
    return HEAD + head + BODY.format(operations)


@pytest.fixture
def installed(tmp_path, monkeypatch, settings):
    return lambda texts: install(tmp_path, monkeypatch, settings, texts)


def test_each_migration_that_acts_on_postgresql_alone_is_named(installed):
    pytest.importorskip("psycopg")
    installed({name: written(name) for name in CASES})
    notes = postgres_migrations.notes()
    for name, said in SAID.items():
        (note,) = [one for one in notes if one.startswith(f"migration schemasync.{name} ")]
        assert said in note
    assert len(notes) == len(SAID)


def test_a_migration_that_was_squashed_is_named_once(installed):
    squash = BODY + "    replaces = [('schemasync', 'vendor')]\n"
    installed({"vendor": written("vendor"), "all": HEAD + squash.format("migrations.RunSQL('-- postgres')")})
    (note,) = postgres_migrations.notes()
    assert note.startswith("migration schemasync.all has code that may act on PostgreSQL alone (-- postgres)")


def test_migrations_that_cannot_be_read_stop_no_move(installed):
    installed({"broken": "import nowhere"})
    (note,) = postgres_migrations.notes()
    assert "could not be searched" in note and "No module named 'nowhere'" in note
    assert "nowhere" not in sys.modules
