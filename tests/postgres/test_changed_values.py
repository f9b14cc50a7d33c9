"""The list of the values that a move has changed: each value once, as in the closed file."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from schemasync.engines.postgres.connection import Target as Server
from schemasync.files.disk import Disk, DiskStep
from schemasync.schema import document as documents
from schemasync.sync.move.goal import Goal, MoveStep
from schemasync.sync.move.mover import to_postgres as move
from schemasync.sync.move.undo import undo
from schemasync.sync.prune import Reason, prune
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.processes import child

SCHEMA = {
    "note": {
        "id": "INTEGER PRIMARY KEY",
        "body": {"type": "TEXT", "on_move": "clean"},
        "price": "DECIMAL(10, 2)",
        "ratio": {"type": "INTEGER", "on_move": "text"},
        "total": {"type": "DECIMAL(4, 1)", "on_move": "null"},
        "data": {"type": "DATE", "postgres": "date", "on_move": "null"},
        "plain": "TEXT",
    },
    "pair": {"a": "INTEGER", "b": "TEXT", "x": {"type": "TEXT", "on_move": "clean"}, "_primary_key": ["a", "b"]},
}
DOCUMENT = documents.read(json.dumps(SCHEMA).encode())


@pytest.fixture
def link(tmp_path):
    link = tmp_path / "db.sqlite3"
    sync(target(link), DOCUMENT)
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        connection.executescript(
            "INSERT INTO note (id, body, price) VALUES (1, 'a' || char(0) || 'é', 3.105), (2, CAST(x'61ff' AS TEXT), 1.5);"
            "INSERT INTO note (id, ratio, total, plain) VALUES (3, 'many', 9e999, 'fits'), (4, 7, 8.5, 'fits');"
            "INSERT INTO pair VALUES (1, 'it''s', 'a' || char(0)), (2, 'b', 'fits')"
        )
    return link


@pytest.fixture
def goal(postgres_database):
    return Goal("pg", Server.of(postgres_database.params))


def listed(path):
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {(one["table"], one["column"], one["key"]): (one["fault"], one["old"], one["new"]) for one in lines}


AT_FIRST = {
    ("note", "body", "1"): ("nul-byte", "a\0é", "aé"),
    ("note", "body", "2"): ("invalid-utf8", {"sql": "CAST(x'61ff' AS TEXT)"}, "a\ufffd"),
    ("note", "price", "1"): ("rounds", 3.105, "3.10"),
    ("note", "ratio", "4"): ("not-text", 7, "7"),
    ("note", "total", "3"): ("infinite", {"sql": "9e999"}, None),
    ("pair", "x", "1, 'it''s'"): ("nul-byte", "a\0", "a"),
}


def test_every_changed_value_is_in_the_list_once_whatever_was_written_during_the_move(link, goal):
    """Row 1 is written again in each phase, so that it is copied and replayed; row 2 is deleted."""

    def write(when, step):
        if when == "before" and step in (MoveStep.RECORD, MoveStep.INDEXES, MoveStep.ROUND):
            with closing(sqlite3.connect(link, isolation_level=None)) as connection:
                connection.execute("UPDATE note SET plain = 'again', price = price WHERE id = 1")
                connection.execute("DELETE FROM note WHERE id = 2")
                connection.execute("INSERT OR REPLACE INTO note (id, data) VALUES (9, 'tomorrow')")

    report = move(target(link), replace(goal, observer=write), DOCUMENT)
    expected = AT_FIRST | {("note", "data", "9"): ("not-a-date", "tomorrow", None)}
    del expected["note", "body", "2"]
    assert report.changed_list is not None
    assert listed(report.changed_list) == expected
    assert len(report.changed_list.read_text().splitlines()) == len(expected) == sum(report.changed.values())
    assert report.changed["note", "price", "rounds"] == 1
    assert stat.S_IMODE(report.changed_list.stat().st_mode) == 0o600
    assert report.changed_list.parent == target(link).layout.folder


def killed_at_the_list(link, goal, when):
    def kill(now, label):
        if (now, label) == (when, DiskStep.OUTPUT_WRITE):
            os.kill(os.getpid(), signal.SIGKILL)

    return child(lambda: move(target(link, disk=Disk(kill)), goal, DOCUMENT).result).killed


@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.slow)])
def test_a_move_that_dies_before_the_list_is_written_writes_it_the_next_time(link, goal, when):
    assert killed_at_the_list(link, goal, when)
    report = move(target(link), goal, DOCUMENT)
    assert report.result == "current"
    path = target(link).layout.changed_values(target(link).layout.live())
    assert listed(path) == AT_FIRST
    assert sum(report.changed.values()) == (len(AT_FIRST) if when == "before" else 0)


def test_a_list_that_cannot_be_written_does_not_fail_a_move_that_is_done(link, goal):
    path = target(link).layout.changed_values(target(link).layout.live())
    path.with_name(path.name + ".tmp").mkdir()
    report = move(target(link), goal, DOCUMENT)
    assert (report.result, report.changed_list) == ("moved", None)
    assert "could not be written" in report.notes[-1]
    path.with_name(path.name + ".tmp").rmdir()
    assert move(target(link), goal, DOCUMENT).changed_list == path
    assert listed(path) == AT_FIRST


def test_the_list_of_a_move_that_was_undone_is_not_taken_for_that_of_the_next_one(link, goal, postgres):
    first = move(target(link), goal, DOCUMENT).changed_list
    undo(target(link), goal, DOCUMENT)
    assert listed(first) == AT_FIRST
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        connection.execute("DELETE FROM note WHERE id < 4")
    with postgres.database() as other:
        again = Goal("pg", Server.of(other.params))
        assert killed_at_the_list(link, again, "before")
        report = move(target(link), again, DOCUMENT)
    assert (report.result, sum(report.changed.values())) == ("current", 2)
    assert set(listed(first)) == {("note", "ratio", "4"), ("pair", "x", "1, 'it''s'")}


@pytest.mark.slow
def test_the_list_goes_with_its_file(link, goal, monkeypatch):
    first = move(target(link), goal, DOCUMENT).changed_list
    undo(target(link), goal, DOCUMENT)
    schema = dict(SCHEMA)
    for name in ("more", "most"):
        schema[name] = {"id": "INTEGER PRIMARY KEY"}
        sync(target(link), documents.read(json.dumps(schema).encode()))
    assert first.exists()
    monkeypatch.setattr("schemasync.sync.prune.GRACE", timedelta(0))
    assert len(prune(target(link), 1, None, dry_run=False, reasons=tuple(Reason)).gone) == 1
    assert not first.exists()
