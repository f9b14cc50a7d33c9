"""kill -9 before and after every step of a move and of its undoing: at most one side accepts writes, and the next run
completes the move."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg
import pytest

from schemasync.engines.postgres.connection import Target as Server
from schemasync.files.disk import Disk
from schemasync.sync.move.goal import Goal, MoveStep
from schemasync.sync.move.mover import to_postgres as move
from schemasync.sync.move.undo import undo
from schemasync.sync.run.target import target
from tests.crash.processes import child
from tests.crash.scenarios import KillAt, Passes

from .small_database import assert_equal, document, make

MOVE = (
    "CAPTURE:INSTALL MOVE:RECORD MOVE:TABLES MOVE:COPY MOVE:ROUND MOVE:INDEXES MOVE:ROUND MOVE:COMPLETE"
    " CUTOVER:FENCE MOVE:OPEN MOVE:VALIDATE MOVE:UNFENCE CAPTURE:REMOVE OUTPUT:WRITE"
).split()
UNDO = "MOVE:CLOSE MOVE:UNDONE CUTOVER:UNFENCE CAPTURE:REMOVE".split()
AFTER_A_DEAD_RUN = {MoveStep.CLEAR}  # `test_what_a_dead_move_left_goes` kills there


@pytest.fixture
def link(tmp_path):
    make(tmp_path / "db.sqlite3")
    return tmp_path / "db.sqlite3"


@pytest.fixture
def server(postgres_database):
    return Server.of(postgres_database.params)


def run(action, link, server, observer=None):
    """Run an action in another process; `observer` gets every step on both sides."""
    goal = Goal("pg", server, observer=observer or (lambda when, step: None))
    disk = Disk(observer) if observer else Disk()
    return child(lambda: action(target(link, disk=disk, wait=5.0), goal, document()).result)


def passed(action, link, server):
    passes = Passes()

    def listed():
        goal = Goal("pg", server, observer=passes)
        action(target(link, disk=Disk(passes)), goal, document())
        return [str(label) for label in passes.labels]

    return child(listed).result()


def points(steps):
    for number, step in enumerate(steps):
        for when in ("before", "after"):
            # the state after a step is that before the next one, so only the critical steps are tested twice
            same = when == "after" and not step.startswith(("MOVE:COMPLETE", "CUTOVER")) and number < len(steps) - 1
            yield pytest.param(number, when, id=f"{number:02d}-{step}-{when}", marks=[pytest.mark.slow] * same)


def writes_here(link, note):
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        try:
            connection.execute("INSERT INTO tag VALUES (?, 'noted')", (note,))
        except sqlite3.OperationalError as error:
            assert "moved to pg" in str(error)
            return False
    return True


def writes_there(database, note):
    with database.connect() as connection:
        try:
            connection.execute("INSERT INTO tag VALUES (%s, 'noted')", (note,))
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.UndefinedTable):
            return False
    return True


def test_the_runs_pass_the_steps_that_are_listed(link, server):
    assert passed(move, link, server) == MOVE
    assert passed(undo, link, server) == UNDO
    assert {step for step in (*MOVE, *UNDO) if step.startswith("MOVE")} == set(MoveStep) - AFTER_A_DEAD_RUN


@pytest.mark.parametrize(("number", "when"), list(points(MOVE)))
def test_a_killed_move(link, server, postgres_database, number, when):
    assert run(move, link, server, KillAt(when, number)).killed
    here = writes_here(link, "here")
    there = writes_there(postgres_database, "there")
    assert not (here and there)
    assert run(move, link, server).result() in ("moved", "current")
    if there:
        with closing(sqlite3.connect(link)) as connection:
            assert connection.execute("SELECT 1 FROM tag WHERE code = 'there'").fetchone() is None
        with postgres_database.connect() as connection:
            assert connection.execute("DELETE FROM tag WHERE code = 'there'").rowcount == 1
    assert_equal(link, postgres_database)
    assert not writes_here(link, "late")
    assert writes_there(postgres_database, "live")


@pytest.mark.parametrize("again", [undo, move])
@pytest.mark.parametrize(("number", "when"), list(points(UNDO)))
def test_a_killed_undoing(link, server, postgres_database, number, when, again):
    assert run(move, link, server).result() == "moved"
    assert run(undo, link, server, KillAt(when, number)).killed
    here = writes_here(link, "here")
    there = writes_there(postgres_database, "there")
    assert not (here and there)
    if here or there:
        return  # one side is live, and the other one is closed
    assert run(again, link, server).result() == {undo: "undone", move: "moved"}[again]
    assert (writes_here(link, "later"), writes_there(postgres_database, "later")) == (again is undo, again is move)


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_dead_move_left_goes(link, server, postgres_database, when):
    assert run(move, link, server, KillAt("after", MOVE.index("MOVE:INDEXES"))).killed
    assert run(move, link, server, KillAt(when, 0 if when == "before" else 1)).killed
    assert writes_here(link, "here")
    assert run(move, link, server).result() == "moved"
    assert_equal(link, postgres_database)
