"""PostgreSQL fails in the middle of a move: nothing is lost, and the next run completes the move."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from schemasync.engines.postgres.connection import Target as Server
from schemasync.errors import NeedsPerson, SchemasyncError
from schemasync.sync.move.closed_file import moved_fence
from schemasync.sync.move.goal import Goal, MoveStep
from schemasync.sync.move.mover import to_postgres
from schemasync.sync.run.target import target
from tests.crash.databases import traces
from tests.support import postgres as servers
from tests.support.postgres import USER, Database

from .proxy import Proxy
from .small_database import assert_equal, document, make


@pytest.fixture
def link(tmp_path):
    make(tmp_path / "db.sqlite3")
    return tmp_path / "db.sqlite3"


@pytest.fixture
def own_server(postgres):
    """A server for one test, which may stop it. The fixture `postgres` decides whether there is a server."""
    with servers.own_server() as folder:
        yield folder


def at(step, when, do):
    done = []

    def observer(now, label):
        if (now, label) == (when, step) and not done:
            done.append(do())

    return observer


def run(link, server, observer=None):
    goal = Goal("pg", server, observer=observer or (lambda when, step: None))
    return to_postgres(target(link, wait=5.0), goal, document())


def writes(link):
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("INSERT INTO tag VALUES ('here', 'still')")


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=[pytest.mark.slow] * (step not in (MoveStep.INDEXES, MoveStep.COMPLETE)))
        for step in (MoveStep.TABLES, MoveStep.COPY, MoveStep.INDEXES, MoveStep.ROUND, MoveStep.COMPLETE)
    ],
)
def test_a_server_that_dies_before_the_last_commit_leaves_the_file_live(link, own_server, step):
    server = Server.of(Database(f"host={own_server} user={USER} dbname=postgres").params)
    with pytest.raises(SchemasyncError) as failure:
        run(link, server, at(step, "before", lambda: servers.stop(own_server)))
    assert [one.code for one in failure.value.problems] == ["postgres-lost"]
    assert traces(link) == []
    writes(link)
    servers.restart(own_server)
    assert run(link, server).result == "moved"
    assert_equal(link, Database(f"host={own_server} user={USER} dbname=postgres"))


def test_a_server_that_dies_after_the_last_commit_has_every_row_and_the_next_run_opens_it(link, own_server):
    server = Server.of(Database(f"host={own_server} user={USER} dbname=postgres").params)
    with pytest.raises(NeedsPerson) as failure:
        run(link, server, at(MoveStep.COMPLETE, "after", lambda: servers.stop(own_server)))
    assert [one.code for one in failure.value.problems] == ["move-unfinished"]
    assert moved_fence(target(link)) is not None
    servers.restart(own_server)
    database = Database(f"host={own_server} user={USER} dbname=postgres")
    assert run(link, server).result == "moved"
    assert_equal(link, database)
    with database.connect() as connection:
        connection.execute("INSERT INTO tag VALUES ('there', 'now')")


def test_a_connection_that_is_cut_leaves_the_file_live(link, postgres_database):
    def cut():
        with postgres_database.connect() as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'schemasync'"
            )

    server = Server.of(postgres_database.params)
    with pytest.raises(SchemasyncError):
        run(link, server, at(MoveStep.COMPLETE, "before", cut))
    writes(link)
    assert run(link, server).result == "moved"
    assert_equal(link, postgres_database)


def test_a_commit_whose_answer_is_lost_is_asked_for(link, postgres_database):
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        proxy = Proxy(Path(folder), Path(postgres_database.params["HOST"]))
        server = Server.of({**postgres_database.params, "HOST": folder})

        def arm():
            proxy.armed = True

        assert run(link, server, at(MoveStep.COMPLETE, "before", arm)).result == "moved"
        assert proxy.broke
        proxy.close()
    assert_equal(link, postgres_database)
    with postgres_database.connect() as connection:
        connection.execute("INSERT INTO tag VALUES ('there', 'now')")


def test_a_schema_that_is_not_empty_is_not_touched(link, postgres_database):
    with postgres_database.connect() as connection:
        connection.execute("CREATE TABLE parent (id int); INSERT INTO parent VALUES (7)")
        with pytest.raises(SchemasyncError) as failure:
            run(link, Server.of(postgres_database.params))
        assert [one.code for one in failure.value.problems] == ["postgres-not-empty"]
        assert connection.execute("SELECT id FROM parent").fetchall() == [(7,)]
    writes(link)
