"""One process of the kitchen: `python -m tests.orm.kitchen WHAT`, with KITCHEN the folder that it works in.

make: `stock.sqlite3` as Django makes it, schema.json as the models say, `synced.sqlite3` from that.
export: schema.json once more; prints what changed and what could not be told, as JSON.
rows: objects of every model into `synced.sqlite3`, read back.
"""

from __future__ import annotations

import json
import os
import sys

import django

from schemasync import conf, databases


def make() -> None:
    from django.core.management import call_command

    from schemasync.schema import document
    from schemasync.sync.runner import sync
    from schemasync.sync.target import target

    call_command("migrate", run_syncdb=True, verbosity=0)
    export()
    meant = document.read(conf.schema_path("synced").read_bytes())
    sync(target(databases.path_of("synced"), opener=databases.opener()), meant)


def export() -> None:
    from schemasync.diff.changes import describe
    from schemasync.orm.export import export
    from schemasync.orm.models import fill_of, modelled

    path = conf.schema_path("synced")
    models = modelled("synced")
    text = path.read_text("utf-8") if path.exists() else None
    found = export(text, models, lambda table, column: fill_of("synced", models.fields[table.lower(), column.lower()]))
    path.write_text(found.text, "utf-8")
    told = [describe(change) for change in found.changes]
    print(json.dumps({"changes": told, "untold": found.untold, "notes": found.notes}))


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
    {"make": make, "export": export, "rows": rows}[sys.argv[1]]()
