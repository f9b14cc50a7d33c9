"""One process of the kitchen: `python -m tests.orm.kitchen ACTION`, with KITCHEN as the folder of its files.

make: `stock.sqlite3` by Django, schema.json from the models, `synced.sqlite3` from schema.json.
export: schema.json once more; prints the changes and the undecided questions, as JSON.
stock: `stock.sqlite3` alone.
beyond: prints the parts of `stock.sqlite3` that the models do not state, tables that an export would change, and the
    losses of a migrate.
rows: objects of every model into `synced.sqlite3`, read back.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing

import django

from schemasync import conf, databases


def stock() -> None:
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)


def make() -> None:
    from schemasync.schema import document
    from schemasync.sync.run.target import target
    from schemasync.sync.runner import sync

    stock()
    export()
    meant = document.read(conf.schema_path("synced").read_bytes())
    sync(target(databases.path_of("synced"), opener=databases.opener()), meant)


def export() -> None:
    from schemasync.diff.changes import describe
    from schemasync.orm.export import export
    from schemasync.orm.fills import fill_of
    from schemasync.orm.models import modelled

    path = conf.schema_path("synced")
    models = modelled("synced")
    text = path.read_text("utf-8") if path.exists() else None
    found = export(text, models, lambda table, column: fill_of("synced", models.fields[table.lower(), column.lower()]))
    path.write_text(found.text, "utf-8")
    reported = [describe(change) for change in found.changes]
    print(json.dumps({"changes": reported, "untold": found.untold, "notes": found.notes}))


def beyond() -> None:
    from schemasync.engines.sqlite.inspect import inspect
    from schemasync.orm.merge import beyond, merged
    from schemasync.orm.migrate_risks import migrate_risks
    from schemasync.orm.models import modelled

    with closing(databases.opener().read(databases.path_of("default"))) as connection:
        found = inspect(connection).schema
    pairs = [(table, there) for table in modelled("default").schema.tables if (there := found.table(table.name))]
    more = {table.name: names for table, there in pairs if (names := beyond(table, there))}
    changed = [table.name for table, there in pairs if merged(table, there, ()) != there]
    danger = [one.as_json() for one in migrate_risks("default", databases.path_of("default"), modelled("default"))]
    print(json.dumps({"tables": len(pairs), "beyond": more, "changed": changed, "endangered": danger}))


def rows() -> None:
    from .rows import write

    for one in write("synced"):
        again = type(one)._base_manager.using("synced").get(pk=one.pk)
        one.refresh_from_db(using="synced")
        for field in one._meta.concrete_fields:
            saved, read = (field.value_from_object(each) for each in (one, again))
            assert saved == read, f"{one._meta.label}.{field.name} was {saved!r}, and is {read!r}"
            assert read is not None or field.null, f"{one._meta.label}.{field.name}"
    print(json.dumps("read back"))


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.orm.kitchen.settings"
    django.setup()
    {"make": make, "stock": stock, "export": export, "beyond": beyond, "rows": rows}[sys.argv[1]]()
