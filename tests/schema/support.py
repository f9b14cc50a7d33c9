"""What the tests of schema and diff share: short ways from a schema.json to its normal form and to SQLite."""

import json
import os

from hypothesis import HealthCheck, settings

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.validate import build
from schemasync.errors import SchemaInvalid
from schemasync.schema import document

TIMES = int(os.environ.get("SCHEMASYNC_EFFORT", "1"))
"""How many times the examples of the gate; 2 with `--every`."""


def effort(examples):
    """How hard a property is tried: the same examples in every run, new ones where more was asked for."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES <= 2,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def read(tree):
    """The document of a schema.json, given as text or as what its JSON would load to."""
    text = tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False)
    return document.read(text.encode())


def schema(tree):
    return read(tree).schema


def version(tree):
    return read(tree).version


def rebuilt(meant):
    """The schema as it is read from a database that was built from it."""
    connection = Opener().memory()
    try:
        build(connection, meant)
        return inspect(connection).schema
    finally:
        connection.close()


def inspected(*statements):
    """The schema of a database made by these statements."""
    connection = Opener().memory()
    try:
        for statement in statements:
            connection.execute(statement)
        return inspect(connection).schema
    finally:
        connection.close()


def problems(tree):
    """What is wrong with a schema.json; fails where nothing is."""
    try:
        read(tree) if not isinstance(tree, bytes) else document.read(tree)
    except SchemaInvalid as error:
        return error.problems
    raise AssertionError("it was accepted")


def codes(tree):
    return [str(problem.code) for problem in problems(tree)]
