"""Whole schemas move while four programs write to all of their tables: models of all kinds, and shops such as Chinook
and Northwind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .same_rows import assert_same_rows

ROOT = Path(__file__).resolve().parents[2]
WRITERS = 4
SCHEMAS = {
    "records": "tests/postgres/schemas/records.json",
    "traders": "tests/postgres/schemas/traders.json",
    "kitchen": "tests/orm/kitchen/schema.json",
}

pytestmark = pytest.mark.slow


def process(folder, *words):
    command = [sys.executable, "-m", "tests.postgres.moved_schema", *map(str, words)]
    environment = os.environ | {"KITCHEN": str(folder)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def done(started):
    out, said = started.communicate(timeout=300)
    assert started.returncode == 0, said
    return out


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_row_of_a_schema_is_there_after_a_move_beside_writers(name, tmp_path, postgres_database):
    link = tmp_path / "db.sqlite3"
    done(process(tmp_path, "build", SCHEMAS[name], link, postgres_database.dsn))
    writers = [process(tmp_path, "write", link, number) for number in range(WRITERS)]
    try:
        time.sleep(3)  # until the writers have begun
        moved = json.loads(done(process(tmp_path, "move", link, postgres_database.dsn)))
        acknowledged = [int(done(writer)) for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
    print(moved, acknowledged)
    assert moved["result"] == "moved"
    assert moved["keys"] > 0, "rows were written meanwhile"
    assert min(acknowledged) > 0
    assert assert_same_rows(link, postgres_database) > 100
