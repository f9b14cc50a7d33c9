"""Helpers of the tests of schema and diff: from a schema.json to its normal form and to SQLite."""

import json
import os

from hypothesis import HealthCheck, settings

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.validate import build
from schemasync.errors import SchemaInvalid
from schemasync.schema import document

TIMES = int(os.environ.get("SCHEMASYNC_EFFORT", "1"))
"""The factor for the number of examples of the gate; 2 with `--every`."""


def effort(examples):
    """Return the settings for a property: the same examples in every run, and new ones with SCHEMASYNC_EFFORT above
    2."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES <= 2,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def read(tree):
    """Return the document of a schema.json, given as text or as its loaded JSON."""
    text = tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False)
    return document.read(text.encode())


def schema(tree):
    return read(tree).schema


def version(tree):
    return read(tree).version


def rebuilt(meant):
    """Return the schema that is read from a database built from it."""
    connection = Opener().memory()
    try:
        build(connection, meant)
        return inspect(connection).schema
    finally:
        connection.close()


def inspected(*statements):
    """Return the schema of a database made by these statements."""
    connection = Opener().memory()
    try:
        for statement in statements:
            connection.execute(statement)
        return inspect(connection).schema
    finally:
        connection.close()


def problems(tree):
    """Return the problems of an invalid schema.json; fail if it is valid."""
    try:
        read(tree) if not isinstance(tree, bytes) else document.read(tree)
    except SchemaInvalid as error:
        return error.problems
    raise AssertionError("it was accepted")


def codes(tree):
    return [str(problem.code) for problem in problems(tree)]
