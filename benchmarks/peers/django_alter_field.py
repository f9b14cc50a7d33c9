"""Django: an `AlterField` by migrations, once with a model that declares only the columns of the table, once with one
that declares as much of the table as a model can. Django's backend always has PRAGMA foreign_keys = ON.
"""

from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connections, migrations, models
from django.db.migrations.state import ProjectState
from django.db.models.functions import Lower
from facts import report

BOOK = {
    "id": models.AutoField(primary_key=True),
    "title": models.TextField(null=True),
    "pages": models.IntegerField(null=True),
    "author_id": models.IntegerField(null=True),
    "shelf": models.TextField(null=True),
}
NO_Z = {"constraints": [models.CheckConstraint(condition=~models.Q(shelf="Z"), name="no_z")]}


def author(on_delete: Any) -> dict[str, Any]:
    return {"author": models.ForeignKey("peer.Author", on_delete, null=True, db_index=False), "author_id": None}


def twice(*, stored: bool) -> dict[str, Any]:
    field = models.GeneratedField(
        expression=2 * models.F("pages"), output_field=models.IntegerField(), db_persist=stored
    )
    return {"twice": field}


SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # the fields and options of a model that declare the fact
    "index": ({}, {"indexes": [models.Index(fields=["title"], name="by_title")]}),
    "unique index": ({}, {"constraints": [models.UniqueConstraint(fields=["title"], name="by_title")]}),
    "partial index": ({}, {"indexes": [models.Index("title", name="long_books", condition=models.Q(pages__gt=400))]}),
    "index on an expression": ({}, {"indexes": [models.Index(Lower("title"), name="by_lower")]}),
    "descending index": ({}, {"indexes": [models.Index(fields=["-pages"], name="by_pages")]}),
    "UNIQUE constraint": ({"title": models.TextField(null=True, unique=True)}, {}),
    "CHECK, unnamed": ({}, NO_Z),
    "CHECK, named": ({}, NO_Z),
    "NOT NULL of another column": ({"title": models.TextField()}, {}),
    "DEFAULT, a constant": ({"shelf": models.TextField(null=True, db_default="new")}, {}),
    "DEFAULT, an expression": ({"shelf": models.TextField(null=True, db_default=Lower(models.Value("NEW")))}, {}),
    "COLLATE": ({"title": models.TextField(null=True, db_collation="NOCASE")}, {}),
    "declared type": ({"shelf": models.CharField(null=True, max_length=20)}, {}),
    "generated column": (twice(stored=False), {}),
    "stored generated column": (twice(stored=True), {}),
    "foreign key": (author(models.DO_NOTHING), {}),
    "DEFERRABLE foreign key": (author(models.DO_NOTHING), {}),
}
if hasattr(models, "DB_CASCADE"):  # Django 6.1
    SAID["ON DELETE of a foreign key"] = (author(models.DB_CASCADE), {})


def changes(fields: dict[str, Any], options: dict[str, Any], alias: str) -> None:
    """Apply the AlterField to the state after a migration that created both models."""
    columns = {name: field for name, field in {**BOOK, **fields}.items() if field is not None}
    before = ProjectState()
    key = ("id", models.AutoField(primary_key=True))
    created = [
        migrations.CreateModel("Author", [key, ("name", models.TextField(null=True))], {"db_table": "author"}),
        migrations.CreateModel("Book", list(columns.items()), {"db_table": "book", **options}),
    ]
    for operation in created:
        operation.state_forwards("peer", before)
    altered = migrations.AlterField("Book", "pages", models.IntegerField())
    after = before.clone()
    altered.state_forwards("peer", after)
    with connections[alias].schema_editor(atomic=True) as editor:
        altered.database_forwards("peer", editor, before, after)


def connected(path: Path) -> str:
    """Configure a connection to the database at a path. Return its alias."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
    configured = connections.configure_settings({"default": {}, path.as_posix(): database})
    connections.settings[path.as_posix()] = configured[path.as_posix()]
    return path.as_posix()


def unsaid(path: Path, _: str) -> None:
    alias = connected(path)
    try:
        changes({}, {}, alias)
    finally:
        connections[alias].close()


def said(path: Path, name: str) -> None:
    alias = connected(path)
    try:
        changes(*SAID[name], alias)
    finally:
        connections[alias].close()


settings.configure(DATABASES={}, DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
version = f"Django {django.__version__}"
report(f"{version}, model of the columns", unsaid)
report(f"{version}, model of all", said, SAID)
