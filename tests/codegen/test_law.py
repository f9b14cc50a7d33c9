"""Properties of generated models, tested on schemas of every kind and with the oddest of names."""

import subprocess
import sys
from contextlib import closing

import pytest
from django.core.checks import ERROR
from hypothesis import given
from hypothesis import strategies as st

from schemasync import databases
from schemasync.codegen.block import Block, replaced
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.script import run
from schemasync.engines.sqlite.validate import build
from schemasync.orm.export import export
from schemasync.orm.model_differences import allow_untyped
from schemasync.orm.models import Modelled, scratch
from schemasync.schema import document
from schemasync.schema.names import fold
from schemasync.schema.text import dumps
from tests.schema.strategies import Choices, trees
from tests.schema.support import effort

from .imported import auto_name, generated, imported


def reformatted(text):
    """Return the diff of `ruff format` for the text, or an empty string if it changes nothing."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def exported(models):
    """Return the schema that Django would create for models if they were managed."""
    connection = scratch("default")
    allow_untyped(connection)
    try:
        with connection.schema_editor(collect_sql=True, atomic=False) as editor:
            for model in models:
                editor.create_model(model)
    finally:
        connection.close()
    with closing(databases.opener("default").memory()) as memory:
        run(memory, editor.collected_sql)
        return inspect(memory).schema


@pytest.mark.slow
@effort(40)
@given(trees())
def test_a_file_of_models_is_python_that_django_accepts_and_that_no_formatter_changes(tree):
    found = generated(dumps(tree))
    models = imported(found.text)
    assert {model._meta.db_table for model in models.values()} == {one.table for one in found.models}
    faults = [error for model in models.values() for error in model.check() if error.level >= ERROR]
    assert not faults, f"{faults}\n{found.text}"
    assert not reformatted(found.text)
    with closing(databases.opener("default").memory()) as memory:
        build(memory, document.read(dumps(tree).encode()).schema)
        for model in models.values():
            assert memory.execute(str(model.objects.all().query)).fetchall() == []


@effort(40)
@given(trees())
def test_a_second_run_changes_nothing_and_keeps_the_code_around(tree):
    block = Block("schema.json", "manage.py schemasync models", generated(dumps(tree)).models)
    mine = "import os\n\nfrom django.db import models\n\n\ndef mine():\n    return os, models\n"
    once = replaced(mine, block)
    assert replaced(once, block) == once
    assert "def mine():\n    return os, models\n" in once


@pytest.mark.slow
@effort(40)
@given(trees())
def test_a_table_for_which_nothing_is_listed_is_the_one_that_django_would_create(tree):
    found = generated(dumps(tree))
    meant = document.read(dumps(tree).encode()).schema
    listed = {fold(one.where.split(".")[0]) for one in found.differences} | {
        fold(one.where) for one in found.differences
    }
    for name, model in imported(found.text, managed=True).items():
        table = meant.table(model._meta.db_table)
        if table is not None and not any(fold(table.name) == one or one.startswith(fold(table.name)) for one in listed):
            assert exported([model]).tables == (table,), name


TYPES = {
    "text": ("'a'", "'it''s'"),
    "varchar(20)": ("''", "'100%'"),
    "integer": ("7", "-1"),
    "bigint": ("0",),
    "smallint": ("3",),
    "real": ("0.5",),
    "bool": ("1", "0"),
    "date": (),
    "datetime": ("CURRENT_TIMESTAMP",),
    "time": (),
    "blob": (),
}


def of_django(c):
    """Return a schema as Django creates it: with deferred references, generated index names, and named CHECKs."""
    tree = {}
    for table in ["library_book", "Authors", "loan"][: 1 + c.upto(2)]:
        tree[table] = _table_of_django(c, table, [*tree])
    return tree


def _table_of_django(c, table, others):
    body = {"id": "integer PRIMARY KEY AUTOINCREMENT"}
    indexes, checks, uniques = [], [], []
    for column in c.some(["title", "Pages", "state", "price", "born", "type"], 1, 5):
        kind = c.of(list(TYPES))
        body[column] = kind + c.of(["", " NOT NULL"])
        if TYPES[kind] and c.one_in(2):
            body[column] += f" DEFAULT {c.of(TYPES[kind])}"
        if kind in ("text", "varchar(20)") and c.one_in(3):
            body[column] += c.of([" COLLATE NOCASE", " COLLATE RTRIM"])
        if c.one_in(4):
            body[column] += " UNIQUE"
        elif c.one_in(4):
            indexes.append({"name": auto_name(table, [column]), "columns": [column]})
        if kind in ("integer", "bigint") and c.one_in(2):
            condition = c.of(['"{0}" > 3', '"{0}" IN (1, 2, 3)', '("{0}" >= 1 AND "{0}" < 9)', '"{0}" BETWEEN 1 AND 9'])
            checks.append({"name": f"{table}_{column}_check".lower(), "check": condition.format(column)})
    columns = [name for name in body if name != "id"]
    for other in others:
        if c.one_in(2):
            key = f"{other.lower()}_id"
            body[key] = f"integer{c.of(['', ' NOT NULL'])} REFERENCES {other} (id) DEFERRABLE INITIALLY DEFERRED"
            if c.one_in(2):
                indexes.append({"name": auto_name(table, [key]), "columns": [key]})
    if c.one_in(2):
        uniques.append({"name": f"{table}_once", "columns": c.some(columns, 1, 3)})
    if c.one_in(2):
        indexes.append(
            {"name": f"{table}_by"[:30], "columns": [f"{one}{c.of(['', ' DESC'])}" for one in c.some(columns, 1, 2)]}
        )
    if c.one_in(3):
        where = f'"{columns[0]}" IS NOT NULL'
        indexes.append(
            {"name": f"{table}_part", "columns": c.some(columns, 1, 2), "where": where, "unique": c.one_in(2)}
        )
    parts = {"_indexes": indexes, "_checks": checks, "_unique_constraints": uniques}
    return body | {key: part for key, part in parts.items() if part}


@effort(150)
@given(st.binary(max_size=300))
def test_models_of_a_schema_that_django_can_express_export_to_the_same_version(data):
    text = dumps(of_django(Choices(data)))
    found = generated(text)
    models = imported(found.text, managed=True)
    schema = exported(models.values())
    assert schema == document.read(text.encode()).schema, found.text
    labels = {fold(model._meta.db_table): model._meta.label for model in models.values()}
    written = export(None, Modelled(schema, labels, {}), lambda table, column: None).text
    assert document.read(written.encode()).version == document.read(text.encode()).version
