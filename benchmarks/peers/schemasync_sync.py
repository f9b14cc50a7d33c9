"""schemasync: adopt the database, write NOT NULL into its schema.json, sync."""

import io
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from facts import report


def change(path: Path, _: str) -> None:
    alias, schema = path.as_posix(), path.with_suffix(".json")
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": alias}
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: database})[alias]
    settings.DATABASES[alias] = connections.settings[alias]
    call_command("schemasync", "adopt", database=alias, schema=schema, stdout=io.StringIO())
    text = schema.read_text("utf-8")
    assert text.count('"pages": "INTEGER"') == 1
    schema.write_text(text.replace('"pages": "INTEGER"', '"pages": "INTEGER NOT NULL"'), "utf-8")
    call_command("schemasync", database=alias, schema=schema, stdout=io.StringIO(), stderr=io.StringIO())


settings.configure(DATABASES={"default": {}}, INSTALLED_APPS=["schemasync"], USE_TZ=True)
django.setup()
report(f"schemasync with Django {django.__version__}", change)
