"""The DDL of whole projects runs on PostgreSQL, with refused parts left out as the hints say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgres import Database

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
import django
django.setup()
from schemasync import databases
from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.ddl import make_ddl
from schemasync.errors import Refused
from schemasync.orm.postgres_fields import field_kinds
from schemasync.schema.document import read
from schemasync.schema.jsonc import scan

tree = json.loads(scan(open(sys.argv[1], encoding="utf-8").read()).json)

def made():
    document = read(json.dumps(tree).encode())
    by_hand = document.on_postgres
    columns = columns_of(document.schema, field_kinds(document.models), by_hand=by_hand.columns)
    return make_ddl(document.schema, columns, by_hand, databases.opener())

try:
    made()
except Refused as error:
    for problem in error.problems:
        facts = problem.facts
        if problem.code == "name-too-long":
            tree.pop(facts["name"], None)
            for table in tree.values():
                table.pop(facts["name"], None)
        elif "column" in facts:
            entry = tree[facts["table"]][facts["column"]]
            entry = entry if isinstance(entry, dict) else {"type": entry}
            tree[facts["table"]][facts["column"]] = {**entry, "postgres": "text"}
        elif facts["name"] in tree.get("_views", {}):
            view = tree["_views"][facts["name"]]
            view = view if isinstance(view, dict) else {"select": view}
            tree["_views"][facts["name"]] = {**view, "postgres": {"skip": [facts["name"]]}}
        else:
            by_hand = tree[facts["table"]].setdefault("_postgres", {})
            by_hand.setdefault("skip", []).append(facts["name"])
print(made().script)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "schema", "tables"),
    [
        ("tests.orm.kitchen.settings", "tests/orm/kitchen/schema.json", 60),
        ("demo_project.settings", "demo_project/schema_v2.json", 15),
    ],
)
def test_the_ddl_of_a_project_runs(
    settings: str, schema: str, tables: int, postgres_database: Database, tmp_path: Path
) -> None:
    environment = os.environ | {"KITCHEN": str(tmp_path), "DJANGO_SETTINGS_MODULE": settings}
    command = [sys.executable, "-c", SCRIPT, schema]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with postgres_database.connect() as pg:
        pg.execute(done.stdout.encode())
        found = pg.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert found is not None
    assert found[0] >= tables
