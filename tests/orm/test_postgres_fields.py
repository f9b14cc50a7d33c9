"""The type of a model's column on PostgreSQL is the one that Django's own backend creates, for every kind of field."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .kitchen.process import ROOT

OTHERWISE = {
    "kitchen.Texts.char_without_end",  # text equals varchar without a length
    "kitchen.CustomTypes.shouted",  # these define SQLite's type themselves
    "kitchen.CustomTypes.tagged",
    "kitchen.CustomKey.token",
    "kitchen.ToCustomKey.one",
}

DIFFERENCES = """
import django
django.setup()
from django.apps import apps
from django.db.backends.postgresql.base import DatabaseWrapper
from schemasync.engines.postgres.field_types import field_type
from schemasync.orm.postgres_fields import field_kinds

SPELLED = {"varchar": "character varying", "time": "time without time zone"}
connection = DatabaseWrapper({"NAME": "x", "OPTIONS": {}, "TIME_ZONE": None}, alias="pg")
seen = 0
for model in apps.get_models(include_auto_created=True):
    kinds = field_kinds({"t": model._meta.label})["t"]
    for field in model._meta.local_concrete_fields:
        kind = kinds.get((field.column or "").lower())
        ours, wanted = kind and field_type(kind), field.db_type(connection)
        if ours and wanted:
            name, _, size = wanted.partition("(")
            wanted = SPELLED.get(name, name) + (f"({size}".replace(" ", "") if size else "")
            seen += 1
            if ours.sql != wanted:
                print(field, ours.sql, wanted)
print(seen, "seen")
"""


@pytest.fixture
def differences(tmp_path):
    environment = os.environ | {"KITCHEN": str(tmp_path), "DJANGO_SETTINGS_MODULE": "tests.orm.kitchen.settings"}

    def run(code=""):
        command = [sys.executable, "-c", code + DIFFERENCES]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout

    return run


def test_a_field_has_the_type_that_django_gives_it(differences):
    *different, seen = differences().splitlines()
    assert int(seen.split()[0]) > 300
    assert {line.split()[0] for line in different} == OTHERWISE


@pytest.mark.slow
def test_a_moment_without_time_zones_has_none(differences):
    found = differences("from django.conf import settings; settings.USE_TZ = False\n")
    assert "timestamp without time zone timestamp with time zone" in found
