"""Processes that write as named actors during swaps: the audit log has each write once, with its actor."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

USES = ["timestamps", "authorship", {"mixin": "audit", "without": ["note"]}]
NOTES = {"id": "INTEGER PRIMARY KEY", "text": "TEXT NOT NULL", "times": "INTEGER NOT NULL DEFAULT 0"}
VERSIONS = [
    {"Notes": {**NOTES, "_use": ["timestamps", "authorship", "audit"]}},
    {"Notes": {**NOTES, "note": "TEXT", "_use": USES}},  # altered
    {"Notes": {**NOTES, "times": "INTEGER NOT NULL DEFAULT 0 CHECK (times >= 0)", "note": "TEXT", "_use": [*USES, "soft_delete"]}},
    {"Notes": {**NOTES, "times": "TEXT NOT NULL DEFAULT 0", "note": "TEXT", "_use": [*USES, "soft_delete"]}},  # rewritten
]  # fmt: skip

WRITER = """
import sys
import django
from django.conf import settings
path, name, stop = sys.argv[1:]
settings.configure(DATABASES={"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": path}}, SCHEMASYNC={"ON_STARTUP": "ignore"})
django.setup()
from pathlib import Path
from django.db import connection, transaction
from schemasync.actor import acting_as
number = 0
while not Path(stop).exists():
    number += 1
    text = f"{name} {number}"
    with acting_as(name, number=number), connection.cursor() as cursor:
        if number % 2:
            cursor.execute("INSERT INTO Notes (text) VALUES (%s)", [text])
        else:
            with transaction.atomic():
                cursor.execute("INSERT INTO Notes (text) VALUES (%s)", [text])
                cursor.execute("UPDATE Notes SET times = 1 WHERE text = %s", [text])
    if number % 5 == 0:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO Notes (text) VALUES (%s)", [f"nobody {name} {number}"])
    print(text, flush=True)
"""  # fmt: skip


def read(tree):
    return document.read(json.dumps(tree).encode())


@pytest.mark.slow
def test_each_write_beside_a_run_is_logged_once_with_its_actor_whatever_changes(tmp_path):
    link, stop = tmp_path / "db.sqlite3", tmp_path / "stop"
    sync(target(link), read(VERSIONS[0]))
    writers = {
        name: subprocess.Popen(
            [sys.executable, "-c", WRITER, link, name, stop], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for name in ("ann", "bob")
    }
    try:
        for writer in writers.values():
            assert writer.stdout.readline()
        for tree in VERSIONS[1:]:
            sync(target(link, wait=10.0), read(tree), SyncOptions())
            time.sleep(0.2)
    finally:
        stop.touch()
        acknowledged = {name: writer.communicate(timeout=30)[0].split("\n") for name, writer in writers.items()}
    assert all(writer.returncode == 0 for writer in writers.values())
    _check(link, acknowledged)
    for _ in range(2):
        rollback(target(link), None, lambda _: True)
    _check(link, acknowledged)


def _check(link, acknowledged):
    with closing(sqlite3.connect(link)) as connection:
        notes = dict(connection.execute("SELECT text, created_by FROM Notes"))
        rows = connection.execute("SELECT action, actor, metadata, new_values FROM audit_log").fetchall()
        assert connection.execute("SELECT count(*) FROM schemasync_actor").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM Notes WHERE created_at IS NULL").fetchone() == (0,)
    logged = [(json.loads(new)["text"], actor, metadata) for action, actor, metadata, new in rows if action == "insert"]
    assert sum(len(lines) for lines in acknowledged.values()) > 20, "they wrote meanwhile"
    assert {line for lines in acknowledged.values() for line in lines if line} <= notes.keys()
    assert sorted(text for text, *_ in logged) == sorted(notes), "once each"
    assert {text: actor for text, actor, _ in logged} == notes
    for text, actor, metadata in logged:
        name, _, number = text.partition(" ")
        assert (actor, metadata) == ((None, None) if name == "nobody" else (name, f'{{"number": {number}}}'))
    updates = [json.loads(new) for action, *_, new in rows if action == "update"]
    assert len(updates) == sum(int(text.split()[1]) % 2 == 0 for text in notes if not text.startswith("nobody"))
